"""Recommenders: measuring them on files, training one for a workspace, asking what a user would be shown."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import asdict
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
from core.errors import SettingError
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
    out: Annotated[
        Path | None, typer.Option(help="A JSON file for what is found, trial by trial; a later run goes on from it.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting by hand, as in --set loss=logistic; several times.")
    ] = None,
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
        threads=read_settings().thread_count(), command=_command(), out=out,
        given=_given(set_ or []),
    )  # fmt: skip
    with progress() as report:
        found = evaluate(request, report)
    if wants_json(json_):
        print_json(found[0] if len(found) == 1 else {"models": found, f"recall@{k}": _best(found, f"recall@{k}")})
        return
    _print_evaluation(found, k)


def _given(pairs: list[str]) -> dict[str, Any]:
    """NAME=VALUE pairs; a value that reads as JSON is that, any other a word."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise SettingError(f"--set takes NAME=VALUE, not {pair!r}.")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


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


@recommend_app.command("train")
def recommend_train(
    model: Annotated[
        list[str] | None, typer.Option(help="two-tower, ials, ...; several times, or all. Default: the usual five.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Train recommenders on what people did in the workspace, judged on the newest acts."""
    from core.recommend.models import MODELS, TITLES
    from core.recommend.training import DEFAULT, train_params

    names = tuple(model or DEFAULT)
    if names == ("all",):
        names = tuple(MODELS)
    with open_workspace(settings_of(workspace)) as opened:
        job = run_job(opened, "recommend", train_params(names, seed=seed), "Train recommenders")
    result = {**(job.result or {}), "seed": seed, "command": _command()}
    if wants_json(json_):
        print_json(result)
        return
    table = Table(title=f"{result['acts']:,} acts of {result['users']:,} users on {result['posts']:,} posts")
    for name in ("", "Recall@20", "NDCG@20", "coverage", "seconds"):
        table.add_column(name, justify="left" if not name else "right")
    for name, figures in result["models"].items():
        if "recall@20" not in figures:
            table.add_row(TITLES[name], figures.get("problem", "too few acts to judge by"))
            continue
        table.add_row(
            TITLES[name], f"{figures['recall@20']:.4f}", f"{figures['ndcg@20']:.4f}",
            f"{figures['coverage@20']:.2f}", f"{figures['seconds']:.1f}",
        )  # fmt: skip
    out_console.print(table)


@recommend_app.command("for")
def recommend_for_user(
    user: Annotated[str, typer.Argument(help="The user's id.")],
    k: Annotated[int, typer.Option("-k", min=1, max=500, help="How many posts.")] = 10,
    model: Annotated[str | None, typer.Option(help="Which recommender. Default: the two towers.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say which posts of the history carry each.")] = False,
    diversity: Annotated[float, typer.Option(min=0, max=1)] = 0.2,
    freshness: Annotated[float, typer.Option(min=0, max=1)] = 0.0,
    author_cap: Annotated[int, typer.Option(min=0, help="Most posts of one author; 0 is no limit.")] = 3,
    without: Annotated[list[str] | None, typer.Option(help="Take this post out of the history.")] = None,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """What a user would be shown now, and why."""
    from core.database.posts import get_posts
    from core.recommend.explain import explain as explain_post
    from core.recommend.rerank import Knobs
    from core.recommend.serving import as_json, recommend_for, title_of

    knobs = Knobs(k=k, diversity=diversity, freshness=freshness, author_cap=author_cap)
    with open_workspace(settings_of(workspace)) as opened:
        listing = recommend_for(opened, user, model=model, knobs=knobs, without=tuple(without or ()))
        document = as_json(listing)
        if explain:
            for item in document["items"]:
                found = explain_post(opened, listing.history, item["post"], listing.model, knobs)
                item["why"] = asdict(found)
        posts = get_posts(opened.cursor(), listing.ids)
    if wants_json(json_):
        print_json(document)
        return
    said = f"{title_of(listing.model)} for {user}, from {len(listing.history.acts):,} posts of history"
    table = Table(title=Text(said))
    for name in ("", "post", "score", "text", *(("carried by",) if explain else ())):
        table.add_column(name)
    for item in document["items"]:
        text = " ".join(posts[item["post"]].text.split())[:90] if item["post"] in posts else ""
        why = ", ".join(f"{one['post_id']} ({one['ranks']:+d})" for one in item.get("why", {}).get("carriers", [])[:3])
        cells = [str(item["rank"]), item["post"], f"{item['score']:.3f}", text, *((why,) if explain else ())]
        table.add_row(*(Text(cell) for cell in cells))
    out_console.print(table)
    for note in listing.notes:
        out_console.print(Text(note))


@recommend_app.command("similar-users")
def recommend_similar_users(
    user: Annotated[str, typer.Argument(help="The user's id.")],
    k: Annotated[int, typer.Option("-k", min=1, max=500)] = 10,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Who is like a user by the two towers and by shared posts, and whom the user might follow."""
    from core.database.recommend import user_is_known
    from core.errors import QueryError
    from core.recommend.acts import history_of
    from core.recommend.similar import shared_neighbours, to_follow, users_alike

    with open_workspace(settings_of(workspace)) as opened:
        if not user_is_known(opened.cursor(), user):
            raise QueryError(f"There is no user {user!r} in this workspace.")
        history = history_of(opened, user)
        alike = users_alike(opened, history, k=k)
        shared = shared_neighbours(opened, history, k=k)
        follow = to_follow(opened, history, k=k)
    document = {
        "user": user,
        "alike": [{"user": id_, "cosine": round(score, 4)} for id_, score in alike],
        "shared_posts": [{"user": id_, "overlap": round(score, 4)} for id_, score in shared],
        "to_follow": [
            {"user": one.user_id, "cosine": round(one.cosine, 4), "users_alike": one.alike, "followed_by": one.followed}
            for one in follow
        ],
    }
    if wants_json(json_):
        print_json(document)
        return
    table = Table(title=Text(f"Like {user}"))
    for name in ("alike", "shared posts", "to follow"):
        table.add_column(name)
    for at in range(max(len(alike), len(shared), len(follow))):
        cells = [f"{one[at][0]} {one[at][1]:.2f}" if at < len(one) else "" for one in (alike, shared)]
        cells.append(f"{follow[at].user_id} {follow[at].cosine:.2f}" if at < len(follow) else "")
        table.add_row(*(Text(cell) for cell in cells))
    out_console.print(table)


@recommend_app.command("import")
def recommend_import(
    path: Annotated[Path, typer.Argument(help="A CSV, TSV or Parquet file, or an .npz of vectors.")],
    model: Annotated[str, typer.Option(help="What to call the recommender. Default: the file's name.")] = "",
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Take in what your own recommender would show, to inspect it beside ours; or what was shown, with shown_at."""
    from core.recommend.imported import import_lists

    with open_workspace(settings_of(workspace)) as opened:
        found = import_lists(opened, path, model=model)
    if wants_json(json_):
        print_json(found)
    else:
        out_console.print(Text(", ".join(f"{name}: {value}" for name, value in found.items())))
