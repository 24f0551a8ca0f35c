"""Giving posts out in the shell."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from core.cli.search import read_picture
from core.cli.shell import (
    JsonOption,
    WorkspaceOption,
    app,
    open_workspace,
    out_console,
    print_json,
    progress,
    settings_of,
    wants_json,
)
from core.types import MODES, Mode, Query, QueryPart


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="A new folder, or a new file that ends in .zip.")],
    collection: Annotated[str | None, typer.Option(help="A collection, by its id or name.")] = None,
    query: Annotated[str | None, typer.Option(help="Words to search for; the hits are exported.")] = None,
    image: Annotated[list[Path] | None, typer.Option(help="A picture file to search by.")] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="KEY=VALUE, as in search; without a query, all posts that pass.")
    ] = None,
    mode: Annotated[str, typer.Option(help=f"One of {', '.join(MODES)}.")] = "hybrid",
    k: Annotated[int, typer.Option("-k", help="How many hits, 1 to 10,000.")] = 1000,
    ids: Annotated[Path | None, typer.Option(help="A file of post ids, one a line; - reads standard input.")] = None,
    format_: Annotated[
        str, typer.Option("--format", help="csv, parquet, jsonl, atlas (Embedding Atlas) or clip-retrieval.")
    ] = "csv",
    pictures: Annotated[bool, typer.Option("--pictures", help="Take the pictures along.")] = False,
    layout: Annotated[
        str | None, typer.Option("--map", help="atlas: whose places. Default: the map of words; '' takes none.")
    ] = None,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Write posts to files, with a provenance.json: a collection, a search, some ids, or everything."""
    from core.export import export as run_export

    chosen = [name for name, given in (("--collection", collection), ("--query or --where", query or image or where),
                                       ("--ids", ids)) if given]  # fmt: skip
    if len(chosen) > 1:
        raise typer.BadParameter(f"{' and '.join(chosen)} can't be given together.")
    with open_workspace(settings_of(workspace)) as opened, progress() as report:
        subject = _subject(opened, collection, query, image or [], where or [], mode, k, ids)
        made = run_export(
            opened,
            subject,
            out.expanduser().absolute(),
            format=format_,
            pictures=pictures,
            layout=layout,
            report=report,
        )
    if wants_json(json_):
        print_json({"path": str(made.path), "posts": made.posts, "pictures": made.pictures,
                    "provenance": made.provenance})  # fmt: skip
        return
    left_out = made.provenance["counts"]["left_out"]
    said = f"{made.posts:,} posts and {made.pictures:,} pictures are in {made.path}."
    out_console.print(
        Text(said + (f" {left_out:,} were left out: gone or removed." if left_out else "")), soft_wrap=True
    )


def _subject(
    opened: Any, collection: str | None, query: str | None, images: list[Path], where: list[str], mode: str, k: int,
    ids: Path | None,
) -> Any:  # fmt: skip
    from core import collections
    from core.database.filters import newest_rows
    from core.export import of_collection, of_posts, of_search, of_workspace
    from core.export.subject import filters_document
    from core.search.search import search
    from core.search.where import parse_where

    if collection:
        return of_collection(opened, collections.get(opened, collections.find(opened, collection).id))
    if query or images:
        parts = [QueryPart("text", query)] if query else []
        parts += [QueryPart("picture", read_picture(path)) for path in images]
        chosen: Mode = mode  # type: ignore[assignment]  # search() refuses an unknown mode
        asked = Query(tuple(parts), parse_where(where), k, chosen)
        return of_search(asked, search(opened, asked), name=query or "A picture")
    if where:
        filters = parse_where(where)
        found = [id_ for _, id_ in newest_rows(opened.cursor(), filters, 2**62)]
        return of_posts(found, name="Filtered posts", filters=filters_document(filters))
    if ids:
        return of_posts(read_ids(ids), name="Chosen posts", chosen_by=f"a list of ids, {ids.name}")
    return of_workspace(opened)


def read_ids(path: Path) -> list[str]:
    """Ids of a file, one a line; - is standard input."""
    try:
        lines: Iterable[str] = sys.stdin if str(path) == "-" else path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"The ids in {path} can't be read: {error}.") from error
    return [line.strip() for line in lines if line.strip()]
