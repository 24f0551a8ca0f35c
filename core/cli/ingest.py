"""Bringing data in: posts, interactions, profiles, and the pictures that lie elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from core.cli.shell import (
    JsonOption,
    WorkspaceOption,
    app,
    err_console,
    open_workspace,
    out_console,
    pairs_of,
    print_json,
    run_job,
    settings_of,
    wants_json,
)


@app.command()
def ingest(
    path: Annotated[Path | None, typer.Argument(help="A file of posts, or a folder of posts or pictures.")] = None,
    format: Annotated[str, typer.Option(help="How to read it; auto looks at columns and first lines.")] = "auto",
    limit: Annotated[int | None, typer.Option(min=1, help="Read at most this many rows.")] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", help="FIELD=COLUMN, where a column is not found by its name. Repeatable."),
    ] = None,
    interactions: Annotated[
        Path | None,
        typer.Option(help="A file of likes, reposts, replies, views, follows: a table, or lines of user item item ..."),
    ] = None,
    kind: Annotated[str, typer.Option(help="The kind of interactions that name none.")] = "like",
    users: Annotated[Path | None, typer.Option(help="A file of user profiles.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be stored, and store nothing.")] = False,
    pseudonymise: Annotated[
        bool,
        typer.Option("--pseudonymise", help="Keep users under pseudonyms; the key lies beside the workspace's folder."),
    ] = False,
    drop: Annotated[list[str] | None, typer.Option(help="A column to leave out. Repeatable.")] = None,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Read posts into the workspace, encode them and index them; or interactions and profiles. Reading the same file
    again changes nothing."""
    if path is None and interactions is None and users is None:
        raise typer.BadParameter("Name a file or folder of posts, or --interactions FILE, or --users FILE.")
    columns = pairs_of(mapping or [], "FIELD=COLUMN")
    shared = {"pseudonymise": pseudonymise, "drop": drop or [], "dry_run": dry_run}
    results: list[dict[str, Any]] = []
    with open_workspace(settings_of(workspace), create=True) as opened:
        if path is not None:
            params = {"path": _whole(path), "format": format, "limit": limit, "mapping": columns, **shared}
            job = "dry_run" if dry_run else "ingest"
            results.append(run_job(opened, job, params, f"Ingest {path.name}").result or {})
        for what, file in (("users", users), ("interactions", interactions)):
            if file is not None:
                own = columns if path is None and not (users and interactions) else {}
                params = {"path": _whole(file), "what": what, "mapping": own, "kind": kind, **shared}
                results.append(run_job(opened, "ingest_acts", params, f"Ingest {what} of {file.name}").result or {})
    if wants_json(json_):
        print_json(results[0] if len(results) == 1 else results)
        return
    for result in results:
        _print(result)


def _whole(path: Path) -> str:
    return str(path.expanduser().absolute())


def _print(result: dict[str, Any]) -> None:
    would = "would be " if result.get("dry_run") else ""
    what = result.get("what", "posts")
    table = Table(title=f"{Path(result['path']).name} {would}read as {result['format']} ({what})", title_justify="left")
    for name in ("seen", "added", "updated", "skipped", "failed"):
        table.add_column(name, justify="right")
    table.add_row(*(f"{result[name]:,}" for name in ("seen", "added", "updated", "skipped", "failed")))
    out_console.print(table)
    if result.get("elsewhere"):
        out_console.print(f"{result['elsewhere']:,} are with posts that are not here (yet); they are kept.")
    for name in result.get("not_there_to_drop", []):
        err_console.print(Text(f"No row has a column {name!r} to drop."), soft_wrap=True)
    for failure in result["failures"]:
        out_console.print(Text(f"{failure['where']}: {failure['reason']}"), soft_wrap=True)


@app.command("fetch-pictures")
def fetch_pictures(
    most: Annotated[int, typer.Option(min=1, help="How many addresses to ask for at most.")] = 1000,
    max_mb: Annotated[int, typer.Option(min=1, help="Leave larger pictures.")] = 20,
    seconds: Annotated[float, typer.Option(min=1, help="Give a picture up after so long.")] = 20,
    pause: Annotated[float, typer.Option(min=0, help="Seconds between two requests to a host.")] = 0.5,
    again: Annotated[bool, typer.Option("--again", help="Try those that failed before as well.")] = False,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Fetch the pictures that posts name by web addresses. Nothing is ever fetched without this being asked for."""
    params = {"most": most, "max_mb": max_mb, "seconds": seconds, "pause": pause, "again": again}
    with open_workspace(settings_of(workspace)) as opened:
        result = run_job(opened, "fetch_pictures", params, "Fetch pictures").result or {}
    if wants_json(json_):
        print_json(result)
        return
    counted = f"{result['tried']:,} tried, {result['fetched']:,} fetched, {result['failed_fetches']:,} failed"
    out_console.print(f"Pictures: {counted}.")
    for failure in result["failures"][: result["failed_fetches"]]:
        out_console.print(Text(f"{failure['where']}: {failure['reason']}"), soft_wrap=True)
