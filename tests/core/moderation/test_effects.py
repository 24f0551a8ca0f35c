"""What a decision does elsewhere, at once: nothing shows, lists, learns from or gives away what is hidden."""

import json

import numpy as np
import pytest
from PIL import Image

from core import collections
from core.database.overview import recent_pictures
from core.export import export, of_collection, of_workspace
from core.maps.colours import MODERATION, post_values
from core.moderation.alike import closest_cases, group_of
from core.moderation.decisions import decide, undo
from core.moderation.desk import open_item
from core.moderation.effects import hidden_ids, marks, removed_rows
from core.moderation.queue import QueueFilter, list_waiting
from core.moderation.reports import report
from core.moderation.scorers.banks import add_decided
from core.moderation.scoring import count_pending
from core.recommend.acts import all_acts
from core.search.neighbours import neighbours
from core.search.search import search
from core.types import Query, QueryPart

from .conftest import ANN, LEA, set_scores

POSTS = [
    {"id": "mill", "text": "The old windmill turns in the evening breeze", "user": "ann", "images": "a.png"},
    {"id": "mill2", "text": "The old windmill turns in the morning breeze", "user": "bob", "images": "a.png",
     "reply_to": "mill"},
    {"id": "mill3", "text": "The old windmill turns no more in the breeze", "user": "eve"},
    {"id": "tea", "text": "A cup of tea before the long walk home", "user": "bob"},
]  # fmt: skip
LIKES = "user,post,kind\ncas,mill,like\ncas,mill2,like\ndan,mill2,like\ndan,tea,like\n"


@pytest.fixture
def network(workspace, tmp_path):
    folder = tmp_path / "network"
    folder.mkdir()
    (folder / "posts.jsonl").write_text("".join(json.dumps(post) + "\n" for post in POSTS))
    noise = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)
    Image.fromarray(noise).resize((256, 256)).save(folder / "a.png")
    workspace.jobs.run_now("ingest", {"path": str(folder)}, title="Import")
    with workspace.transaction() as cursor:
        for line in LIKES.splitlines()[1:]:
            user, post, kind = line.split(",")
            cursor.execute(
                "INSERT INTO interactions (user_id, post_id, kind, generation) VALUES (?, ?, ?, 1)", [user, post, kind]
            )
    return workspace


def row_of(workspace, id_):
    return workspace.cursor().execute("SELECT row FROM posts WHERE id = ?", [id_]).fetchone()[0]


def shown(workspace, tmp_path, name, collection):
    """Where the post mill2 is to be seen, by place."""
    query = Query((QueryPart("text", "windmill breeze"),))
    whole = export(workspace, of_workspace(workspace), tmp_path / f"{name}-all", format="jsonl", pictures=True)
    some = export(workspace, of_collection(workspace, collection), tmp_path / f"{name}-some", format="jsonl")
    acts = all_acts(workspace)
    row = row_of(workspace, "mill2")
    return {
        "search": "mill2" in [hit.post_id for hit in search(workspace, query).hits],
        "neighbours": "mill2" in [one.post_id for one in neighbours(workspace, "mill")],
        "maps": row not in removed_rows(workspace),
        "export": '"mill2"' in (whole.path / "posts.jsonl").read_text(),
        "export of a collection": '"mill2"' in (some.path / "posts.jsonl").read_text(),
        "training": bool(acts.matrix[:, np.searchsorted(acts.posts, row)].sum() > 0),
        "pictures": "mill2" in [id_ for id_, _ in recent_pictures(workspace.cursor())],
        "cards": "mill2" not in hidden_ids(workspace, ["mill", "mill2"]),
        "scoring": count_pending(workspace, "new", "new") == len(POSTS),
    }


@pytest.mark.parametrize("action", ["remove", "escalate"])
def test_a_decision_takes_effect_everywhere_at_once_and_its_undo_too(network, tmp_path, action):
    # The picture of mill2 is mill's too: of equal pictures the overview shows the first post's.
    with network.transaction() as cursor:
        cursor.execute("UPDATE media SET sha256 = 'other' WHERE post_row = ?", [row_of(network, "mill2")])
    collection = collections.create(network, "mills", "post", ["mill", "mill2"])
    collection = collections.get(network, collection.id)
    before = shown(network, tmp_path, "before", collection)
    assert all(before.values()), before
    made = decide(network, ["mill2"], action, by=LEA)
    after = shown(network, tmp_path, "after", collection)
    # A removed post is scored again when it changes; a locked one is looked at by no scorer.
    assert [place for place, there in after.items() if there] == (["scoring"] if action == "remove" else [])
    undo(network, made.ids[0], by=LEA)
    assert all(shown(network, tmp_path, "again", collection).values())


def test_a_locked_post_is_neither_a_neighbour_nor_a_case_nor_in_a_bank_nor_in_the_thread(network):
    report(network, ["mill"], by=ANN)
    (item,) = list_waiting(network, QueueFilter())
    assert "mill2" in [one.post_id for one in group_of(network, "mill")]
    assert "mill2" in [one.id for one in open_item(network, item, by=ANN).thread]
    decide(network, ["mill3"], "remove", by=ANN)
    assert [case.post_id for case in closest_cases(network, "mill")] == ["mill3"]
    decide(network, ["mill2"], "escalate", by=ANN)
    assert "mill2" not in [one.post_id for one in group_of(network, "mill")]
    assert [case.post_id for case in closest_cases(network, "mill")] == ["mill3"]
    assert "mill2" not in [one.id for one in open_item(network, item, by=ANN).thread]
    assert add_decided(network, "known", by=LEA) == 2, "the removed text and its vector alone"


def test_marks_and_the_colour_of_a_map_say_what_was_decided(network):
    set_scores(network, "insult", {"mill": 0.95, "mill2": 0.9, "tea": 0.1})
    report(network, ["tea"], by=ANN)
    decide(network, ["mill2"], "limit", by=ANN)
    decide(network, ["mill3"], "label", label="Disputed", by=ANN)
    found = marks(network, [post["id"] for post in POSTS])
    assert found["mill"].flags[0][:2] == ("insult", "Insults")
    assert (found["mill2"].state, found["mill3"].label, found["tea"].reported) == ("limited", "Disputed", 1)
    rows = np.array([row_of(network, post["id"]) for post in POSTS])
    assert post_values(network, rows, MODERATION).tolist() == ["flagged", "limited", "labelled", "reported"]
