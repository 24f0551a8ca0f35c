"""Moderation: training the word scorer, scoring a workspace, judging scorers on labelled files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

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
from core.settings import read_settings

moderate_app = command_group("moderate", "Score posts for review, and train and judge the scorers.")


@moderate_app.command("train")
def moderate_train(
    data: Annotated[Path, typer.Option(help="The folder of the labelled sets (see core/moderation/scorers/sets.py).")],
    out: Annotated[Path, typer.Option(help="Where the weights go, a .safetensors file.")],
    without: Annotated[str, typer.Option(help="Sets to leave out, separated by commas.")] = "",
    second_look: Annotated[
        bool, typer.Option("--second-look/--no-second-look", help="Tune MiniLM's upper layers too: ten minutes more.")
    ] = True,
    cache: Annotated[
        Path | None,
        typer.Option(
            help="A folder for vectors and progress: a stopped run goes on there. Default: beside --out.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    json_: JsonOption = False,
) -> None:
    """Train the word scorer from labelled sets, start to finish; run it again to go on after it was stopped."""
    import torch

    from core.moderation.scorers.training import train_words

    torch.set_num_threads(read_settings().thread_count())
    left_out = [name.strip() for name in without.split(",") if name.strip()]
    with progress() as report:
        found = train_words(data, out, without=left_out, cache=cache, second_look=second_look, seed=seed, report=report)
    if wants_json(json_):
        print_json(found)
        return
    for task, counts in found["counts"].items():
        said = f", calibration error {counts['ece']:.3f}" if "ece" in counts else ""
        out_console.print(f"{task}: {counts['texts']:,} texts, {counts['positive']:,} of them positive{said}")
    out_console.print(f"{found['model_id']}: {found['bytes'] / 1e6:.1f} MB in {out}", soft_wrap=True)


@moderate_app.command("score")
def moderate_score(
    again: Annotated[bool, typer.Option("--again", help="Score every post anew.")] = False,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Score the posts of a workspace that the policies have not seen yet."""
    from core.moderation.queue import waiting_by_policy

    with open_workspace(settings_of(workspace)) as opened:
        result = run_job(opened, "moderate", {"again": again}, "Score posts for review").result or {}
        result["waiting"] = {one.policy or "": one.count for one in waiting_by_policy(opened)}
    if wants_json(json_):
        print_json(result)
        return
    for scorer, count in result["scored"].items():
        out_console.print(f"{scorer}: {count:,} {'post' if count == 1 else 'posts'} scored")
    for policy, count in result["waiting"].items():
        out_console.print(f"{policy or 'reported'}: {count:,} {'waits' if count == 1 else 'wait'} for review")


@moderate_app.command("evaluate")
def moderate_evaluate(
    file: Annotated[Path, typer.Argument(help="A CSV or TSV file of labelled texts, with or without a head.")],
    text_column: Annotated[str, typer.Option(help="The column of texts, by name or by number from 0.")],
    label_column: Annotated[str, typer.Option(help="The column of labels, by name or by number from 0.")],
    positive: Annotated[str, typer.Option(help="The labels that break the policy, separated by commas.")],
    policy: Annotated[str, typer.Option(help="A default policy (hate, insult, toxicity, profanity, spam), or an"
                                             " attribute.")],
    classes: Annotated[bool, typer.Option("--classes", help="Judge all classes too: macro_f1 and auroc_ovo.")] = False,
    cross_validate: Annotated[
        int, typer.Option(min=0, help="Refit in so many folds of the file itself; 0 judges the packaged scorer.")
    ] = 0,
    tune: Annotated[
        bool, typer.Option("--tune", help="With --cross-validate: tune a second look in each fold too, minutes each.")
    ] = False,
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Default: the policy's own.", show_default=False)
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Other weights than the packaged ones.", show_default=False)
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="A folder that keeps the texts' vectors.")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    json_: JsonOption = False,
) -> None:  # fmt: skip
    """How well a word scorer tells labelled texts apart, with 95 % intervals. Needs no workspace."""
    import torch

    from core.errors import SettingError
    from core.moderation.scorers.evaluation import evaluate_words

    if cross_validate == 1:
        raise SettingError("A cross-validation has two folds or more.")
    if tune and not cross_validate:
        raise SettingError("--tune refits in folds: say how many with --cross-validate.")
    torch.set_num_threads(read_settings().thread_count())
    wanted = [label.strip() for label in positive.split(",") if label.strip()]
    with progress() as report:
        found = evaluate_words(
            file, text_column, label_column, wanted, policy, classes=classes, cross_validate=cross_validate,
            weights=weights, cache=cache, threshold=threshold, tune_folds=tune, seed=seed, report=report,
        )  # fmt: skip
    if wants_json(json_):
        print_json(found)
    else:
        _print(found)


def _print(found: dict[str, Any]) -> None:
    table = Table(title=f"{found['file']}: {found['texts']:,} texts, {found['positive']:,} positive; {found['model']}")
    for name in ("", "value", "95 % interval"):
        table.add_column(name, justify="right")
    for name in ("roc_auc", "average_precision", "f1", "precision", "recall", "macro_f1", "auroc_ovo", "accuracy"):
        if name in found:
            low, high = found[f"{name}_ci"]
            table.add_row(name, f"{found[name]:.3f}", f"{low:.3f} to {high:.3f}")
    table.add_row("calibration error", f"{found['ece']:.3f}", "")
    table.add_row("threshold", f"{found['threshold']:.2f}", "")
    out_console.print(table)
    if found["seen_in_training"]:
        out_console.print(f"{found['seen_in_training']:.1%} of these texts were trained on: no test of those.")
