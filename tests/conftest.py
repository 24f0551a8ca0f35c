"""Fixtures for everyone: an empty workspace, and encoders that need no model."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from core import indexing
from core.settings import ROOT, Settings
from core.workspace import Workspace
from tests.fake_encoder import FakeEncoder


def pytest_collection_modifyitems(items):
    """Browser tests first, those of one long file before all, so that no worker is left with them at the end. On a busy
    machine a page may be drawn later than one of them waits; it is then tried once more, and the summary says so."""
    again = pytest.mark.flaky(reruns=1)
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(again)
    items.sort(key=lambda item: (item.get_closest_marker("browser") is None, "test_formats" not in item.nodeid))


@pytest.fixture
def settings(tmp_path):
    return Settings(workspace=tmp_path / "workspace", threads=2)


class InProcessEncoder:
    """Stands in for core.indexing.BatchEncoder, without a child process or a model."""

    def __init__(self, context, kind, settings):
        self._kind = kind
        self._media = context.workspace.media_folder
        self._encoder = context.workspace.encoder(kind)
        self.space = self._encoder.space
        self._contents = []

    def send(self, contents):
        self._contents = contents

    def receive(self, report):
        contents, self._contents = self._contents, []
        if self._kind == "text":
            vectors = self._encoder.encode_documents(contents)
        else:
            vectors = self._encoder.encode_pictures([self._media / path for path in contents])
        report(len(contents), len(contents))
        return vectors, list(range(len(contents))), []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def use_fake_encoders(patch):
    """Every workspace opened from now on encodes with the fake encoder, in this process."""
    patch.setattr(Workspace, "encoder", lambda self, kind: FakeEncoder(kind))
    patch.setattr(indexing, "open_batch_encoder", InProcessEncoder)


@pytest.fixture
def fake_encoders(monkeypatch):
    use_fake_encoders(monkeypatch)


@pytest.fixture
def workspace(settings, fake_encoders):
    with Workspace.open(settings.workspace, settings, create=True) as opened:
        yield opened


@pytest.fixture(scope="session")
def datasets():
    """The folder of real data sets; a test that wants it is skipped, saying so, where there is none."""
    folder = os.environ.get("FEEDSCOPE_DATASETS")
    if not folder:
        pytest.skip("FEEDSCOPE_DATASETS names no folder of real data sets")
    return Path(folder)


@pytest.fixture(scope="session")
def built_demo(tmp_path_factory):
    """The demo workspace's folder, built once a run with the real encoders, whichever worker comes first."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "built-demo"
    with FileLock(f"{folder}.lock"):
        if not (folder / "demo.json").exists():
            command = [sys.executable, "-m", "core", "demo", "--bare", "--workspace", str(folder), "--json"]
            subprocess.run(command, cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope="module")
def demo_workspace(built_demo, tmp_path_factory):
    """A copy of the demo workspace for one module, since only one process can hold a workspace."""
    return Path(shutil.copytree(built_demo, tmp_path_factory.mktemp("demo") / "demo"))
