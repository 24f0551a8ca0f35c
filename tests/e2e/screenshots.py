"""Makes the pictures in assets/screenshots from a demo workspace.

python -m tests.e2e.screenshots WORKSPACE
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from core.settings import ROOT
from tests.e2e.conftest import ARGUMENTS, CHROMIUM, Visitor, serve

FOLDER = ROOT / "assets" / "screenshots"
COMMANDS = (
    ("moderate", "score"),
    ("map", "build", "--space", "text"),
    ("map", "build", "--space", "dual"),
    ("recommend", "train"),
    ("duplicates",),
)
VIEWS = {
    "overview": "",
    "search-words": "search?q=bread+fresh+from+the+oven",
    "search-pictures": "search?q=pizza&mode=image",
    "post": "post?id=p0149",
    "index": "index",
    "recommendations": "recommendations?user=u020&without=p0269",
    "map": "map?layout=words",
    "map-pictures": "map?layout=pictures",
    "coordination": "coordination?wave=0",
    "review": "review",
}


def take(browser, address, name, path, scheme):
    page = browser.new_page(viewport={"width": 1360, "height": 900}, color_scheme=scheme)
    Visitor(page, address).open(path)
    page.get_by_test_id("stSidebarUserContent").get_by_text("Ready", exact=True).wait_for(timeout=600_000)
    page.wait_for_timeout(1500)
    page.screenshot(path=FOLDER / (f"{name}.png" if scheme == "light" else f"{name}-dark.png"))
    page.close()


def main(workspace):
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        copy = Path(shutil.copytree(workspace, Path(folder) / "demo"))
        for command in COMMANDS:
            words = [sys.executable, "-m", "core", "--workspace", str(copy), *command, "--json"]
            subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        with serve(copy, folder) as address:
            # The first search waits for the models, and a page says how long its search took.
            Visitor(browser.new_page(), address).open("search?q=hello").cards()
            for name, path in VIEWS.items():
                for scheme in ("light", "dark"):
                    take(browser, address, name, path, scheme)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
