"""What the process keeps for all visitors: the open workspace, its encoders, and calls into core worth keeping.

The only file with ``st.cache_*``. Every kept call has the workspace's :class:`Version` in its key, so that nothing old
is shown after an import and nothing needs to be cleared. Kept values are frozen and shared, never copied.
(Streamlit leaves arguments that begin with an underscore out of the key: none here does.)
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

import streamlit as st

from core.database.filters import FilterChoices, count_posts, filter_choices
from core.database.jobs import Job
from core.database.overview import Summary, recent_pictures, summary
from core.database.posts import get_posts, get_thread
from core.database.runs import run_failures
from core.database.users import get_users
from core.duplicates import Duplicates, find_groups
from core.encoders.protocol import PictureInput
from core.errors import FeedscopeError, PictureError
from core.indexes import Kind, PartStatus
from core.ingest.places import UPLOAD, keep_upload, offered_sources, source_below_roots, uploaded_source
from core.pictures import open_picture, thumbnail_jpeg
from core.search.neighbours import Neighbour, neighbours
from core.search.query_pictures import keep_query_picture, read_query_picture
from core.search.search import search
from core.settings import read_settings
from core.types import Filters, Hit, Post, SearchResult, User
from core.vectors.standing import Standing, standings
from core.workspace import Workspace
from dashboard.links import By, SearchLink

EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Version:
    """Names a state of the workspace: its folder, its generation, its latest jobs with their states, since a job may
    change an index without changing the data, and how often the vector engine was away, since what was found without it
    is not to be kept."""

    workspace: str
    generation: int
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
    jobs = tuple((job.id, job.state) for job in opened.jobs.list(limit=20))
    return Version(str(opened.path), opened.generation, jobs, opened.indexes.store.outages())


def active_jobs() -> list[Job]:
    return [job for job in workspace().jobs.list(limit=50) if job.active]


def failures_of(job: Job) -> list[dict[str, str]]:
    """What an import could not read so far, as ``where`` and ``reason``."""
    if job.result is not None:
        return list(job.result.get("failures", []))
    run = job.checkpoint.get("run")
    found = run_failures(workspace().cursor(), run) if run is not None else []
    return [{"where": place, "reason": reason} for place, reason in found]


def overview() -> Summary:
    return _overview(version())


@st.cache_resource(max_entries=4, show_spinner=False)
def _overview(at: Version) -> Summary:
    return summary(workspace().cursor())


def choices() -> FilterChoices:
    """What the filters offer."""
    return _choices(version())


@st.cache_resource(max_entries=4, show_spinner=False)
def _choices(at: Version) -> FilterChoices:
    return filter_choices(workspace().cursor())


def index_status() -> tuple[PartStatus, ...]:
    return _index_status(version())


@st.cache_resource(max_entries=4, show_spinner=False)
def _index_status(at: Version) -> tuple[PartStatus, ...]:
    return workspace().indexes.status()


def index_standings() -> tuple[Standing, ...]:
    """How the index of each space stands; those of which nothing is encoded are left out."""
    return _index_standings(version())


@st.cache_resource(max_entries=4, show_spinner=False)
def _index_standings(at: Version) -> tuple[Standing, ...]:
    return standings(workspace())


def index_memory(kind: Kind) -> int:
    """Bytes that searching the space keeps in memory. Opens the index. Raises VectorStoreError."""
    index = workspace().indexes.vector(kind)
    return 0 if index is None else index.memory_bytes


def lab_runs(kind: Kind) -> list[Job]:
    """The lab's runs on a space, newest first, with what they have found so far."""
    jobs = workspace().jobs.list(limit=200)
    return [job for job in jobs if job.kind == "lab" and job.params.get("space") == kind]


def duplicates() -> Duplicates | None:
    """The near-duplicate groups as they were last found, or None where nobody looked for them."""
    return _duplicates(version())


@st.cache_resource(max_entries=2, show_spinner=False)
def _duplicates(at: Version) -> Duplicates | None:
    return find_groups(workspace())


def newest_pictures(limit: int) -> tuple[str, ...]:
    """Ids of the newest posts with a picture."""
    return _newest_pictures(limit, version())


@st.cache_resource(max_entries=8, show_spinner=False)
def _newest_pictures(limit: int, at: Version) -> tuple[str, ...]:
    return tuple(dict.fromkeys(id_ for id_, _ in recent_pictures(workspace().cursor(), limit=limit)))


def posts(ids: Sequence[str]) -> dict[str, Post]:
    """The posts of one shown page; not kept, since reading them takes a few milliseconds."""
    return get_posts(workspace().cursor(), ids)


