"""Every format by a visitor's hand: uploaded, named, shown, imported, found."""

import re
from itertools import islice
from urllib.parse import urlencode

import pytest

from core.ingest.recognise import preview
from core.settings import Settings
from core.workspace import Workspace
from tests.core.ingest import made_sources
from tests.core.ingest.made_sources import FIXTURES, fixture_names, make_sources
from tests.e2e.conftest import Visitor, serve

pytestmark = pytest.mark.browser


def test_every_format_makes_the_round_trip_in_a_browser(browser, tmp_path):
    """One app for all of them, since opening one takes time; they are looked for at last, when all are in."""
    folder, made = tmp_path / "workspace", tmp_path / "made"
    Workspace.open(folder, Settings(workspace=folder), create=True).close()
    made.mkdir()
    make_sources(made)
    paths = [FIXTURES / name for name in fixture_names()] + [made / name for name in made_sources.FORMATS]
    with serve(folder, tmp_path, "tests.e2e.fake_app") as address:
        page = browser.new_page(viewport={"width": 1360, "height": 900})
        visitor = Visitor(page, address)
        posts = {path.name: _take_in(visitor, path) for path in paths}
        visitor.open("data")
        page.get_by_text("Ready", exact=True).wait_for(timeout=120_000)
        found = _found(visitor, {post.source for some in posts.values() for post in some})
        for name, some in posts.items():
            # an id that another network has used goes under the name of its own
            assert all({post.id, f"{post.source}:{post.id}"} & found for post in some), name
        assert (visitor.outside(), visitor.dialogs, visitor.errors) == ([], [], [])
        page.close()


def _take_in(visitor, path):
    """Uploads a source, looks at what was made of it and imports it; gives the posts that were shown."""
    page, name = visitor.page, path.name
    source, records, _ = preview(path, limit=10)
    visitor.open("data")
    page.get_by_text("Ready", exact=True).wait_for(timeout=120_000)  # the page is not drawn again while a file arrives
    if path.is_dir():
        page.get_by_role("radio", name="A folder").click()
        visitor.settle()
    page.locator('input[type="file"]').first.set_input_files(path)
    page.wait_for_url("**/data?path=upload*")
    page.get_by_text(f"Read as {source.format}:").wait_for()
    page.get_by_role("heading", name=f"The first {len(records)} as they would be stored").wait_for()
    page.locator(".thread article").nth(len(records) - 1).wait_for()
    assert page.locator(".thread article").count() == len(records), name
    visitor.settle()  # until then the last source's button may be there too
    page.get_by_role("button", name=re.compile("^Import ")).click()
    page.wait_for_url("**/data?job=*")
    return [record.post for record in records]


def _found(visitor, sources):
    """Ids of all posts of some sources, as the page Search shows them."""
    found = set()
    names = iter(sorted(sources))
    while some := list(islice(names, 8)):  # an address holds so many
        number, more = 1, True
        while more:
            visitor.open(f"search?{urlencode({'source': some, 'page': number}, doseq=True)}")
            found.update(visitor.cards())
            following = visitor.page.get_by_label("Next page")
            more = following.count() > 0 and following.is_enabled()
            number += 1
    return found
