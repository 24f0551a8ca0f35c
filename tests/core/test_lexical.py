"""The lexical index: what is found, in which order, and what a crash leaves."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core import derived
from core.lexical import NOT_BUILT, Document, LexicalIndex
from core.search.tokens import tokenise
from core.settings import ROOT

POSTS: list[tuple[str, str | None]] = [
    ("The cat sat on the mat", "alice"),  # 0
    ("My cats run. Running cats!", "bob"),  # 1
    ("A dog and a cat", "bob"),  # 2
    ("New York is big", "Carol Smith"),  # 3
    ("A big house in York, painted new", "carol"),  # 4
    ("Climate and climbing", None),  # 5
    ("I love #Cats and #kittens_of_x, says @alice.bsky.social", "dave"),  # 6
    ("東京都に行きました", "emi"),  # 7
    ("京都は東にある", "emi"),  # 8
    ("나는 고양이가 좋아요", "minjun"),  # 9
    ("แมวน่ารักมาก", "somchai"),  # 10
    ("Une soirée à l'hôtel, déjà vu", "zoé"),  # 11
    ("pizza 🍕🍕 time", None),  # 12
    ("don't v\u200biagra 𝓯𝓪𝓷𝓬𝔂", "spam/../er"),  # 13
    ("", "nobody"),  # 14
    ("covid-19 again", "alice"),  # 15
    ("apartment 19", "alice"),  # 16
]


@pytest.fixture(scope="module")
def posts(tmp_path_factory: pytest.TempPathFactory) -> LexicalIndex:
    index = LexicalIndex.open(tmp_path_factory.mktemp("lexical"))
    index.update(((row, text, user) for row, (text, user) in enumerate(POSTS)), generation=1)
    return index


def found(index: LexicalIndex, query: str, k: int = 20, **options: object) -> list[int]:
    scores, rows = index.search(query, k, **options)  # type: ignore[arg-type]
    assert scores.dtype == np.float32
    assert rows.dtype == np.int64
    assert len(scores) == len(rows) <= max(k, 0)
    pairs = list(zip((-scores).tolist(), rows.tolist(), strict=True))
    assert pairs == sorted(pairs)
    assert len(set(rows.tolist())) == len(rows)
    return [int(row) for row in rows]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("CAT", {0, 1, 2, 6}),
        ("ran", set()),
        ("runs", {1}),
        ('"new york"', {3}),
        ('"York new"', set()),
        ("clim*", {5}),
        ("climb* zebra", {5}),
        ("cat -dog", {0, 1, 6}),
        ("cat NOT dog", {0, 1, 6}),
        ('cat -"sat on"', {1, 2, 6}),
        ("cat -user:bob", {0, 6}),
        ("user:bob", {1, 2}),
        ("user:BOB dog", {2}),
        ('user:"carol smith"', {3}),
        ("from:Zoé", {11}),
        ("user:spam/../er", {13}),
        ("#cats", {6}),
        ("#kittens_of_x", {6}),
        ("tag:Cats", {6}),
        ("tag:#cats", {6}),
        ("tag:cat", set()),
        ("@alice", {6}),
        ("@Alice.bsky.social", {6}),
        ("tag:@alice", {6}),
        ("東京", {7}),
        ("京都", {7, 8}),
        ("都", {7, 8}),
        ('"東京都"', {7}),
        ("東京都", {7, 8}),
        ("고양이", {9}),
        ("แมว", {10}),
        ("soiree DEJA", {11}),
        ("hotel", {11}),
        ("🍕", {12}),
        ("dont", {13}),
        ("don’t", {13}),
        ("viagra", {13}),
        ("fancy", {13}),
        ("covid-19", {15, 16}),
        ("-covid-19 19", {16}),
        ("19 -covid", {16}),
        ("-cat", set()),
        ("cat AND dog OR", {0, 1, 2, 6}),
        ("", set()),
        ("   ", set()),
        ("***", set()),
    ],
)
def test_what_is_found(posts: LexicalIndex, query: str, expected: set[int]) -> None:
    assert set(found(posts, query)) == expected


def test_documents_with_all_words_come_first_and_written_words_before_stems(posts: LexicalIndex) -> None:
    assert found(posts, "dog cat")[0] == 2
    assert found(posts, "big york house")[0] == 4
    assert found(posts, "cats")[0] == 1
    assert found(posts, "東京都")[0] == 7
    assert found(posts, "the dog cat mat zebra")[0] == 0


def test_unwanted_texts_leave_out_documents_with_all_their_words(posts: LexicalIndex) -> None:
    assert set(found(posts, "cat", unwanted=["a dog"])) == {0, 1, 6}
    assert set(found(posts, "cat", unwanted=["dog zebra", '-"', ""])) == {0, 1, 2, 6}
    assert set(found(posts, "cat", unwanted=["dogs", "sat"])) == {1, 6}


def test_only_allowed_rows_come_back(posts: LexicalIndex) -> None:
    assert set(found(posts, "cat", allowed=np.array([6, 2, 999, -4, 2]))) == {2, 6}
    assert found(posts, "cat", allowed=np.empty(0, np.int64)) == []
    assert found(posts, "cat", allowed=np.array([-1])) == []


@pytest.mark.parametrize("k", [0, -3])
def test_no_hits_asked_for(posts: LexicalIndex, k: int) -> None:
    assert found(posts, "cat", k) == []


@given(st.text(max_size=200))
@example('"')
@example("user:")
@example("-")
@example('-"" NOT NOT')
@example("a" * 100_000)
@example("[x TO y] {!func} ^5 ~2 \\ /re/ (a OR")
@example("\x00 \ud7ff \u202e")
@example(" ".join(f"w{number}" for number in range(5_000)))
def test_any_string_is_a_query(posts: LexicalIndex, query: str) -> None:
    assert set(found(posts, query)) <= set(range(len(POSTS)))
    assert set(found(posts, "cat", unwanted=[query])) <= set(found(posts, "cat"))


QUERY_PIECES = st.sampled_from(
    [
        "cat",
        "-dog",
        '"',
        "user:",
        "tag:",
        "#",
        "@",
        "*",
        "NOT",
        "東京",
        "-",
        "(",
        "york*",
        "'s",
        "🍕",
        "\u0301",
        "bob",
        ":",
    ]
)


@given(st.lists(QUERY_PIECES, max_size=8), st.booleans())
def test_any_mixture_of_operators_is_a_query(posts: LexicalIndex, pieces: list[str], spaced: bool) -> None:
    assert set(found(posts, (" " if spaced else "").join(pieces))) <= set(range(len(POSTS)))


def many(count: int, seed: int) -> Iterator[Document]:
    chance = random.Random(seed)
    words = [f"w{number}" for number in range(60)]
    for row in range(count):
        length = chance.randint(1, 12)
        yield row, " ".join(chance.choices(words, weights=[1 / (rank + 1) for rank in range(60)], k=length)), "u"


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> LexicalIndex:
    index = LexicalIndex.open(tmp_path_factory.mktemp("crowd"))
    for start in range(0, 6_000, 2_000):
        documents = [document for document in many(6_000, 3) if start <= document[0] < start + 2_000]
        index.update(documents, generation=start)
    return index


@pytest.mark.parametrize("query", ["w0", "w5 w0", "w1 w2 w3 -w0", "w30", "w1*", '"w0 w1"'])
@pytest.mark.parametrize("count", [3, 100, 1_000, 4_000, 6_000])
def test_filtered_is_unfiltered_and_then_filtered(crowd: LexicalIndex, query: str, count: int) -> None:
    allowed = np.random.default_rng(count).permutation(6_000)[:count]
    known = set(allowed.tolist())
    expected = [row for row in found(crowd, query, 6_000) if row in known]
    for k in (1, 10, 200, 6_000):
        assert found(crowd, query, k, allowed=allowed) == expected[:k]


@pytest.mark.parametrize("query", ["w0", "w5 w0 w1", "w1*"])
def test_more_hits_begin_with_the_same_ones(crowd: LexicalIndex, query: str) -> None:
    every = found(crowd, query, 6_000)
    for k in (1, 7, 50, 1_000):
        assert found(crowd, query, k) == every[:k]


def test_ties_come_in_rising_row_also_between_segments(tmp_path: Path) -> None:
    index = LexicalIndex.open(tmp_path)
    rows = np.random.default_rng(4).permutation(300).tolist()
    for part in (rows[:100], rows[100:200], rows[200:]):
        index.update([(row, "the same spam", "u") for row in part], generation=1)
    assert found(index, "spam", 5) == [0, 1, 2, 3, 4]
    assert found(index, "same spam", 120) == list(range(120))


def test_updates_replace_and_remove_and_can_be_done_twice(tmp_path: Path) -> None:
    index = LexicalIndex.open(tmp_path)
    assert (index.generation, len(index)) == (NOT_BUILT, 0)
    assert index.notice is not None
    for _ in range(2):
        index.update([(1, "cat", "u"), (2, "dog", "u"), (2, "dog two", "u"), (3, "bird", "u")], generation=4)
        assert (index.generation, len(index)) == (4, 3)
    index.update([(1, "fish", "u")], remove=np.array([3, 77]), generation=5)
    again = LexicalIndex.open(tmp_path)
    assert again.notice is None
    for one in (index, again):
        assert (one.generation, len(one)) == (5, 2)
        assert found(one, "cat bird") == []
        assert found(one, "fish two") == [1, 2]
    assert derived.verify(tmp_path, checksums=True) == []
    index.update([], remove=[1, 2], generation=6)
    assert len(index) == 0
    assert found(index, "fish") == []


def test_where_documents_fail_nothing_changes(tmp_path: Path) -> None:
    index = LexicalIndex.open(tmp_path)
    index.update([(1, "cat", "u")], generation=1)

    def broken() -> Iterator[Document]:
        yield 2, "dog", "u"
        raise RuntimeError("the reader failed")

    with pytest.raises(RuntimeError, match="the reader failed"):
        index.update(broken(), generation=2)
    assert (index.generation, len(index)) == (1, 1)
    assert derived.verify(tmp_path, checksums=True) == []
    index.update([(2, "dog", "u")], generation=2)
    assert found(index, "dog cat") == [1, 2]


@pytest.mark.parametrize("damage", ["manifest", "meta", "segment", "folder", "schema", "nonsense"])
def test_a_damaged_index_opens_empty_and_says_why(tmp_path: Path, damage: str) -> None:
    LexicalIndex.open(tmp_path).update([(1, "cat", "u")], generation=3)
    meta = tmp_path / "index" / "meta.json"
    match damage:
        case "manifest":
            (tmp_path / "manifest.json").write_text("{")
        case "meta":
            meta.write_text(meta.read_text()[:-20])
        case "segment":
            next((tmp_path / "index").glob("*.term")).unlink()
        case "folder":
            shutil.rmtree(tmp_path / "index")
        case "schema":
            document = json.loads((tmp_path / "manifest.json").read_text())
            document["about"]["schema"] = 0
            (tmp_path / "manifest.json").write_text(json.dumps(document))
        case "nonsense":
            meta.write_bytes(b"x" * meta.stat().st_size)
    index = LexicalIndex.open(tmp_path)
    assert (index.generation, len(index)) == (NOT_BUILT, 0)
    assert index.notice
    index.update([(1, "cat", "u")], generation=3)
    assert found(LexicalIndex.open(tmp_path), "cat") == [1]


UPDATE_LOOP = """
import sys
from pathlib import Path
from core.lexical import LexicalIndex

