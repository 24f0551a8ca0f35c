"""Where what is given out comes from: ``provenance.json`` beside it."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.database.overview import list_runs
from core.export.subject import Subject
from core.jobs.runner import utc_now
from core.settings import ROOT

if TYPE_CHECKING:
    from core.workspace import Workspace

NAME = "provenance.json"


@lru_cache(maxsize=1)
def feedscope_version() -> str:
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def provenance(
    workspace: Workspace, subject: Subject, *, format: str, counts: Mapping[str, int], notes: list[str]
) -> dict[str, Any]:
    """The document without its list of files: what was asked of which data, by which models and indexes, and when."""
    from core.vectors.standing import standings

    indexes, said = [], list(notes)
    for standing in standings(workspace):
        if standing.rating == "unknown":
            said.append(
                f"the recall of the {standing.kind} index ({standing.family}) was not measured: the page Index does"
            )
        measured = standing.measured
        recall = measured and {
            **asdict(measured.quality),
            "family": measured.family,
            "measured_at": measured.measured_at.isoformat(),
            "outdated": standing.outdated,
        }
        indexes.append(
            {
                "space": standing.space.name,
                "model": standing.space.model_id,
                "dimensions": standing.space.dim,
                "family": standing.family,
                "exact": standing.exact,
                "vectors": standing.part.rows,
                "recall": recall,
            }
        )
    return {
        "made_by": f"Feedscope {feedscope_version()}",
        "made_at": f"{utc_now().isoformat(timespec='seconds')}Z",
        "workspace": {"name": workspace.name, "generation": workspace.generation, "imports": _imports(workspace)},
        "subject": {"origin": subject.origin, "name": subject.name, **subject.about},
        "format": format,
        "counts": dict(counts),
        "indexes": indexes,
        "times": "naive times are UTC",
        "notes": said,
    }


def _imports(workspace: Workspace) -> list[dict[str, Any]]:
    return [
        {"source": Path(run.path).name, "format": run.format,
         "finished_at": run.finished_at and f"{run.finished_at.isoformat(timespec='seconds')}Z",
         "added": run.added, "updated": run.updated}
        for run in list_runs(workspace.cursor())
    ]  # fmt: skip


def file_entry(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
