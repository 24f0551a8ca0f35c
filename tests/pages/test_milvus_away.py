"""What each page shows while the Milvus server that holds the vectors is away, and when it is back."""

import time

import pytest

from core.settings import read_settings
from core.vectors import milvus_connection
from core.workspace import Workspace

pytest.importorskip("milvus_lite", reason="milvus-lite is not installed")
from tests.core.vectors.milvus_server import Server


@pytest.fixture
def server(small, tmp_path, monkeypatch):
    """The small workspace moved to a server, which is stopped."""
    running = Server(tmp_path / "server")
    monkeypatch.setenv("FEEDSCOPE_VECTORS", running.setting)
    settings = read_settings()
    with Workspace.open(settings.workspace, settings) as workspace:
        workspace.jobs.run_now("index", {}, title="Move")
    running.stop()
    monkeypatch.setattr(milvus_connection, "FIRST_WAIT", 0.01)
    yield running
    running.stop()


@pytest.mark.parametrize("page", ["overview", "search", "data", "index"])
def test_every_page_opens(server, visit, page):
    visit(page).check()
    assert "The vector engine is away" in visit.html


def test_a_search_goes_on_with_words_and_finds_meanings_when_the_server_is_back(server, visit, monkeypatch):
    said = f"The vector engine at {server.host} does not answer: only words are searched."
    visit("search", q="blue dog").check()
    assert visit.cards() == ["dog", "dog2"]
    assert said in visit.html
    server.start()
    monkeypatch.setattr(milvus_connection.MilvusConnection, "away", False)
    for _ in range(50):
        visit.app.run()
        if said not in visit.html:
            break
        time.sleep(0.1)
    assert said not in visit.check().html
    assert len(visit.cards()) > 2


def test_a_post_is_shown_without_its_neighbours(server, visit):
    visit("post", id="dog").check()
    assert visit.cards() == ["dog"]
    assert f"The vector engine at {server.host} does not answer." in visit.html
