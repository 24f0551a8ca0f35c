"""Commands over a whole workspace: demo, ingest, info, rebuild, duplicates."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from core.cli.shell import (
    JsonOption,
    WorkspaceOption,
    app,
    open_workspace,
    out_console,
    print_json,
    run_job,
    settings_of,
    wants_json,
)
from core.settings import DEMO_WORKSPACE


@app.command()
def demo(
    if_missing: Annotated[bool, typer.Option("--if-missing", help="Do nothing where the workspace is there.")] = False,
    bare: Annotated[
        bool, typer.Option("--bare", help="Posts alone: queue no maps, scores and recommenders for the app to make.")
    ] = False,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Build the demo workspace: a fictional network of about 2,000 posts."""
    from core.demo.tools import queue_tools

    settings = settings_of(workspace)
    if if_missing and (settings.workspace != DEMO_WORKSPACE or (settings.workspace / "demo.json").exists()):
        return
    with open_workspace(settings, create=True) as opened:
        job = run_job(opened, "demo", {}, "Build the demo")
        if not bare:
            queue_tools(opened)
    if wants_json(json_):
        print_json({"workspace": str(settings.workspace), **(job.result or {})})
    else:
        result = job.result or {}
        out_console.print(
            f"The demo is in {settings.workspace}: {result['posts']:,} posts, {result['pictures']:,} pictures."
        )


@app.command()
def info(workspace: WorkspaceOption = None, json_: JsonOption = False) -> None:
    """What the workspace holds, which models and indexes it has, and whether they are current."""
    from core.database.overview import summary
    from core.encoders.advice import text_model_advice
    from core.encoders.precision import number_format

    settings = settings_of(workspace)
    with open_workspace(settings) as opened:
        held = summary(opened.cursor())
        parts = opened.indexes.status()
        spaces = {kind: opened.indexes.space(kind) for kind in ("text", "dual")}
        generation = opened.generation
        own_dual = opened.own_dual
        advice = text_model_advice(opened)
    document = {
        "workspace": str(settings.workspace),
        "generation": generation,
        **{name: getattr(held, name) for name in ("posts", "users", "pictures", "interactions", "first_at", "last_at")},
        "models": {kind: space and space.model_id for kind, space in spaces.items()},
        "settings": {"text": settings.text_model, "dual": settings.dual_model},
        "own_dual": own_dual,
        "precision": number_format(),
        "advice": [advice] if advice else [],
        "indexes": [asdict(part) for part in parts],
        "current": all(part.state in ("current", "empty") for part in parts),
        "runs": [asdict(run) for run in held.runs],
    }
    if wants_json(json_):
        print_json(document)
        return
    table = Table(title=str(settings.workspace), title_justify="left", show_header=False)
    for name in ("posts", "users", "pictures", "interactions"):
        table.add_row(name, f"{getattr(held, name):,}")
    table.add_row("from", str(held.first_at or "-"))
    table.add_row("to", str(held.last_at or "-"))
    for part in parts:
        waiting = f", {part.waiting:,} waiting" if part.waiting else ""
        table.add_row(part.title, Text(f"{part.state}: {part.rows:,}{waiting} ({part.detail})"))
    table.add_row("The packaged models compute in", number_format())
    if own_dual:
        table.add_row("Pictures are searched by", Text(f"models/{own_dual}, trained here"))
    out_console.print(table)
    if advice:
        out_console.print(Text(advice), soft_wrap=True)


@app.command()
def rebuild(
    encode: Annotated[bool, typer.Option("--encode", help="Encode every post and picture anew as well.")] = False,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Make the derived parts again from the database: word index and vector indexes."""
    with open_workspace(settings_of(workspace)) as opened:
        run_job(opened, "rebuild", {"encode": encode}, "Rebuild the indexes")
        parts = opened.indexes.status()
    if wants_json(json_):
        print_json({"indexes": [asdict(part) for part in parts]})
    else:
        for part in parts:
            out_console.print(f"{part.title}: {part.state}, {part.rows:,}")


@app.command()
def duplicates(
    limit: Annotated[int, typer.Option(min=1, help="How many groups to print without --json.")] = 20,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Find the groups of near-duplicate posts, by words and by picture."""
    from core.database.posts import get_posts
    from core.duplicates import find_groups

    with open_workspace(settings_of(workspace)) as opened:
        found = find_groups(opened)
        if found is None or found.generation != opened.generation:
            run_job(opened, "duplicates", {}, "Find near-duplicates")
            found = find_groups(opened)
        assert found is not None
        first = get_posts(opened.cursor(), [group.posts[0] for group in found.groups[:limit]])
    if wants_json(json_):
        print_json(asdict(found))
        return
    count = f"{len(found.groups):,} group{'s' * (len(found.groups) != 1)}"
    title = f"{count} of near-duplicates among {found.texts:,} texts and {found.pictures:,} pictures"
    table = Table(title=title, title_justify="left", expand=True)
    for name, ratio in (("posts", None), ("words", None), ("picture", None), ("first post", 2), ("text", 6)):
        table.add_column(name, ratio=ratio, overflow="fold", justify="left" if ratio else "right")
    for group in found.groups[:limit]:
        shares = ("" if share is None else f"{share:.0%}" for share in (group.words, group.picture))
        post = first[group.posts[0]]
        table.add_row(f"{len(group.posts):,}", *shares, Text(post.id), Text(post.text[:160]))
    out_console.print(table)
