"""Every format by a visitor's hand: uploaded, named, shown, imported, found."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from core.ingest.recognise import preview
from core.settings import Settings
from core.workspace import Workspace
from tests.core.ingest import made_sources
from tests.core.ingest.made_sources import FIXTURES, fixture_names, make_sources
from tests.e2e.conftest import Visitor, serve

pytestmark = pytest.mark.browser


def test_every_format_makes_the_round_trip_in_a_browser(browser, tmp_path):
    """One app and one page for all of them, since opening those is what takes the time."""
    folder = tmp_path / "workspace"
    Workspace.open(folder, Settings(workspace=folder), create=True).close()
    made = tmp_path / "made"
    made.mkdir()
    make_sources(made)
    sources = [FIXTURES / name for name in fixture_names()] + [made / name for name in made_sources.FORMATS]
    with serve(folder, tmp_path, "tests.e2e.fake_app") as address:
        page = browser.new_page(viewport={"width": 1360, "height": 900})
        visitor = Visitor(page, address)
        for path in sources:
            _take_in(visitor, path)
        assert (visitor.outside(), visitor.dialogs, visitor.errors) == ([], [], [])
        page.close()


def _take_in(visitor, path):
    page, name = visitor.page, path.name
    source, records, _ = preview(path, limit=10)
    visitor.open("data")
    if path.is_dir():
        page.get_by_role("radio", name="A folder").click()
        visitor.settle()
    page.locator('input[type="file"]').first.set_input_files(path)
    page.wait_for_url("**/data?path=upload*")
    page.get_by_text(f"Read as {source.format}:").wait_for()
    page.get_by_role("heading", name=f"The first {len(records)} as they would be stored").wait_for()
    page.locator(".thread article").nth(len(records) - 1).wait_for()
    assert page.locator(".thread article").count() == len(records), name
    page.get_by_role("button", name=re.compile("^Import ")).click()
    page.wait_for_url("**/data?job=*")
    page.get_by_text("See the posts of").first.click()
    page.wait_for_url("**/search?source=*")
    assert parse_qs(urlsplit(page.url).query)["source"][0], name
    assert len(visitor.cards()) >= 1, name
