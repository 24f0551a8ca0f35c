"""Bad input loses only itself: good rows go in, the rest is listed with its line and a reason."""

import io
import json
import os
import stat
import tarfile
import zipfile
import zlib

import pytest
import zstandard

from core.errors import ImportFailed
from core.ingest.readers import archives
from core.ingest.readers.archives import Archive
from core.ingest.recognise import read, recognise
from core.ingest.records import PostRecord
from tests.core.ingest.reading import read_all, write_csv, write_lines


def told(failures):
    return [(failure.where, failure.reason) for failure in failures]


def test_mixed_encodings(tmp_path):
    path = tmp_path / "a.csv"
    rows = [b"id,text", "1,café".encode(), "2,café €".encode("cp1252"), "3,雨".encode(), b"4,\xff\xfe"]
    path.write_bytes(b"\n".join([*rows, "5,déjà vu, été".encode()]))
    records, failures = read_all(path)
    assert [record.post.text for record in records] == ["café", "café €", "雨", "ÿþ", "déjà vu, été"]
    assert failures == []


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".json", ".jsonl.gz", ".zst"])
def test_half_a_last_line(tmp_path, ending):
    rows = [{"id": str(n), "text": f"post {n} " + "x" * 300} for n in range(20)]
    if ending == ".csv":
        data = "id,text\n" + "".join(f"{row['id']},{row['text']}\n" for row in rows)
        data = (data + '20,"half a qu').encode()
    elif ending == ".json":
        data = json.dumps(rows).encode()[:-100]
    else:
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()[:-100]
    if ending.endswith(".gz"):
        packer = zlib.compressobj(wbits=31)
        data = packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)
    if ending.endswith(".zst"):
        data = zstandard.ZstdCompressor().compress(data)
    path = tmp_path / f"posts{ending}"
    path.write_bytes(data)
    records, failures = read_all(path)
    assert [record.post.id for record in records][:19] == [str(n) for n in range(19)]
    if ending == ".csv":
        assert (records[-1].post.text, failures) == ('"half a qu', [])
    else:
        place = "item 20" if ending == ".json" else "line 20"
        assert told(failures)[0][0] == f"posts{ending} {place}"
        assert "not JSON" in failures[0].reason or "the file breaks off" in failures[0].reason


def test_a_last_row_that_ends_within_quotes_before_its_last_column(tmp_path):
    rows = ['1,"a whole post, quoted",ann,2024-01-02', '2,"never closed,bob,2024-01-03', "3,plain,cy,2024-01-04"]
    path = tmp_path / "posts.csv"
    path.write_text("\n".join(["id,text,author,date", *rows, '4,"half a po']))
    records, failures = read_all(path)
    assert [record.post.id for record in records] == ["1", "2", "3"]
    assert told(failures) == [("posts.csv line 5", "the file breaks off: it ends within quotes")]
    path.write_text("\n".join(["id,text,author,date", *rows, "4,no quotes\n"]))
    records, failures = read_all(path)
    assert ([record.post.id for record in records], failures) == (["1", "2", "3", "4"], [])


def test_a_packed_file_that_breaks_off(tmp_path):
    lines = "".join(json.dumps({"id": str(n), "text": os.urandom(200).hex()}) + "\n" for n in range(2000)).encode()
    path = tmp_path / "posts.zst"
    path.write_bytes(zstandard.ZstdCompressor().compress(lines)[:300_000])

    records, failures = read_all(path)
    assert len(records) > 1000
    assert all(record.post.id == str(n) for n, record in enumerate(records))
    assert all("line" in failure.where for failure in failures)


def test_the_wrong_delimiter_is_not_believed(tmp_path):
    path = write_csv(tmp_path / "a.csv", "id;text;likes", "1;one, with a comma;3", "2;two;4")
    records, failures = read_all(path)
    assert [(record.post.text, record.post.likes) for record in records] == [("one, with a comma", 3), ("two", 4)]
    assert failures == []
    mixed = write_csv(tmp_path / "b.csv", "id,text,likes", "1,one,3", "2;two;4", "3,three,5", "4,a,b,c,d")
    records, failures = read_all(mixed)
    assert [record.post.id for record in records] == ["1", "3"]
    assert [where for where, _ in told(failures)] == ["b.csv line 3", "b.csv line 5"]


