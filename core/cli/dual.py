"""The encoder of words and pictures: measuring it, training it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from core.cli.shell import JsonOption, command_group, out_console, print_json, progress, wants_json
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
    pairs: Annotated[Path, typer.Option(help="A CSV file with the columns split, image and caption.")],
    images: Annotated[Path, typer.Option(help="The folder of the pictures.")],
    out: Annotated[Path, typer.Option(help="Where the weights go, a .safetensors file.")],
    split: Annotated[str, typer.Option(help="Train on the rows with this in the column split.")] = "train",
    stickers: Annotated[bool, typer.Option("--stickers", help="Learn OpenMoji's drawings and names as well.")] = False,
    tune: Annotated[
        bool, typer.Option("--tune", help="Train the picture backbone's last blocks as well: minutes an epoch.")
    ] = False,
    posts: Annotated[
        Path | None, typer.Option(help="A posts file with text and image: four fifths of it are learned as well.")
    ] = None,
    posts_images: Annotated[Path | None, typer.Option(help="The folder of the posts' pictures.")] = None,
    beside: Annotated[
        Path | None, typer.Option(help="A file of heads on the packaged backbone, to be asked as well.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Default: 5, with --tune 10.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    json_: JsonOption = False,
) -> None:
    """Train the encoder of words and pictures on your own pairs; FEEDSCOPE_DUAL=FILE then uses it."""
    import torch

    from core.dual_training.heads import Recipe, TunedRecipe
    from core.dual_training.training import train_dual

    torch.set_num_threads(read_settings().thread_count())
    recipe = (TunedRecipe if tune else Recipe)(seed=seed)
    recipe = recipe if epochs is None else replace(recipe, epochs=epochs)
    with_posts = None if posts is None else (posts, posts_images or posts.parent)
    with progress() as report:
        found = train_dual(
            pairs, images, out, split=split, stickers=stickers, posts=with_posts, beside=beside, recipe=recipe,
            cache=out.with_name(f"{out.name}.cache"), report=lambda d, t, note: report(note, d, t),
        )  # fmt: skip
    if wants_json(json_):
        print_json(found)
    else:
        recall = found["held_out_r@10"]["captions"]
        out_console.print(
            f"{found['captions']:,} captions of {found['pictures']:,} pictures; held-out R@10 {recall:.1f} %."
        )
        out_console.print(f"The weights are in {out}. FEEDSCOPE_DUAL={out} uses them.")
