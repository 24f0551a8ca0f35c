"""How much later a warm server draws our first page than an empty Streamlit page, in one run.

python -m tests.bench.first_page WORKSPACE [ROUNDS]
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright

from core.settings import ROOT

CHROMIUM = {
    "executable_path": "/usr/bin/chromium",
    "args": ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"],
}


@contextmanager
def server(script, environment):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(script), f"--server.port={port}", "--server.headless=true"],
        cwd=ROOT,
        env={**os.environ, **environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=1)
                break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait()


def seconds_to_draw(browser, address, text):
    page = browser.new_page()
    started = time.perf_counter()
    page.goto(address)
    page.get_by_text(text).first.wait_for(timeout=60_000)
    page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')", timeout=60_000)
    seconds = time.perf_counter() - started
    page.close()
    return seconds


def measure(workspace, rounds=7):
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        empty = Path(folder) / "empty.py"
        empty.write_text('import streamlit as st\n\nst.write("nothing here")\n')
        browser = playwright.chromium.launch(**CHROMIUM)
        times = {}
        pages = (("empty", empty, "nothing here"), ("overview", ROOT / "dashboard" / "app.py", "Overview"))
        for name, script, text in pages:
            with server(script, {"FEEDSCOPE_WORKSPACE": str(workspace)}) as address:
                seconds_to_draw(browser, address, text)  # warms the server
                times[name] = statistics.median(seconds_to_draw(browser, address, text) for _ in range(rounds))
        browser.close()
    return {
        "empty_page_s": round(times["empty"], 2),
        "first_page_s": round(times["overview"], 2),
        "later_by_s": round(times["overview"] - times["empty"], 2),
    }


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], *map(int, sys.argv[2:]))))
