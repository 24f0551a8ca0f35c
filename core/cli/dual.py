"""The encoder of words and pictures: measuring it, training it."""

from __future__ import annotations

from dataclasses import replace
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

evaluate_app = command_group("evaluate", "Measure quality on data with known answers.")
dual_app = command_group("dual", "The encoder of words and pictures.")


@evaluate_app.command("retrieval")
def evaluate_retrieval(
    images: Annotated[Path, typer.Option(help="The folder of the pictures.")],
    captions: Annotated[
        Path, typer.Option(help="A CSV file with image and caption, or posts with image and text; perhaps with split.")
    ],
    split: Annotated[
        str,
        typer.Option(help="Only rows with this in the column split; without it: test (a fifth by text), train or all."),
    ] = "test",
    lang: Annotated[
        str | None, typer.Option(help="Only rows with this in the column lang.", show_default=False)
    ] = None,
    json_: JsonOption = False,
) -> None:
    """How well words find pictures and pictures find words: R@1, R@5, R@10 in percent, and the median rank."""
    from core.encoders.loading import load_encoder
    from core.evaluation.retrieval import evaluate_retrieval as run_evaluation

    encoder = load_encoder("dual", read_settings())
    with progress() as report:
        found = run_evaluation(
            encoder, images, captions, split, report=lambda d, t, note: report(note, d, t), lang=lang
        )
    if wants_json(json_):
        print_json(found)
        return
    table = Table(title=f"{found['model']}: {found['images']:,} pictures, {found['captions']:,} captions")
    for name in ("", "R@1", "R@5", "R@10", "median rank"):
        table.add_column(name, justify="right")
    for name in ("text_to_image", "image_to_text"):
        figures = found[name]
        table.add_row(name.replace("_", " "), *(f"{figures[key]:.1f}" for key in ("r@1", "r@5", "r@10", "median_rank")))
    out_console.print(table)


