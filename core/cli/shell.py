"""What every command shares: the app, its options, an open workspace, a progress bar, two consoles."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from core.database.jobs import Job
from core.settings import Settings, read_settings

app = typer.Typer(
    name="feedscope",
    help="Feedscope in the shell.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

# Results go to stdout; progress, notes and errors to stderr.
out_console = Console()
err_console = Console(stderr=True)


def command_group(name: str, help: str) -> typer.Typer:
    """A group of commands below the app: ``python -m core NAME COMMAND``."""
    group = typer.Typer(help=help, no_args_is_help=True)
    app.add_typer(group, name=name)
    return group


@dataclass
class _Given:
    """What was given before the command's name."""

    workspace: Path | None = None
    json: bool = False


given = _Given()

WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace", help="The workspace's folder. Default: FEEDSCOPE_WORKSPACE, or the demo.", show_default=False
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else on stdout.")]


@app.callback()
def _common(workspace: WorkspaceOption = None, json_: JsonOption = False) -> None:
    given.workspace = workspace
    given.json = json_


def wants_json(json_: bool) -> bool:
    """Whether --json was given, before or after the command's name."""
    return json_ or given.json


def settings_of(workspace: Path | None) -> Settings:
    settings = read_settings()
    chosen = workspace or given.workspace
    return settings if chosen is None else replace(settings, workspace=chosen.expanduser().absolute())


def print_json(document: object) -> None:
    print(json.dumps(document, ensure_ascii=False, default=str))


@contextmanager
def open_workspace(settings: Settings, *, create: bool = False) -> Iterator[Any]:
    from core.workspace import Workspace

    with Workspace.open(settings.workspace, settings, create=create) as workspace:
        yield workspace


@contextmanager
def progress() -> Iterator[Callable[[str, int, int | None], None]]:
    """A progress bar on stderr that is told (phase, done, total)."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,.0f}{task.fields[of]}"),
               TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=err_console, transient=True) as progress:
        tasks: dict[str, Any] = {}

        def report(phase: str, done: int, total: int | None) -> None:
            of = "" if total is None else f" of {total:,}"
            if phase not in tasks:
                for earlier in tasks.values():
                    progress.remove_task(earlier)
                tasks.clear()
                tasks[phase] = progress.add_task(phase, total=total, of=of)
            progress.update(tasks[phase], completed=done, total=total, of=of)

        yield report


def run_job(workspace: Any, kind: str, params: dict[str, Any], title: str) -> Job:
    with progress() as report:
        job: Job = workspace.jobs.run_now(
            kind, params, title=title, listener=lambda job: report(job.phase, job.done, job.total)
        )
    return job


def pairs_of(items: list[str], shape: str) -> dict[str, str]:
    pairs = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"{item!r} is not {shape}.")
        pairs[key] = value
    return pairs
