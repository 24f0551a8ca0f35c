"""The review desk on a workspace that is given: next item, near-duplicate group, closest cases, threshold preview, how
fast posts are scored from their stored vectors, and what scoring leaves of the speed of an import.

    python -m tests.bench.moderation WORKSPACE [DECISIONS]

Works on a copy: scores are made up under the policy "bench", and DECISIONS (5,000) of them are decided. Run it on a
workspace of 200,000 posts.
"""

import csv
import json
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np

from core.database.moderation import store_scores
from core.ingest import pipeline
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
IMPORTED = 2000
"""Posts of the given workspace that are imported anew, with and without scoring."""
IMPORTS = 2


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
            found = _measure(workspace, decisions)
            posts = _write_posts(workspace, Path(place) / "posts.csv")
        return found | _imports(Path(place), posts)


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


def _write_posts(workspace, path):
    """The first posts that say something, as a file; gives how many."""
    found = workspace.cursor().execute(
        "SELECT id, text, user_id, created_at, lang FROM posts WHERE text <> '' ORDER BY row LIMIT ?", [IMPORTED]
    )
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "author", "created_at", "lang"])
        writer.writerows(rows := found.fetchall())
    return len(rows)


def _imports(place, posts):
    """Posts a second of whole imports with and without scoring, in turns, each the better of its own; and in those with
    scoring, what it leaves of the posts that are encoded and indexed a second."""
    whole, kept = {True: [], False: []}, []
    for turn in range(IMPORTS):
        for scored in (True, False) if turn % 2 else (False, True):
            folder = place / f"imported-{turn}-{scored}"
            spent = {"bring_up_to_date": 0.0, "score_pending": 0.0}
            with Workspace.open(folder, Settings(workspace=folder), create=True) as workspace:
                started = time.perf_counter()
                with _timed("bring_up_to_date", spent), _timed("score_pending", spent, skip=not scored):
                    workspace.jobs.run_now("ingest", {"path": str(place / "posts.csv")}, title="Import")
                whole[scored].append(time.perf_counter() - started)
            if scored:
                kept.append(spent["bring_up_to_date"] / sum(spent.values()))
    return {
        "imported": posts,
        "import_posts_s": round(posts / min(whole[False]), 1),
        "import_and_score_posts_s": round(posts / min(whole[True]), 1),
        "import_ratio": round(min(whole[False]) / min(whole[True]), 3),
        "encoding_ratio": round(float(np.median(kept)), 3),
    }


@contextmanager
def _timed(step, spent, skip=False):
    """Adds up the seconds of a step of imports, or skips it."""
    work = getattr(pipeline, step)

    def timed_step(context):
        started = time.perf_counter()
        if not skip:
            work(context)
        spent[step] += time.perf_counter() - started

    with patch.object(pipeline, step, timed_step):
        yield


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], *map(int, sys.argv[2:]))))
