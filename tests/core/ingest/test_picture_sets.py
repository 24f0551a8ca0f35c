"""Pictures with captions: beside them, inside them, in archives, and in the folders that other tools make."""

import base64
import io
import json
import tarfile
import zipfile
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from core.errors import ImportFailed
from core.ingest.readers.picture_metadata import read_metadata
from core.ingest.recognise import estimate_rows, recognise
from tests.core.ingest.reading import read_all, write_csv

LATEST = datetime(2030, 1, 1)


def png(colour="red"):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(buffer, "PNG")
    return buffer.getvalue()


def jpeg(**options):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, "JPEG", **options)
    return buffer.getvalue()


def iptc(*fields):
    """A JPEG with an APP13 segment of IPTC fields, as newspapers' programs write them."""
    data = b"".join(bytes([0x1C, 2, number]) + len(value).to_bytes(2, "big") + value for number, value in fields)
    block = b"Photoshop 3.0\x008BIM\x04\x04\x00\x00" + len(data).to_bytes(4, "big") + data + b"\x00" * (len(data) % 2)
    plain = jpeg()
    return plain[:2] + b"\xff\xed" + (len(block) + 2).to_bytes(2, "big") + block + plain[2:]


XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF>
<rdf:Description photoshop:DateCreated="2019-05-04T10:00:00+02:00">
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">Fog &amp; ferries</rdf:li></rdf:Alt></dc:description>
<dc:subject><rdf:Bag><rdf:li>fog</rdf:li><rdf:li>sea</rdf:li></rdf:Bag></dc:subject>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


def test_what_pictures_say_of_themselves():
    def told(data):
        found = read_metadata(data, latest=LATEST, max_bytes=10_000)
        return found.description, found.headline, found.keywords, found.taken_at

    exif = Image.Exif()
    exif[0x010E] = "A described picture"
    exif.get_ifd(0x8769)[0x9003] = "2015:06:01 12:30:15"
    assert told(jpeg(exif=exif)) == ("A described picture", None, None, datetime(2015, 6, 1, 12, 30, 15))
    assert told(jpeg(xmp=XMP)) == ("Fog & ferries", None, "fog, sea", datetime(2019, 5, 4, 8))
    fields = iptc(
        (105, b"Harbour"), (120, "Nebel über".encode()), (25, b"a"), (25, b"b"), (55, b"20180102"), (60, b"101112+0100")
    )
    assert told(fields) == ("Nebel über", "Harbour", "a, b", datetime(2018, 1, 2, 9, 11, 12))
    assert told(iptc((120, "Nebel über".encode("cp1252")))) == ("Nebel über", None, None, None)
    assert told(jpeg(exif=exif, xmp=XMP))[0::3] == ("Fog & ferries", datetime(2015, 6, 1, 12, 30, 15))
    for nothing in (png(), b"", b"no picture", jpeg(comment=b"x" * 20_000), jpeg(xmp=b"<dc:description><rdf:li>" * 50)):
        assert told(nothing) == (None, None, None, None)


def test_captions_beside_pictures(tmp_path):
    for name in ("a.png", "b.png", "c.png", "d.png", "e.png"):
        (tmp_path / name).write_bytes(png())
    (tmp_path / "a.txt").write_text("  A caption\nof two lines ", "utf-8")
    fields = {
        "caption": "from the fields",
        "url": "https://e.example/b.png",
        "key": "17",
        "date": "2020-01-02",
        "width": 8,
    }
    (tmp_path / "b.json").write_text(json.dumps(fields))
    (tmp_path / "c.json").write_text('{"id": "zz", "author": "mira", "likes": 4}')
    (tmp_path / "d.json").write_text("{broken")
    (tmp_path / "e.txt").symlink_to("/etc/hostname")
    records, failures = read_all(tmp_path, format="pictures")
    assert failures == []
    posts = {record.post.id: record.post for record in records}
    assert [post.text for post in posts.values()] == ["A caption\nof two lines", "from the fields", "", "", ""]
    assert (posts["b.png"].url, posts["b.png"].created_at) == ("https://e.example/b.png", datetime(2020, 1, 2))
    assert posts["b.png"].extra == {"key": "17", "width": 8}
    assert (posts["c.png"].user_id, posts["c.png"].likes, posts["c.png"].extra) == ("mira", 4, {"id": "zz"})
    assert posts["d.png"].extra["sidecar"].startswith("not read: not JSON")


def pack(path, entries):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in entries.items():
                archive.writestr(name, data)
        return path
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as archive:
        for name, data in entries.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.gz"])
def test_an_archive_of_pictures_is_a_folder_of_pictures(tmp_path, ending):
    entries = {"one/a.png": png(), "one/a.txt": b"first", "b.png": png("blue"), "b.json": b'{"caption": "second"}'}
    path = pack(tmp_path / f"set{ending}", entries)
    source = recognise(path)
    assert (source.format, estimate_rows(source)) == ("pictures", 2)
    records, failures = read_all(path)
    assert failures == []
    assert [(record.post.id, record.post.text) for record in records] == [("one/a.png", "first"), ("b.png", "second")]
    assert [record.pictures[0].data for record in records] == [png(), png("blue")]
    with pytest.raises(ImportFailed, match="does not look like|does not hold"):
        recognise(path, format="telegram")


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.gz"])
def test_pictures_of_posts_in_an_archive_beside_them(tmp_path, ending):
    entries = {"images/a.png": png(), "deep/er/b.png": png("blue"), "x/c.png": png(), "y/c.png": png("green")}
    pack(tmp_path / f"pictures{ending}", entries)
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04broken")
    rows = ("1,one,a.png", "2,two,b.png", "3,three,c.png", '4,four,"x/c.png,y/c.png"', "5,five,../a.png")
    path = write_csv(tmp_path / "posts.csv", "id,text,image", *rows)
    records, failures = read_all(path)
    found = [[(p.data, p.error) for p in record.pictures] for record in records]
    assert found[:2] == [[(png(), None)], [(png("blue"), None)]]
    assert found[2] == [(None, "the file is missing")]
    assert found[3] == [(png(), None), (png("green"), None)]
    assert found[4] == [(png(), None)]  # of that name there is one, and it lies inside the archive
    assert [failure.where for failure in failures] == ["broken.zip"]


