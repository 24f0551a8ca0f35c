import json
import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ingest.values import (
    clean,
    parse_bool,
    parse_count,
    parse_id,
    parse_lang,
    parse_list,
    parse_string,
    parse_time,
    sniff_day_first,
    to_scalar,
    unescape,
)

LATEST = datetime(2030, 1, 1)
CELLS = st.one_of(
    st.text(),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.binary(max_size=20),
    st.decimals(allow_nan=False, places=3),
    st.datetimes(timezones=st.none() | st.timezones()),
    st.dates(),
    st.recursive(
        st.text(max_size=5) | st.integers() | st.none(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=10,
    ),
)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("1347824769.0", datetime(2012, 9, 16, 19, 46, 9)),
        ("1347824769", datetime(2012, 9, 16, 19, 46, 9)),
        (1347824769, datetime(2012, 9, 16, 19, 46, 9)),
        (1347824769.5, datetime(2012, 9, 16, 19, 46, 9, 500000)),
        ("1347824769123", datetime(2012, 9, 16, 19, 46, 9, 123000)),
        ("1347824769123456", datetime(2012, 9, 16, 19, 46, 9, 123456)),
        (1347824769123456789, datetime(2012, 9, 16, 19, 46, 9, 123456)),
        ("1.347824769E9", datetime(2012, 9, 16, 19, 46, 9)),
        ("2023-06-28T22:42:42.700Z", datetime(2023, 6, 28, 22, 42, 42, 700000)),
        ("2023-06-28T22:42:42+02:00", datetime(2023, 6, 28, 20, 42, 42)),
        ("2020-12-20 06:06:44", datetime(2020, 12, 20, 6, 6, 44)),
        ("2020-12-20 06:06:44 UTC", datetime(2020, 12, 20, 6, 6, 44)),
        ("2020-12-20 06:06:44 -0530", datetime(2020, 12, 20, 11, 36, 44)),
        ("2020-12-20", datetime(2020, 12, 20)),
        ("20201220", datetime(2020, 12, 20)),
        ("20201220060644", datetime(2020, 12, 20, 6, 6, 44)),
        ("Wed Oct 10 20:19:24 +0000 2018", datetime(2018, 10, 10, 20, 19, 24)),
        ("Mon Apr 06 22:19:45 PDT 2009", datetime(2009, 4, 7, 5, 19, 45)),
        ("Mon, 06 Sep 2021 12:00:00 GMT", datetime(2021, 9, 6, 12)),
        ("Mon, 06 Sep 2021 12:00:00 +0200", datetime(2021, 9, 6, 10)),
        ("Dec 20, 2020, 6:06 PM", datetime(2020, 12, 20, 18, 6)),
        ("Dec 20, 2020 · 12:06 AM UTC", datetime(2020, 12, 20, 0, 6)),
        ("20 December 2020", datetime(2020, 12, 20)),
        ("May 3rd, 2019 at 08:05", datetime(2019, 5, 3, 8, 5)),
        ("20.12.2020 06:06", datetime(2020, 12, 20, 6, 6)),
        ("03.04.2020", datetime(2020, 4, 3)),
        ("12/20/2020 6:06", datetime(2020, 12, 20, 6, 6)),
        ("20/12/2020", datetime(2020, 12, 20)),
        ("2020/12/20 06:06:44", datetime(2020, 12, 20, 6, 6, 44)),
        (datetime(2020, 1, 1, 12, tzinfo=timezone(timedelta(hours=2))), datetime(2020, 1, 1, 10)),
        (date(2020, 1, 1), datetime(2020, 1, 1)),
        (Decimal("1347824769"), datetime(2012, 9, 16, 19, 46, 9)),
    ],
)
def test_times(raw, expected):
    assert parse_time(raw, latest=LATEST) == expected


@pytest.mark.parametrize(
    "raw",
    [
        *("0000-00-00 00:00:00", "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "1970-01-01", "2031-01-01"),
        *("0", "-1347824769", "99999999999999999999", "nan", "inf", "", "yesterday", "2020-13-45", "31/31/2020"),
        *("03/04/2020", "12:30", "Dec 20", "25:99 20.12.2020", "Foo 20, 2020", "1e400", "x" * 100_000),
        *(0, -1, 1e300, math.nan, math.inf, True, None, [], {}, b"2020-01-01", datetime.max, datetime.min),
        datetime.max.replace(tzinfo=UTC),
    ],
)
def test_what_is_no_time_or_an_absurd_one(raw):
    assert parse_time(raw, latest=LATEST) is None


def test_the_column_tells_whether_the_day_comes_first():
    assert sniff_day_first(["03/04/2020", "25/04/2020"]) is True
    assert sniff_day_first(["03/04/2020", "04/25/2020", None, 7]) is False
    assert sniff_day_first(["03/04/2020", "2020-04-25"]) is None
    assert sniff_day_first(["25/04/2020", "04/25/2020"]) is None
    assert parse_time("03/04/2020 10:00", latest=LATEST, day_first=True) == datetime(2020, 4, 3, 10)
    assert parse_time("03/04/2020 10:00", latest=LATEST, day_first=False) == datetime(2020, 3, 4, 10)


@given(st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2029, 12, 30)), st.timezones())
def test_an_iso_time_survives_in_any_zone(time, zone):
    zoned = time.replace(tzinfo=UTC).astimezone(zone)
    assert parse_time(zoned.isoformat(), latest=LATEST) == time
    assert parse_time(zoned, latest=LATEST) == time


