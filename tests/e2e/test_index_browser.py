"""The Index page in a browser, on the demo network: measure, try families, switch, find the spam wave."""

import csv
import re

import pytest

from tests.e2e.conftest import Visitor, serve

pytestmark = pytest.mark.browser
LONG = 180_000


@pytest.fixture(scope="module")
def demo_address(demo_workspace, tmp_path_factory):
    with serve(demo_workspace, tmp_path_factory.mktemp("imports")) as found:
        yield found


@pytest.fixture
def visitor(browser, demo_address):
    page = browser.new_page(viewport={"width": 1360, "height": 1000})
    found = Visitor(page, demo_address)
    yield found
    page.close()
    assert found.outside() == []
    assert found.dialogs == []
    assert found.errors == []


def badge(page):
    return page.locator(".st-key-index_badge")


def card(page, kind="text"):
    return page.locator(f".st-key-index_{kind}")


def test_measure_try_families_switch_and_see_it(visitor):
    page = visitor.open("index").page
    assert "Exact search" in badge(page).inner_text()
    assert "few enough to compare with every one" in card(page).inner_text()
    card(page).get_by_role("button", name="Measure").click()
    card(page).get_by_text("Of the 10 nearest, 100 % were found").wait_for(timeout=LONG)
    assert "recall@10" in card(page).inner_text()

    page.get_by_role("button", name="Lists (IVF-Flat)").click()  # not this time
    visitor.settle()
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url("**/index?run=*")
    page.get_by_text("The lab would choose").wait_for(timeout=LONG)
    visitor.settle()
    chart = page.locator(".js-plotly-plot").first
    chart.wait_for()
    assert chart.locator(".scatterlayer .trace").count() == 3
    table = page.locator(".fs-wide table").first
    assert table.locator("tbody tr").count() == 3
    with page.expect_download() as waiting:
        page.locator("[class*=st-key-lab-csv]").get_by_role("button").click()
    rows = list(csv.DictReader(waiting.value.path().read_text(encoding="utf-8-sig").splitlines()))
    assert {row["family"] for row in rows} == {"flat", "hnsw", "sq8"}
    assert all(float(row["low"]) <= float(row["recall_at_10"]) <= float(row["high"]) for row in rows)

    address = page.url
    page.reload()
    visitor.settle()
    assert page.url == address
    page.get_by_text("The lab would choose").wait_for()
    assert "is what serves now" in page.locator(".st-key-lab_switch").inner_text()
    page.get_by_text("Ready", exact=True).wait_for(timeout=LONG)
    family = page.get_by_role("combobox", name="Family of texts")
    family.press_sequentially("Graph")
    page.get_by_role("option", name="Graph (HNSW)").wait_for()
    family.press("Enter")
    visitor.settle()
    page.get_by_role("button", name="Switch to Graph (HNSW)").click()
    card(page).get_by_text("Chosen by hand").wait_for(timeout=LONG)
    card(page).get_by_text("Measured").wait_for(timeout=LONG)
    badge(page).get_by_role("link", name=re.compile(r"Recall \d+(\.\d)? %")).wait_for(timeout=LONG)

    visitor.open("search?q=bread&mode=text")
    assert visitor.cards()
    badge(page).get_by_role("link").click()
    page.wait_for_url("**/index")
    visitor.settle()
    card(page).get_by_role("button", name="Back to automatic").click()
    badge(page).get_by_role("link", name="Exact search").wait_for(timeout=LONG)


def test_the_spam_wave_is_found_and_leads_on(visitor):
    page = visitor.open("index").page
    page.get_by_role("button", name="Find near-duplicates").click()
    page.get_by_text(re.compile(r"\d+ groups of \d+ posts")).wait_for(timeout=LONG)
    visitor.settle()
    groups = page.locator(".grid")
    groups.first.wait_for()
    assert "tidecoin" in groups.first.inner_text().lower()
    page.get_by_text(re.compile("near its first post")).first.click()
    page.wait_for_url("**/post?id=*")
    visitor.settle()
    near = visitor.cards()
    assert len(near) > 10
    page.go_back()
    page.wait_for_url("**/index*")
    visitor.settle()
    page.get_by_label("Next page").click()
    page.wait_for_url("**page=2*")


def test_the_phone_sees_one_column(browser, demo_address):
    page = browser.new_page(viewport={"width": 390, "height": 800})
    Visitor(page, demo_address).open("index")
    card(page).wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.close()
