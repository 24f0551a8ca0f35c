"""The open workspace and its encoders, kept for all visitors."""

from __future__ import annotations

import atexit
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import streamlit as st

from core.database.jobs import Job
from core.errors import FeedscopeError
from core.moderation import effects
from core.settings import read_settings
from core.workspace import Workspace

_READ_ONLY = ("export", "dry_run")
"""Jobs that change nothing that could be kept."""


@dataclass(frozen=True, slots=True)
class Version:
    """Names a state of the workspace: its folder, its generation, its latest jobs with their states, since a job may
    change an index without changing the data, and how often the vector engine was away, since what was found without it
    is not to be kept. ``decisions`` rises with every decision of a reviewer."""

    workspace: str
    generation: int
    decisions: int
    jobs: tuple[tuple[int, str], ...]
    outages: tuple[int, int]


class Encoders:
    """Loads the two encoders in the background, so that the first search need not wait for them."""

    def __init__(self, workspace: Workspace) -> None:
        self.state: Literal["loading", "ready", "failed"] = "loading"
        self.problem = ""
        self._workspace = workspace
        threading.Thread(target=self._load, name="feedscope-encoders", daemon=True).start()

    def _load(self) -> None:
        try:
            for kind in ("text", "dual"):
                self._workspace.encoder(kind)
            self.state = "ready"
        except FeedscopeError as error:
            self.problem = str(error)
        finally:
            if self.state == "loading":
                self.state = "failed"


@dataclass(frozen=True, slots=True)
class _Opened:
    workspace: Workspace
    encoders: Encoders


@st.cache_resource(show_spinner="Opening the workspace …")
def _open(path: Path) -> _Opened:
    workspace = Workspace.open(path, read_settings())
    atexit.register(workspace.close)
    workspace.start()
    return _Opened(workspace, Encoders(workspace))


def workspace() -> Workspace:
    """The workspace that the settings name. Raises SettingError, WorkspaceError and WorkspaceBusy, anew on each run."""
    return _open(read_settings().workspace).workspace


def make_workspace() -> None:
    """Makes an empty workspace in the folder that the settings name."""
    settings = read_settings()
    Workspace.open(settings.workspace, settings, create=True).close()


def encoders() -> Encoders:
    return _open(read_settings().workspace).encoders


def holds_demo() -> bool:
    """Whether the demo network was built in this workspace."""
    return (workspace().path / "demo.json").exists()


def workspace_name() -> str:
    """What to call the workspace: its folder's name."""
    return "Demo network" if holds_demo() else workspace().name


def version() -> Version:
    opened = workspace()
    jobs = tuple((job.id, job.state) for job in opened.jobs.list(limit=20) if job.kind not in _READ_ONLY)
    return Version(str(opened.path), opened.generation, effects.version(opened), jobs, opened.indexes.store.outages())


def active_jobs() -> list[Job]:
    return [job for job in workspace().jobs.list(limit=50) if job.active]
