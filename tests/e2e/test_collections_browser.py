"""A collection's life in the browser: from a search, compared, given away."""

import json
import re
import zipfile

import pytest

pytestmark = pytest.mark.browser


def test_a_collection_from_search_to_export(visitor):
    page = visitor.open("search?q=cat&mode=lexical").page
    found = visitor.cards()
    page.locator(".grid article .tick").first.click()
    page.get_by_role("button", name="Add 1 selected").wait_for()
    page.get_by_role("button", name="Add 1 selected").click()
    box = page.get_by_label("Collection", exact=True)
    box.fill("Cats to keep")
    box.press("Enter")
    visitor.settle()
    page.get_by_text("All ", exact=False).first.wait_for()
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("1 added to").wait_for()
    page.get_by_text("Open the collection").click()
    page.wait_for_url("**/collections?id=*")
    visitor.settle()
    assert visitor.cards() == found[:1]

    page.get_by_role("radio", name="What is distinctive").click()
    page.wait_for_url("**view=compare*")
    page.get_by_text(re.compile("1 post against")).wait_for()
    visitor.settle()

    page.get_by_role("button", name="Export").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download", exact=True).click()
    with zipfile.ZipFile(waiting.value.path()) as file:
        document = json.loads(file.read("provenance.json"))
    assert document["subject"]["collection"]["name"] == "Cats to keep"
    assert document["counts"]["posts"] == 1


def test_ticks_hold_while_the_page_is_drawn_anew(visitor):
    """Each tick is a message, and of messages that wait for a busy page only the last arrives."""
    page = visitor.open("search?q=day&mode=lexical").page
    found = visitor.cards()
    page.locator(".grid article .tick").evaluate_all("nodes => nodes.slice(0, 6).forEach((node) => node.click())")
    page.get_by_role("button", name="Add 6 selected").wait_for()
    assert page.locator('.grid article [aria-checked="true"]').count() == 6
    first = page.locator(".grid article a.open").first
    first.focus()
    page.keyboard.press("x")
    page.get_by_role("button", name="Add 5 selected").wait_for()
    visitor.settle()
    page.keyboard.press("ArrowRight")  # the keyboard's place is kept
    page.keyboard.press("x")
    page.get_by_role("button", name="Add 4 selected").wait_for()
    visitor.settle()
    assert page.locator(".grid article.selected").evaluate_all("nodes => nodes.map(n => n.dataset.post)") == found[2:6]
    page.get_by_role("button", name="Clear", exact=True).click()
    page.get_by_role("button", name="Collect").wait_for()
    visitor.settle()
    assert page.locator('.grid article [aria-checked="true"]').count() == 0
