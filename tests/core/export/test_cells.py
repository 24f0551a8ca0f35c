import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from core.export.cells import csv_text


def rows(text):
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


@given(st.text(max_size=30))
def test_no_cell_begins_as_a_formula(text):
    ((name, value),) = [(row["name"], row["value"]) for row in rows(csv_text(["name", "value"], [["x", text]]))]
    assert name == "x"
    assert value[:1] not in ("=", "+", "-", "@", "\t", "\r")
    assert value.removeprefix("'") == text.replace("\x00", "").removeprefix("'")


def test_a_lone_surrogate_does_not_stop_a_table():
    assert rows(csv_text(["a"], [["x\ud800y"]])) == [{"a": "x?y"}]


def test_numbers_stay_numbers():
    assert rows(csv_text(["n", "m"], [[-5, None], [True, 0.5]])) == [{"n": "-5", "m": ""}, {"n": "True", "m": "0.5"}]
