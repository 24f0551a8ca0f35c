import csv
import gzip
import io
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import ImportFailed
from core.ingest.readers.text_file import LINE_LIMIT
from core.ingest.recognise import estimate_rows, read, recognise
from core.ingest.records import Failure, PostRecord
from core.settings import Settings
from tests.core.ingest.reading import read_all, texts, write_csv


def test_a_whole_post_with_its_author(tmp_path):
    path = write_csv(
        tmp_path / "posts.csv",
        "id,user_name,user_description,user_created,user_followers,user_friends,user_verified,date,text,hashtags,"
        "retweets,favorites,lang,url,in_reply_to_status_id",
        '1340539111971516416,Rachel,"Likes \'cats\' &amp; dogs",2009-04-08 17:52:46,405,"1,692",False,'
        "2020-12-20 06:06:44,Tom &amp; Jerry,\"['a', 'b']\",7,1.2K,en-US,https://example.org/1,12.0",
    )
    (record,), failures = read_all(path)
    post, user = record.post, record.user
    assert failures == []
    assert (post.id, post.text, post.user_id) == ("1340539111971516416", "Tom & Jerry", "Rachel")
    assert post.created_at == datetime(2020, 12, 20, 6, 6, 44)
    assert (post.likes, post.reposts, post.replies, post.lang) == (1200, 7, None, "en")
    assert (post.url, post.reply_to, post.source) == ("https://example.org/1", "12", "posts.csv")
    assert post.extra == {"hashtags": "a, b", "user_verified": "False"}
    assert (user.id, user.name, user.description) == ("Rachel", "Rachel", "Likes 'cats' & dogs")
    assert (user.created_at, user.followers, user.following) == (datetime(2009, 4, 8, 17, 52, 46), 405, 1692)
    assert (record.where, record.position) == ("posts.csv line 2", 0)


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".txt", ""])
def test_the_delimiter_is_found(tmp_path, delimiter, suffix):
    rows = [["id", "text", "likes"], ["1", "one, two; three", "4"], ["2", "five | six", "7"]]
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter).writerows(rows)
    path = tmp_path / f"data{suffix}"
    path.write_text(buffer.getvalue())
    records, failures = read_all(path)
    assert [(r.post.id, r.post.text, r.post.likes) for r in records] == [("1", rows[1][1], 4), ("2", rows[2][1], 7)]
    assert failures == []


def test_a_file_without_a_header_takes_its_longest_column_as_text(tmp_path):
    path = write_csv(tmp_path / "sms.tsv", "ham\tGo until jurong point, crazy..", "spam\tFree entry in 2 a wkly comp")
    source = recognise(path)
    assert (source.format, dict(source.mapping)) == ("tsv", {"text": "column 2"})
    first, second = read(source)
    assert first.post.text == "Go until jurong point, crazy.."
    assert second.post.extra == {"column 1": "spam"}


def test_stray_quotes_in_a_tsv_swallow_no_rows(tmp_path):
    lines = [f"ham\tmessage number {n} says {'%' if n % 3 else chr(34)}hello" for n in range(30)]
    lines[7] = 'ham\t"an open quote at the start of the text'
    lines[20] = 'ham\tand one at the end of the text here"'
    assert len(texts(write_csv(tmp_path / "sms.tsv", *lines))) == 30


def test_a_text_over_several_lines_is_one(tmp_path):
    path = write_csv(tmp_path / "a.csv", "id,text", '1,"one', "", 'two ""quoted"", three"', "2,four")
    assert texts(path) == ['one\n\ntwo "quoted", three', "four"]
    assert [record.where for record in read_all(path)[0]] == ["a.csv line 2", "a.csv line 5"]


def test_an_unbalanced_quote_loses_at_most_its_own_row(tmp_path):
    rows = [f"{n},text number {n},{n}" for n in range(1, 100)]
    rows[49] = '50,"text that never ends,50'
    records, failures = read_all(write_csv(tmp_path / "a.csv", "id,text,likes", *rows))
    assert {record.post.id for record in records} >= {str(n) for n in range(1, 100) if n != 50}
    assert len(records) + len(failures) == 99


