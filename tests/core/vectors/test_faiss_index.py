"""What is FaissIndex's own: families, files, damage, threads."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core import derived
from core.errors import JobStopped, VectorError
from core.settings import ROOT
from core.types import Space
from core.vectors import faiss_index
from core.vectors.faiss_index import FaissIndex, build_index
from core.vectors.families import FAMILIES

DIM = 16
SPACE = Space("text", "test-model", DIM)


def vectors(seed: int, count: int) -> NDArray[np.float32]:
    found = np.random.default_rng(seed).standard_normal((count, DIM)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def build(family: str, count: int = 4_000) -> FaissIndex:
    return build_index(vectors(0, count), np.arange(count), SPACE, family)


def test_a_graph_says_how_good_it_is(tmp_path: Path) -> None:
    index = build("hnsw")
    assert 0.99 <= index.recall <= 1.0
    index.save(tmp_path, generation=1)
    assert FaissIndex.load(tmp_path).recall == index.recall
    assert build("flat").recall == 1.0


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(VectorError, match="flat, hnsw"):
        build("magic", 10)


def test_building_anew_is_advised_when_another_family_suits() -> None:
    assert build("flat", 10).rebuild_reason() is None
    assert "few enough" in (build("hnsw", 100).rebuild_reason() or "")
    assert build("hnsw", 100).rebuild_reason("hnsw") is None
    assert "by hand" in (build("hnsw", 100).rebuild_reason("ivf_pq") or "")
    assert build("hnsw", 0).rebuild_reason("hnsw") is None
    with pytest.raises(VectorError, match="magic"):
        build("flat", 10).rebuild_reason("magic")


@pytest.mark.parametrize("family", ["hnsw", "sq8"])
def test_building_anew_is_advised_when_much_has_changed(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faiss_index, "_REBUILD_LEAST", 100)
    index = build(family, 1_000)
    index.add(np.arange(5_000, 5_080), vectors(3, 80))
    index.remove(np.arange(0, 100))
    assert index.rebuild_reason(family) is None
    index.remove(np.arange(100, 120))
    assert "200 vectors were added or removed" in (index.rebuild_reason(family) or "")


@pytest.mark.parametrize("family", FAMILIES)
def test_building_tells_its_progress_and_can_be_stopped(family: str) -> None:
    seen: list[tuple[int, int]] = []
    data = vectors(20, 3_000)
    build_index(data, np.arange(3_000), SPACE, family, report=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 3_000)
    assert seen[-1] == (3_000, 3_000)
    with pytest.raises(JobStopped):
        build_index(data, np.arange(3_000), SPACE, family, stopped=lambda: True)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_was_chosen_is_saved(tmp_path: Path, family: str) -> None:
    index = build(family, 2_000)
    index.save(tmp_path, generation=1)
    again = FaissIndex.load(tmp_path)
    assert (again.settings, again.recall, again.plan(10)) == (index.settings, index.recall, index.plan(10))
    assert (again.memory_bytes, again.capabilities) == (index.memory_bytes, index.capabilities)


def test_codes_without_what_was_chosen_are_refused(tmp_path: Path) -> None:
    build("ivf_pq", 500).save(tmp_path, generation=1)
    path = tmp_path / derived.MANIFEST
    path.write_text(path.read_text().replace("nprobe", "n"))
    with pytest.raises(VectorError, match="damaged"):
        FaissIndex.load(tmp_path)


@pytest.mark.parametrize("family", FAMILIES)
def test_vectors_of_any_float_may_be_stored(family: str) -> None:
    data = vectors(21, 300)
    index = build_index(data.astype(np.float64), np.arange(300), SPACE, family)
    np.testing.assert_array_equal(index.reconstruct(np.arange(300)), data)


def test_an_index_that_is_not_there_or_of_another_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VectorError, match="not built yet"):
        FaissIndex.load(tmp_path / "nothing")
    build("flat").save(tmp_path / "flat", generation=1)
    FaissIndex.load(tmp_path / "flat", SPACE)
    with pytest.raises(VectorError, match="test-model, not of another"):
        FaissIndex.load(tmp_path / "flat", Space("text", "another", DIM))


@pytest.mark.parametrize("family", FAMILIES)
def test_damage_ends_in_a_clear_error_or_in_an_answer(tmp_path: Path, family: str) -> None:
    build(family).save(tmp_path, generation=1)
    manifest = derived.read_manifest(tmp_path)
    assert manifest is not None
    chance = random.Random(3)
    for name in manifest.files:
        path = manifest.folder / name
        good = path.read_bytes()
        for places in [
            range(0, 60),
            range(60, 200),
            *(range(at, at + 300) for at in chance.choices(range(len(good)), k=3)),
        ]:
            bad = bytearray(good)
            for place in places:
                if place < len(bad):
                    bad[place] = chance.randrange(256)
            path.unlink()  # so that the open index goes on with the good file
            path.write_bytes(bytes(bad))
            try:
                index = FaissIndex.load(tmp_path)
            except VectorError:
                continue
            index.search(vectors(1, 5), 3)
            assert derived.verify(tmp_path, checksums=True) or bytes(bad) == good
        path.unlink()
        path.write_bytes(good[:-1])
        with pytest.raises(VectorError, match="bytes"):
            FaissIndex.load(tmp_path)
        path.write_bytes(good)
    assert len(FaissIndex.load(tmp_path)) == 4_000


def test_a_graph_is_linked_from_version_to_version_and_keeps_its_checksum(tmp_path: Path) -> None:
    index = build("hnsw")
    index.save(tmp_path, generation=1)
    first = derived.read_manifest(tmp_path)
    index.add(np.array([9_000]), vectors(2, 1))
    index.save(tmp_path, generation=2)
    second = derived.read_manifest(tmp_path)
    assert first is not None
    assert second is not None
    assert first.files["hnsw.faiss"] == second.files["hnsw.faiss"]
    assert (first.folder / "hnsw.faiss").stat().st_ino == (second.folder / "hnsw.faiss").stat().st_ino
    # Damage taken before a save is still damage after it.
    with (second.folder / "hnsw.faiss").open("r+b") as file:
        file.seek(-5, os.SEEK_END)
        file.write(b"xxxxx")
    index.save(tmp_path, generation=3)
    assert len(derived.verify(tmp_path, checksums=True)) == 1


def test_saving_into_another_folder_and_over_another_index(tmp_path: Path) -> None:
    index = build("hnsw")
    index.save(tmp_path / "a", generation=1)
    index.save(tmp_path / "b", generation=1)
    build("flat", 30).save(tmp_path / "a", generation=2)
    assert (len(FaissIndex.load(tmp_path / "a")), FaissIndex.load(tmp_path / "a").family) == (30, "flat")
    assert len(FaissIndex.load(tmp_path / "b")) == 4_000
    index.save(tmp_path / "a", generation=3)
    index.save(tmp_path / "a", generation=4)
    assert len(FaissIndex.load(tmp_path / "a")) == 4_000


def test_vectors_may_lie_in_a_file_and_are_not_copied_by_flat(tmp_path: Path) -> None:
    np.save(tmp_path / "vectors.npy", vectors(4, 5_000))
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    index = build_index(mapped, np.arange(5_000), SPACE, "flat")
    assert index.search(mapped[7:8], 1)[1].tolist() == [[7]]
    assert np.shares_memory(index._state.base.family.matrix, mapped)


def test_adding_many_times_shares_its_room() -> None:
    index = FaissIndex(SPACE)
    data = vectors(5, 3_000)
    for start in range(0, 3_000, 30):
        index.add(np.arange(start, start + 30), data[start : start + 30])
        if start == 900:
            index.remove(np.arange(0, 10))
    assert len(index) == 2_990
    assert (index.search(data[10:], 1)[1][:, 0] == np.arange(10, 3_000)).all()


@pytest.mark.parametrize("family", ["flat", "hnsw", "ivf_flat", "lsh"])
def test_searches_from_many_threads_while_rows_come_and_go(family: str) -> None:
    """Rows below 100 stay all the time and must always be found; rows that were removed for good must never be."""
    index = build(family)
    data = vectors(0, 4_000)
    gone = np.arange(3_000, 3_100)
    index.remove(gone)
    done = threading.Event()
    wrong: list[object] = []

    def read(seed: int) -> None:
        chance = np.random.default_rng(seed)
        while not done.is_set():
            row = int(chance.integers(0, 100))
            scores, rows = index.search(data[row : row + 1], 20)
            allowed = index.search(data[row : row + 1], 3, allowed=np.arange(50, 150))[1]
            if rows[0, 0] != row or np.isin(rows, gone).any() or not (np.diff(scores) <= 0).all():
                wrong.append((row, rows))
            if ((allowed >= 0) & ((allowed < 50) | (allowed >= 150))).any():
                wrong.append((row, allowed))

    readers = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for reader in readers:
        reader.start()
    for step in range(60):
        fresh = np.arange(10_000 + 20 * step, 10_000 + 20 * step + 40)
        index.add(fresh, vectors(step, 40))
        index.remove(fresh[:30])
        index.add(np.arange(200, 220), vectors(step + 1, 20))
    done.set()
    for reader in readers:
        reader.join()
    assert wrong == []


SAVE_LOOP = """
import sys
from pathlib import Path
import numpy as np
from core.types import Space
from core.vectors.faiss_index import FaissIndex