def test_pictures_written_out_as_addresses(tmp_path):
    good = "data:image/png;base64," + base64.b64encode(png()).decode()
    other = "data:image/png;base64," + base64.b64encode(png("blue")).decode()
    posts = [
        {"id": 1, "text": "a", "images": [good, other]},
        {"id": 2, "text": "b", "images": "data:image/png;base64,%%%"},
        {"id": 3, "text": "c", "images": "data:text/html,<b>"},
    ]
    path = tmp_path / "posts.jsonl"
    path.write_text("\n".join(map(json.dumps, posts)))
    records, _ = read_all(path)
    assert [picture.data for picture in records[0].pictures] == [png(), png("blue")]
    assert len({picture.name for picture in records[0].pictures}) == 2
    assert records[1].pictures[0].error == "not read: the data of the picture is damaged"
    assert records[2].pictures[0].error == "not read: this is not the data of a picture"


def shard(folder, number, captions):
    entries = {}
    for place, caption in enumerate(captions):
        key = f"{number:05d}{place:04d}"
        told = {"caption": caption, "url": f"https://e.example/{key}.jpg", "key": key, "status": "success", "width": 8}
        entries |= {f"{key}.jpg": jpeg(), f"{key}.txt": caption.encode(), f"{key}.json": json.dumps(told).encode()}
    (folder / f"{number:05d}_stats.json").write_text('{"count": 2}')
    table = [json.loads(data) for name, data in entries.items() if name.endswith(".json")]
    pq.write_table(pa.Table.from_pylist(table), folder / f"{number:05d}.parquet")
    return entries


def test_img2dataset_as_tar_files_and_as_folders(tmp_path):
    tars, folders = tmp_path / "tars", tmp_path / "folders"
    for place in (tars, folders):
        place.mkdir()
    pack(tars / "00000.tar", shard(tars, 0, ["fog", "ferry"]))
    pack(tars / "00001.tar", shard(tars, 1, ["pier"]))
    (tars / "00002.tar").write_bytes(b"broken" * 200)
    for number, captions in enumerate([["fog", "ferry"], ["pier"]]):
        for name, data in shard(folders, number, captions).items():
            (folders / f"{number:05d}").mkdir(exist_ok=True)
            (folders / f"{number:05d}" / name).write_bytes(data)
    for place in (tars, folders):
        source = recognise(place)
        assert source.format == "img2dataset"
        records, failures = read_all(place)
        assert [record.post.text for record in records] == ["fog", "ferry", "pier"]
        assert records[0].post.url == "https://e.example/000000000.jpg"
        assert records[0].post.extra["key"] == "000000000"
        assert all(record.pictures[0].path or record.pictures[0].data == jpeg() for record in records)
        assert [failure.where for failure in failures] == (["00002.tar"] if place == tars else [])
        assert 2 <= estimate_rows(source) <= 5


def test_img2dataset_as_parquet(tmp_path):
    for number in range(2):
        rows = [
            {
                "jpg": jpeg(),
                "caption": f"c{number}",
                "key": f"{number}",
                "url": "https://e.example/x.jpg",
                "status": "success",
            }
        ]
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / f"0000{number}.parquet")
        (tmp_path / f"0000{number}_stats.json").write_text("{}")
    source = recognise(tmp_path)
    assert (source.format, source.rows) == ("img2dataset", 2)
    records, _ = read_all(tmp_path)
    assert [(r.post.id, r.post.text, r.pictures[0].data) for r in records] == [("0", "c0", jpeg()), ("1", "c1", jpeg())]


def test_clip_retrieval(tmp_path):
    (tmp_path / "img_emb").mkdir()
    (tmp_path / "metadata").mkdir()
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").write_bytes(jpeg())
    for number, name in ((0, "images/a.jpg"), (1, "/data/b.jpg")):
        rows = [{"image_path": name, "caption": f"caption {number}", "url": "https://e.example/"}]
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "metadata" / f"metadata_{number}.parquet")
    source = recognise(tmp_path)
    assert (source.format, source.rows, source.mapping["text"]) == ("clip-retrieval", 2, "caption")
    records, _ = read_all(tmp_path)
    assert [record.post.text for record in records] == ["caption 0", "caption 1"]
    assert records[0].pictures[0].path == tmp_path / "images" / "a.jpg"
    assert records[1].pictures[0].error == "not read: the path leaves the imported folder"


def test_a_parquet_column_of_pictures(tmp_path):
    pictures = [{"bytes": png(), "path": "a.png"}, {"bytes": None, "path": "gone.png"}]
    rows = [{"image": picture, "caption": caption} for picture, caption in zip(pictures, ("one", "two"), strict=True)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "train.parquet")
    records, failures = read_all(tmp_path / "train.parquet")
    assert [(record.post.text, record.pictures[0].data) for record in records] == [("one", png()), ("two", None)]
    assert failures == []
