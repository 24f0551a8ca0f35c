"""Every format goes in through the Data page: named, shown, imported, and in the workspace afterwards."""

import shutil
import time

from core.ingest.recognise import FORMATS, preview, recognise
from core.workspace import Workspace
from dashboard import resources
from tests.core.ingest import made_sources, test_exports
from tests.core.ingest.made_sources import FIXTURES, fixture_names, make_sources


def test_there_is_a_source_of_every_format(tmp_path):
    make_sources(tmp_path)
    made = {name: recognise(tmp_path / name).format for name in made_sources.FORMATS}
    assert made == made_sources.FORMATS
    assert {*made.values(), *test_exports.FORMATS.values()} == set(FORMATS)


def test_every_format_makes_the_round_trip(settings, fake_encoders, tmp_path, monkeypatch, close_after, visit):
    """One workspace and one visitor for all of them, since opening those is what takes the time."""
    Workspace.open(settings.workspace, settings, create=True).close()
    monkeypatch.setenv("FEEDSCOPE_WORKSPACE", str(settings.workspace))
    monkeypatch.setenv("FEEDSCOPE_IMPORT_ROOTS", str(tmp_path))
    shutil.copytree(FIXTURES, tmp_path / "fixtures")
    make_sources(tmp_path / "fixtures")
    for name in [*fixture_names(), *made_sources.FORMATS]:
        path = tmp_path / "fixtures" / name
        source, records, _ = preview(path)
        visit("data", path=str(path)).check()
        assert f"Read as {source.format}:" in visit.html, name
        next(button for button in visit.app.button if button.label.startswith("Import ")).click().run()
        while resources.active_jobs():
            time.sleep(0.02)
        (job,) = resources.workspace().jobs.list(limit=1)
        assert job.state == "done", (name, job.error)
        assert job.result["format"] == source.format, name
        assert job.result["added"] + job.result["skipped"] + job.result["updated"] >= len(records) > 0, name
        assert job.result["sources"], name