@dual_app.command("train")
def dual_train(
    pairs: Annotated[
        Path | None,
        typer.Option(help="A CSV file with image and caption. Without: the workspace's posts.", show_default=False),
    ] = None,
    images: Annotated[Path | None, typer.Option(help="The folder of the pictures.", show_default=False)] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where the weights go, a .safetensors file.", show_default=False)
    ] = None,
    split: Annotated[str, typer.Option(help="Train on the rows with this in the column split.")] = "train",
    stickers: Annotated[bool, typer.Option("--stickers", help="Learn OpenMoji's drawings and names as well.")] = False,
    drawings: Annotated[
        list[Path] | None,
        typer.Option(help="A folder of drawings as well, see 'dual drawings'. May be repeated.", show_default=False),
    ] = None,
    tune: Annotated[
        bool, typer.Option("--tune", help="Train the picture backbone's last blocks as well: minutes an epoch.")
    ] = False,
    posts: Annotated[
        Path | None, typer.Option(help="A posts file with text and image: four fifths of it are learned as well.")
    ] = None,
    posts_images: Annotated[Path | None, typer.Option(help="The folder of the posts' pictures.")] = None,
    init: Annotated[
        str | None,
        typer.Option(help="Go on from these weights: a file, or 'packaged'. On the workspace's posts: as a rule."),
    ] = None,
    beside: Annotated[
        Path | None, typer.Option(help="A file of heads on the packaged backbone, to be asked as well.")
    ] = None,
    beside_share: Annotated[
        float | None,
        typer.Option(
            min=0.01, max=0.99, help="How much they count; default as in --init, or a half.", show_default=False
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, max=1000, help="At most; default 20, 12 with --tune, 6 on posts.", show_default=False),
    ] = None,
    apart: Annotated[
        bool, typer.Option("--apart", help="Batches of one source each: photographs beside photographs.")
    ] = False,
    share: Annotated[
        float, typer.Option(min=0.01, max=1, help="How much of the stickers and drawings an epoch goes through.")
    ] = 0.6,
    rate: Annotated[
        float | None, typer.Option(help="The heads' rate; default 1e-3, with --init 2e-4.", show_default=False)
    ] = None,
    tail_rate: Annotated[
        float | None, typer.Option(help="The blocks' rate; default 1e-4, with --init 2e-5.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    serve: Annotated[
        bool, typer.Option(help="On the workspace's posts: search by the new model once its pictures are encoded.")
    ] = True,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Train the encoder of words and pictures, on pairs of your own or on the workspace's posts.

    Killed and started again, it goes on after its last whole epoch. FEEDSCOPE_DUAL=FILE uses what --pairs made; a
    workspace uses its own model by itself.
    """
    if pairs is None:
        if out is not None or images is not None:
            raise typer.BadParameter("--images and --out go with --pairs FILE.")
        params = {"epochs": epochs or 6, "seed": seed, "init": init != "none", "serve": serve}
        with open_workspace(settings_of(workspace)) as opened:
            found = run_job(opened, "dual_train", params, "Train the picture search on the posts").result or {}
        _say_trained(found, f"models/{found['model']} of the workspace", json_)
        return
    if images is None or out is None:
        raise typer.BadParameter("--pairs needs --images DIR and --out FILE.")
    import torch

    from core.dual_training.heads import FINE_RATE, FINE_TAIL_RATE, Recipe, TunedRecipe
    from core.dual_training.training import Sources, train_dual
    from core.encoders.loading import PACKAGED_DUAL
    from core.evaluation.retrieval import read_captioned_pictures

    torch.set_num_threads(read_settings().thread_count())
    fine = init is not None
    recipe = (TunedRecipe if tune else Recipe)(seed=seed, apart=apart, rate=rate or (FINE_RATE if fine else 1e-3))
    if isinstance(recipe, TunedRecipe):
        recipe = replace(recipe, tail_rate=tail_rate or (FINE_TAIL_RATE if fine else 1e-4))
    recipe = recipe if epochs is None else replace(recipe, epochs=epochs)
    sources = Sources(
        stickers, None if posts is None else (posts, posts_images or posts.parent), tuple(drawings or ()), share
    )
    with progress() as report:
        found = train_dual(
            read_captioned_pictures(images, pairs, split), out, sources=sources, beside=beside,
            beside_share=beside_share, recipe=recipe,
            init=None if init is None else PACKAGED_DUAL if init == "packaged" else Path(init),
            cache=out.with_name(f"{out.name}.cache"), report=lambda d, t, note: report(note, d, t),
        )  # fmt: skip
    _say_trained(found, str(out), json_)


def _say_trained(found: dict[str, Any], where: str, json_: bool) -> None:
    if wants_json(json_):
        print_json(found)
        return
    table = Table()
    for name in ("epoch", "loss", "held-out R@10"):
        table.add_column(name, justify="right")
    if found["before_r@10"]:
        table.add_row("before", "", f"{sum(found['before_r@10'].values()) / len(found['before_r@10']):.1f} %")
    for epoch, (loss, recall) in enumerate(zip(found["losses"], found["recalls"], strict=True), 1):
        mark = " (kept)" if epoch == found["epoch"] else ""
        table.add_row(f"{epoch}{mark}", f"{loss:.3f}", f"{recall:.1f} %")
    out_console.print(table)
    out_console.print(f"{found['captions']:,} captions of {found['pictures']:,} pictures; the weights are in {where}.")
    if found["epoch"] == 0:
        out_console.print("No epoch was better than what training started from, which was kept.")
    elif found.get("served"):
        out_console.print("The workspace's pictures are searched by it from now on.")


@dual_app.command("serve")
def dual_serve(
    model: Annotated[
        str | None, typer.Argument(help="A file of the workspace's models/; without: the packaged encoder.")
    ] = None,
    workspace: WorkspaceOption = None,
    json_: JsonOption = False,
) -> None:
    """Search the workspace's pictures by a model that was trained on it, once they are encoded, or no longer."""
    with open_workspace(settings_of(workspace)) as opened:
        job = run_job(opened, "dual_serve", {"model": model}, f"Search pictures by {model or 'the packaged encoder'}")
    if wants_json(json_):
        print_json(job.result or {})
    else:
        out_console.print(f"Pictures are searched by {model or 'the packaged encoder'}.")


@dual_app.command("drawings")
def dual_drawings(
    packs: Annotated[
        list[Path],
        typer.Argument(
            help="Unpacked: Iconify's sets of emoji and of icons, the Open Clip Art Library's svg, Tux Paint's stamps."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder that 'dual train --drawings' reads.")],
    json_: JsonOption = False,
) -> None:
    """Bring collections of free drawings to one folder of pictures and names, without the emoji that checks ask for."""
    from core.dual_training.drawing_packs import collect_drawings

    with progress() as report:
        count = collect_drawings(packs, out, lambda d, t, note: report(note, d, t))
    if wants_json(json_):
        print_json({"out": str(out), "pictures": count})
    else:
        out_console.print(f"{count:,} pictures are in {out}.")


@dual_app.command("names")
def dual_names(
    packages: Annotated[list[Path], typer.Argument(help="Unpacked: cldr-annotations-full, ...-derived-full.")],
    langs: Annotated[list[str], typer.Option("--lang", help="A language beside English. May be repeated.")],
    out: Annotated[Path, typer.Option(help="The CSV that 'dual languages --names' reads.")],
    json_: JsonOption = False,
) -> None:
    """Write what emoji show in many languages, without the emoji that checks ask for."""
    from core.dual_training.emoji_words import write_emoji_names

    count = write_emoji_names(packages, langs, out)
    if wants_json(json_):
        print_json({"out": str(out), "names": count})
    else:
        out_console.print(f"{count:,} names are in {out}.")


@dual_app.command("languages")
def dual_languages(
    model: Annotated[Path, typer.Option(help="A trained file of weights.")],
    pairs: Annotated[
        list[Path], typer.Option(help="A CSV file with image, caption and perhaps lang. May be repeated.")
    ],
    images: Annotated[Path, typer.Option(help="The folder of the pictures.")],
    out: Annotated[Path, typer.Option(help="Where the weights with the head for languages go.")],
    split: Annotated[str, typer.Option(help="Train on the rows with this in the column split.")] = "train",
    leave_out: Annotated[
        str | None, typer.Option(help="No row with this in the column lang: to measure what a language unseen gives.")
    ] = None,
    names: Annotated[
        list[Path] | None,
        typer.Option(help="A CSV file with thing, caption and lang: what things are called. May be repeated."),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(help="Where vectors are kept for the next run; default FILE.cache.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    json_: JsonOption = False,
) -> None:
    """Let words of many languages find the pictures of a trained encoder, by FEEDSCOPE_TEXT=e5.

    Pictures that are encoded stay as they are: the new file is of the same space.
    """
    import torch

    from core.dual_training.languages import LanguagesRecipe, add_languages
    from core.evaluation.retrieval import read_captioned_pictures

    torch.set_num_threads(read_settings().thread_count())
    sources = [read_captioned_pictures(images, path, split) for path in pairs]
    with progress() as report:
        found = add_languages(
            model, sources, out, names=names or (), leave_out=leave_out, recipe=LanguagesRecipe(seed=seed),
            cache=cache or out.with_name(f"{out.name}.cache"), report=lambda d, t, note: report(note, d, t),
        )  # fmt: skip
    if wants_json(json_):
        print_json(found)
    else:
        out_console.print(
            f"{found['captions']:,} captions of {found['pictures']:,} pictures; the weights are in {out}."
        )
