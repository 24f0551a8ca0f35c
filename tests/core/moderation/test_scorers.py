"""What the scorers see of texts, and what they say of posts."""

import numpy as np
import pytest

from core.errors import ImportFailed, ModerationError
from core.moderation.decisions import decide
from core.moderation.insights import drift
from core.moderation.policies import Policy, get_policy, list_policies, save_policy
from core.moderation.scorers.banks import add_decided, add_entries, export_bank, parse_hash_list, read_bank
from core.moderation.scorers.features import BUCKETS, ngram_features
from core.moderation.scorers.normalise import MAX_CHARACTERS, is_disguised, normalise
from core.moderation.scorers.sets import read_columns
from core.moderation.scorers.words import NOTE_EMPTY, NOTE_LANGUAGE, reason_not_to_score
from core.moderation.waves import behaviours, site_of, wave_of

from .conftest import ANN, LEA


@pytest.mark.parametrize(
    "trick",
    ["you are a f00l", "you are a f\u200bo\u200bo\u200bl", "you аre а fооl", "YOU ARE A FOOL",
     "you are a f\u00ado\u00adol", "you are a ｆｏｏｌ", "you   are\na fool", "you are a f\u0336o\u0336o\u0336l\u0336"],
)  # fmt: skip
def test_tricks_are_undone(trick):
    assert normalise(trick) == "you are a fool"


def test_the_desk_says_that_letters_are_disguised():
    assert is_disguised("you are a f\u200bo\u200bo\u200bl")
    assert is_disguised("claim your T!DE now")


def test_letters_set_apart_come_together():
    assert normalise("what a total f o o l you are") == "what a total fool you are"
    assert normalise("s.c.a.m alert") == "scam alert"


@pytest.mark.parametrize("text", ["the 7th of May", "an iphone6 and a 90s song", "2024-05-06", "C'est la vie", "½ cup",
                                  "write to ann@example.org"])  # fmt: skip
def test_what_is_no_trick_is_left(text):
    assert not is_disguised(text)


def test_names_links_and_numbers_become_one_word_each():
    said = normalise("RT @ann: call 0712345678 or see https://x.example/y?z &amp; win")
    assert said == "xnamex : call xnumberx or see xlinkx & win"


@pytest.mark.parametrize("text", ["", " ", "🔥🔥🔥", "\x00\ud800", "a" * 1_000_000, "\u202e" * 5000, "́" * 500])
def test_hostile_texts_are_read_in_bounds(text):
    assert len(normalise(text)) <= 2 * MAX_CHARACTERS
    found = ngram_features([text, "plain"])
    assert found.shape == (2, BUCKETS)
    assert np.isfinite(found.data).all()


def test_features_do_not_depend_on_the_batch():
    texts = ["one of these", "a second, longer one!", "", "and a third"]
    together = ngram_features(texts)
    for at, text in enumerate(texts):
        assert abs(together[at] - ngram_features([text])).sum() < 1e-5
    norms = np.sqrt(together.multiply(together).sum(1)).ravel()
    assert norms.tolist()[0] == pytest.approx([1.0, 1.0, 0.0, 1.0], abs=1e-6)


@pytest.mark.parametrize(
    ("text", "lang", "reason"),
    [("🔥🔥", None, NOTE_EMPTY), ("", "en", NOTE_EMPTY), ("Guten Morgen zusammen", "de", NOTE_LANGUAGE),
     ("доброе утро всем", None, NOTE_LANGUAGE), ("good morning", "en", None), ("good morning", "en-GB", None),
     ("good morning", None, None)],
)  # fmt: skip
def test_what_the_scorer_does_not_know_is_said_and_not_scored_as_clean(text, lang, reason):
    assert reason_not_to_score(text, lang) == reason


@pytest.mark.parametrize(
    ("content", "text", "label"),
    [("text,label\n\"a, b\",x\nc,y\n", "text", "label"), ("x\ta \"b\ny\tc\n", "1", "0"),
     ("id\ttext\tlabel\n1\ta\tx\n2\tc\ty\n", "text", "label"), ("a,x\nc,y\n", "0", "1")],
)  # fmt: skip
def test_labelled_files_are_read_with_and_without_a_head(tmp_path, content, text, label):
    (tmp_path / "file").write_text(content)
    _, texts, labels = read_columns(tmp_path / "file", text, label)
    assert [one[0] for one in labels] == ["x", "y"]
    assert texts[1] == "c"


def test_a_column_that_is_not_there_is_said(tmp_path):
    (tmp_path / "file.csv").write_text("text,label\na,x\n")
    with pytest.raises(ImportFailed, match="no column 'words'; it has text, label"):
        read_columns(tmp_path / "file.csv", "words", "label")
    with pytest.raises(ImportFailed, match="2 columns"):
        read_columns(tmp_path / "file.csv", "5", "0")


WAVE = "id,text,author,date,likes,lang\n" + "".join(
    f"w{n},Claim {n} coins at https://coin-{n}.example/{n}x,new{n % 4},2024-05-0{1 + n % 3},0,en\n" for n in range(8)
)


