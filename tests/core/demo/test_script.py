"""The form in which texts are authored, and the network's calendar."""

from datetime import date, timedelta
from random import Random

import pytest

from core.demo.cast import draw
from core.demo.script import Line, parse_blocks, read_blocks
from core.demo.timeline import END, days_of, later, pick_time
from core.demo.voices import in_voice


def test_a_block_is_a_post_and_what_follows() -> None:
    (block, other) = parse_blocks(
        "[pic=cat,dog on=07-16 at=9 by=mara] First line\nsecond line\n+ more\n> reply\n>> to the reply\n>@ author\n"
        "> [rude] go away\n~ quoted\n\n[lang=de ad raw] Zweiter",
        "space",
    )
    first = block[0]
    assert first.text == "First line\nsecond line"
    assert (first.pictures, first.on, first.at, first.by) == (("cat", "dog"), "07-16", 9, "mara")
    assert [line.relation for line in block] == ["root", "more", "reply", "nested", "answer", "reply", "quote"]
    assert [line.rude for line in block] == [False] * 5 + [True, False]
    assert {line.topic for line in block} == {"space"}
    assert (other[0].lang, other[0].ad, other[0].raw, other[0].text) == ("de", True, True, "Zweiter")


def test_replies_share_topic_and_language_unless_told() -> None:
    (block,) = parse_blocks("[topic=sea lang=fr] Bonjour\n> Salut\n> [lang=en] Hello", "languages")
    assert [(line.topic, line.lang) for line in block] == [("sea", "fr"), ("sea", "fr"), ("sea", "en")]


def test_brackets_that_are_no_tags_are_text() -> None:
    (block,) = parse_blocks("[ominous cheese] and so on", "films")
    assert block[0].text == "[ominous cheese] and so on"


def test_the_authored_texts_can_all_be_cast() -> None:
    blocks = read_blocks()
    assert len(blocks) > 900
    assert all(days_of(line.on) for block in blocks for line in block)
    assert all(block[0].relation == "root" and block[0].text for block in blocks)


@pytest.mark.parametrize(
    ("when", "count", "first"),
    [
        (None, 153, date(2026, 5, 1)),
        ("sat", 22, date(2026, 5, 2)),
        ("07", 31, date(2026, 7, 1)),
        ("07-16", 1, date(2026, 7, 16)),
        ("07-16/07-18", 3, date(2026, 7, 16)),
        ("06-30,07-02", 2, date(2026, 6, 30)),
        ("12", 0, None),
    ],
)
def test_days_that_a_tag_allows(when: str | None, count: int, first: date | None) -> None:
    days = days_of(when)
    assert len(days) == count
    assert first is None or days[0] == first


def test_a_time_is_on_its_day_and_in_its_hour() -> None:
    rng = Random(5)
    for _ in range(50):
        moment = pick_time(rng, on="07-16", at=13)
        assert (moment.date(), moment.hour) == (date(2026, 7, 16), 13)


def test_no_day_is_an_error() -> None:
    with pytest.raises(ValueError, match="no day"):
        pick_time(Random(1), on="12-24")


def test_later_is_later_and_before_the_end() -> None:
    rng = Random(3)
    for gap in (timedelta(days=90), timedelta(minutes=2)):
        start = END - gap
        assert all(start < later(rng, start, typical=timedelta(hours=2)) <= END for _ in range(200))


def test_draw_takes_each_once_and_none_without_weight() -> None:
    rng = Random(2)
    assert sorted(draw(rng, ["a", "b", "c"], [1.0, 0.0, 5.0], 3)) == ["a", "c"]
    firsts = [draw(rng, ["rare", "common"], [1.0, 9.0], 1)[0] for _ in range(400)]
    assert 0.8 < firsts.count("common") / 400 < 0.97


def test_voices_change_how_not_what() -> None:
    line = Line("The tram is late.", "transit", "reply")
    assert in_voice(Random(1), line, "lower") == "the tram is late"
    assert in_voice(Random(1), line, "loud") == "The tram is late!"
    assert in_voice(Random(1), line, "terse") == "The tram is late"
    assert in_voice(Random(1), line, "plain") == line.text
    assert in_voice(Random(1), Line("Die Bahn.", "transit", "reply", lang="de"), "lower") == "Die Bahn."
