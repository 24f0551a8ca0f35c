"""What a person does, done in a browser."""

import csv
import json
import re
import subprocess
import sys
import zipfile
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from core.settings import ROOT
from tests.e2e.conftest import HOSTILE, HOSTILE_NAME, Visitor, serve

pytestmark = pytest.mark.browser


def query(page):
    return parse_qs(urlsplit(page.url).query)


def search_box(page):
    return page.get_by_label("Search", exact=True)


def test_an_analyst_searches_opens_and_follows(visitor):
    page = visitor.open().page
    search_box(page).fill("a sleeping cat")
    search_box(page).press("Enter")
    visitor.settle()
    assert query(page) == {"q": ["a sleeping cat"]}
    assert "cat0" in visitor.cards()[:2]
    assert "cat" in [marked.lower() for marked in page.locator("mark").all_inner_texts()]

    page.locator('.grid article[data-post="cat0"] a.open').click()
    page.wait_for_url("**/post?*")
    visitor.settle()
    assert query(page) == {"id": ["cat0"]}
    assert "A cat sleeps on the sofa" in page.locator(".full").inner_text()
    assert page.locator(".full img").first.evaluate("node => node.naturalWidth") > 300
    assert page.locator(".thread article").count() == 2
    neighbour = visitor.cards()[0]
    assert neighbour != "cat0"

    page.locator(".grid article a.open").first.click()
    page.wait_for_function("id => new URL(location).searchParams.get('id') === id", arg=neighbour)
    visitor.settle()
    assert page.locator(".full article").get_attribute("data-post") == neighbour

    page.go_back()
    page.wait_for_function("() => new URL(location).searchParams.get('id') === 'cat0'")
    visitor.settle()
    assert page.locator(".full article").get_attribute("data-post") == "cat0"


def test_a_dropped_picture_finds_its_like_and_survives_a_reload(visitor, imports):
    page = visitor.open("search").page
    page.locator('input[type="file"]').first.set_input_files(imports / "network" / "images" / "rocket.jpg")
    page.wait_for_url("**/search?picture=*")
    visitor.settle()
    found = visitor.cards()
    assert found[0] == "rocket0"
    address = page.url
    page.reload()
    visitor.settle()
    assert page.url == address
    assert visitor.cards() == found
    assert page.locator(".chip.part img").count() == 1
    page.get_by_label(re.compile("Remove Your picture")).click()
    page.wait_for_url(re.compile(r"/search$"))


def test_filters_pages_and_order_live_in_the_address(visitor):
    page = visitor.open("search?q=day&mode=lexical").page
    assert "41 of 53 posts" in page.locator(".fs-count").inner_text()
    first = visitor.cards()
    assert len(first) == 24
    page.get_by_label("Next page").click()
    page.wait_for_url("**page=2*")
    visitor.settle()
    assert len(visitor.cards()) == 17
    assert not set(first) & set(visitor.cards())
    page.reload()
    visitor.settle()
    assert len(visitor.cards()) == 17

    page.get_by_role("button", name="People").click()
    page.get_by_role("combobox", name="People").fill("user0")
    page.get_by_role("option", name="user0 (3)").click()
    page.wait_for_url("**user=user0*")
    visitor.settle()
    assert "page" not in query(page)
    page.reload()
    visitor.settle()
    assert query(page)["user"] == ["user0"]
    assert page.locator(".chip.part").first.inner_text().split() == ["From", "user0"]


def test_not_this_and_like_this(visitor):
    page = visitor.open("search?q=coffee").page
    page.locator('article[data-post="coffee0"]').get_by_label("Not like this").click()
    page.wait_for_url("**unlike=coffee0*")
    visitor.settle()
    assert "coffee0" not in visitor.cards()
    page.locator('article[data-post="coffee1"]').get_by_label("More like this").click()
    page.wait_for_url("**like=coffee1*")
    visitor.settle()
    assert query(page)["unlike"] == ["coffee0"]


