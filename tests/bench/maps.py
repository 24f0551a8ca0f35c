"""Maps: building one beside bare umap, how true it is, placing new posts, and drawing in a browser.

python -m tests.bench.maps WORKSPACE [--label COLUMN] [--parts build,place,browser]

``build`` makes the words map of the workspace's vectors and then lets ``umap.UMAP().fit`` do it on the same vectors
with the same parameters and its own neighbour search, in a process of its own. Both have the same random_state, for
which umap takes one thread; ours finds neighbours with FEEDSCOPE_THREADS, by default all. With ``--label``, an imported
column, it tells how well the ten nearest guess it, on the map and in the vectors, and how pure the clusters are.
``place`` takes the newest 1,000 posts off the map and places them again. ``browser`` draws made-up maps of 20,000,
200,000 and a million points in Chromium, from the click on the address to the first drawing, and counts the bytes on
the wire.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from core.maps.arrivals import arrivals
from core.maps.building import build_params
from core.maps.clusters import find_clusters
from core.maps.layouts import Cluster, Drawn, Recipe, read_layout, write_layout
from core.maps.neighbours import post_vectors
from core.maps.placing import place
from core.settings import ROOT, Settings
from core.workspace import Workspace
from tests.bench.first_page import CHROMIUM, server

BARE = """
import json, resource, sys, time
import numpy as np
import umap
vectors = np.load(sys.argv[1])
started, worked = time.perf_counter(), time.process_time()
fitted = umap.UMAP(
    n_neighbors=int(sys.argv[4]), min_dist=float(sys.argv[3]), negative_sample_rate=int(sys.argv[5]), metric="cosine",
    random_state=42,
).fit(vectors)
print(json.dumps({"seconds": time.perf_counter() - started, "cpu_s": time.process_time() - worked,
                  "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))
np.save(sys.argv[2], fitted.embedding_)
"""


def measure_build(workspace, label, folder):
    rows, vectors, _ = post_vectors(workspace, "text")
    np.save(folder / "vectors.npy", vectors)
    recipe = Recipe("text")
    phases = {}

    def listen(job):
        phases.setdefault(job.phase, time.perf_counter())

    started, worked = time.perf_counter(), _worked()
    result = workspace.jobs.run_now("map", build_params(recipe, "Bench"), title="Bench", listener=listen).result
    ours, ours_cpu = time.perf_counter() - started, _worked() - worked
    peaks = [resource.getrusage(who).ru_maxrss // 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    clusters = started + ours - phases["finding clusters"]
    began = [*phases.values(), started + ours]
    took = {name: round(after - at, 1) for name, at, after in zip(phases, began, began[1:], strict=False)}
    command = [sys.executable, "-c", BARE, str(folder / "vectors.npy"), str(folder / "bare.npy"), str(recipe.min_dist),
               str(recipe.neighbours), str(recipe.negatives)]  # fmt: skip
    bare = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT).stdout)
    found = {
        "posts": len(rows),
        "ours_s": round(ours, 1),
        "phases_s": took,
        "clusters_and_names_s": round(clusters, 1),
        "bare_umap_s": round(bare["seconds"], 1),
        "cpu_s": {"ours": round(ours_cpu, 1), "bare": round(bare["cpu_s"], 1)},
        "of_bare": round((ours - clusters) / bare["seconds"], 2),
        "clusters_and_names_of_layout": round(clusters / (ours - clusters), 2),
        "peak_mb": {"this process": peaks[0], "child": peaks[1], "bare": bare["peak_mb"]},
        "trustworthiness": result["trustworthiness"],
        "knn_overlap": result["knn_overlap"],
    }
    if label:
        found |= quality(workspace, read_layout(workspace, "Bench"), vectors, np.load(folder / "bare.npy"), label)
    return found


def _worked():
    """Seconds of processor time of this process and the children that have ended: what a busy machine makes longer
    less than the time on the clock. Ours holds clusters and names."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def quality(workspace, layout, vectors, bare, label, sample=5000):
    """How well the ten nearest guess the label, for a fair sample of posts."""
    from scipy.spatial import cKDTree

    values = dict(workspace.cursor().execute("SELECT row, json_extract_string(extra, ?) FROM posts", [f'$."{label}"'])
                  .fetchall())  # fmt: skip
    _, codes = np.unique([str(values.get(row)) for row in layout.rows.tolist()], return_inverse=True)
    some = np.sort(np.random.default_rng(0).choice(len(codes), min(sample, len(codes)), replace=False))
    index = workspace.indexes.vector("text")
    _, near = index.search(vectors[some], 11)
    near = np.searchsorted(layout.rows, near)

    def guessed(positions):
        theirs = [codes[row[row != own][:10]] for own, row in zip(some, positions, strict=True)]
        return float(np.mean([np.bincount(of).argmax() == codes[own] for own, of in zip(some, theirs, strict=True)]))

    accuracy = {"vectors": guessed(near)}
    for name, xy in (("map", layout.xy), ("bare_umap", bare)):
        accuracy[name] = guessed(cKDTree(xy).query(xy[some], k=11)[1])
    purity = {}
    for labels in layout.labels:
        pairs = np.zeros((labels.max() + 1, codes.max() + 1), np.int64)
        np.add.at(pairs, (labels, codes), 1)
        purity[str(len(pairs))] = round(float(pairs.max(axis=1).sum() / len(codes)), 3)
    return {
        "labels": int(codes.max() + 1),
        "knn_accuracy": {name: round(value, 4) for name, value in accuracy.items()},
        "map_of_vectors": round(accuracy["map"] / accuracy["vectors"], 3),
        "bare_of_vectors": round(accuracy["bare_umap"] / accuracy["vectors"], 3),
        "purity_by_clusters": purity,
    }


def measure_place(workspace, count=1000):
    layout = read_layout(workspace, "Bench")
    count = min(count, len(layout.rows) // 3)
    kept = np.arange(len(layout.rows) - count)
    times = []
    for _ in range(3):
        started = time.perf_counter()
        placed = place(layout, kept, arrivals(workspace, layout, kept, layout.rows), lambda *_: None)
        times.append(time.perf_counter() - started)
    away = np.linalg.norm(placed.xy[-count:] - layout.xy[-count:], axis=1)
    return {
        "at": len(kept),
        "placed": count,
        "seconds": round(statistics.median(times), 2),
        "first_s": round(times[0], 2),
        "old_points_moved": int((placed.xy[: len(kept)] != layout.xy[: len(kept)]).any(axis=1).sum()),
        "median_from_first_place_of_width": round(float(np.median(away)) / layout.bounds()[2], 4),
    }


def make_up(workspace, count):
    """A layout of so many points in 60 clouds, without posts behind them."""
    chance = np.random.default_rng(count)
    centres = chance.normal(scale=6, size=(60, 2))
    of = chance.integers(0, 60, count)
    xy = (centres[of] + chance.normal(scale=0.7, size=(count, 2))).astype(np.float32)
    found = find_clusters(xy, [12, 60, 200])
    clusters = [
        Cluster(level, number, int(found.parents[level][number]), f"made up {level}.{number}",
                int((found.labels[level] == number).sum()), float(x), float(y))
        for level, peaks in enumerate(found.peaks) for number, (x, y) in enumerate(peaks)
    ]  # fmt: skip
    drawn = Drawn(
        rows=np.arange(1, count + 1), xy=xy, placed=np.zeros(count, bool), near=np.zeros((count, 1), np.int32),
        far=np.zeros((count, 1), np.float16), labels=found.labels, clusters=tuple(clusters),
    )  # fmt: skip
    write_layout(
        workspace, f"made up {count}", Recipe("text"), drawn, generation=0, created_at=datetime(2024, 1, 1), seconds=1
    )


def measure_browser(folder, rounds=5):
    path = folder / "made-up"
    with Workspace.open(path, Settings(workspace=path), create=True) as workspace:
        workspace.jobs.run_now("ingest", {"path": str(_one_post(folder))}, title="One post")
        for count in (20_000, 200_000, 1_000_000):
            make_up(workspace, count)
    seconds, wire = {}, {}
    with (
        server(ROOT / "dashboard" / "app.py", {"FEEDSCOPE_WORKSPACE": str(path)}) as address,
        sync_playwright() as player,
    ):
        browser = player.chromium.launch(**CHROMIUM)
        for count in (20_000, 200_000, 1_000_000):
            drawn = [_draw(browser, f"{address}/map?layout=made-up-{count}") for _ in range(rounds + 1)][1:]
            seconds[count] = statistics.median(took for took, _ in drawn)
            wire[count] = max(size for _, size in drawn)
        browser.close()
    return {
        "seconds": {f"{count:,}": round(took, 2) for count, took in seconds.items()},
        "200k_of_20k": round(seconds[200_000] / seconds[20_000], 2),
        "1m_of_20k": round(seconds[1_000_000] / seconds[20_000], 2),
        "map_mb_on_the_wire": {f"{count:,}": round(size / 1e6, 2) for count, size in wire.items()},
    }


def _one_post(folder):
    file = folder / "one.csv"
    file.write_text("id,text\np1,Hello there\n")
    return file


def _draw(browser, url):
    """(seconds until the map is drawn, bytes that came over the socket); the app's own scripts are not counted, which
    are the same for every page and come once."""
    page = browser.new_page(viewport={"width": 1360, "height": 900})
    received = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))))
    started = time.perf_counter()
    page.goto(url)
    page.locator(".board[data-drawn]").wait_for(timeout=120_000)
    took = time.perf_counter() - started
    page.close()
    return took, sum(received)


def measure(path, label=None, parts=("build", "place", "browser")):
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        with Workspace.open(path, Settings(workspace=path)) as workspace:
            if "build" in parts:
                found["build"] = measure_build(workspace, label, Path(folder))
            if "place" in parts:
                found["place"] = measure_place(workspace)
        if "browser" in parts:
            found["browser"] = measure_browser(Path(folder))
    return found


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("workspace", type=Path)
    arguments.add_argument("--label")
    arguments.add_argument("--parts", default="build,place,browser")
    given = arguments.parse_args()
    print(json.dumps(measure(given.workspace, given.label, given.parts.split(","))))
