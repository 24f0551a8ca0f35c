"""Columns whose names say nothing are found by what is in them."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import ImportFailed
from core.ingest.recognise import read, recognise

SAID = ("The train is late again today", "A fine day in the old town", "Nobody knows where the cat went")


def test_a_table_without_a_header(tmp_path):
    rows = [f'"0","14678{n}0369","Mon Apr 06 22:19:4{n} PDT 2009","NO_QUERY","bob_{n}","{said}"' for n, said in
            enumerate(SAID)]  # fmt: skip
    (tmp_path / "posts.csv").write_text("\n".join(rows))
    source = recognise(tmp_path / "posts.csv")
    assert source.mapping == {
        "text": "column 6", "created_at": "column 3", "id": "column 2", "user_id": "column 5",
    }  # fmt: skip
    first = next(iter(read(source))).post
    assert (first.id, first.user_id, first.text) == ("1467800369", "bob_0", SAID[0])
    assert first.extra == {"column 1": "0", "column 4": "NO_QUERY"}


def test_labels_are_nobodys_name(tmp_path):
    rows = [f'26418{n}816548130,{label},"{said}",ann_{n}' for n, (label, said) in
            enumerate(zip(("positive", "negative", "positive"), SAID, strict=True))]  # fmt: skip
    (tmp_path / "posts.csv").write_text("\n".join(rows))
    assert recognise(tmp_path / "posts.csv").mapping == {"id": "column 1", "text": "column 3", "user_id": "column 4"}


def test_all_columns_are_told_also_those_that_are_empty_at_first(tmp_path):
    items = [{"text": said, "mood": mood} for said, mood in zip(SAID, (None, "", "fine"), strict=True)]
    (tmp_path / "a.csv").write_text("\n".join(["text,mood", *(f"{one['text']},{one['mood'] or ''}" for one in items)]))
    (tmp_path / "a.json").write_text(json.dumps(items))
    pq.write_table(pa.Table.from_pylist(items), tmp_path / "a.parquet")
    for name in ("a.csv", "a.json", "a.parquet"):
        assert recognise(tmp_path / name).columns == ("text", "mood")


def test_names_of_another_language(tmp_path):
    rows = [f"{said};anna;2{n}.12.2023 18:30;1{n}" for n, said in enumerate(SAID)]
    (tmp_path / "beiträge.csv").write_text("\n".join(["Beitrag;Autor;Datum;Gefällt mir", *rows]), "cp1252")
    assert recognise(tmp_path / "beiträge.csv").mapping == {"text": "Beitrag", "created_at": "Datum"}


def test_the_text_is_found_beside_pictures_that_were_chosen(tmp_path):
    rows = [f"{said},https://pics.example/{n}.jpg" for n, said in enumerate(SAID)]
    (tmp_path / "a.csv").write_text("\n".join(["Beitrag,Foto", *rows]))
    assert recognise(tmp_path / "a.csv", mapping={"pictures": "Foto"}).mapping == {
        "pictures": "Foto",
        "text": "Beitrag",
    }


def test_objects_and_parquet(tmp_path):
    items = [{"äußerung": said, "wertung": "gut", "schlüssel": n} for n, said in enumerate(SAID)]
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(item) for item in items))
    pq.write_table(pa.Table.from_pylist(items), tmp_path / "a.parquet")
    for name in ("a.jsonl", "a.parquet"):
        source = recognise(tmp_path / name)
        assert source.mapping == {"text": "äußerung"}
        assert [record.post.text for record in read(source)] == list(SAID)


def test_the_only_column_of_times_is_the_time_however_it_is_called(tmp_path):
    for columns, expected in (("wann war das", "wann war das"), ("erst,dann", None)):
        rows = [f'"{said}"' + f",2{n}.12.2023 18:30" * (1 + columns.count(",")) for n, said in enumerate(SAID)]
        (tmp_path / "a.csv").write_text("\n".join([f"worte,{columns}", *rows]))
        assert recognise(tmp_path / "a.csv").mapping.get("created_at") == expected


def test_long_numbers_are_no_times_unless_they_are_called_so(tmp_path):
    lines = [f'"{said}",14678{n}0369' for n, said in enumerate(SAID)]
    for name, expected in (("wert", None), ("zeit", "zeit")):
        (tmp_path / "a.csv").write_text("\n".join([f"worte,{name}", *lines]))
        assert recognise(tmp_path / "a.csv").mapping.get("created_at") == expected


def test_what_was_left_out_on_purpose_stays_out(tmp_path):
    (tmp_path / "a.csv").write_text(
        "\n".join(["text,datum", *(f"{said},2023-01-0{n + 1}" for n, said in enumerate(SAID))])
    )
    assert recognise(tmp_path / "a.csv", mapping={"created_at": ""}).mapping == {"text": "text"}


@pytest.mark.parametrize("rows", ["station,wind\n7,3.5\n8,4.5", "name,stadt\nann,ulm\nben,köln"])
def test_a_table_without_sentences_holds_no_posts(tmp_path, rows):
    (tmp_path / "a.csv").write_text(rows)
    with pytest.raises(ImportFailed, match="no column looks like"):
        recognise(tmp_path / "a.csv")
