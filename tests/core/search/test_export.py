import csv
import io
import json
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from core.search.export import COLUMNS, csv_text, hits_csv, hits_jsonl
from core.types import Hit, LegHit, Media, Post

HITS = (Hit("1", 0.5, 1, (LegHit("lexical", 1, 9.5), LegHit("text", 3, 0.4))), Hit("gone", 0.4, 2), Hit("2", 0.3, 3))
POSTS = {
    "1": Post(
        "1", 'hello, "you"\nthere', user_id="u", created_at=datetime(2024, 1, 2), likes=3, extra={"mood": "good"}
    ),
    "2": Post("2", "=cmd|' /C calc'!A0", media=(Media(1, "2", 0, "a.jpg"),), extra={"n": 5}),
}


def rows(text):
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_csv_has_a_line_a_hit_and_the_imported_columns():
    one, two = rows(hits_csv(HITS, POSTS))
    assert list(one) == [*COLUMNS, "extra.mood", "extra.n"]
    assert (one["text"], one["found_by"], one["created_at"]) == (
        POSTS["1"].text,
        "lexical 1, text 3",
        "2024-01-02T00:00:00",
    )
    assert (two["rank"], two["pictures"], two["extra.n"], two["extra.mood"]) == ("3", "a.jpg", "5", "")


def test_jsonl_is_one_object_a_line():
    one, two = map(json.loads, hits_jsonl(HITS, POSTS).splitlines())
    assert one["legs"][0] == {"leg": "lexical", "rank": 1, "score": 9.5}
    assert one["created_at"] == "2024-01-02T00:00:00"
    assert two["media"][0]["name"] == "a.jpg"
    assert two["text"] == POSTS["2"].text


@given(st.text(max_size=30))
def test_no_cell_begins_as_a_formula(text):
    ((name, value),) = [(row["name"], row["value"]) for row in rows(csv_text(["name", "value"], [["x", text]]))]
    assert name == "x"
    assert value[:1] not in ("=", "+", "-", "@", "\t", "\r")
    assert value.removeprefix("'") == text.replace("\x00", "").removeprefix("'")


def test_numbers_stay_numbers():
    assert rows(csv_text(["n", "m"], [[-5, None], [True, 0.5]])) == [{"n": "-5", "m": ""}, {"n": "True", "m": "0.5"}]
