"""Killed between decision and effect: nothing is lost, nothing is half done, nothing is decided twice."""

import os
import signal
import subprocess
import sys

from core.database.moderation import read_decisions
from core.moderation.decisions import decide
from core.moderation.effects import removed_rows
from core.settings import ROOT, Settings
from core.workspace import Workspace

from .conftest import POSTS

DECIDE = """
import sys
from pathlib import Path
from core.settings import Settings
from core.workspace import Workspace
from core.moderation.decisions import decide, undo
folder = Path(sys.argv[1])
with Workspace.open(folder, Settings(workspace=folder, threads=1)) as workspace:
    for number in range(100_000):
        print(number, flush=True)
        made = decide(workspace, ["rude", "rude2", "spam"], "remove", token=f"token{number}")
        undo(workspace, made.ids[0])
        decide(workspace, ["spam2"], "keep", token=f"other{number}")
"""


def test_every_decision_that_is_there_has_its_effect_after_a_kill(settings, fake_encoders, tmp_path):
    (tmp_path / "posts.csv").write_text(POSTS)
    with Workspace.open(settings.workspace, settings, create=True) as workspace:
        workspace.jobs.run_now("ingest", {"path": str(tmp_path / "posts.csv")}, title="Import")
    for turns in (2, 4):
        process = subprocess.Popen(
            [sys.executable, "-c", DECIDE, str(settings.workspace)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for _ in range(turns):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        with Workspace.open(settings.workspace, Settings(workspace=settings.workspace, threads=2)) as workspace:
            entries = read_decisions(workspace.cursor())
            tokens = [entry.token for entry in entries if entry.action == "remove"]
            assert entries
            assert all(tokens.count(token) == 3 for token in set(tokens)), "a group is whole or not there"
            undone = {entry.undoes for entry in entries}
            standing = {entry.subject for entry in entries if entry.action == "remove" and entry.id not in undone}
            assert len(removed_rows(workspace)) == len(standing)
            # The browser sends again what it has no answer to: what was made is not made twice.
            count = len(entries)
            decide(workspace, ["rude", "rude2", "spam"], "remove", token=tokens[0])
            assert len(read_decisions(workspace.cursor())) == count