def test_five_hundred_columns(tmp_path):
    names = [f"c{n}" for n in range(498)]
    path = write_csv(tmp_path / "a.csv", ",".join(["id", "text", *names]), ",".join(["1", "one", *names]))
    (record,), _ = read_all(path)
    assert len(record.post.extra) == 101
    assert record.post.extra["import_note"] == "398 more columns were left out"
    wide = write_lines(tmp_path / "a.jsonl", {"id": 1, "text": "one", **dict.fromkeys(names, 1)})
    (record,), _ = read_all(wide)
    assert record.post.extra["import_note"] == "398 more columns were left out"


def test_ids_past_what_a_machine_word_holds(tmp_path):
    ids = [2**63 - 1, 2**63, 2**64, 2**64 + 1, 10**30]
    path = write_lines(tmp_path / "a.jsonl", *({"id": id_, "text": "one"} for id_ in ids))
    assert [record.post.id for record in read_all(path)[0]] == [str(id_) for id_ in ids]
    lines = [{"source_platform": "linkedin.com", "data": {"id": id_, "text": "one"}} for id_ in ids]
    path = write_lines(tmp_path / "z.ndjson", *lines)
    assert [record.post.id for record in read_all(path)[0]] == [str(id_) for id_ in ids]


def test_times_in_the_year_0_and_9999(tmp_path):
    never = ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01", "9999-12-31T23:59:59-14:00", 10**25, -1]
    times = [*never, "2020-01-01"]
    path = write_lines(tmp_path / "a.jsonl", *({"id": n, "text": "x", "created_at": t} for n, t in enumerate(times)))
    records, failures = read_all(path)
    assert [record.post.created_at is not None for record in records] == [False] * 6 + [True]
    assert all("not a usable time" in record.post.extra["import_note"] for record in records[:6])
    assert failures == []


@pytest.mark.parametrize("wrap", ['{"a":%s1%s}', "[%s1%s]"])
def test_nested_a_thousand_deep(tmp_path, wrap):
    opening, closing = wrap.split("1")[0].replace("%s", ""), wrap.split("1")[1].replace("%s", "")
    deep = opening * 1000 + "1" + closing * 1000
    status = {"id": "1", "content": "<p>one</p>", "account": {"id": "7", "acct": "a"}, "reblogs_count": 0}
    good = json.dumps(status)
    lines = [
        good,
        good[:-1] + f', "reblog": {deep}}}',
        good[:-1] + f', "content": {deep}}}',
        good.replace('"1"', '"2"'),
    ]
    path = write_lines(tmp_path / "a.jsonl", *lines)
    records, failures = read_all(path)
    assert [record.post.id for record in records][0::2][:1] == ["1"]
    assert records[-1].post.id == "2"
    assert len(records) + len(failures) == 4


def test_quotes_within_quotes_within_quotes(tmp_path):
    tweet = {"rest_id": "0", "legacy": {"full_text": "end"}}
    for number in range(1, 400):
        tweet = {
            "rest_id": str(number),
            "legacy": {"full_text": f"t{number}"},
            "quoted_status_result": {"result": tweet},
        }
    path = write_lines(tmp_path / "a.ndjson", {"source_platform": "x.com", "data": tweet})
    items = list(read(recognise(path)))
    assert 1 <= len(items) <= 400