def users(found: Iterable[Post]) -> dict[str, User]:
    """The authors of some posts, by id."""
    return get_users(workspace().cursor(), list({post.user_id for post in found if post.user_id}))


def user_names(ids: Sequence[str]) -> dict[str, str]:
    """What to call some users, by id; unknown ones go by their id."""
    known = get_users(workspace().cursor(), ids)
    return {id_: (known[id_].name or known[id_].handle or id_) if id_ in known else id_ for id_ in ids}


def thread(post_id: str) -> list[Post]:
    return get_thread(workspace().cursor(), post_id)


def find(link: SearchLink) -> SearchResult:
    """The hits of a search in the order that the link asks for. Raises QueryError, PictureError and ModelError."""
    return _find(replace(link, number=1), version())


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs={SearchLink: SearchLink.url})
def _find(link: SearchLink, at: Version) -> SearchResult:
    picture = query_picture(link.picture) if link.picture else None
    result = search(workspace(), link.query(picture))
    if link.sort == "best":
        return result
    found = posts([hit.post_id for hit in result.hits])

    def newest(hit: Hit) -> tuple[bool, float]:
        moment = found[hit.post_id].created_at if hit.post_id in found else None
        return (moment is None, -(moment or EPOCH).timestamp())

    def liked(hit: Hit) -> int:
        return -(found[hit.post_id].likes or 0) if hit.post_id in found else 1

    return replace(result, hits=tuple(sorted(result.hits, key=newest if link.sort == "newest" else liked)))


def count(filters: Filters) -> int:
    """How many posts pass."""
    return count_posts(workspace().cursor(), filters)


def near(post_id: str, by: By, least: float, k: int) -> list[Neighbour]:
    """A post's neighbours. Raises QueryError and ModelError."""
    return _near(post_id, by, least, k, version())


@st.cache_resource(max_entries=64, show_spinner=False)
def _near(post_id: str, by: By, least: float, k: int, at: Version) -> list[Neighbour]:
    return neighbours(workspace(), post_id, by=by, k=k, min_similarity=least)


def keep_picture(data: bytes) -> str:
    """Keeps an uploaded picture to search by and gives its sha256. Raises PictureError."""
    opened = workspace()
    return keep_query_picture(opened.path / "queries", data, opened.settings)


def query_picture(sha256: str) -> bytes | None:
    return read_query_picture(workspace().path / "queries", sha256)


def query_thumbnail(sha256: str, side: int) -> bytes | None:
    data = query_picture(sha256)
    return None if data is None else thumbnail_jpeg(open_picture(data, shrink_to=side), side=side)


def thumbnail(path: str, side: int) -> bytes | None:
    """A JPEG of a picture in the media folder that fits ``side`` pixels; None where it is gone or damaged."""
    opened = workspace()
    return _thumbnail(opened.media_folder / path, side, opened.settings.max_pixels)


@st.cache_resource(max_entries=1000, show_spinner=False)
def _thumbnail(path: Path, side: int, max_pixels: int) -> bytes | None:
    try:
        return thumbnail_jpeg(open_picture(path, max_pixels=max_pixels, shrink_to=side), side=side)
    except PictureError:
        return None


def import_source(named: str) -> Path:
    """The file or folder that the Data page's address names. Raises ImportFailed where it may not be read."""
    opened = workspace()
    if named.startswith(UPLOAD):
        return uploaded_source(opened.path / "uploads", named)
    return source_below_roots(named, opened.settings.import_roots)


def offered_imports() -> list[Path]:
    return offered_sources(workspace().settings.import_roots)


def keep_files(files: Iterable[tuple[str, bytes]]) -> str:
    """Keeps uploaded files and gives the name by which :func:`import_source` finds them. Raises ImportFailed."""
    opened = workspace()
    unfinished = [job for job in opened.jobs.list(limit=200) if job.state != "done"]
    folder = opened.path / "uploads"
    in_use = [part for job in unfinished for part in Path(str(job.params.get("path", ""))).parts]
    return keep_upload(folder, files, in_use=in_use)


def picture_thumbnail(source: PictureInput, side: int) -> bytes | None:
    """A thumbnail of a picture that is not imported yet; None where it can't be read."""
    settings = workspace().settings
    try:
        picture = open_picture(
            source, max_pixels=settings.max_pixels, max_bytes=settings.max_picture_mb << 20, shrink_to=side
        )
    except PictureError:
        return None
    return thumbnail_jpeg(picture, side=side)