def test_a_wave_is_found_and_its_members_belong_together(workspace, tmp_path):
    (tmp_path / "wave.csv").write_text(WAVE + "other,A quiet day at home,old,2024-05-01,0,en\n")
    workspace.jobs.run_now("ingest", {"path": str(tmp_path / "wave.csv")}, title="Import")
    rows = dict(workspace.cursor().execute("SELECT id, row FROM posts").fetchall())
    assert len(wave_of(workspace, rows["w0"])) == 8
    assert len(wave_of(workspace, rows["other"])) == 0
    assert behaviours(workspace)[rows["w0"]].posts == 8
    scores = dict(workspace.cursor().execute("SELECT post_row, score FROM scores WHERE policy = 'waves'").fetchall())
    assert scores[rows["w0"]] > 0.4 > scores[rows["other"]]
    assert site_of("see HTTPS://www.Coin-7.example/x") == "coin-.example"


def test_a_wave_that_grows_is_scored_again_and_nothing_else(workspace, tmp_path):
    (tmp_path / "wave.csv").write_text(WAVE + "other,A quiet day at home,old,2024-05-01,0,en\n")
    lines = WAVE.splitlines()
    more = [line.replace(line[:2], f"m{n}", 1) for n, line in enumerate(lines[1:5])]
    (tmp_path / "more.csv").write_text("\n".join([lines[0], *more]) + "\n")
    before = {}
    for name in ("wave", "more", "more"):
        workspace.jobs.run_now("ingest", {"path": str(tmp_path / f"{name}.csv")}, title="Import")
        rows = workspace.cursor().execute("SELECT p.id, s.score FROM scores s JOIN posts p ON p.row = s.post_row"
                                          " WHERE s.policy = 'waves'").fetchall()  # fmt: skip
        assert dict(rows).get("w0") >= before.get("w0", 0)
        grown = dict(rows)["w0"] > before.get("w0", 0)
        before = dict(rows)
    assert not grown, "the same file again brings nothing"
    assert [run.posts for run in drift(workspace) if run.policy == "waves"] == [9, 12], "all, then the wave alone"


def test_a_policy_by_example_ranks_at_once_and_keeps_to_its_shape(posted):
    policy = Policy("prizes", "Prizes", "", "described", 0.6, "remove", about={"words": "", "examples": ["spam"]})
    save_policy(posted, policy, by=LEA)
    posted.jobs.run_now("moderate", {}, title="Score")
    rows = dict(posted.cursor().execute("SELECT id, row FROM posts").fetchall())
    scores = dict(posted.cursor().execute("SELECT post_row, score FROM scores WHERE policy = 'prizes'").fetchall())
    assert scores[rows["spam2"]] > 0.8 > scores[rows["good"]]
    for bad in ({"words": "", "examples": []}, {"words": 7, "examples": []}):
        with pytest.raises(ModerationError):
            save_policy(posted, Policy("bad", "Bad", "", "described", 0.5, "keep", about=bad), by=LEA)


def test_a_bank_finds_what_was_removed_again_and_goes_out_and_in(posted):
    decide(posted, ["spam"], "remove", by=ANN)
    assert add_decided(posted, "known", by=LEA) == 2, "the text's digest and its vector"
    assert add_decided(posted, "known", by=LEA) == 0
    posted.jobs.run_now("moderate", {}, title="Score")
    rows = dict(posted.cursor().execute("SELECT id, row FROM posts").fetchall())
    scores = dict(posted.cursor().execute("SELECT post_row, score FROM scores WHERE policy = 'known'").fetchall())
    assert scores[rows["spam"]] == 1.0
    assert scores[rows["good"]] == 0.0
    taken = export_bank(posted, "known", by=LEA)
    entries = parse_hash_list(taken.encode())
    assert add_entries(posted, "known", entries, "again", by=LEA) == 0
    assert {kind for kind, _ in entries} == {"text", "text-vector"}
    assert parse_hash_list(b"\n" + b"a" * 64 + b"\n") == [("pdq", "a" * 64)]
    with pytest.raises(ModerationError, match="Line 2"):
        parse_hash_list(b"hash\nzz\n" + b"a" * 64)


def test_a_bank_finds_other_words_by_vector_and_compares_no_foreign_ones(posted):
    decide(posted, ["rude"], "remove", by=ANN)
    decide(posted, ["spam"], "escalate", by=LEA)
    add_decided(posted, "known", by=LEA)
    vectors = [
        entry for entry in parse_hash_list(export_bank(posted, "known", by=LEA).encode()) if "vector" in entry[0]
    ]
    assert len(vectors) == 1, "nothing of the locked post"
    with posted.transaction() as cursor:
        cursor.execute("DELETE FROM bank_entries")
    add_entries(posted, "known", vectors, "elsewhere", by=LEA)
    numbers = vectors[0][1].split(" ")[1]
    add_entries(posted, "known", [("text-vector", f"other-model {numbers}")], "elsewhere", by=LEA)
    bank = read_bank(posted, "known")
    assert (len(bank.vectors["text"]), bank.foreign) == (1, 1)
    rows = dict(posted.cursor().execute("SELECT id, row FROM posts ORDER BY row").fetchall())
    found = dict(zip(rows, bank.score(posted, np.array(list(rows.values()))), strict=True))
    assert found["rude"] == pytest.approx(1, abs=1e-3)
    assert 0.5 <= found["rude2"] < 1
    assert found["good"] == 0
    for bad in ("x", "model zz!", "model " + "A" * 30_000):
        with pytest.raises(ModerationError, match="no vector"):
            add_entries(posted, "known", [("text-vector", bad)], "bad", by=LEA)


def test_the_defaults_are_there_and_unknown_ones_are_refused(workspace):
    assert {"hate", "spam", "nudity", "waves", "known"} <= {one.id for one in list_policies(workspace)}
    with pytest.raises(ModerationError, match="There is no policy"):
        get_policy(workspace, "nope")
