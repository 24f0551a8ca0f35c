"""Workspace: one folder that holds a DuckDB file, pictures, and the parts derived from them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from core.database.connection import first_row, open_database
from core.database.jobs import requeue_interrupted
from core.database.schema import migrate
from core.errors import WorkspaceError, WorkspaceMissing
from core.indexes import Indexes
from core.jobs.runner import JobRunner
from core.settings import Settings

if TYPE_CHECKING:
    from core.encoders.protocol import Encoder

FORMAT = 1


class Workspace:
    """An open workspace. Threads may share it: each takes ``cursor()``s of its own, writes are one at a time.

    ``generation`` rises with every committed batch; what is computed from the workspace's data may be kept under it.
    """

    def __init__(self, path: Path, settings: Settings, connection: duckdb.DuckDBPyConnection) -> None:
        self.path = path
        self.settings = settings
        self.media_folder = path / "media"
        self._connection = connection
        self._write_lock = threading.RLock()
        self._encoders: dict[str, Encoder] = {}
        self._encoder_lock = threading.Lock()
        (generation,) = first_row(connection.execute("SELECT value FROM meta WHERE key = 'generation'")) or ("0",)
        self.generation = int(generation)
        self.jobs = JobRunner(self)
        self.indexes = Indexes(self)

    @classmethod
    def open(cls, path: Path, settings: Settings, *, create: bool = False) -> Workspace:
        """Opens the workspace in ``path``; with ``create`` an absent or empty folder becomes one.

        Raises WorkspaceMissing where there is none and one could be made, WorkspaceBusy where another process holds it,
        WorkspaceError where the folder holds other things or a workspace of a newer Feedscope.
        """
        marker = path / "workspace.json"
        if not marker.exists():
            if path.exists() and any(entry.name not in ("tmp", "feedscope.duckdb") for entry in path.iterdir()):
                raise WorkspaceError(f"{path} holds other files and is no workspace: name an empty or a new folder.")
            if not create:
                raise WorkspaceMissing(
                    f"There is no workspace in {path}. Make one with 'python -m core demo', or with"
                    " 'python -m core --workspace DIR ingest PATH'."
                )
        for folder in ("media", "vectors", "models", "queries", "tmp"):
            (path / folder).mkdir(parents=True, exist_ok=True)
        connection = open_database(path / "feedscope.duckdb", threads=settings.thread_count())
        try:
            migrate(connection)
            requeue_interrupted(connection)
            if not marker.exists():
                marker.write_text(json.dumps({"feedscope": FORMAT}) + "\n")
            return cls(path, settings, connection)
        except BaseException:
            connection.close()
            raise

    def start(self) -> None:
        """What an app does after opening: goes on with unfinished jobs, and in the background verifies the derived
        parts and has those made that are damaged, missing or behind. The command line does each when asked."""
        self.jobs.start()
        threading.Thread(target=self._look_after_indexes, name="feedscope-verify", daemon=True).start()

    def _look_after_indexes(self) -> None:
        damaged = self.indexes.drop_damaged()
        busy = any(job.active for job in self.jobs.list())
        if not busy and any(part.state in ("behind", "missing") for part in self.indexes.status()):
            self.jobs.submit("index", {}, title="Repair the indexes" if damaged else "Bring the indexes up to date")

    @property
    def name(self) -> str:
        return self.path.name

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor for reading; use it in one thread."""
        return self._connection.cursor()

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor in a transaction: committed at the end, rolled back on an exception. One writer at a time."""
        with self._write_lock:
            cursor = self._connection.cursor()
            cursor.begin()
            try:
                yield cursor
            except BaseException:
                cursor.rollback()
                raise
            cursor.commit()

    @contextmanager
    def new_generation(self) -> Iterator[tuple[duckdb.DuckDBPyConnection, int]]:
        """A transaction that changes the data: gives the cursor and the generation to write with."""
        with self._write_lock:
            generation = self.generation + 1
            with self.transaction() as cursor:
                cursor.execute("UPDATE meta SET value = ? WHERE key = 'generation'", [str(generation)])
                yield cursor, generation
            self.generation = generation

    def model_setting(self, kind: str) -> str:
        """What names the model ``text`` or ``dual``: the settings, or the workspace where it chose a dual encoder of
        its own and the settings name none."""
        if kind == "text":
            return self.settings.text_model
        chosen = self.own_dual
        return self.settings.dual_model if chosen is None else f"own:{chosen}"

    @property
    def own_dual(self) -> str | None:
        """The file in ``models/`` that the workspace's pictures are searched by, None for what the settings name."""
        if self.settings.dual_model != "default":
            return None
        row = first_row(self.cursor().execute("SELECT value FROM meta WHERE key = 'own_dual' AND value <> ''"))
        return None if row is None else str(row[0])

    def models(self, own_dual: str | None = None) -> Settings:
        """The settings with the dual encoder that serves the workspace, or with another file of ``models/``."""
        chosen = own_dual or self.own_dual
        return (
            self.settings if chosen is None else replace(self.settings, dual_model=str(self.path / "models" / chosen))
        )

    def serve_dual(self, name: str | None, model_id: str | None = None) -> None:
        """From now on pictures are searched by that file of ``models/``, whose space is ``model_id``; None: by what
        the settings name. Vectors of the other spaces stay."""
        with self.new_generation() as (cursor, _):
            cursor.execute("INSERT OR REPLACE INTO meta VALUES ('own_dual', ?)", [name or ""])
            if name is not None and model_id is not None:
                cursor.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [f"model:dual:own:{name}", model_id])
        with self._encoder_lock:
            self._encoders.pop("dual", None)

    def encoder(self, kind: str) -> Encoder:
        """The encoder ``text`` or ``dual`` that the settings name, loaded once. Raises ModelError."""
        with self._encoder_lock:
            if kind not in self._encoders:
                from core.encoders.loading import load_encoder

                self._encoders[kind] = load_encoder(kind, self.models())  # type: ignore[arg-type]
            return self._encoders[kind]

    def has_encoder(self, kind: str) -> bool:
        """Whether :meth:`encoder` would answer at once."""
        return kind in self._encoders

    def close(self) -> None:
        """Interrupts a running job (it goes on when next opened) and lets the file go."""
        self.jobs.close()
        self.indexes.close()
        self._connection.close()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
