"""Readers of plain tables, pictures, archives and other tools' folders, fed with files that somebody damaged."""

import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import ImportFailed
from core.ingest.media_store import keep_picture
from core.ingest.readers.acts import read_acts, read_profiles, recognise_acts
from core.ingest.recognise import estimate_rows, read, recognise
from core.ingest.records import ActRecord, Failure, PostRecord
from core.settings import Settings
from core.types import Interaction, User
from tests.core.ingest.made_sources import FORMATS, make_sources

QUICK = settings(max_examples=12, suppress_health_check=list(HealthCheck), deadline=None, derandomize=True)
JUNK = st.binary(max_size=4) | st.sampled_from(
    [b'"', b"{", b"}", b"[", b"]", b"\n", b"\r", b",", b"\t", b"\\", b"\x00"]
)
LONG = st.sampled_from([b"9" * 400, b"[" * 3000, b'"' * 301, b",a" * 600, b"0000-01-01", b"\xff\xfe", b"\xc3\x28"])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    make_sources(folder)
    return folder


def damage(raw, data):
    raw = bytearray(raw)
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 6))] = data.draw(JUNK | LONG)
    if data.draw(st.booleans()):
        del raw[data.draw(st.integers(0, len(raw))) :]
    return bytes(raw)


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.data())
@QUICK
def test_a_damaged_source_gives_records_failures_or_a_sentence(made, tmp_path, name, data):
    target = tmp_path / name
    shutil.rmtree(target, ignore_errors=True)
    if (made / name).is_dir():
        shutil.copytree(made / name, target)
        files = sorted(path for path in target.rglob("*") if path.is_file())
        chosen = data.draw(st.sampled_from(files))
    else:
        shutil.copy(made / name, target)
        chosen = target
    chosen.write_bytes(damage(chosen.read_bytes(), data))
    limits = Settings(workspace=tmp_path / "none")
    try:
        source = recognise(target)
        estimate_rows(source)
        for item in read(source):
            assert isinstance(item, PostRecord | ActRecord | Failure)
            for picture in item.pictures if isinstance(item, PostRecord) else ():
                kept = keep_picture(picture, "p", 0, tmp_path / "media", limits)
                assert (kept.path is None) == (kept.error is not None)
    except ImportFailed as error:
        assert str(error)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lists.txt", "0 1 2 3\n1 2 5\n2 7\n"),
        ("likes.csv", "user,post,kind,created_at\nann,p1,like,2024-01-02\nbob,p2,view,2024-01-03\n"),
        ("users.csv", "id,name,handle,followers\nann,Ann,ann,3\nbob,Bob,bob,4\n"),
    ],
)
@given(data=st.data())
@QUICK
def test_damaged_interactions_and_profiles_too(tmp_path, name, text, data):
    path = tmp_path / name
    path.write_bytes(damage(text.encode(), data))
    for give in (lambda: read_acts(recognise_acts(path), kind="like"), lambda: read_profiles(path)):
        try:
            items = list(give())
        except ImportFailed as error:
            assert str(error)
        else:
            assert all(isinstance(item, Interaction | User | Failure) for item in items)
