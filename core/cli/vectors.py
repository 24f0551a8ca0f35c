"""Vectors: moving them, and measuring the indexes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from core.cli.shell import (
    JsonOption,
    WorkspaceOption,
    command_group,
    open_workspace,
    out_console,
    print_json,
    progress,
    run_job,
    settings_of,
    wants_json,
)

vectors_app = command_group("vectors", "Move vectors: to another engine, in from files, out to files.")
bench_app = command_group("bench", "Measure speed and memory on this machine.")


def _run_vectors_job(
    workspace: Path | None, kind: str, params: dict[str, Any], title: str, json_: bool
) -> dict[str, Any] | None:
    """The job's result; None where it was printed as JSON."""
    with open_workspace(settings_of(workspace)) as opened:
        result = run_job(opened, kind, params, title).result or {}
    if wants_json(json_):
        print_json(result)
        return None
    return result


@vectors_app.command("copy")
def vectors_copy(
    to: Annotated[str, typer.Option(help="Where to: faiss, milvus:http://HOST:19530 or milvus:FILE.db.")],
    from_: Annotated[
        str | None, typer.Option("--from", help="Where from. Default: FEEDSCOPE_VECTORS.", show_default=False)
    ] = None,
    release: Annotated[bool, typer.Option("--release", help="Once verified, empty where they came from.")] = False,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Copy all vectors to another engine. Stopped or killed, the same command goes on where it was."""
    from core.vectors.milvus_connection import full_setting

    # Read here, so that what can't be used, a password too, is refused before it is noted in the job.
    params = {"to": full_setting(to), "from": full_setting(from_) if from_ else None, "release": release}
    result = _run_vectors_job(workspace, "copy_vectors", params, f"Copy the vectors to {to}", json_)
    if result is None:
        return
    for space in result["spaces"]:
        counted = ", ".join(f"{name} {space[name]:,}" for name in ("copied", "already", "missing", "checked"))
        out_console.print(Text(f"{space['space']} ({space['model_id']}): {counted}"), soft_wrap=True)
    out_console.print(Text(f"The vectors are in {result['to']}: FEEDSCOPE_VECTORS={to} uses them."), soft_wrap=True)


@vectors_app.command("export")
def vectors_export(
    out: Annotated[Path, typer.Argument(help="The new file (parquet) or folder (clip-retrieval).")],
    space: Annotated[str, typer.Option(help="text (a vector a post) or dual (a vector a picture).")],
    format_: Annotated[str, typer.Option("--format", help="clip-retrieval or parquet.")] = "parquet",
    half: Annotated[bool, typer.Option("--half", help="Arrays in half precision (clip-retrieval).")] = False,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Write a space's vectors to files that other tools read."""
    params = {"out": str(out.absolute()), "space": space, "format": format_, "half": half}
    result = _run_vectors_job(workspace, "export_vectors", params, "Give vectors out", json_)
    if result is not None:
        out_console.print(
            Text(f"{result['written']:,} vectors of {result['model_id']} are in {result['path']}."), soft_wrap=True
        )


@vectors_app.command("import")
def vectors_import(
    path: Annotated[Path, typer.Argument(help="A Parquet file, a folder of them, or a folder of clip-retrieval.")],
    space: Annotated[str, typer.Option(help="text (a vector a post) or dual (a vector a picture).")],
    model_id: Annotated[
        str | None, typer.Option(help="The model that made them. Default: the settings' one.", show_default=False)
    ] = None,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Take in vectors that were made elsewhere: what has one is not encoded again."""
    params = {"path": str(path.absolute()), "space": space, "model_id": model_id}
    result = _run_vectors_job(workspace, "import_vectors", params, "Take vectors in", json_)
    if result is None:
        return
    names = ("rows", "stored", "unmatched", "refused", "repeated")
    out_console.print(", ".join(f"{name} {result[name]:,}" for name in names))
    for failure in result["failures"]:
        out_console.print(Text(f"{failure['where']}: {failure['reason']}"), soft_wrap=True)
    if not result["used"]:
        out_console.print(
            Text(f"They are kept for {result['model_id']}, which the settings do not name."), soft_wrap=True
        )


@bench_app.command("vectors")
def bench_vectors(
    vectors: Annotated[
        Path | None, typer.Option(help="An .npy file of unit vectors, float32 (n, dim). Default: generated ones.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many vectors are stored.")] = 20_000,
    dim: Annotated[int, typer.Option(min=1, help="How long generated vectors are.")] = 384,
    queries: Annotated[int, typer.Option(min=1, help="How many of the last vectors are asked for.")] = 200,
    families: Annotated[str, typer.Option(help="Index families, separated by commas. Default: all.")] = "",
    out: Annotated[
        Path | None, typer.Option(help="A JSON file for what is found, step by step; a later run goes on from it.")
    ] = None,
    json_: JsonOption = False,
) -> None:
    """The index families beside bare Faiss and hnswlib: time, memory and recall of each, on one thread."""
    # Read by the libraries when they are first imported, which happens below.
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    from core.evaluation.vector_bench import run
    from core.evaluation.vector_tables import tables_of
    from core.vectors.families import FAMILIES

    chosen = [name.strip() for name in families.split(",") if name.strip()] or list(FAMILIES)
    with progress() as report:
        found = run(vectors=vectors, count=count, dim=dim, queries=queries, families=chosen, out=out, report=report)
    if wants_json(json_):
        print_json(found)
        return
    for one in tables_of(found):
        table = Table(*one.columns, title=one.title, title_justify="left")
        for row in one.rows:
            table.add_row(*map(Text, row))
        out_console.print(table)
