"""A real headless browser on a real server with the real encoders. CI must have one; elsewhere a skip says so."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image

from core.settings import ROOT
from dashboard.links import parse_url

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

# Notes when the page was last drawn anew, in the shadow of a component too: a click on what is being replaced is lost.
WATCH = """() => {
  const changed = () => { window.changed = performance.now(); };
  const watch = (node) => new MutationObserver(changed).observe(node, { childList: true, subtree: true });
  const attach = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function (given) {
    const root = attach.call(this, given);
    watch(root);
    return root;
  };
  changed();
  watch(document);
}"""
STILL = """() => {
  const app = document.querySelector('[data-testid="stApp"]');
  return app?.dataset.testScriptState === "notRunning" && performance.now() - window.changed > 300;
}"""

MOST_SECONDS_UNANSWERED = 20
"""After so long it was no question."""

TOPICS = {
    "cat": ["A cat sleeps on the sofa all day", "My kitten chased its own tail #cats", "Cats rule this house, again"],
    "coffee": ["First coffee of the morning #coffee", "This espresso is far too strong", "Latte art for beginners"],
    "rocket": [
        "The rocket lifts off tonight",
        "Watching the launch from the beach #space",
        "Astronauts are home again",
    ],
    "garden": ["Tomatoes are ripe in the garden", "Rain at last, the beans are happy #garden", "Planting garlic today"],
}
PHOTOGRAPHS = {"cat": "chelsea", "coffee": "coffee", "rocket": "rocket"}
HOSTILE = (
    "<script>window.hacked = 1; alert('hacked')</script>"
    "<img src='http://hostile.example/a.png' onerror=\"alert('hacked')\">"
    " ![x](http://hostile.example/b.png) [click](javascript:alert(1)) :material/home: $x$ \u202egnorw yaw eht\u202c"
    " <a href='http://hostile.example'>link</a>"
)
HOSTILE_NAME = "<b>eve</b>![n](http://hostile.example/n.png)"


def make_posts(folder):
    """A posts file with photographs that scikit-image ships beside it; gives the folder."""
    from skimage import data

    (folder / "images").mkdir(parents=True)
    lines = ["id\ttext\tauthor\tcreated_at\tlikes\tlang\timages\treply_to\tmood"]
    for name, photograph in PHOTOGRAPHS.items():
        Image.fromarray(getattr(data, photograph)()).convert("RGB").save(folder / "images" / f"{name}.jpg")
    for number, (topic, texts) in enumerate(TOPICS.items()):
        for at, text in enumerate(texts):
            picture = f"images/{topic}.jpg" if at == 0 and topic in PHOTOGRAPHS else ""
            reply = f"{topic}0" if at == 1 else ""
            lines.append(
                f"{topic}{at}\t{text}\tuser{number}\t2024-0{number + 1}-1{at}\t{at * 3}\ten\t{picture}\t{reply}\tcalm"
            )
    lines += [f"filler{n}\tNothing much happened on day {n}\tuser9\t2023-05-01\t0\ten\t\t\tbored" for n in range(40)]
    lines.append(
        f"hostile\t{HOSTILE}\t{HOSTILE_NAME}\t2024-06-01\t1\t<i>xx</i>\t\t\t![m](http://hostile.example/m.png)"
    )
    (folder / "posts.tsv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="session")
def imports(tmp_path_factory):
    """The folder that the server may import from: ``network`` is in the workspace already, ``later`` is not."""
    folder = tmp_path_factory.mktemp("imports")
    make_posts(folder / "network")
    (folder / "later").mkdir()
    for colour in ("seagreen", "indigo"):
        Image.new("RGB", (320, 240), colour).save(folder / "later" / f"{colour}.png")
    (folder / "later" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    return folder


@pytest.fixture(scope="session")
def network(imports, tmp_path_factory):
    """A workspace made by the command line with the encoders that the app has by default."""
    folder = tmp_path_factory.mktemp("workspace") / "network"
    command = [sys.executable, "-m", "core", "--workspace", str(folder), "ingest", str(imports / "network")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return folder


@contextmanager
def serve(workspace, imports, program="streamlit", *, environ=None, secrets=None):
    """An app of its own on a workspace; ``tests.e2e.fake_app`` is one with the fake encoders, which start at once.
    ``environ`` are more variables; ``secrets`` makes the secrets file from the app's address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "FEEDSCOPE_WORKSPACE": str(workspace),
        "FEEDSCOPE_IMPORT_ROOTS": str(imports),
        **(environ or {}),
    }
    command = [sys.executable, "-m", program, "run", "dashboard/app.py", "--server.port", str(port)]
    if secrets is not None:
        file = Path(workspace).parent / "secrets.toml"
        file.write_text(secrets(f"http://127.0.0.1:{port}"))
        command += ["--secrets.files", str(file)]
    log = Path(workspace).parent / f"server-{port}.log"
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            assert process.poll() is None, log.read_text()
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=1)
                break
            except OSError:
                time.sleep(0.25)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=60)


@pytest.fixture(scope="session")
def address(network, imports):
    with serve(network, imports) as found:
        yield found


@pytest.fixture(scope="session")
def browser():
    if not Path(CHROMIUM).exists():
        assert os.environ.get("CI") != "true", f"CI must test in a browser, and there is none at {CHROMIUM}"
        pytest.skip(f"no browser at {CHROMIUM}: install Debian's chromium, or name one in CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield opened
        opened.close()


class Visitor:
    """A browser's page, with all that it asked of the network and every dialog that opened."""

    def __init__(self, page, address):
        self.page = page
        self.address = address
        self.requests = []
        self.dialogs = []
        self.errors = []
        self.asked = self.answered = 0.0
        page.set_default_timeout(30_000)
        page.add_init_script(f"({WATCH})()")
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", self._listen)
        page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, path=""):
        self.page.goto(f"{self.address}/{path}")
        return self.settle()

    def _listen(self, socket):
        self.requests.append(socket.url)
        socket.on("framesent", lambda _: setattr(self, "asked", time.monotonic()))
        socket.on("framereceived", lambda _: setattr(self, "answered", time.monotonic()))

    def settle(self):
        """Waits until the server has answered, the script has run, and the page has not changed for a moment."""
        self.page.wait_for_timeout(150)
        for _ in range(900):
            unanswered = self.asked > self.answered and time.monotonic() - self.asked < MOST_SECONDS_UNANSWERED
            if not unanswered and self.page.evaluate(STILL):
                return self
            self.page.wait_for_timeout(100)
        raise AssertionError(f"{self.page.url} is drawn and drawn anew")

    def cards(self):
        """Ids of the grid's posts, in their order, once the grid shows what the address bar says."""
        grid = self.page.locator(".grid")
        for _ in range(300):
            parts = urlsplit(self.page.url)
            wanted = parse_url(f".{parts.path}?{parts.query}")
            if any(parse_url(view) == wanted for view in grid.evaluate_all("nodes => nodes.map(n => n.dataset.view)")):
                return grid.locator("article").evaluate_all("nodes => nodes.map(node => node.dataset.post)")
            self.page.wait_for_timeout(100)
        raise AssertionError(f"The page does not show {self.page.url}")

    def outside(self):
        """Requests to anywhere but the server."""
        own = self.address.removeprefix("http://")
        return [url for url in self.requests if not url.startswith(("data:", "blob:", f"http://{own}", f"ws://{own}"))]


@pytest.fixture
def visitor(browser, address):
    page = browser.new_page(viewport={"width": 1360, "height": 900})
    found = Visitor(page, address)
    yield found
    page.close()
    assert found.outside() == []
    assert found.dialogs == []
    assert found.errors == []
