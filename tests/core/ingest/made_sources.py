"""Sources that are made rather than kept: plain tables, pictures in the folders of other tools, packed dumps.

With the files of ``tests/fixtures`` they are one of each format that can be imported.
"""

import csv
import io
import json
import shutil
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from PIL import Image

from core.settings import ROOT

FIXTURES = ROOT / "tests" / "fixtures"
FORMATS = {
    "plain.csv": "csv",
    "plain.tsv": "tsv",
    "plain.jsonl": "jsonl",
    "plain.json": "json",
    "plain.parquet": "parquet",
    "pictures-column.parquet": "parquet",
    "captioned": "pictures",
    "pictures.zip": "pictures",
    "posts-and-pictures": "csv",
    "flickr": "flickr8k",
    "own": "feedscope",
    "img2dataset": "img2dataset",
    "clip-retrieval": "clip-retrieval",
    "RS_2023-09.zst": "reddit",
    "x-archive.zip": "x-archive",
}
ROWS = [
    {"id": "m1", "text": "Fog over the made harbour", "author": "mira", "date": "2024-03-01T10:00:00Z", "likes": 3},
    {"id": "m2", "text": "The ferry, made late again", "author": "noor", "date": "2024-03-02T11:00:00Z", "likes": 0},
]


def fixture_names():
    """The files and folders of ``tests/fixtures`` that are sources."""
    return sorted(
        path.name
        for path in FIXTURES.iterdir()
        if not path.name.endswith(".expected.json") and path.suffix not in (".jpg", ".jpeg", ".png")
    )


def make_sources(folder):
    """Writes one of each of FORMATS into a folder."""
    for name, sign in (("plain.csv", ","), ("plain.tsv", "\t")):
        (folder / name).write_text(_table(_named(name), sign), "utf-8")
    (folder / "plain.jsonl").write_text("".join(json.dumps(row) + "\n" for row in _named("jsonl")), "utf-8")
    (folder / "plain.json").write_text(json.dumps(_named("json")), "utf-8")
    pq.write_table(pa.Table.from_pylist(_named("parquet")), folder / "plain.parquet")
    pictures = [{"image": {"bytes": _jpeg("red"), "path": "a.jpg"}, "caption": "a made picture in a column"}]
    pq.write_table(pa.Table.from_pylist(pictures), folder / "pictures-column.parquet")
    _captioned(folder / "captioned")
    with zipfile.ZipFile(folder / "pictures.zip", "w") as file:
        file.writestr("shots/quay.jpg", _jpeg("green"))
    _posts_and_pictures(folder / "posts-and-pictures")
    _flickr(folder / "flickr")
    _own(folder / "own")
    _img2dataset(folder / "img2dataset")
    _clip_retrieval(folder / "clip-retrieval")
    lines = (FIXTURES / "reddit-submissions.ndjson").read_bytes()
    (folder / "RS_2023-09.zst").write_bytes(zstandard.ZstdCompressor().compress(lines))
    shutil.make_archive(str(folder / "x-archive"), "zip", FIXTURES / "x-archive")


def _named(name):
    return [{**row, "id": f"{name}-{row['id']}"} for row in ROWS]


def _table(rows, sign):
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]), delimiter=sign)
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def _jpeg(colour):
    buffer = io.BytesIO()
    Image.new("RGB", (32, 24), colour).save(buffer, "JPEG")
    return buffer.getvalue()


def _captioned(folder):
    folder.mkdir()
    for name, colour in (("one", "blue"), ("two", "pink")):
        (folder / f"{name}.jpg").write_bytes(_jpeg(colour))
    (folder / "one.txt").write_text("A made caption beside its picture")
    (folder / "two.json").write_text(json.dumps({"caption": "A made caption in fields", "date": "2020-01-02"}))


def _posts_and_pictures(folder):
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "1.jpg").write_bytes(_jpeg("yellow"))
    (folder / "posts.csv").write_text("post_id,text,image\nwith-picture,A made post with its picture,images/1.jpg\n")


def _flickr(folder):
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "77.jpg").write_bytes(_jpeg("orange"))
    lines = ["image,caption_index,caption", "77.jpg,0,An orange made square", "77.jpg,1,A square that was made orange"]
    (folder / "captions.csv").write_text("\n".join(lines))


def _own(folder):
    folder.mkdir()
    (folder / "posts.jsonl").write_text(json.dumps({"id": "own1", "text": "A made post of our own", "user_id": "u1"}))
    (folder / "users.jsonl").write_text(json.dumps({"id": "u1", "name": "Una"}))


def _img2dataset(folder):
    folder.mkdir()
    told = {"caption": "a made caption of a shard", "url": "https://e.example/0.jpg", "key": "0", "status": "success"}
    pq.write_table(pa.Table.from_pylist([{"jpg": _jpeg("purple"), **told}]), folder / "00000.parquet")
    (folder / "00000_stats.json").write_text("{}")


def _clip_retrieval(folder):
    for name in ("img_emb", "metadata", "images"):
        (folder / name).mkdir(parents=True)
    (folder / "images" / "a.jpg").write_bytes(_jpeg("brown"))
    np.save(folder / "img_emb" / "img_emb_0.npy", np.ones((1, 4), np.float16))
    rows = [{"image_path": "images/a.jpg", "caption": "a made caption of clip-retrieval", "url": "https://e.example/"}]
    pq.write_table(pa.Table.from_pylist(rows), folder / "metadata" / "metadata_0.parquet")
