"""Recommendations in a browser: train, pick a user, take a post out and see the list change, compare, follow why."""

import re
import shutil

import pytest

from tests.core.recommend.conftest import trained_network  # noqa: F401
from tests.e2e.conftest import Visitor, serve

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def trained_address(trained_network, tmp_path_factory):  # noqa: F811
    # Its vectors of words are a fake encoder's; serving a known post needs no encoder.
    copy = shutil.copytree(trained_network, tmp_path_factory.mktemp("recommendations") / "workspace")
    with serve(copy, tmp_path_factory.mktemp("imports")) as found:
        yield found


@pytest.fixture
def visitor(browser, trained_address):
    page = browser.new_page(viewport={"width": 1360, "height": 1000})
    found = Visitor(page, trained_address)
    yield found
    page.close()
    assert found.outside() == []
    assert found.dialogs == []
    assert found.errors == []


def press(page, label, name):
    page.get_by_role("list", name=label, exact=True).get_by_role("link", name=name).first.click()


def posts(page, label):
    found = page.get_by_role("list", name=label, exact=True)
    found.first.wait_for()
    return found.first.locator("article").evaluate_all("nodes => nodes.map(node => node.dataset.post)")


def test_pick_a_user_take_a_post_out_and_go_back(visitor):
    page = visitor.open("recommendations").page
    box = page.get_by_role("combobox", name="Whose recommendations")
    box.press_sequentially("User 4")
    page.get_by_role("option", name=re.compile("^User 4,")).click()
    page.wait_for_url("**/recommendations?user=user4")
    visitor.settle()
    before, history = posts(page, "Recommendations"), posts(page, "History")
    press(page, "History", "See what would be shown without this post")
    page.wait_for_url("**without=*")
    visitor.settle()
    page.get_by_text("Would be shown then").wait_for()
    assert posts(page, "History") == history[1:]
    assert history[0] not in posts(page, "Recommendations")
    page.get_by_text(re.compile("new in the list|Nothing changes")).wait_for()
    page.go_back()
    page.wait_for_url("**/recommendations?user=user4")
    visitor.settle()
    page.get_by_text("Would be shown then").wait_for(state="hidden")
    assert posts(page, "Recommendations") == before


def test_compare_two_models(visitor):
    page = visitor.open("recommendations?user=user4&tab=compare&beside=popularity").page
    ours, theirs = posts(page, "By Two towers"), posts(page, "By Popularity")
    both = len(set(ours) & set(theirs))
    assert f"{both}\nin both" in page.locator(".fs-stats").first.inner_text()
    address = page.url
    page.reload()
    visitor.settle()
    assert page.url == address
    assert posts(page, "By Two towers") == ours


def test_why_leads_to_a_post(visitor):
    page = visitor.open("recommendations?user=user4").page
    shown = posts(page, "Recommendations")
    press(page, "Recommendations", "What of the history carries this post")
    page.wait_for_url(f"**why={shown[0]}*")
    visitor.settle()
    page.get_by_text("What of the history carries it").wait_for()
    carriers = posts(page, "What carries it")
    assert carriers
    page.get_by_role("list", name="What carries it", exact=True).locator("article a.text").first.click()
    page.wait_for_url(f"**/post?id={carriers[0]}")


def test_the_phone_sees_one_column(browser, trained_address):
    page = browser.new_page(viewport={"width": 390, "height": 800})
    Visitor(page, trained_address).open("recommendations?user=user4")
    page.get_by_role("list", name="Recommendations", exact=True).wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.close()