folders = [Path(path) for path in sys.argv[1:]]
indexes = [FaissIndex.load(folder) for folder in folders]
print("ready", flush=True)
while True:
    for folder, index in zip(folders, indexes, strict=True):
        vector = np.zeros((1, 16), np.float32)
        vector[0, len(index) % 16] = 1
        index.add(np.array([100_000 + len(index)]), vector)
        index.save(folder, generation=len(index))
"""


def test_killed_at_any_moment_of_a_save_the_index_opens(tmp_path: Path) -> None:
    folders = [tmp_path / family for family in ("flat", "hnsw", "opq_ivf_pq", "lsh")]
    for folder in folders:
        build(folder.name, 1_000).save(folder, generation=1_000)
    chance = random.Random(11)
    for _ in range(20):
        command = [sys.executable, "-c", SAVE_LOOP, *map(str, folders)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            time.sleep(chance.uniform(0, 0.1))
            process.send_signal(signal.SIGKILL)
        for folder in folders:
            index = FaissIndex.load(folder)
            manifest = derived.read_manifest(folder)
            assert manifest is not None
            assert len(index) == manifest.generation
            assert derived.verify(folder, checksums=True) == []
            assert index.search(vectors(0, 1), 1)[1].tolist() == [[0]]
    assert any(len(FaissIndex.load(folder)) > 1_000 for folder in folders)