def test_hits_can_be_taken_along(visitor):
    page = visitor.open("search?q=coffee&mode=lexical").page
    found = visitor.cards()
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download", exact=True).click()
    with zipfile.ZipFile(waiting.value.path()) as file:
        text = file.read("posts.csv").decode("utf-8-sig")
        assert json.loads(file.read("provenance.json"))["subject"]["query"]["parts"][0]["value"] == "coffee"
    assert [row["id"] for row in csv.DictReader(text.splitlines())] == found


def test_the_slider_narrows_the_neighbours(visitor):
    page = visitor.open("post?id=cat0&by=words").page
    before = len(visitor.cards())
    visitor.open("post?id=cat0&by=words&least=0.3")
    assert 0 < len(visitor.cards()) < before
    page.get_by_role("radio", name="Pictures").click()
    page.wait_for_url("**by=picture*")


def test_a_slash_goes_to_the_search_box(visitor):
    page = visitor.open("search?q=cat").page
    visitor.cards()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("/")
    assert search_box(page).evaluate("node => node === document.activeElement")


def test_a_folder_below_the_allowed_one_is_imported(visitor, imports):
    page = visitor.open(f"data?path={imports / 'later'}").page
    page.get_by_text("The first 3 as they would be stored").wait_for()
    page.get_by_role("button", name=re.compile("Import")).click()
    page.wait_for_url("**/data?job=*")
    page.get_by_text(re.compile("3 rows read from later: 3 added")).wait_for(timeout=120_000)
    page.get_by_text(re.compile("could not be read")).wait_for()
    page.get_by_text("See the posts of").click()
    page.wait_for_url("**/search?source=later")
    visitor.settle()
    assert len(visitor.cards()) == 3


def test_uploaded_files_are_shown_before_they_are_stored(visitor, tmp_path):
    (tmp_path / "upload.csv").write_text("id,text,author\nup1,An uploaded post about kites,zoe\n")
    page = visitor.open("data").page
    page.locator('input[type="file"]').first.set_input_files(tmp_path / "upload.csv")
    page.wait_for_url("**/data?path=upload*")
    page.get_by_text("An uploaded post about kites").wait_for()
    visitor.open("search?q=kites&mode=lexical")
    page.get_by_text("Nothing found in words").wait_for()
    assert page.locator("article").count() == 0


@pytest.mark.parametrize(
    "path",
    ["", "search", "search?q=script+click", "post?id=hostile", "data", f"search?{urlencode({'user': HOSTILE_NAME})}"],
)
def test_hostile_posts_are_text_on_every_page(browser, address, path):
    page = browser.new_page()
    visitor = Visitor(page, address).open(path)
    page.wait_for_timeout(500)
    assert visitor.outside() == []
    assert visitor.dialogs == []
    assert page.evaluate("window.hacked") is None
    if path.startswith(("post", "search?")):
        shown = page.locator('article[data-post="hostile"]').first
        assert HOSTILE.split("\u202e")[0] in shown.locator(".text").inner_text()
        assert HOSTILE_NAME in shown.locator(".name").inner_text()
        assert page.locator("img[src^='http']:not([src*='127.0.0.1'])").count() == 0
        assert page.locator("article a:not([href^='./'])").count() == 0
    if path == "search":
        for name in ("Language", "People", "More"):
            page.get_by_role("button", name=name).click()
            page.wait_for_timeout(200)
        assert visitor.outside() == []
    page.close()


def test_a_second_process_is_told_who_holds_the_workspace(browser, address, network, imports):
    with serve(network, imports) as second:
        page = browser.new_page()
        page.goto(second)
        page.get_by_text("The workspace is not open").wait_for(timeout=60_000)
        assert page.get_by_role("button", name="Try again").is_visible()
        page.close()
    command = [sys.executable, "-m", "core", "--workspace", str(network), "info"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0


def test_the_phone_sees_one_column(browser, address):
    page = browser.new_page(viewport={"width": 390, "height": 800})
    visitor = Visitor(page, address).open("search?q=cat")
    visitor.cards()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.close()
