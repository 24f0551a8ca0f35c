"""A team's server: people log in at an OpenID provider, and see and do what their role allows."""

import pytest

from core.moderation.decisions import decide
from core.moderation.reports import report
from core.moderation.roles import ALONE
from core.settings import Settings
from core.workspace import Workspace
from tests.conftest import use_fake_encoders
from tests.e2e.conftest import Visitor, serve
from tests.e2e.oidc_provider import CLIENT, SECRET, oidc_provider

pytestmark = pytest.mark.browser

PEOPLE = {
    "Vic": {"sub": "u1", "email": "vic@example.org", "email_verified": True},
    "Rae": {"sub": "u2", "email": "rae@example.org", "email_verified": True, "groups": ["moderators", "staff"]},
    "Roy": {"sub": "u3", "email": "roy@example.org", "email_verified": True, "groups": ["moderators"]},
    "Lea": {"sub": "u4", "email": "Lea@example.org", "email_verified": True},
    "Ada": {"sub": "u5", "groups": []},
    "Max": {"sub": "u6", "email": "max@example.org", "email_verified": True},
    "Eve": {"sub": "u7", "email": "lea@example.org", "email_verified": False},
}
ROLES = """
[people]
"vic@example.org" = "viewer"
"lea@example.org" = "lead"
u5 = "admin"
[groups]
moderators = "reviewer"
"""


@pytest.fixture(scope="module")
def team(imports, tmp_path_factory):
    """The server of a team, with six reported posts, a removed one and a locked one."""
    folder = tmp_path_factory.mktemp("team")
    path = folder / "network"
    with pytest.MonkeyPatch.context() as patch:
        use_fake_encoders(patch)
        workspace = Workspace.open(path, Settings(workspace=path, threads=1), create=True)
        workspace.jobs.run_now("ingest", {"path": str(imports / "network")}, title="Import")
        report(workspace, ["cat0", "garden1", "coffee1", "rocket0", "filler1", "filler2"], "insult", by=ALONE)
        decide(workspace, ["rocket2"], "remove", policy="insult", by=ALONE)
        decide(workspace, ["garden2"], "escalate", reason="illegal", by=ALONE)
        workspace.close()
    (folder / "roles.toml").write_text(ROLES)
    with oidc_provider(PEOPLE) as issuer:

        def secrets(address):
            return (
                f'[auth]\nredirect_uri = "{address}/oauth2callback"\ncookie_secret = "{"x" * 40}"\n'
                f'client_id = "{CLIENT}"\nclient_secret = "{SECRET}"\n'
                f'server_metadata_url = "{issuer}/.well-known/openid-configuration"\n'
            )

        environ = {"FEEDSCOPE_ROLES": str(folder / "roles.toml")}
        with serve(path, imports, "tests.e2e.fake_app", environ=environ, secrets=secrets) as address:
            yield address


@pytest.fixture
def log_in(browser, team):
    """Opens the app in a browser of its own and logs somebody in there."""
    opened = []

    def as_person(name):
        page = browser.new_context(viewport={"width": 1360, "height": 900}).new_page()
        visitor = Visitor(page, team)
        opened.append(visitor)
        visitor.open()
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("link", name=name).click()
        page.wait_for_url(f"{team}/**")
        return visitor.settle()

    yield as_person
    for visitor in opened:
        visitor.page.context.close()
        assert visitor.dialogs == []
        assert visitor.errors == []


def menu(page):
    return page.locator('[data-testid="stSidebarNav"]').inner_text()


def test_nothing_is_shown_before_the_login(browser, team):
    page = browser.new_context().new_page()
    visitor = Visitor(page, team)
    for path in ("", "search?q=tomatoes", "review", "post?id=cat0", "data"):
        visitor.open(path)
        text = page.locator("body").inner_text()
        assert "Log in to look at this network" in text
        assert "Tomatoes" not in text
        assert "kitten" not in text
        assert "posts" not in text
    assert visitor.outside() == []
    page.context.close()


def test_a_viewer_looks_and_reports_and_reviews_nothing(log_in):
    visitor = log_in("Vic")
    page = visitor.page
    assert "Review" not in menu(page)
    visitor.open("review")
    assert "Review is for reviewers" in page.locator("body").inner_text()
    assert page.locator("article.item").count() == 0
    visitor.open("insights")
    assert "Insights are for reviewers" in page.locator("body").inner_text()
    for hidden in ("rocket2", "garden2"):
        visitor.open(f"post?id={hidden}")
        assert "This post was removed" in page.locator("body").inner_text()
        assert "garlic" not in page.locator("body").inner_text()
    visitor.open("data")
    assert "A lead brings data in" in page.locator("body").inner_text()
    visitor.open("post?id=cat1")
    page.get_by_role("button", name="Send to review").click()
    page.get_by_role("button", name="Send", exact=True).click()
    page.get_by_text("Waits for review").wait_for()
    page.get_by_role("button", name="Log out").click()
    page.get_by_text("Log in to look at this network").wait_for()


def test_a_reviewer_decides_under_their_own_name(log_in):
    visitor = log_in("Rae")
    page = visitor.page
    assert "Review" in menu(page)
    visitor.open("review?policy=insult")
    item = page.locator("article.item")
    item.wait_for()
    assert page.get_by_text("Locked", exact=True).count() == 0
    decided = item.get_attribute("data-post")
    page.keyboard.press("k")
    visitor.settle()
    visitor.open("review?view=log")
    newest = page.locator(".fs-table tbody tr").first.inner_text()
    assert "rae@example.org" in newest
    assert decided in newest
    assert "garden2" not in page.locator(".fs-table").first.inner_text()
    visitor.open("review?view=policies")
    assert "A lead changes policies" in page.locator("body").inner_text()
    visitor.open("review?queue=locked")
    assert "takes the role lead" in page.locator("body").inner_text()
    visitor.open("post?id=garden2")
    assert "This post was removed" in page.locator("body").inner_text()


def test_two_reviewers_never_have_the_same_item_open(log_in):
    found = []
    for name in ("Rae", "Roy"):
        visitor = log_in(name)
        visitor.open("review?policy=insult")
        visitor.page.locator("article.item").wait_for()
        found.append(visitor.page.locator("article.item").get_attribute("data-post"))
    assert len(set(found)) == 2


def test_a_lead_sees_what_is_locked_and_changes_policies_and_erases_nobody(log_in):
    visitor = log_in("Lea")
    page = visitor.page
    visitor.open("review?queue=locked")
    item = page.locator("article.item")
    item.wait_for()
    assert item.get_attribute("data-post") == "garden2"
    visitor.open("review?view=policies")
    page.get_by_text("Change a policy").wait_for()
    visitor.open("review?view=accounts&id=user3")
    assert "Decide on the account" in page.locator("body").inner_text()
    assert "Erase this person" not in page.locator("body").inner_text()


def test_an_admin_known_by_subject_may_erase(log_in):
    visitor = log_in("Ada")
    visitor.open("review?view=accounts&id=user3")
    visitor.page.get_by_text("Erase this person").wait_for()


@pytest.mark.parametrize("name", ["Max", "Eve"])
def test_others_have_no_role_however_they_are_called(log_in, name):
    page = log_in(name).page
    text = page.locator("body").inner_text()
    assert "You have no role here" in text
    assert "Tomatoes" not in text
