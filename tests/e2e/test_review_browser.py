"""A shift at the review desk, by keyboard, in a browser."""

import shutil
from urllib.parse import parse_qs, urlsplit

import pytest

from core.moderation.decisions import decide
from core.moderation.queue import set_second_share
from core.moderation.reports import report
from core.moderation.roles import ALONE
from core.settings import Settings
from core.workspace import Workspace
from tests.e2e.conftest import Visitor, serve

pytestmark = pytest.mark.browser

WAVE = "id\ttext\tauthor\tcreated_at\tlikes\tlang\n" + "".join(
    f"wave{n}\tClaim your {n}00 free coins at https://coins-{n}.example/{n}a before midnight\tnew{n % 5}"
    f"\t2024-07-0{1 + n % 4}\t0\ten\n"
    for n in range(20)
)


@pytest.fixture(scope="module")
def shift(network, imports, tmp_path_factory):
    """A copy of the workspace with a wave of spam and three reported posts; gives its address."""
    folder = tmp_path_factory.mktemp("shift")
    copy = shutil.copytree(network, folder / "network")
    (folder / "wave.tsv").write_text(WAVE)
    with Workspace.open(copy, Settings(workspace=copy, threads=2)) as workspace:
        workspace.jobs.run_now("ingest", {"path": str(folder / "wave.tsv")}, title="Import a wave")
        assert report(workspace, ["cat0", "hostile", "garden1"], "insult", "<b>look</b>", by=ALONE) == 3
        set_second_share(workspace, 1.0)
        decide(workspace, ["garden2"], "remove", policy="insult")
    with serve(copy, imports) as address:
        yield address


@pytest.fixture
def desk(browser, shift):
    page = browser.new_page(viewport={"width": 1360, "height": 900})
    found = Visitor(page, shift)
    yield found
    page.close()
    assert found.outside() == []
    assert found.dialogs == []
    assert found.errors == []


def waits(page):
    return int(page.locator(".shift").inner_text().split()[0].replace(",", ""))


def test_a_shift(desk):
    page = desk.open("review").page
    item = page.locator("article.item")
    item.wait_for()
    before = waits(page)

    # the wave is one group and two keystrokes
    while not item.get_attribute("data-post").startswith("wave"):
        page.keyboard.press("s")
        page.wait_for_timeout(300)
    desk.settle()
    page.keyboard.press("g")
    page.keyboard.press("r")
    page.wait_for_timeout(200)
    assert not (item.count() and item.get_attribute("data-post").startswith("wave")), "the next one is here at once"
    desk.settle()
    assert waits(page) <= before - 20

    # what is removed is gone from search at once, and back after undo
    desk.open("search?q=free+coins")
    assert not [card for card in desk.cards() if card.startswith("wave")]
    page.go_back()
    desk.settle()

    # a picture is blurred until it is asked for
    desk.open("review?policy=insult&order=newest")
    item.wait_for()
    for _ in range(3):
        if item.get_attribute("data-post") == "cat0":
            break
        page.keyboard.press("s")
        page.wait_for_timeout(300)
        desk.settle()
    assert item.get_attribute("data-post") == "cat0"
    assert page.locator(".pictures.blurred").count() == 1
    page.keyboard.press("p")
    page.locator(".pictures:not(.blurred)").wait_for()

    # help, a note, a label, and taking it back
    page.keyboard.press("?")
    assert "Undo the last decision" in page.locator(".help").inner_text()
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.keyboard.type("seen k r e")
    page.keyboard.press("Escape")
    page.keyboard.press("l")
    page.keyboard.press("1")
    desk.settle()
    assert "label" in page.locator(".shift").inner_text()
    page.keyboard.press("z")
    desk.settle()
    desk.open("review?view=log")
    text = page.locator(".fs-table").first.inner_text()
    assert "took back" in text
    assert "seen k r e" in text
    assert "Sensitive content" in text


def test_a_second_review_is_blind_and_counts_as_agreement(desk):
    page = desk.open("review?queue=second&order=waiting").page
    item = page.locator("article.item")
    item.wait_for()
    assert item.get_attribute("data-post") == "garden2"
    beside = page.locator("aside").inner_text()
    assert "blind" in beside
    assert "remove" not in beside
    before = waits(page)
    page.keyboard.press("r")
    desk.settle()
    assert waits(page) == before - 1
    desk.open("insights")
    agreed = page.locator(".fs-table", has_text="All policies").inner_text()
    assert "100 %" in agreed


def test_many_are_decided_on_the_sheet_by_keys(desk):
    page = desk.open("review?view=sheet&reported=yes").page
    page.locator("article").first.wait_for()
    there = page.locator("article").count()
    page.locator("article .tick").first.click()
    page.get_by_role("button", name="Keep 1").wait_for()
    desk.settle()
    page.keyboard.press("k")
    page.get_by_text("Last: keep").wait_for()
    desk.settle()
    assert page.locator("article").count() == there - 1
    page.keyboard.press("z")
    page.get_by_text("Last: keep").wait_for(state="detached")
    desk.settle()
    assert page.locator("article").count() == there


def test_strangers_words_stay_words_on_the_desk(desk):
    page = desk.open("review?policy=insult").page
    page.locator("article.item").wait_for()
    for _ in range(4):
        if page.locator("article.item").get_attribute("data-post") == "hostile":
            break
        page.keyboard.press("s")
        page.wait_for_timeout(300)
        desk.settle()
    assert "<script>" in page.locator("article.item .text").inner_text()
    assert "<b>look</b>" in page.locator("aside").inner_text()
    assert page.evaluate("window.hacked") is None


def test_a_threshold_is_tried_and_set(desk):
    page = desk.open("insights?policy=waves&threshold=0.9").page
    assert "At 0.90" in page.locator(".fs-table").first.inner_text()
    page.get_by_role("button", name="Make it the threshold").click()
    page.get_by_text("Now, 0.90").wait_for()
    assert parse_qs(urlsplit(page.url).query)["threshold"] == ["0.9"]
