"""Maps in the shell: building one, placing new posts on it, taking it along."""

from __future__ import annotations

from dataclasses import asdict
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
    run_job,
    settings_of,
    wants_json,
)

if TYPE_CHECKING:
    from core.maps.layouts import Layout

map_app = command_group("map", "Maps of posts and users.")


@map_app.command("build")
def build(
    space: Annotated[str, typer.Option(help="text, dual (pictures), blend, users, or ties (who reacts to whom).")],
    name: Annotated[str, typer.Option(help="What to call it; one of that name is replaced.")] = "",
    neighbours: Annotated[int, typer.Option(help="UMAP's n_neighbors, 2 to 200.")] = 15,
    min_dist: Annotated[float, typer.Option(help="UMAP's min_dist, 0 to 1.")] = 0.1,
    epochs: Annotated[int, typer.Option(help="UMAP's n_epochs; 0: as many as it takes by itself.")] = 0,
    blend: Annotated[float, typer.Option(help="The weight of words against pictures in a blend, 0 to 1.")] = 0.5,
    seed: Annotated[int, typer.Option(min=0)] = 42,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Lay out all posts or users, find clusters and name them."""
    from core.maps.building import build_params
    from core.maps.layouts import MapSpace, Recipe, read_layout

    recipe = Recipe(cast(MapSpace, space), neighbours, min_dist, epochs, seed, blend)
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
