"""Recommenders: measuring them on files, training one for a workspace, asking what a user would be shown."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from core.cli.shell import JsonOption, command_group, out_console, print_json, progress, wants_json
from core.settings import read_settings

recommend_app = command_group("recommend", "What users would be shown, why, and how good that is.")


@recommend_app.command("evaluate")
def recommend_evaluate(
    train: Annotated[Path, typer.Option(help="What to learn from: a line a user, 'user item item ...'.")],
    test: Annotated[Path, typer.Option(help="What to judge by, in the same form. No choice is made on it.")],
    valid: Annotated[
        Path | None, typer.Option(help="What to choose by. Without it a seeded part of --train is held out.")
    ] = None,
    items: Annotated[
        Path | None, typer.Option(help="The items' content: a CSV file with item, title, genres, image.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="two-tower, ials, ...; several times, or all. Default: two-tower.")
    ] = None,
    trials: Annotated[int, typer.Option(min=1, max=100, help="How many settings of its grid each model may try.")] = 1,
    cold: Annotated[
        float, typer.Option(min=0.0, max=0.9, help="Hold this share of items out whole and rank them as new ones.")
    ] = 0.0,
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="How long the lists are.")] = 20,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    json_: JsonOption = False,
) -> None:
    """How well a recommender trained on one file foretells another, ranking every item for every user."""
    from core.recommend.evaluate import Request, evaluate
    from core.recommend.models import MODELS

    names = list(model or ["two-tower"])
    if names == ["all"]:
        names = [name for name in MODELS if items is not None or not name.startswith("content-")]
    request = Request(
        train, test, valid, items, names, trials=trials, seed=seed, k=k, cold=cold,
        threads=read_settings().thread_count(), command=_command(),
    )  # fmt: skip
    with progress() as report:
        found = evaluate(request, report)
    if wants_json(json_):
        print_json(found[0] if len(found) == 1 else {"models": found, f"recall@{k}": _best(found, f"recall@{k}")})
        return
    _print_evaluation(found, k)


def _command() -> str:
    return shlex.join(["python", "-m", "core", *sys.argv[1:]])


def _best(found: list[dict[str, Any]], key: str) -> float | None:
    return max((one[key] for one in found if key in one), default=None)


def _print_evaluation(found: list[dict[str, Any]], k: int) -> None:
    table = Table(title=f"{found[0]['data']['test']}, split {found[0]['split']}, seed {found[0]['seed']}")
    for name in ("", f"Recall@{k}", f"NDCG@{k}", "MRR", "coverage", "popularity lift", "users", "fit"):
        table.add_column(name, justify="left" if not name else "right")
    for one in found:
        if "problem" in one:
            table.add_row(one["model"], one["problem"])
            continue
        low, high = one.get(f"recall@{k}_ci", one.get("cold", {}).get(f"recall@{k}_ci", (0.0, 0.0)))
        figures = [one.get(name) for name in ("mrr", f"coverage@{k}", f"popularity_lift@{k}")]
        table.add_row(
            one["model"], f"{one[f'recall@{k}']:.4f} ({low:.4f} to {high:.4f})", f"{one[f'ndcg@{k}']:.4f}",
            *("" if value is None else f"{value:.3f}" for value in figures),
            f"{one['users']:,}", f"{one['fit_seconds']:.0f} s",
        )  # fmt: skip
    out_console.print(table)
    out_console.print(f"{found[0]['choice']}. {found[0]['command']}", soft_wrap=True, highlight=False, markup=False)
