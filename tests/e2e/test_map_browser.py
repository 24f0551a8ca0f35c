"""The Map page in a browser, on the demo network: make a map, lasso, collect, colour, play time, open a post."""

import subprocess
import sys

import pytest

from core.settings import ROOT
from tests.e2e.conftest import Visitor, serve

pytestmark = pytest.mark.browser
LONG = 180_000


@pytest.fixture(scope="module")
def map_address(demo_workspace, tmp_path_factory):
    command = [sys.executable, "-m", "core", "--workspace", str(demo_workspace), "map", "build", "--space", "text",
               "--epochs", "60", "--json"]  # fmt: skip
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with serve(demo_workspace, tmp_path_factory.mktemp("imports")) as found:
        yield found


@pytest.fixture
def visitor(browser, map_address):
    page = browser.new_page(viewport={"width": 1360, "height": 1000})
    found = Visitor(page, map_address)
    yield found
    page.close()
    assert found.outside() == []
    assert found.dialogs == []
    assert found.errors == []


def board(visitor):
    found = visitor.page.locator(".board[data-drawn]")
    found.wait_for(timeout=LONG)
    return found


def around_the_middle(visitor, share=0.3):
    """Draws a lasso, a square of half the board's height, through the toolbar."""
    box = board(visitor).bounding_box()
    visitor.page.get_by_role("button", name="Lasso (L)").click()
    x, y, r = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, box["height"] * share
    mouse = visitor.page.mouse
    mouse.move(x - r, y - r)
    mouse.down()
    for dx, dy in ((1, -1), (1, 1), (-1, 1), (-1, -1)):
        mouse.move(x + dx * r, y + dy * r, steps=6)
    mouse.up()
    visitor.page.wait_for_url("**area=*", timeout=LONG)
    visitor.settle()


def test_lasso_collect_colour_play_and_open(visitor):
    page = visitor.open("map").page
    assert board(visitor).get_attribute("data-drawn") in ("webgl", "plain")
    names = page.locator(".label")
    shown = [name for name in names.all() if name.is_visible()]
    assert len(shown) >= 4
    boxes = [name.bounding_box() for name in shown]
    for at, one in enumerate(boxes):
        for other in boxes[at + 1 :]:
            apart_x = one["x"] + one["width"] <= other["x"] + 8 or other["x"] + other["width"] <= one["x"] + 8
            apart_y = one["y"] + one["height"] <= other["y"] + 2 or other["y"] + other["height"] <= one["y"] + 2
            assert apart_x or apart_y, "names do not overlap"

    around_the_middle(visitor)
    page.get_by_text("posts chosen").wait_for()
    chosen = page.locator(".grid article").evaluate_all("nodes => nodes.map(node => node.dataset.post)")
    assert len(chosen) > 5

    page.get_by_role("button", name="Add to collection").click()
    choice = page.get_by_role("combobox", name="Collection")
    choice.fill("Middle of the map")
    choice.press("Enter")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("added to").wait_for()
    page.keyboard.press("Escape")

    page.get_by_role("combobox", name="Colour").press_sequentially("Lang")
    page.get_by_role("option", name="Language").click()
    page.wait_for_url("**colour=lang*")
    page.locator(".legend").get_by_text("English").wait_for()

    time = page.get_by_role("slider")
    whole = time.get_attribute("aria-label")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("before => document.querySelector('*') && before", arg=whole)
    page.wait_for_timeout(600)
    assert time.get_attribute("aria-label") != whole
    page.get_by_role("button", name="Pause").click()
    page.wait_for_url("**times=*")
    visitor.settle()
    time.press("Escape")
    page.wait_for_url(lambda url: "times=" not in url)
    visitor.settle()

    address = page.url
    page.reload()
    visitor.settle()
    assert page.url == address
    page.get_by_text("posts chosen").wait_for()
    page.locator(f'article[data-post="{chosen[0]}"] a.open').click()
    page.wait_for_url("**/post?*")
    page.get_by_text("About this post").wait_for()


def test_pointing_shows_the_post_and_zooming_finer_names(visitor):
    page = visitor.open("map").page
    here = board(visitor)
    here.focus()
    before = {name.inner_text() for name in page.locator(".label").all() if name.is_visible()}
    for _ in range(4):
        page.keyboard.press("+")
    page.wait_for_timeout(400)
    after = {name.inner_text() for name in page.locator(".label").all() if name.is_visible()}
    assert after - before, "closer there are finer names"
    page.keyboard.press("0")
    box = here.bounding_box()
    card = page.locator(".hover-card")
    for at in range(1, 40):
        page.mouse.move(box["x"] + box["width"] * at / 40, box["y"] + box["height"] * 0.5)
        page.wait_for_timeout(60)
        if here.evaluate("node => node.style.cursor") == "pointer":
            break
    card.get_by_text("Click to open").wait_for(timeout=LONG)


def test_a_cluster_opens_by_its_name_and_lights_up_from_elsewhere(visitor):
    page = visitor.open("map").page
    board(visitor)
    name = next(name for name in page.locator(".label.level-0").all() if name.is_visible())
    words = name.inner_text()
    name.click()
    page.wait_for_url("**cluster=0.*")
    page.get_by_role("heading", name=words, exact=True).wait_for()
    visitor.open("map?user=u005")
    board(visitor)
    page.locator(".legend .lit").get_by_text("Posts of").wait_for()