def test_a_quote_open_at_the_end_of_the_file(tmp_path):
    path = write_csv(tmp_path / "a.csv", "id,text", "1,one", '2,"two', "3,three")
    assert texts(path) == ["one", '"two', "three"]


def test_lines_that_would_make_one_endless_record_are_read_once(tmp_path):
    # Each line closes the quote of the line before and opens another.
    path = write_csv(tmp_path / "a.csv", "id,text", '1,"a', *['b","c'] * 20_000)
    records, failures = read_all(path)
    assert len(records) + len(failures) >= 20_000


def test_rows_out_of_step(tmp_path):
    path = write_csv(
        tmp_path / "a.csv",
        "id,text,likes",
        "1,one,1",
        "2,two, three,2",
        "3",
        "4,four",
        "5,five,5,,",
        ",,",
        "",
        "6,six,6",
    )
    records, failures = read_all(path)
    assert [(record.post.id, record.post.likes) for record in records] == [("1", 1), ("4", None), ("5", 5), ("6", 6)]
    assert [(failure.where, failure.reason) for failure in failures] == [
        ("a.csv line 3", "4 cells, where the header has 3 columns"),
        ("a.csv line 4", "neither text nor picture: 1 of 3 cells"),
    ]
    assert [item.position for item in sorted([*records, *failures], key=lambda i: i.position)] == list(range(6))


def test_an_unquoted_text_in_the_last_column_keeps_its_commas(tmp_path):
    assert texts(write_csv(tmp_path / "a.csv", "id,text", "1,one, two, three", "2,four")) == ["one, two, three", "four"]
    assert texts(write_csv(tmp_path / "b.csv", "text", "one, two", "three")) == ["one, two", "three"]


def test_a_header_that_comes_again_is_no_post(tmp_path):
    assert texts(write_csv(tmp_path / "a.csv", "id,text", "1,one", "id,text", "2,two")) == ["one", "two"]


def test_repeated_and_empty_column_names(tmp_path):
    path = write_csv(tmp_path / "a.csv", ",text,text,", "0,one,second,x")
    (record,), _ = read_all(path)
    assert record.post.text == "one"
    assert record.post.extra == {"column 1": "0", "text (3)": "second", "column 4": "x"}


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"]
)
def test_encodings(tmp_path, encoding):
    words = ["Ça va très bien, l'été à la plage", "Schöne Grüße aus München", "El niño está aquí"]
    path = write_csv(tmp_path / "a.csv", "id;text", *(f"{n};{word}" for n, word in enumerate(words)), encoding=encoding)
    assert texts(path) == words


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "Привет мир, как дела сегодня? Хорошо"),
        ("cp932", "今日はとても良い天気ですね。東京タワーに行きました"),
        ("gb18030", "今天天气很好，我们去公园吧"),
        ("cp1250", "Zażółć gęślą jaźń, proszę bardzo dzień dobry"),
    ],
)
def test_code_pages_of_other_languages(tmp_path, encoding, text):
    path = write_csv(tmp_path / "a.csv", "id\ttext", *(f"{n}\t{text}" for n in range(5)), encoding=encoding)
    assert texts(path) == [text] * 5


def test_a_row_in_another_encoding_loses_nothing(tmp_path):
    path = tmp_path / "a.csv"
    lines = [f"{n},žluťoučký kůň {n}".encode() for n in range(3000)]
    lines[2500] = "2500,café “déjà vu”".encode("cp1252")
    path.write_bytes(b"\n".join([b"id,text", *lines]))
    found = texts(path)
    assert found[2500] == "café “déjà vu”"
    assert found[2499] == "žluťoučký kůň 2499"
    assert len(found) == 3000


