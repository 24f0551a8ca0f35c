"""The review desk on a workspace that is given: next item, near-duplicate group, closest cases, threshold preview, and
how fast posts are scored from their stored vectors.

    python -m tests.bench.moderation WORKSPACE [DECISIONS]

Works on a copy: scores are made up under the policy "bench", and DECISIONS (5,000) of them are decided. Run it on a
workspace of 200,000 posts.
"""

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from core.database.moderation import store_scores
from core.jobs.runner import utc_now
from core.moderation.alike import closest_cases, group_of
from core.moderation.decisions import decide
from core.moderation.effects import removed_rows
from core.moderation.policies import Policy, save_policy
from core.moderation.queue import QueueFilter, claim_next
from core.moderation.roles import ALONE
from core.moderation.scorers.words import load_word_scorer
from core.moderation.thresholds import preview_threshold
from core.settings import Settings
from core.workspace import Workspace

TURNS = 30


def timed(call, turns=TURNS):
    """The median in milliseconds, after one call that warms up."""
    call(0)
    found = []
    for turn in range(1, turns + 1):
        started = time.perf_counter()
        call(turn)
        found.append(1000 * (time.perf_counter() - started))
    return round(float(np.median(found)), 1)


def measure(folder, decisions=5000):
    with tempfile.TemporaryDirectory() as place:
        copy = Path(shutil.copytree(folder, Path(place) / "copy"))
        with Workspace.open(copy, Settings(workspace=copy)) as workspace:
            return _measure(workspace, decisions)


def _measure(workspace, decisions):
    rows, ids, hashes = zip(
        *workspace.cursor().execute("SELECT row, id, text_hash FROM posts ORDER BY row").fetchall(), strict=True
    )
    about = {"words": "anything", "examples": []}
    save_policy(workspace, Policy("bench", "Bench", "", "described", 0.7, "remove", about=about), by=ALONE)
    scores = np.random.default_rng(0).beta(1, 4, len(rows)).astype(np.float32)
    with workspace.transaction() as cursor:
        store_scores(cursor, "bench", np.array(rows), hashes, scores, model_id="bench", now=utc_now())
    order = np.argsort(-scores)[: 2 * decisions : 2]
    for start in range(0, len(order), 100):
        some = [ids[at] for at in order[start : start + 100]]
        decide(workspace, some, "keep" if start % 300 else "remove", policy="bench")
    undecided = [ids[at] for at in np.argsort(-scores)[1 : 2 * decisions + 400 : 2]]
    wanted = QueueFilter(policy="bench")
    found = {
        "posts": len(rows),
        "decisions": len(order),
        "hidden": len(removed_rows(workspace)),
        "next_item_ms": timed(lambda turn: claim_next(workspace, wanted, skip=undecided[:turn])),
        "group_ms": timed(lambda turn: group_of(workspace, undecided[turn])),
        "closest_cases_ms": timed(lambda turn: closest_cases(workspace, undecided[turn])),
        "threshold_preview_ms": timed(lambda turn: preview_threshold(workspace, "bench", 0.3 + turn / 100)),
        "decide_ms": timed(lambda turn: decide(workspace, [undecided[TURNS + turn]], "keep", policy="bench")),
    }
    return found | _scoring(workspace, rows)


def _scoring(workspace, rows):
    """Posts a second of the whole first look (normalise, hash, five models), and of its linear part alone."""
    scorer = load_word_scorer()
    some = np.array(rows[:8192])
    have, vectors = workspace.indexes.stored("text", some)
    texts = dict(
        workspace.cursor()
        .execute("SELECT row, text FROM posts WHERE row IN (SELECT unnest(?::BIGINT[]))", [have.tolist()])
        .fetchall()
    )
    given = [texts[int(row)] for row in have]
    if not given or vectors.shape[1] != 384:
        return {}
    scorer.score(given[:100], vectors[:100])
    started = time.perf_counter()
    scorer.score(given, vectors)
    whole = time.perf_counter() - started
    started = time.perf_counter()
    for name in scorer.attributes:
        _ = vectors @ scorer.models[name].vectors + scorer.models[name].bias
    linear = time.perf_counter() - started
    return {"first_look_posts_s": round(len(given) / whole), "linear_part_posts_s": round(len(given) / linear)}


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], *map(int, sys.argv[2:]))))
