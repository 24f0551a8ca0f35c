"""Each page run without a browser, on a small workspace, with the fake encoder."""

import json
import threading

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.settings import ROOT
from core.workspace import Workspace
from dashboard.resources import opened

POSTS = """id,text,author,date,likes,lang,images,reply_to,mood
cat,A red cat sleeps on the mat #cats,ann,2024-01-01,30,en,red.png,,calm
dog,The blue dog barks at the moon,bob,2024-02-01,4,en,blue.png,,loud
dog2,The blue dog barks at the red moon,bob,2024-02-02,1,en,blue.png,,loud
katze,Die Katze schläft,ann,2024-03-01,7,de,,cat,calm
hostile,"<script>alert(1)</script> ![x](https://example.org/x.png) **bold**",<b>eve</b>,2024-03-02,0,en,,,
"""


@pytest.fixture
def close_after():
    """Lets go of whatever workspace the app has opened."""
    found = []
    real = Workspace.open
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Workspace, "open", lambda *a, **k: found.append(real(*a, **k)) or found[-1])
        yield
    for thread in threading.enumerate():
        if thread.name in ("feedscope-verify", "feedscope-encoders"):
            thread.join(timeout=30)
    for workspace in found:
        workspace.close()
    opened._open.clear()


@pytest.fixture
def small(settings, fake_encoders, tmp_path, monkeypatch, close_after):
    """A workspace of five posts, named by FEEDSCOPE_WORKSPACE; gives its path."""
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "posts.csv").write_text(POSTS)
    for colour in ("red", "blue"):
        Image.new("RGB", (64, 48), colour).save(folder / f"{colour}.png")
    with Workspace.open(settings.workspace, settings, create=True) as workspace:
        workspace.jobs.run_now("ingest", {"path": str(folder)}, title="Import small")
    monkeypatch.setenv("FEEDSCOPE_WORKSPACE", str(settings.workspace))
    monkeypatch.setenv("FEEDSCOPE_IMPORT_ROOTS", str(tmp_path))
    return settings.workspace


class Visit:
    """A visitor of the app."""

    def __init__(self):
        self.app = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=60)

    def __call__(self, page, /, **params):
        """Opens a page by its file's name, with its URL's parameters."""
        for name, value in params.items():
            self.app.query_params[name] = value
        if page != "overview":
            self.app.switch_page(str(ROOT / "pages" / f"{page}.py"))
        self.app.run()
        return self

    @property
    def html(self):
        return "\n".join(block.proto.body for block in self.app.get("html"))

    def component(self, name):
        """What a component of ours was handed; of several the first."""
        found = [
            block.proto for block in self.app.get("bidi_component") if block.proto.component_name == f"feedscope_{name}"
        ]
        return json.loads(found[0].json) if found else None

    def cards(self):
        data = self.component("cards")
        return [card["id"] for card in data["cards"]] if data else []

    def check(self):
        assert not self.app.exception, self.app.exception
        assert "Something went wrong" not in self.html
        return self


@pytest.fixture
def visit():
    return Visit()
