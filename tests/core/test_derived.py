"""The folder convention of derived parts: whole old or whole new, whatever happens."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core import derived
from core.settings import ROOT

SAVE_LOOP = """
import sys
from pathlib import Path
from core import derived

folder, generation = Path(sys.argv[1]), int(sys.argv[2])

def fill(version):
    for name in ("one.bin", "two.bin", "below/three.bin"):
        (version / name).parent.mkdir(exist_ok=True)
        (version / name).write_bytes(f"{generation}".encode() * 20_000)

print("ready", flush=True)
while True:
    generation += 1
    derived.write(folder, generation, fill, model_id="m")
"""


def fill_with(text: str):
    def fill(version: Path) -> None:
        (version / "a.txt").write_text(text)

    return fill


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    written = derived.write(tmp_path / "part", 7, fill_with("seven"), model_id="minilm", space="text")
    read = derived.read_manifest(tmp_path / "part")
    assert read == written
    assert read is not None
    assert (read.generation, dict(read.about)) == (7, {"model_id": "minilm", "space": "text"})
    assert (read.folder / "a.txt").read_text() == "seven"
    assert read.files["a.txt"].bytes == 5
    assert derived.verify(tmp_path / "part", checksums=True) == []


def test_old_versions_are_cleaned_up_one_write_later(tmp_path: Path) -> None:
    first = derived.write(tmp_path, 1, fill_with("one"))
    second = derived.write(tmp_path, 1, fill_with("again"))
    assert first.folder.exists() and second.folder != first.folder
    third = derived.write(tmp_path, 3, fill_with("three"))
    assert not first.folder.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["manifest.json", second.folder.name, third.folder.name]
    )


def test_a_writer_that_fails_leaves_the_old_version(tmp_path: Path) -> None:
    derived.write(tmp_path, 1, fill_with("one"))

    def fails(version: Path) -> None:
        (version / "a.txt").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        derived.write(tmp_path, 2, fails)
    read = derived.read_manifest(tmp_path)
    assert read is not None and read.generation == 1
    assert derived.verify(tmp_path, checksums=True) == []
    assert len(list(tmp_path.iterdir())) == 2


def test_a_missing_part_says_so(tmp_path: Path) -> None:
    assert derived.read_manifest(tmp_path / "nothing") is None
    assert derived.verify(tmp_path / "nothing") == ["nothing: not built yet."]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"format": 1}',
        b"[" * 100_000,
        b'{"format": 99, "generation": 1, "folder": ".", "files": {}, "about": {}, "created_at": "2024-01-01"}',
        b'{"format": 1, "generation": 1, "folder": "../x", "files": {}, "about": {}, "created_at": "2024-01-01"}',
        b'{"format": 1, "generation": 1, "folder": 5, "files": {}, "about": {}, "created_at": "2024-01-01"}',
        b'{"format": 1, "generation": "x", "folder": ".", "files": {}, "about": {}, "created_at": "2024-01-01"}',
        b'{"format": 1, "generation": 1, "folder": ".", "files": {"../../etc/passwd": {"bytes": 1, "sha256": ""}},'
        b' "about": {}, "created_at": "2024-01-01"}',
    ],
)
def test_a_damaged_or_hostile_manifest_is_no_manifest(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    assert derived.read_manifest(tmp_path) is None
    assert len(derived.verify(tmp_path)) == 1


def test_damage_is_found_by_size_at_once_and_by_checksum(tmp_path: Path) -> None:
    manifest = derived.write(tmp_path, 1, fill_with("hello"))
    path = manifest.folder / "a.txt"
    path.write_text("hallo")
    assert derived.verify(tmp_path) == []
    assert "checksum" in derived.verify(tmp_path, checksums=True)[0]
    path.write_text("hell")
    assert "4 bytes" in derived.verify(tmp_path)[0]
    path.unlink()
    assert "can't be read" in derived.verify(tmp_path)[0]


def test_a_manifest_of_another_format_is_left_alone_until_the_next_write(tmp_path: Path) -> None:
    manifest = derived.write(tmp_path, 1, fill_with("one"))
    document = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(document | {"format": 2}))
    assert derived.read_manifest(tmp_path) is None
    assert "another version" in derived.verify(tmp_path)[0]
    derived.write(tmp_path, 2, fill_with("two"))
    assert not manifest.folder.exists()


def test_killed_at_any_moment_of_a_save_the_part_is_whole(tmp_path: Path) -> None:
    chance = random.Random(20)
    generation = 0
    for _ in range(20):
        command = [sys.executable, "-c", SAVE_LOOP, str(tmp_path), str(generation)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT)}) as process:
            assert process.stdout is not None and process.stdout.readline() == b"ready\n"
            time.sleep(chance.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
        manifest = derived.read_manifest(tmp_path)
        if manifest is None:
            assert generation == 0 and derived.verify(tmp_path) == [f"{tmp_path.name}: not built yet."]
            continue
        assert derived.verify(tmp_path, checksums=True) == []
        assert manifest.generation >= generation
        assert (manifest.folder / "two.bin").read_bytes() == f"{manifest.generation}".encode() * 20_000
        generation = manifest.generation
    assert generation > 0
