from datetime import datetime

import pytest

from core.types import Hit, LegHit, Media, Post, User
from dashboard.components import cards
from dashboard.components.cards import Card, pieces, plural, short_number
from dashboard.components.figures import duration, size
from dashboard.links import PostLink, SearchLink, parse_url


def data(card, layout="grid", thumbnail=lambda path, side: b"jpeg"):
    return cards._card_data(card, layout, thumbnail)


def test_a_text_is_cut_at_its_marks():
    assert pieces("a red cat", [(2, 5)]) == [("a ", False), ("red", True), (" cat", False)]
    assert pieces("red", [(0, 3)]) == [("red", True)]
    assert pieces("", []) == []


def test_a_card_says_who_when_and_where_it_was_found():
    post = Post("1", "hello", user_id="u", created_at=datetime(2024, 3, 5, 9, 7), likes=1200, replies=1)
    user = User("u", name="Ann", handle="@ann_w")
    hit = Hit("1", 0.5, 3, (LegHit("lexical", 2, 12.34), LegHit("image", 7, 0.31)))
    made = data(Card(post, user=user, hit=hit, search=SearchLink(words="hello")))
    assert (made["name"], made["handle"], made["time"]) == ("Ann", "@ann_w", "5 Mar 2024, 09:07")
    assert made["counts"] == [("likes", "1.2k", "1,200 likes"), ("replies", "1", "1 reply")]
    assert [leg[:3] for leg in made["legs"]] == [["lexical", "Words", "2"], ["image", "Picture", "7"]]
    assert parse_url(made["url"]) == PostLink("1")
    assert parse_url(made["user_url"]) == SearchLink(users=("u",))
    assert [parse_url(url) for _, url, _ in made["actions"]] == [
        SearchLink(words="hello", like=("1",)), SearchLink(words="hello", unlike=("1",))
    ]  # fmt: skip


def test_every_link_of_a_card_stays_inside_the_app():
    hostile = Post("javascript:alert(1)//https://example.org", "x", user_id="//example.org")
    made = data(Card(hostile, search=SearchLink()))
    urls = [made["url"], made["user_url"], *(url for _, url, _ in made["actions"])]
    assert all(url.startswith("./") and parse_url(url) is not None for url in urls)


def test_what_is_unknown_is_left_out():
    made = data(Card(Post("1")))
    assert (made["name"], made["time"], made["user_url"], made["counts"], made["text"]) == ("", None, None, [], [])


def test_pictures_come_along_as_bytes_and_missing_ones_say_why():
    media = (
        Media(1, "p", 0, "a.jpg", path="aa", alt="A cat"),
        Media(2, "p", 1, "b.jpg", path="bb"),
        Media(3, "p", 2, "c.jpg", error="c.jpg is cut short."),
    )
    made = data(Card(Post("p", media=media)))
    assert [picture["src"][:23] for picture in made["pictures"]] == ["data:image/jpeg;base64,"]
    assert made["pictures"][0]["alt"] == "A cat"
    assert made["more_pictures"] == 1
    assert made["missing"] == ["c.jpg is cut short."]
    assert data(Card(Post("p", media=media)), thumbnail=lambda path, side: None)["pictures"] == []


@pytest.mark.parametrize(
    ("n", "said"), [(0, "0"), (999, "999"), (1000, "1k"), (1234, "1.2k"), (12_345, "12k"), (3_400_000, "3.4m")]
)
def test_numbers_are_short(n, said):
    assert short_number(n) == said


def test_words_for_counts_and_sizes():
    assert [plural("reply", 1), plural("reply", 2), plural("like", 0)] == ["reply", "replies", "likes"]
    assert [size(12), size(2048), size(3 * 2**20), size(5 * 2**30)] == ["12 bytes", "2.0 KB", "3.0 MB", "5.0 GB"]
    assert [duration(0.2), duration(90), duration(600), duration(11_100)] == ["1 s", "90 s", "10 min", "3 h 5 min"]
