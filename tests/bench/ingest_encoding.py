"""How much of the bare models' throughput an ingest keeps, as one JSON line: ``python -m tests.bench.ingest_encoding``

A folder of texts, and one of pictures, goes in by the command, once whole and once a few of it: what is between the two
leaves out the start of the program and the loading of the models, and holds all else that an ingest does: reading,
cleaning, storing, the words' index. The bare models, as :mod:`tests.bench.encoding` has them, run beside it.
"""

import csv
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from core.encoders.efficientnet_lite import SIDE
from core.settings import ROOT
from tests.bench.encoding import bare_picture_model, bare_text_model, per_second, photographs, posts

TEXTS, PICTURES, FEW = 2400, 384, 8


def main():
    texts = [f"{text} {number}" for number in range(6) for text in posts()][:TEXTS]
    pictures = [picture for seed in range(6) for picture in photographs(seed)][:PICTURES]
    pixels = np.random.default_rng(0).integers(0, 256, (64, SIDE, SIDE, 3), dtype=np.uint8)
    bare_texts, bare_pictures = bare_text_model(), bare_picture_model()
    figures = {
        "texts_per_s": between(write_texts, texts),
        "bare_texts_per_s": per_second(lambda: bare_texts(texts[:400]), 400),
        "pictures_per_s": between(write_pictures, pictures),
        "bare_pictures_per_s": per_second(lambda: bare_pictures(pixels), 64),
    }
    figures["texts_ratio"] = figures["texts_per_s"] / figures["bare_texts_per_s"]
    figures["pictures_ratio"] = figures["pictures_per_s"] / figures["bare_pictures_per_s"]
    print(json.dumps({name: round(value, 2) for name, value in figures.items()}))


def between(write, things):
    """Things a second that an ingest of all takes longer than one of FEW."""
    with tempfile.TemporaryDirectory() as folder:
        few, all_ = (write(Path(folder) / name, some) for name, some in (("few", things[:FEW]), ("all", things)))
        ingest(few, Path(folder) / "warm")  # the files of the program are in memory from here on
        return (len(things) - FEW) / (ingest(all_, Path(folder) / "second") - ingest(few, Path(folder) / "first"))


def ingest(path, workspace):
    """Seconds that the command takes on a new workspace."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "core", "ingest", str(path), "--workspace", str(workspace), "--json"]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def write_texts(folder, texts):
    folder.mkdir()
    with (folder / "posts.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        writer.writerows(enumerate(texts))
    return folder / "posts.csv"


def write_pictures(folder, pictures):
    folder.mkdir()
    for number, picture in enumerate(pictures):
        (folder / f"{number}.jpg").write_bytes(picture)
    return folder


if __name__ == "__main__":
    main()
