import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.components.figures import facts, table
from dashboard.components.text import Markup, clean, element, foreign, label, show


class Tags(HTMLParser):
    """What a browser would make of a piece of HTML: its tags, attributes and text."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


@given(st.text())
def test_a_strangers_text_comes_out_as_the_same_text(text):
    html = element("p", text)
    found = Tags(html)
    assert found.tags == ["p"]
    assert found.text == clean(text)


@given(st.text(), st.text())
def test_attributes_hold_whatever_they_are_given(title, text):
    found = Tags(element("span", text, title=title))
    assert found.tags == ["span"]
    assert [name for name, _ in found.attributes] == ["title"]


HOSTILE = "<script>alert(1)</script><img src=https://example.org/x.png onerror=alert(1)>"


def test_hostile_strings_stay_text_in_every_builder():
    html = facts([(HOSTILE, HOSTILE)]) + table([HOSTILE], [[HOSTILE]]) + foreign(HOSTILE)
    found = Tags(html)
    assert not {"script", "img"} & set(found.tags)
    assert found.text.count("alert(1)") == 10


@pytest.mark.parametrize("tag", ["script", "img", "iframe", "a", "style", "SCRIPT", "p onload=x"])
def test_only_harmless_tags_can_be_built(tag):
    with pytest.raises(ValueError, match="tags"):
        element(tag)


@pytest.mark.parametrize("attribute", ["onclick", "href", "src", "style", "srcdoc"])
def test_only_harmless_attributes_can_be_set(attribute):
    with pytest.raises(ValueError, match="attributes"):
        element("p", "x", **{attribute: "x"})


def test_only_built_markup_is_shown():
    with pytest.raises(TypeError):
        show("<b>not built here</b>")


def test_joining_markup_gives_a_plain_string_that_would_be_escaped_again():
    joined = element("b", "x") + element("b", "y")
    assert not isinstance(joined, Markup)
    assert "&lt;b&gt;" in element("p", joined)


def test_shares_are_numbers_between_0_and_1():
    assert "--share:1.0000" in element("span", share=7.0)
    assert "--share:0.0000" in element("span", share=-1)


def test_control_characters_go_and_real_marks_stay():
    assert clean("a\x00b\x1b[31mc\x85d\r\ne") == "ab[31mcd\ne"
    assert clean("👩‍🚀 \u200fمرحبا\u200b") == "👩‍🚀 \u200fمرحبا\u200b"
    assert clean("\ud800x") == "x"


@given(st.text(max_size=200))
def test_a_label_is_one_line_without_live_markdown(text):
    said = label(text)
    assert "\n" not in said
    assert not re.search(r"(?<!\\)(?:\\\\)*[\[\]!*_`:$<>]", said)


def test_a_label_can_hold_no_picture():
    assert label("![x](https://example.org/x.png)").startswith("\\!\\[x\\]\\(")
