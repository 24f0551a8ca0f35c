"""The job ``demo``: writes the fictional network to a folder and takes it in like any other import."""

from __future__ import annotations

import json
import shutil
from typing import Any

from core.database.overview import summary
from core.demo.network import write_demo
from core.ingest import pipeline
from core.jobs.runner import JobContext, utc_now


def run(context: JobContext) -> dict[str, Any]:
    """Builds the demo in the workspace; ``demo.json`` tells that it is whole. Building it again changes nothing."""
    workspace = context.workspace
    source = workspace.path / "tmp" / "Larkspur demo"
    shutil.rmtree(source, ignore_errors=True)
    write_demo(source, report=lambda done, total, note: context.report(note, done, total))
    context.params["path"] = str(source)
    result = pipeline.run(context)
    shutil.rmtree(source)
    held = summary(workspace.cursor())
    document = {"built_at": utc_now().isoformat(), "posts": held.posts, "pictures": held.pictures}
    (workspace.path / "demo.json").write_text(json.dumps(document) + "\n")
    return {**result, **document}
