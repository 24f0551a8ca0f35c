"""Whatever a stranger's file holds, each reader gives records, acts, failures, or a sentence."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import ImportFailed
from core.ingest.readers.export_files import OBJECTS, TABLES
from core.ingest.readers.markup import strip_html
from core.ingest.recognise import read, recognise
from core.ingest.records import ActRecord, Failure, PostRecord
from tests.core.ingest.test_exports import FIXTURES, FORMATS

QUICK = settings(max_examples=15, suppress_health_check=list(HealthCheck), deadline=None, derandomize=True)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("at://x/y/z")
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
FILES = [name for name in FORMATS if (FIXTURES / name).is_file()]


def places(value, path=()):
    """The path of everything in a document."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def put(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(copy[path[0]], path[1:], new)
    return copy


def objects_of(name):
    text = (FIXTURES / name).read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()] if name.endswith(("ndjson", "jsonl")) else json.loads(text)


@pytest.mark.parametrize("name", [name for name in FILES if "json" in name])
@given(data=st.data())
@QUICK
def test_any_value_may_stand_in_any_place(tmp_path, name, data):
    objects = objects_of(name)
    for _ in range(data.draw(st.integers(1, 4))):
        where = data.draw(st.sampled_from(list(places(objects))[1:]))
        try:
            objects = put(objects, where, data.draw(VALUES))
        except (KeyError, IndexError, TypeError):  # an earlier change took the place away
            continue
    lines = name.endswith(("ndjson", "jsonl")) and isinstance(objects, list)
    path = tmp_path / name
    path.write_text("\n".join(map(json.dumps, objects)) if lines else json.dumps(objects))
    check(path)


@pytest.mark.parametrize("name", FILES)
@given(data=st.data())
@QUICK
def test_any_bytes_may_stand_in_any_place(tmp_path, name, data):
    raw = bytearray((FIXTURES / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(raw)))
        junk = st.binary(max_size=4) | st.sampled_from([b'"', b"{", b"}", b"[", b"]", b"\n", b",", b"\\", b"\x00"])
        raw[at : at + data.draw(st.integers(0, 5))] = data.draw(junk)
    path = tmp_path / name
    path.write_bytes(raw)
    check(path)


def check(path):
    try:
        source = recognise(path)
        assert all(isinstance(item, (PostRecord, ActRecord, Failure)) for item in read(source))
    except ImportFailed as error:
        assert str(error)


@pytest.mark.parametrize("export", [*OBJECTS, *TABLES], ids=lambda export: export.name)
@given(item=st.dictionaries(st.text(max_size=6), VALUES, max_size=4))
@QUICK
def test_a_reader_refuses_what_it_does_not_know(export, item):
    if not export.is_one(item):
        assert export.rows(item) is None


@given(st.text(alphabet="<>ap br/=\"' &;x!-", max_size=60))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_no_tag_is_left_of_markup(markup):
    text = strip_html(markup)
    assert "<p>" not in text
    assert "</a>" not in text


def test_stripping_takes_no_longer_than_it_must():
    for hostile in ("<a " * 100_000, "<" * 200_000, '<a href="x">' * 50_000, "<p>" * 100_000, "<!--" * 80_000):
        assert len(strip_html(hostile)) <= len(hostile)
