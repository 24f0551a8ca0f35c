"""Maps in the shell: building one, placing new posts on it, taking it along."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

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
from core.maps.layouts import NEGATIVES, NEIGHBOURS

if TYPE_CHECKING:
    from core.maps.layouts import Layout

map_app = command_group("map", "Maps of posts and users.")


@map_app.command("build")
def build(
    space: Annotated[str, typer.Option(help="text, dual (pictures), blend, users, or ties (who reacts to whom).")],
    name: Annotated[str, typer.Option(help="What to call it; one of that name is replaced.")] = "",
    neighbours: Annotated[int, typer.Option(help="UMAP's n_neighbors, 2 to 200.")] = NEIGHBOURS,
    min_dist: Annotated[float, typer.Option(help="UMAP's min_dist, 0 to 1.")] = 0.0,
    negatives: Annotated[int, typer.Option(help="UMAP's negative_sample_rate, 1 to 50.")] = NEGATIVES,
    epochs: Annotated[int, typer.Option(help="UMAP's n_epochs; 0: as many as it takes by itself.")] = 0,
    blend: Annotated[float, typer.Option(help="The weight of words against pictures in a blend, 0 to 1.")] = 0.5,
    seed: Annotated[int, typer.Option(min=0)] = 42,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Lay out all posts or users, find clusters and name them."""
    from core.maps.building import build_params
    from core.maps.layouts import MapSpace, Recipe, read_layout

    recipe = Recipe(cast(MapSpace, space), neighbours, min_dist, negatives, epochs, seed, blend)
    params = build_params(recipe, name)
    with open_workspace(settings_of(workspace)) as opened:
        job = run_job(opened, "map", params, f"Map: {params['name']}")
        layout = read_layout(opened, str((job.result or {})["layout"]))
    _tell(dict(job.result or {}), layout, wants_json(json_))


def _tell(result: dict[str, Any], layout: Layout, as_json: bool) -> None:
    clusters = layout.at_level(0)
    if as_json:
        levels = [len(layout.at_level(level)) for level in range(len(layout.labels))]
        named = [asdict(cluster) | {"terms": [term for term, _ in cluster.terms]} for cluster in clusters]
        print_json({**result, "levels": levels, "clusters": named})
        return
    quality = ""
    if result["knn_overlap"] is not None:
        quality = f" Of each ten nearest, {100 * result['knn_overlap']:.0f} % are near on the map."
    out_console.print(
        f"{result['points']:,} points in {result['seconds']:.0f} s, {result['placed']:,} of them placed.{quality}"
    )
    table = Table(title=Text(str(result["name"])), title_justify="left")
    table.add_column("size", justify="right")
    table.add_column("cluster")
    for cluster in clusters:
        table.add_row(f"{cluster.size:,}", Text(cluster.name))
    out_console.print(table)


@map_app.command("place")
def place(
    name: Annotated[str, typer.Argument(help="The map's name.")],
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Put posts that came since on a finished map. No old point moves."""
    with open_workspace(settings_of(workspace)) as opened:
        job = run_job(opened, "map_place", {"layout": name}, f"Place new posts: {name}")
    result = dict(job.result or {})
    if wants_json(json_):
        print_json(result)
        return
    share = result["placed"] / max(1, result["points"])
    out_console.print(
        f"{result['new']:,} posts placed, {result['gone']:,} left out that are gone; {100 * share:.1f} % of the map is"
        " placed now."
    )


@map_app.command("list")
def list_(workspace: WorkspaceOption = None, json_: JsonOption = False) -> None:
    """The maps of a workspace."""
    from core.maps.building import outcome
    from core.maps.layouts import list_layouts

    with open_workspace(settings_of(workspace)) as opened:
        known = list_layouts(opened)
    if wants_json(json_):
        print_json([outcome(info) for info in known])
        return
    table = Table()
    for column in ("map", "of", "points", "placed", "made"):
        table.add_column(column)
    for info in known:
        made = f"{info.created_at:%Y-%m-%d %H:%M}"
        table.add_row(Text(info.id), info.recipe.space, f"{info.count:,}", f"{info.placed:,}", made)
    out_console.print(table)


@map_app.command("export")
def export(
    name: Annotated[str, typer.Argument(help="The map's name.")],
    out: Annotated[Path, typer.Argument(help="The file to write, ending in .parquet.")],
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Write a map as Parquet in the layout of Embedding Atlas: projection_x, projection_y, neighbors."""
    from core.maps.edits import open_layout
    from core.maps.export import export_map

    with open_workspace(settings_of(workspace)) as opened, progress() as report:
        count = export_map(opened, open_layout(opened, name), out, report)
    if wants_json(json_):
        print_json({"file": str(out), "rows": count})
    else:
        out_console.print(Text(f"{count:,} points are in {out}."))
