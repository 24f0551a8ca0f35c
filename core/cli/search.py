"""Searching in the shell."""

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
    print_json,
    settings_of,
    wants_json,
)
from core.types import MODES, Mode, Post, Query, QueryPart


@app.command()
def search(
    text: Annotated[str | None, typer.Argument(help="Words to search for.")] = None,
    image: Annotated[list[Path] | None, typer.Option(help="A picture file to search by.")] = None,
    like: Annotated[list[str] | None, typer.Option(help="The id of a post to search by.")] = None,
    not_: Annotated[list[str] | None, typer.Option("--not", help="Words to push away from.")] = None,
    mode: Annotated[str, typer.Option(help=f"One of {', '.join(MODES)}.")] = "hybrid",
    where: Annotated[
        list[str] | None,
        typer.Option(help="KEY=VALUE: user, since, until, lang, source, picture, min_likes, a column."),
    ] = None,
    blend: Annotated[
        float, typer.Option(min=0, max=1, help="In the mode hybrid: 0 is what posts say alone, 1 what pictures show.")
    ] = 0.5,
    k: Annotated[int, typer.Option("-k", help="How many hits, 1 to 10,000.")] = 10,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Search by words, picture or example."""
    from core.database.posts import get_posts
    from core.search.search import search as run_search
    from core.search.where import parse_where

    parts = [QueryPart("text", text)] if text else []
    parts += [QueryPart("picture", read_picture(path)) for path in image or []]
    parts += [QueryPart("post", id_) for id_ in like or []]
    parts += [QueryPart("text", words, -0.5) for words in not_ or []]
    chosen: Mode = mode  # type: ignore[assignment]  # search() refuses an unknown mode
    query = Query(tuple(parts), parse_where(where or []), k, chosen, blend)
    with open_workspace(settings_of(workspace)) as opened:
        result = run_search(opened, query)
        posts = get_posts(opened.cursor(), [hit.post_id for hit in result.hits])
        media_folder = opened.media_folder
    if wants_json(json_):
        hits = [_hit_document(hit, posts[hit.post_id], media_folder) for hit in result.hits]
        print_json({"hits": hits, "elapsed_ms": round(result.elapsed_ms, 2), "encode_ms": round(result.encode_ms, 2),
                     "considered": result.considered, "notes": list(result.notes)})  # fmt: skip
        return
    for note in result.notes:
        err_console.print(Text(note))
    title = f"{len(result.hits)} hits among {result.considered:,} posts in {result.elapsed_ms:.0f} ms"
    table = Table(title=title, title_justify="left", expand=True)
    for name, ratio in (("rank", None), ("post", 2), ("text", 6), ("found by", 2)):
        table.add_column(name, ratio=ratio, overflow="fold")
    for hit in result.hits:
        post = posts[hit.post_id]
        legs = ", ".join(f"{leg.leg} #{leg.rank}" for leg in hit.legs)
        pictures = f"[{len(post.media)} picture{'s' * (len(post.media) > 1)}] " if post.media else ""
        table.add_row(str(hit.rank), Text(post.id), Text(pictures + post.text[:240]), legs)
    out_console.print(table)


def read_picture(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"The picture {path} can't be read: {error.strerror}.") from error


def _hit_document(hit: Any, post: Post, media_folder: Path) -> dict[str, Any]:
    return {
        "post_id": hit.post_id,
        "rank": hit.rank,
        "score": hit.score,
        "legs": {leg.leg: {"rank": leg.rank, "score": leg.score} for leg in hit.legs},
        "text": post.text,
        "user_id": post.user_id,
        "media": [
            {"name": item.name, "path": str(media_folder / item.path) if item.path else None, "width": item.width,
             "height": item.height, "sha256": item.sha256, "error": item.error}
            for item in post.media
        ],
    }  # fmt: skip
