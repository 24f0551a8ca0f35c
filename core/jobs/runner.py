"""One runner for every long task: a list kept in the database, one job at a time, progress, stop, resume."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from core.database import jobs as table
from core.database.jobs import Job
from core.errors import FeedscopeError, JobStopped, SettingError
from core.jobs.child import Child
from core.jobs.kinds import FIRST, KINDS, job_function

if TYPE_CHECKING:
    from core.workspace import Workspace

Listener = Callable[[Job], None]


def utc_now() -> datetime:
    """Now as naive UTC, the way every time is stored."""
    return datetime.now(UTC).replace(tzinfo=None)


@dataclass
class _Live:
    """What the running job last said; the database gets it every few seconds."""

    job: Job
    stop: threading.Event = field(default_factory=threading.Event)
    marks: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=60))
    saved_at: float = 0.0


class JobContext:
    """What a job's function is given."""

    def __init__(self, workspace: Workspace, runner: JobRunner, live: _Live, listener: Listener | None) -> None:
        self.workspace = workspace
        self.id = live.job.id
        self.params = live.job.params
        self.checkpoint = live.job.checkpoint
        self._runner = runner
        self._live = live
        self._listener = listener

    def report(self, phase: str, done: int, total: int | None) -> None:
        """Says how far the job is; raises JobStopped where somebody asked it to stop."""
        self.check()
        live = self._live
        now = time.monotonic()
        if phase != live.job.phase:
            live.marks.clear()
        live.marks.append((now, done))
        live.job = replace(live.job, phase=phase, done=done, total=total, seconds_left=_seconds_left(live.marks, total))
        if now - live.saved_at > 3:
            live.saved_at = now
            with self.workspace.transaction() as cursor:
                table.update_job(cursor, self.id, phase=phase, done=done, total=total)
        if self._listener is not None:
            self._listener(live.job)

    def save_checkpoint(self, cursor: Any, checkpoint: dict[str, Any]) -> None:
        """Stores where to go on, in the caller's transaction."""
        self.checkpoint = checkpoint
        self._live.job = replace(self._live.job, checkpoint=checkpoint)
        table.update_job(cursor, self.id, checkpoint=checkpoint)

    def stopped(self) -> bool:
        return self._live.stop.is_set()

    def check(self) -> None:
        if self.stopped():
            raise JobStopped("Stopped.")

    def child(self, target: str) -> Child:
        """A child process that ends when the job is stopped."""
        return Child(target, stopped=self.stopped)


def _seconds_left(marks: deque[tuple[float, int]], total: int | None) -> float | None:
    if total is None or len(marks) < 2:
        return None
    (start, first), (end, last) = marks[0], marks[-1]
    if last <= first or end <= start:
        return None
    return (total - last) * (end - start) / (last - first)


class JobRunner:
    """The workspace's jobs. ``start()`` runs queued ones in a background thread, ``run_now`` one in the caller's."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = threading.Lock()
        self._live: dict[int, _Live] = {}
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins to run queued jobs, those first that an earlier process left unfinished."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop, name="feedscope-jobs", daemon=True)
                self._thread.start()

    def submit(self, kind: str, params: dict[str, Any], *, title: str) -> int:
        """Queues a job and gives its id."""
        if kind not in KINDS:
            raise SettingError(f"There is no job {kind!r}; there are {', '.join(KINDS)}.")
        with self._workspace.transaction() as cursor:
            id_ = table.insert_job(cursor, kind, title, params, utc_now())
        self._wake.set()
        return id_

    def run_now(self, kind: str, params: dict[str, Any], *, title: str, listener: Listener | None = None) -> Job:
        """Runs a job in this thread and gives it as it ended; its FeedscopeError is raised."""
        with self._workspace.transaction() as cursor:
            id_ = table.insert_job(cursor, kind, title, params, utc_now())
        job = self.get(id_)
        error = self._run(job, listener)
        if error is not None:
            raise error
        return self.get(id_)

    def get(self, id_: int) -> Job:
        live = self._live.get(id_)
        if live is not None:
            return live.job
        job = table.get_job(self._workspace.cursor(), id_)
        if job is None:
            raise SettingError(f"There is no job {id_}.")
        return job

    def list(self, *, limit: int = 50) -> list[Job]:
        """Newest first, with live progress."""
        jobs = table.list_jobs(self._workspace.cursor(), limit=limit)
        return [self._live[job.id].job if job.id in self._live else job for job in jobs]

    def stop(self, id_: int) -> None:
        """Asks a job to stop; what it has committed stays, and it can be resumed."""
        live = self._live.get(id_)
        if live is not None:
            live.job = replace(live.job, state="stopping")
            live.stop.set()
        with self._workspace.transaction() as cursor:
            job = table.get_job(cursor, id_)
            if job is not None and job.state == "queued":
                table.update_job(cursor, id_, state="stopped", finished_at=utc_now())
            elif job is not None and job.state == "running":
                table.update_job(cursor, id_, state="stopping")

    def resume(self, id_: int) -> None:
        """Queues a stopped or failed job again; it goes on at its checkpoint."""
        with self._workspace.transaction() as cursor:
            job = table.get_job(cursor, id_)
            if job is not None and job.state in ("stopped", "failed"):
                table.update_job(cursor, id_, state="queued", error=None, finished_at=None)
        self._wake.set()

    def close(self) -> None:
        """Interrupts what runs; it is queued again when the workspace is next opened."""
        self._closing.set()
        for live in tuple(self._live.values()):
            live.stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=30)

    def _loop(self) -> None:
        while not self._closing.is_set():
            self._wake.clear()
            job = table.next_queued(self._workspace.cursor(), FIRST)
            if job is None:
                self._wake.wait(timeout=60)
            else:
                error = self._run(job, None)
                if error is not None and not isinstance(error, FeedscopeError):
                    # A bug: it is in the job's row for the page; let the log have the traceback.
                    threading.excepthook(
                        threading.ExceptHookArgs((type(error), error, error.__traceback__, threading.current_thread()))
                    )

    def _run(self, job: Job, listener: Listener | None) -> Exception | None:
        live = _Live(replace(job, state="running", started_at=job.started_at or utc_now()))
        with self._workspace.transaction() as cursor:
            table.update_job(cursor, job.id, state="running", started_at=live.job.started_at)
        self._live[job.id] = live
        ended: dict[str, Any]
        error: Exception | None = None
        try:
            result = job_function(job.kind)(JobContext(self._workspace, self, live, listener))
            ended = {"state": "done", "result": result, "finished_at": utc_now()}
        except JobStopped as stop:
            error = stop
            closing = self._closing.is_set()
            ended = {"state": "queued"} if closing else {"state": "stopped", "finished_at": utc_now()}
        except Exception as failure:  # noqa: BLE001 - recorded for the page, then handed to the caller
            error = failure
            said = str(failure) if isinstance(failure, FeedscopeError) else f"{type(failure).__name__}: {failure}"
            ended = {"state": "failed", "error": said, "finished_at": utc_now()}
        try:
            with self._workspace.transaction() as cursor:
                table.update_job(
                    cursor, job.id, phase=live.job.phase, done=live.job.done, total=live.job.total, **ended
                )
        finally:
            del self._live[job.id]
        return error