def test_a_csv_with_a_nul(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,text\n1,on\x00e\n2,two\n\x00\n3,three\n")
    records, failures = read_all(path)
    assert [(record.post.id, record.post.text) for record in records] == [("1", "one"), ("2", "two"), ("3", "three")]
    assert failures == []


POSTS = b"id,text,image\n1,one,a.png\n"


def link(name, target):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info, target


def test_entries_that_climb_out_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("posts.csv", POSTS)
        for name in ("../up.csv", "/etc/passwd.csv", "a/../../b.png", "C:\\x.png", "..\\y.png"):
            archive.writestr(name, b"x")
        archive.writestr(*link("a.png", "/etc/passwd"))
    (record,), failures = read_all(tmp_path / "a.zip")
    assert record.pictures[0].error == "the file is missing"
    reasons = [reason for _, reason in told(failures)]
    assert reasons == ["not read: its name leads out of the archive"] * 5 + ["not read: a link or a device"]
    assert not (tmp_path.parent / "up.csv").exists()


def test_links_and_devices_in_a_tar_are_refused(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        kinds = {"l": tarfile.SYMTYPE, "h": tarfile.LNKTYPE, "p": tarfile.FIFOTYPE, "d": tarfile.CHRTYPE}
        for name, kind in kinds.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
        member = tarfile.TarInfo("posts.csv")
        member.size = len(POSTS)
        archive.addfile(member, io.BytesIO(POSTS))
    with Archive(tmp_path / "a.tar") as archive:
        assert archive.entries == {"posts.csv": len(POSTS)}
        assert [reason for _, reason in archive.refused] == ["a link or a device"] * 4
    assert len(read_all(tmp_path / "a.tar")[0]) == 1


def test_bombs_are_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "FREE_BYTES", 100_000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("posts.csv", POSTS)
        archive.writestr("a.png", bytes(50_000_000))
    (record,), failures = read_all(tmp_path / "a.zip")
    assert record.pictures[0].data is None
    assert told(failures) == [("a.zip: 'a.png'", "not read: it unpacks to more than 250 times its size")]
    member = tarfile.TarInfo("posts.csv")
    member.size = 100_000_000
    packer = zlib.compressobj(9, wbits=31)
    data = packer.compress(member.tobuf())
    for _ in range(100):
        data += packer.compress(bytes(1_000_000))
    (tmp_path / "b.tar.gz").write_bytes(data + packer.flush())
    with pytest.raises(ImportFailed, match="unpacks to more than 250 times its size"):
        recognise(tmp_path / "b.tar.gz")


def test_archives_with_too_many_files_or_encrypted_ones(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number in range(30):
            archive.writestr(f"{number}.png", b"x")
    data = bytearray((tmp_path / "a.zip").read_bytes())
    place = data.rfind(b"PK\x01\x02")
    data[place + 8] |= 1  # the bit that says that the last entry is encrypted
    (tmp_path / "b.zip").write_bytes(data)
    with Archive(tmp_path / "b.zip") as archive:
        assert archive.refused == [("29.png", "it is encrypted")]
    monkeypatch.setattr(archives, "MAX_ENTRIES", 20)
    with pytest.raises(ImportFailed, match="holds more than 20 files"):
        recognise(tmp_path / "a.zip")
    monkeypatch.setattr(archives, "MAX_DIRECTORY_BYTES", 100)
    with pytest.raises(ImportFailed, match="list of files larger"):
        recognise(tmp_path / "a.zip")


def test_a_spreadsheet_is_told_from_an_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    with pytest.raises(ImportFailed, match=r"a.xlsx is a spreadsheet or a document. Save it as CSV"):
        recognise(tmp_path / "a.xlsx")


def test_a_damaged_entry_loses_only_itself(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("posts.csv", "id,text,image\n1,one,a.png\n2,two,b.png\n")
        archive.writestr("a.png", b"A" * 500)
        archive.writestr("b.png", b"B" * 500)
    data = (tmp_path / "a.zip").read_bytes().replace(b"A" * 500, b"A" * 499 + b"Z")
    (tmp_path / "a.zip").write_bytes(data)
    records, failures = read_all(tmp_path / "a.zip")
    assert "Bad CRC" in records[0].pictures[0].error
    assert records[1].pictures[0].data == b"B" * 500
    assert failures == []


def test_memory_does_not_grow_with_an_array_of_posts(tmp_path):
    import tracemalloc

    item = {"id": "1", "content": "<p>" + "x" * 2000 + "</p>", "account": {"id": "7", "acct": "a"}, "reblogs_count": 0}
    path = tmp_path / "a.json"
    with path.open("w") as file:
        file.write("[" + ",".join(json.dumps({**item, "id": str(n)}) for n in range(3000)) + "]")
    source = recognise(path)
    tracemalloc.start()
    assert sum(isinstance(one, PostRecord) for one in read(source)) == 3000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3_000_000 < path.stat().st_size