index = LexicalIndex.open(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    generation = index.generation + 1
    index.update([(row, f"cat number {generation}", "u") for row in range(50)], generation=generation)
"""


def test_killed_at_any_moment_of_an_update_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    chance = random.Random(8)
    index = LexicalIndex.open(tmp_path)
    index.update([(row, "cat number 0", "u") for row in range(50)], generation=0)
    for _ in range(10):
        del index
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", UPDATE_LOOP, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            time.sleep(chance.uniform(0, 0.15))
            process.send_signal(signal.SIGKILL)
        index = LexicalIndex.open(tmp_path)
        assert index.notice is None
        assert derived.verify(tmp_path, checksums=True) == []
        assert found(index, "cat", 100) == list(range(50))
        # What was committed may be one update newer than the generation says, never older.
        numbers = [number for number in (index.generation, index.generation + 1) if found(index, f'"number {number}"')]
        assert len(numbers) == 1


def test_searches_go_on_while_an_update_runs(tmp_path: Path) -> None:
    index = LexicalIndex.open(tmp_path)
    index.update([(row, "cat old", "u") for row in range(100)], generation=0)
    done = threading.Event()
    wrong: list[int] = []

    def read() -> None:
        while not done.is_set():
            count = len(index.search("cat", 200)[1])
            if count != 100:
                wrong.append(count)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for generation in range(1, 6):
        index.update([(row, "cat new", "u") for row in range(100)], generation=generation)
    done.set()
    for reader in readers:
        reader.join()
    assert wrong == []


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> LexicalIndex:
    return LexicalIndex.open(tmp_path_factory.mktemp("scratch"))


@settings(deadline=None, max_examples=50)  # each example commits to disk
@given(st.text(max_size=80))
@example("İstanbul ﷺ ½ e\u0301")
@example("a\u0345b \u0e33 ㍿ ﬃ")
@example("x" * 200 + " 東" + "京" * 200)
def test_a_text_is_found_by_each_of_its_words(scratch: LexicalIndex, text: str) -> None:
    scratch.update([(5, text, text)], generation=0)
    for token in tokenise(text):
        assert found(scratch, text[token.start : token.end]) == [5]
