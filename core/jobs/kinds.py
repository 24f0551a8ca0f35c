"""Which function runs which kind of job. Named by path, so that listing jobs imports nothing heavy."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.jobs.runner import JobContext

KINDS: dict[str, str] = {
    "demo": "core.demo.job:run",
    "ingest": "core.ingest.pipeline:run",
    "ingest_acts": "core.ingest.acts_job:run",
    "dry_run": "core.ingest.dry_run:run",
    "fetch_pictures": "core.ingest.fetch_job:run",
    "erase": "core.erasure:run",
    "export": "core.export.job:run",
    "index": "core.indexing:run",
    "rebuild": "core.indexing:run_rebuild",
    "own_pictures": "core.evaluation.own_pictures:run",
    "dual_train": "core.dual_training.job:run",
    "dual_serve": "core.dual_training.job:run_serve",
    "recommend": "core.recommend.training:run",
    "duplicates": "core.duplicates:run",
    "moderate": "core.moderation.scoring:run",
    "measure": "core.vectors.quality:run",
    "lab": "core.vectors.lab:run",
    "switch": "core.vectors.lab:run_switch",
    "copy_vectors": "core.vectors.copy:run",
    "export_vectors": "core.vectors.exchange:run_export",
    "map": "core.maps.building:run",
    "map_place": "core.maps.placing:run",
    "import_vectors": "core.vectors.exchange:run_import",
}


FIRST = ("ingest", "ingest_acts", "dry_run", "export", "erase")
"""Somebody waits for these: they go before maps and trainings that were queued earlier."""


def job_function(kind: str) -> Callable[[JobContext], dict[str, Any]]:
    """The function of a kind: takes the job's context, returns its result as JSON-able values."""
    module, _, name = KINDS[kind].partition(":")
    function: Callable[[JobContext], dict[str, Any]] = getattr(import_module(module), name)
    return function