@given(
    st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2029, 12, 30)).map(
        lambda t: t.replace(microsecond=0)
    )
)
def test_an_epoch_is_understood_in_every_unit(time):
    seconds = int(time.replace(tzinfo=UTC).timestamp())
    for factor in (1, 10**3, 10**6, 10**9):
        assert parse_time(seconds * factor, latest=LATEST) == time
        assert parse_time(str(seconds * factor), latest=LATEST) == time
    assert parse_time(f"{seconds}.0", latest=LATEST) == time


@given(CELLS)
def test_a_time_is_sane_or_none(raw):
    time = parse_time(raw, latest=LATEST)
    assert time is None or (datetime(1990, 1, 1) <= time <= LATEST and time.tzinfo is None)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        *(
            ("12", 12),
            ("12.0", 12),
            (12.0, 12),
            ("1,234", 1234),
            ("1 234 567", 1234567),
            ("1.2K", 1200),
            ("3M", 3_000_000),
        ),
        *(("-5", -5), (" 7 ", 7), (Decimal("3"), 3), ("0", 0)),
        *(("", None), ("nan", None), (math.nan, None), (math.inf, None), ("12.5", None), ("many", None), (True, None)),
        *((None, None), ("9" * 30, None), (10**20, None), ("1,23", None), ("12 likes", None), ([1], None), ("²", None)),
    ],
)
def test_counts(raw, expected):
    assert parse_count(raw) == expected


@given(CELLS)
def test_a_count_is_a_bounded_whole_number_or_none(raw):
    count = parse_count(raw)
    assert count is None or (type(count) is int and abs(count) <= 10**15)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        *((" at://did/x/3jz ", "at://did/x/3jz"), (7, "7"), (7.0, "7"), ("7.0", "7"), ("1e5", "1e5"), ("007", "007")),
        *(("1.34054E+18", None), ("1E+18", None), ("1,34E+18", None), ("nan", None), ("", None), (None, None)),
        *((True, None), ("x" * 501, None), ("['a']", None), ({"a": 1}, None), (math.nan, None)),
    ],
)
def test_ids(raw, expected):
    assert parse_id(raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("en", "en"),
        ("pt-BR", "pt"),
        ("zh_Hans", "zh"),
        ("['de', 'en']", "de"),
        (["fr"], "fr"),
        ("und", None),
        ("English", None),
    ],
)
def test_languages(raw, expected):
    assert parse_lang(raw) == expected


def test_truth_values():
    assert [parse_bool(raw) for raw in ("True", "no", 1, 0.0, True)] == [True, False, True, False, True]
    assert [parse_bool(raw) for raw in ("maybe", None, [], "2")] == [None] * 4


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("['a', 'b']", ["a", "b"]),
        ('["a", "b"]', ["a", "b"]),
        ("[{'file': 'a.jpg'}]", [{"file": "a.jpg"}]),
        (["a"], ["a"]),
        ("a", ["a"]),
        ("[Serious] question", ["[Serious] question"]),
        ("[not a literal]", ["[not a literal]"]),
        ("[__import__('os')]", ["[__import__('os')]"]),
        ("nan", []),
        ("", []),
        (None, []),
    ],
)
def test_lists(raw, expected):
    assert parse_list(raw) == expected


@pytest.mark.parametrize(
    "raw", ["[" * 10_000 + "]" * 10_000, "[" + "-" * 19_000 + "1]", "[" + "9" * 19_000 + "]", "[1,\0]"]
)
def test_literals_that_would_break_a_parser_stay_as_they_are(raw):
    assert parse_list(raw) == [raw]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Tom &amp; Jerry", "Tom & Jerry"),
        ("&amp;lt;", "&lt;"),
        ("&#57361; &#x1F600;", "\ue011 😀"),
        ("?a=1&copy=2&reg", "?a=1&copy=2&reg"),
        ("&nonsense; &#99999999;", "&nonsense; &#99999999;"),
    ],
)
def test_entities_are_unescaped_once(raw, expected):
    assert unescape(raw) == expected


def test_clean_takes_what_no_database_holds_and_nothing_else():
    assert clean(" a\x00b\ud800c\r\nd\re ") == "abc\nd\ne"
    marks = "a\u200bb\u200f\u202ec\ufe0f👩\u200d💻"
    assert clean(marks) == marks


@given(st.text(alphabet=st.characters(codec=None)))
def test_cleaned_text_can_be_stored_and_is_cleaned_once(text):
    cleaned = clean(text)
    assert "\x00" not in cleaned
    assert clean(cleaned) == cleaned
    cleaned.encode()


def test_missing_strings():
    assert [parse_string(raw) for raw in ("nan", "None", "NULL", "", " ", None, [], b"x")] == [None] * 8
    assert parse_string("na") == "na"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        *(
            ("['a', 'b']", "a, b"),
            (["a", 1], "a, 1"),
            ("[1]", "1"),
            ([], None),
            ("", None),
            (math.nan, None),
            (True, True),
        ),
        *(
            (2**70, str(2**70)),
            (1.5, 1.5),
            (Decimal("1.5"), 1.5),
            (date(2020, 1, 2), "2020-01-02"),
            (b"abc", "3 bytes"),
        ),
        *(({"a": [1]}, '{"a": [1]}'), ([{"a": 1}], '[{"a": 1}]'), ({}, None)),
    ],
)
def test_scalars(raw, expected):
    assert to_scalar(raw) == expected


@given(CELLS)
@settings(max_examples=300)
def test_a_scalar_is_plain_json(raw):
    scalar = to_scalar(raw)
    assert scalar is None or isinstance(scalar, (str, int, float, bool))
    json.dumps(scalar, allow_nan=False, ensure_ascii=False).encode()