def test_nul_bytes_and_lone_surrogates_are_taken_out(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,text,note\n1,a\x00b,c\x00\n2,\xed\xa0\x80d,e\n")
    records, _ = read_all(path)
    assert records[0].post.text == "ab"
    assert records[0].post.extra == {"note": "c"}
    records[1].post.text.encode()


def test_marks_and_markup_stay_as_they_are(tmp_path):
    text = "<script>alert(1)</script> ![x](http://e.org/x.png) a\u200bb \u202eright to left =1+1"
    assert texts(write_csv(tmp_path / "a.csv", "id,text", f'1,"{text}"')) == [text]


def test_absurd_times_and_counts_are_kept_with_a_note(tmp_path):
    path = write_csv(
        tmp_path / "a.csv",
        "id,text,created_at,likes",
        "1,a,9999-12-31,many",
        "2,b,0000-00-00,3",
        "3,c,,",
        "4,d,2020-01-01,1",
    )
    posts = [record.post for record in read_all(path)[0]]
    assert [post.created_at for post in posts] == [None, None, None, datetime(2020, 1, 1)]
    assert posts[0].extra == {
        "created_at": "9999-12-31",
        "likes": "many",
        "import_note": "created_at: not a usable time; likes: not a usable count",
    }
    assert posts[2].extra == {}


def test_dates_of_one_column_decide_each_other(tmp_path):
    path = write_csv(tmp_path / "a.csv", "id,text,date", "1,a,03/04/2020", "2,b,25/12/2020")
    assert [record.post.created_at for record in read_all(path)[0]] == [datetime(2020, 4, 3), datetime(2020, 12, 25)]


def test_a_megabyte_of_text_is_cut_with_a_note(tmp_path):
    path = write_csv(tmp_path / "a.csv", "id,text", "1," + "x" * 3_000_000, "2,b")
    (first, second), _ = read_all(path, settings=Settings(max_text_chars=1_000_000))
    assert len(first.post.text) == 1_000_000
    assert first.post.extra["import_note"] == "text: cut from 3,000,000 to 1,000,000 characters"
    assert second.post.text == "b"


def test_a_line_over_the_limit_is_reported_and_skipped(tmp_path):
    path = write_csv(tmp_path / "a.csv", "id,text", "1,a", "2," + "x" * (LINE_LIMIT + 10), "3,c")
    records, failures = read_all(path)
    assert [record.post.id for record in records] == ["1", "3"]
    assert [(f.where, f.reason) for f in failures] == [
        ("a.csv line 3", "the line is longer than 16,777,216 characters")
    ]


def test_extra_columns_are_bounded(tmp_path):
    names = [f"c{n}" for n in range(150)]
    path = write_csv(tmp_path / "a.csv", "text," + ",".join(names), "hello," + ",".join("x" * 20_000 for _ in names))
    (record,), _ = read_all(path)
    assert len(record.post.extra) == 101
    assert max(len(str(value)) for value in record.post.extra.values()) == 10_000
    assert (
        "50 more columns were left out" in record.post.extra["import_note"]
        or len(record.post.extra["import_note"]) == 10_000
    )


def test_rows_without_an_id_get_one_that_a_second_import_finds_again(tmp_path):
    path = write_csv(tmp_path / "a.csv", "text,label", "one,x", "two,x", "one,x", "one,y")
    first = [record.post.id for record in read_all(path)[0]]
    assert first == [record.post.id for record in read_all(path)[0]]
    assert len(set(first)) == 4
    path.write_text("text,label\n" + "zero,x\none,x\n")
    assert read_all(path)[0][1].post.id == first[0]


def test_ids_that_a_spreadsheet_damaged_do_not_merge_posts(tmp_path):
    path = write_csv(tmp_path / "a.csv", "id,text", "1.34054E+18,one", "1.34054E+18,two", "1e5,three")
    posts = [record.post for record in read_all(path)[0]]
    assert len({post.id for post in posts}) == 3
    assert posts[0].extra == {"id": "1.34054E+18", "import_note": "id: not usable as an id"}
    assert posts[2].id == "1e5"


def test_repeated_ids_are_both_given(tmp_path):
    assert texts(write_csv(tmp_path / "a.csv", "id,text", "1,one", "1,two")) == ["one", "two"]


def test_ids_with_slashes_and_deleted_authors(tmp_path):
    path = write_csv(tmp_path / "a.csv", "id,author,text", "at://did/app/3jz, @ann ,one", "../../x,[deleted],two")
    assert [(r.post.id, r.post.user_id) for r in read_all(path)[0]] == [("at://did/app/3jz", "@ann"), ("../../x", None)]


def test_only_web_addresses_become_links(tmp_path):
    path = write_csv(tmp_path / "a.csv", "id,text,url", "1,a,javascript:alert(1)", "2,b,https://example.org")
    first, second = (record.post for record in read_all(path)[0])
    assert (first.url, first.extra) == (None, {"url": "javascript:alert(1)"})
    assert second.url == "https://example.org"


def test_a_mapping_can_be_given(tmp_path):
    path = write_csv(tmp_path / "a.csv", "Nummer;Beitrag;Verfasser", "1;Guten Tag;anna")
    with pytest.raises(ImportFailed, match=r"Columns found: 'Nummer', 'Beitrag', 'Verfasser'.*text=COLUMN"):
        recognise(path)
    (record,), _ = read_all(path, mapping={"text": "Beitrag", "id": "Nummer", "user_id": "Verfasser"})
    assert (record.post.id, record.post.text, record.post.user_id) == ("1", "Guten Tag", "anna")


def test_gzip(tmp_path):
    path = tmp_path / "posts.csv.gz"
    packed = gzip.compress(("id,text\n" + "".join(f"{n:06},text {n:06}\n" for n in range(50_000))).encode())
    path.write_bytes(packed)
    source = recognise(path)
    assert (source.format, len(texts(path))) == ("csv", 50_000)
    assert 49_000 < estimate_rows(source) < 51_000
    path.write_bytes(packed[: len(packed) // 2])
    records, failures = read_all(path)
    assert len(records) > 10_000
    assert "the file breaks off" in failures[-1].reason


def test_the_estimate_is_near(tmp_path):
    path = write_csv(tmp_path / "a.csv", "id,text", *(f'{n},"some ""words"" in row {n}"' for n in range(20_000)))
    assert 18_000 < estimate_rows(recognise(path)) < 22_500


HEADERS = st.sampled_from([b"id,text,likes,date,image\n", b"id\ttweet\tuser\n", b"text;label\n", b""])
BODY = st.lists(
    st.one_of(
        st.binary(max_size=30),
        st.sampled_from(
            [b'"', b",", b"\n", b'""', b"\t", b"\r\n", b"1,hello,3\n", b"\x00", b"\xff", b'",\n', b"['a']", b"a.jpg"]
        ),
    ),
    max_size=60,
).map(b"".join)


@given(header=HEADERS, body=BODY)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_give_records_failures_or_a_sentence(tmp_path, header, body):
    path = tmp_path / "any.csv"
    path.write_bytes(header + body)
    try:
        source = recognise(path)
    except ImportFailed:
        return
    assert estimate_rows(source) >= 1
    for item in read(source):
        assert isinstance(item, (PostRecord, Failure))
        if isinstance(item, PostRecord):
            (item.post.id + item.post.text).encode()
            assert item.post.text or item.pictures


@given(st.lists(st.tuples(st.text(min_size=1), st.text()), min_size=1, max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_a_csv_writer_writes_is_read_back(tmp_path, rows):
    path = tmp_path / "round.csv"
    with path.open("w", newline="", encoding="utf-8", errors="surrogatepass") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "text"])
        writer.writerows((f"n{n}", "t " + first + second) for n, (first, second) in enumerate(rows))
    records, failures = read_all(path)
    assert [record.post.id for record in records] == [f"n{n}" for n in range(len(rows))]
    assert failures == []
