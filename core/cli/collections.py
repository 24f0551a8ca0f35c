"""Collections in the shell."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from core.cli.export import read_ids
from core.cli.shell import (
    JsonOption,
    WorkspaceOption,
    command_group,
    open_workspace,
    out_console,
    print_json,
    settings_of,
    wants_json,
)
from core.types import Collection

collections_app = command_group("collections", "Named sets of posts or users.")

Named = Annotated[str, typer.Argument(help="A collection's id, or its name.")]
IdsOption = Annotated[Path | None, typer.Option("--ids", help="A file of ids, one a line; - reads standard input.")]


def _document(found: Collection, *, members: bool = False) -> dict[str, Any]:
    document = asdict(found)
    if not members:
        document.pop("members")
    return document


def _say(found: Collection, json_: bool, *, members: bool = False, **more: Any) -> None:
    if wants_json(json_):
        print_json({**_document(found, members=members), **more})
        return
    noun = found.noun if found.size == 1 else f"{found.noun}s"
    said = f"{found.name} ({found.id}): {found.size:,} {noun}"
    out_console.print(Text("; ".join([said, *(f"{name} {value}" for name, value in more.items())])), soft_wrap=True)


@collections_app.command("list")
def list_(workspace: WorkspaceOption = None, json_: JsonOption = False) -> None:
    """All collections, the one changed last first."""
    from core import collections

    with open_workspace(settings_of(workspace)) as opened:
        every = collections.list_all(opened)
    if wants_json(json_):
        print_json([_document(found) for found in every])
        return
    table = Table(title=f"{len(every)} collections", title_justify="left")
    for name in ("id", "name", "members", "tags", "changed"):
        table.add_column(name, justify="right" if name == "members" else "left")
    for found in every:
        table.add_row(found.id, Text(found.name), f"{found.size:,} {found.noun}s", Text(", ".join(found.tags)),
                      f"{found.changed_at:%Y-%m-%d %H:%M}")  # fmt: skip
    out_console.print(table)


@collections_app.command("show")
def show(named: Named, workspace: WorkspaceOption = None, json_: JsonOption = False) -> None:
    """A collection with the ids of its members."""
    from core import collections

    with open_workspace(settings_of(workspace)) as opened:
        found = collections.get(opened, collections.find(opened, named).id)
    _say(found, json_, members=True)
    if not wants_json(json_):
        for member in found.members:
            out_console.print(Text(member), soft_wrap=True)


@collections_app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    ids: IdsOption = None,
    noun: Annotated[str, typer.Option(help="What it holds: post or user.")] = "post",
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Make a collection, empty or of some ids."""
    from core import collections

    wanted = read_ids(ids) if ids else []
    with open_workspace(settings_of(workspace)) as opened:
        made = collections.create(opened, name, noun)  # type: ignore[arg-type]  # it refuses an unknown noun
        added = collections.add(opened, made.id, wanted)
        made = collections.about(opened, made.id)
    _say(made, json_, unknown=len(added.unknown))


@collections_app.command("add")
def add(
    named: Named,
    members: Annotated[list[str] | None, typer.Argument(help="Ids to add.")] = None,
    ids: IdsOption = None,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Add posts or users by their ids."""
    _change(named, [*(members or []), *(read_ids(ids) if ids else [])], workspace, json_, remove=False)


@collections_app.command("remove")
def remove(
    named: Named,
    members: Annotated[list[str] | None, typer.Argument(help="Ids to take out.")] = None,
    ids: IdsOption = None,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Take posts or users out of a collection; they themselves stay."""
    _change(named, [*(members or []), *(read_ids(ids) if ids else [])], workspace, json_, remove=True)


def _change(named: str, members: list[str], workspace: Path | None, json_: bool, *, remove: bool) -> None:
    from core import collections

    with open_workspace(settings_of(workspace)) as opened:
        found = collections.find(opened, named)
        if remove:
            said: dict[str, Any] = {"removed": len(collections.remove(opened, found.id, members))}
        else:
            added = collections.add(opened, found.id, members)
            said = {"added": added.added, "already": added.already, "unknown": len(added.unknown)}
        found = collections.about(opened, found.id)
    _say(found, json_, **said)


@collections_app.command("describe")
def describe(
    named: Named,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Its tags from now on. Repeatable.")] = None,
    note: Annotated[str | None, typer.Option(help="Its note from now on.")] = None,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Change a collection's name, tags or note."""
    from core import collections

    with open_workspace(settings_of(workspace)) as opened:
        found = collections.find(opened, named)
        _say(collections.describe(opened, found.id, name=name, tags=tag, note=note), json_)


@collections_app.command("combine")
def combine(
    operation: Annotated[str, typer.Argument(help="union, intersection or difference (the first without the others).")],
    named: Annotated[list[str], typer.Argument(help="Two collections or more, by id or name.")],
    name: Annotated[str, typer.Option(help="What to call the new one.")],
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Make a new collection from others, which stay as they are."""
    from core import collections

    if operation not in ("union", "intersection", "difference"):
        raise typer.BadParameter(f"{operation!r} is none of union, intersection, difference.")
    with open_workspace(settings_of(workspace)) as opened:
        ids = [collections.find(opened, one).id for one in named]
        _say(collections.combine(opened, operation, ids, name), json_)  # type: ignore[arg-type]


@collections_app.command("delete")
def delete(named: Named, workspace: WorkspaceOption = None, json_: JsonOption = False) -> None:
    """Put a collection into the bin, for 30 days; its posts and users stay."""
    from core import collections

    with open_workspace(settings_of(workspace)) as opened:
        _say(collections.delete(opened, collections.find(opened, named).id), json_)


@collections_app.command("restore")
def restore(
    id_: Annotated[str, typer.Argument(help="The id of a deleted collection.")],
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Take a deleted collection back."""
    from core import collections

    with open_workspace(settings_of(workspace)) as opened:
        _say(collections.restore(opened, id_), json_)


@collections_app.command("compare")
def compare(
    named: Named,
    against: Annotated[str | None, typer.Option(help="Another collection. Default: the rest of the workspace.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Features a facet and side.")] = 15,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """What is distinctive in a collection: words, hashtags, people, domains, languages, hours, sources."""
    from core import collections
    from core.compare import distinctive

    with open_workspace(settings_of(workspace)) as opened:
        found = collections.find(opened, named)
        other = collections.find(opened, against) if against else None
        rows = collections.post_rows(opened, found.id)
        other_rows = collections.post_rows(opened, other.id) if other else None
        compared = distinctive(opened, rows, other_rows, limit=limit)
    if wants_json(json_):
        print_json({"collection": _document(found), "against": other and _document(other), **asdict(compared)})
        return
    than = other.name if other else "the rest"
    out_console.print(Text(f"{found.name}: {compared.posts:,} posts, {than}: {compared.others:,}"))
    for facet in compared.facets:
        table = Table(title=facet.name, title_justify="left")
        for column in ("feature", "here", "there", "z"):
            table.add_column(column, justify="left" if column == "feature" else "right")
        for feature in (*facet.here, *facet.there):
            table.add_row(Text(feature.name), f"{feature.here:,} ({feature.share_here:.1%})",
                          f"{feature.there:,} ({feature.share_there:.1%})", f"{feature.z:+.1f}")  # fmt: skip
        out_console.print(table)
