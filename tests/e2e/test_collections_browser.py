"""A collection's life in the browser: from a search, compared, given away; and every format on the Data page."""

import json
import re
import shutil
import zipfile
from urllib.parse import quote

import pytest

from core.ingest.recognise import recognise
from core.settings import ROOT

pytestmark = pytest.mark.browser

FIXTURES = ROOT / "tests" / "fixtures"


def test_a_collection_from_search_to_export(visitor):
    page = visitor.open("search?q=cat&mode=lexical").page
    # Once the models are loaded the page is drawn anew, and a tick of that moment would be lost.
    for busy in ("Models are loading", "Working in the background"):
        page.get_by_text(busy, exact=True).wait_for(state="hidden", timeout=120_000)
    found = visitor.settle().cards()
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
    page.get_by_text(re.compile("1 posts against")).wait_for()

    page.get_by_role("button", name="Export").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download", exact=True).click()
    with zipfile.ZipFile(waiting.value.path()) as file:
        document = json.loads(file.read("provenance.json"))
    assert document["subject"]["collection"]["name"] == "Cats to keep"
    assert document["counts"]["posts"] == 1


@pytest.mark.parametrize(
    "name", ["4cat-x.csv", "4cat-zeeschuimer.ndjson", "mastodon-archive", "bluesky-jetstream.jsonl"]
)
def test_an_export_is_named_and_shown_before_it_is_stored(visitor, imports, name):
    """A few in the browser; all of them are stored through the page in tests/pages/test_formats.py."""
    target = imports / name
    shutil.copytree(FIXTURES / name, target) if (FIXTURES / name).is_dir() else shutil.copy(FIXTURES / name, target)
    page = visitor.open(f"data?path={quote(str(target))}").page
    page.get_by_text(f"Read as {recognise(target).format}:").wait_for()
    page.locator(".thread article").first.wait_for()
