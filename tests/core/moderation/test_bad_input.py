"""Texts and pictures as strangers send them, through the import and the scorers that come with Feedscope."""

import json

import numpy as np
import pytest
from PIL import Image

from core.encoders.minilm import MINILM_ID
from core.moderation.scorers.nudity import NOTE_BROKEN, NOTE_NONE
from core.moderation.scorers.words import NOTE_EMPTY, NOTE_LANGUAGE
from core.moderation.scoring import notes_of

PLAIN = "you are a fucking idiot and everybody hates you"
TEXTS = {
    "plain": PLAIN,
    "leet": "you are a fuck1ng idi0t and everybody h4tes you",
    "hidden": "you are a fu\u200bcking id\u200biot and everybody ha\u200btes you",
    "alike": "you are a fuсking idiоt and еverybody hаtes you",
    "long": PLAIN + " and so on" * 100_000,
    "emoji": "🤬🤬🤬 🖕",
    "german": "Das ist ein Satz in einer anderen Sprache",
    "russian": "ты полный дурак и никто тебя не любит",
    "kind": "what a lovely evening in the garden",
}
LANGS = {"german": "de"}


@pytest.fixture
def sent(workspace, tmp_path):
    folder = tmp_path / "sent"
    folder.mkdir()
    posts = [{"id": id_, "text": text, "lang": LANGS.get(id_), "images": None} for id_, text in TEXTS.items()]
    frames = [Image.fromarray(np.full((48, 64, 3), shade, np.uint8)) for shade in (20, 120, 220)]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    frames[0].save(folder / "broken.png")
    posts += [
        {"id": "moving", "text": "", "images": "moving.gif"},
        {"id": "broken", "text": "", "images": "broken.png"},
    ]
    (folder / "posts.jsonl").write_text("".join(json.dumps(post) + "\n" for post in posts))
    workspace.jobs.run_now("ingest", {"path": str(folder)}, title="Import")
    # Broken on the disk after it was imported.
    ((path,),) = workspace.cursor().execute(
        "SELECT m.path FROM media m JOIN posts p ON p.row = m.post_row WHERE p.id = 'broken'"
    ).fetchall()  # fmt: skip
    (workspace.media_folder / path).write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    workspace.jobs.run_now("moderate", {}, title="Score")
    return workspace


def test_what_strangers_send_is_scored_or_said_to_be_outside(sent):
    rows = dict(sent.cursor().execute("SELECT id, row FROM posts").fetchall())
    scores = {
        policy: dict(sent.cursor().execute("SELECT post_row, score FROM scores WHERE policy = ?", [policy]).fetchall())
        for policy in ("toxicity", "nudity")
    }
    rude = {id_: scores["toxicity"].get(row) for id_, row in rows.items()}
    assert sent.indexes.space("text").model_id != MINILM_ID, "the packaged scorer reads the texts by itself then"
    for trick in ("plain", "leet", "hidden", "alike", "long"):
        assert rude[trick] > 0.75 * rude["plain"] > 0.4, trick
    assert rude["kind"] < 0.3
    notes = {id_: dict(notes_of(sent, row)) for id_, row in rows.items()}
    for id_, note in (("emoji", NOTE_EMPTY), ("german", NOTE_LANGUAGE), ("russian", NOTE_LANGUAGE)):
        assert rude[id_] is None, "not scored as clean"
        assert notes[id_]["words"] == note
    assert 0 <= scores["nudity"][rows["moving"]] <= 1
    assert rows["broken"] not in scores["nudity"]
    assert notes["broken"]["picture:nudity"] == NOTE_BROKEN
    assert notes["kind"]["picture:nudity"] == NOTE_NONE
