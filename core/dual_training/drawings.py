"""Training pictures of drawings: each on a scene or on paper, with small things beside it that no caption names.

A folder of drawings is what :mod:`core.dual_training.drawing_packs` writes: PNGs, and ``drawings.csv`` with the columns
image, caption, thing, code and lang.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path
from random import Random

from PIL import Image

from core.demo.pictures import draw_background, tint
from core.demo.scenes import SCENES
from core.dual_training.drawing_packs import TABLE
from core.dual_training.stickers import emoji_names, is_left_out
from core.errors import ImportFailed, PictureError

SIDE = 288
ON_PAPER = 0.25
PAPERS = ("#ffffff", "#ffffff", "#f4f1ea", "#e8eef5", "#222222")
COMPANY = (0, 0, 0, 1, 1, 2)


@dataclass(frozen=True, slots=True)
class Thing:
    """``pictures`` that all show the same; ``captions`` of it, (words, language)."""

    name: str
    pictures: tuple[Path, ...]
    captions: tuple[tuple[str, str], ...]


def read_drawings(folder: Path) -> list[Thing]:
    """The things of a folder, without the emoji that checks ask for. Raises ImportFailed where its table is missing or
    not one."""
    table = folder / TABLE
    pictures: dict[str, dict[Path, None]] = {}
    captions: dict[str, dict[tuple[str, str], None]] = {}
    try:
        with table.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row["code"] and is_left_out(row["code"]):
                    continue
                path = folder / row["image"]
                if not path.resolve().is_relative_to(folder.resolve()):
                    raise ImportFailed(f"{table} names a picture outside its folder: {row['image']!r}.")
                pictures.setdefault(row["thing"], {})[path] = None
                captions.setdefault(row["thing"], {})[row["caption"], row["lang"]] = None
    except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
        raise ImportFailed(f"{table} can't be read as a table of drawings ({error}).") from error
    return [Thing(name, tuple(pictures[name]), tuple(captions[name])) for name in pictures]


def thing_key(thing: Thing) -> str:
    """Names what a thing's pictures are drawn from."""
    digest = hashlib.sha256()
    for path in thing.pictures:
        digest.update(path.read_bytes())
    return f"drawing {thing.name} {digest.hexdigest()}"


def draw_thing(thing: Thing, at: int) -> Image.Image:
    """View ``at`` of a thing: its pictures in turn, each time on another ground. Raises PictureError."""
    path = thing.pictures[at % len(thing.pictures)]
    rng = Random(f"{thing.name} {at}")
    try:
        with Image.open(path, formats=("PNG",)) as image:
            drawing = image.convert("RGBA")
    except (OSError, ValueError) as error:
        raise PictureError(f"{path.name} can't be read: {error}.") from error
    if rng.random() < 0.5:
        drawing = drawing.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if rng.random() < ON_PAPER:
        ground = Image.new("RGB", (SIDE, SIDE), rng.choice(PAPERS))
        share = rng.uniform(0.7, 0.95)
    else:
        ground = draw_background(SCENES[rng.choice(list(SCENES))](rng, SIDE, SIDE), SIDE, SIDE)
        share = rng.uniform(0.5, 0.7)
        tint(ground, SIDE / 2, SIDE / 2, 0.6 * share * SIDE, 0.6 * share * SIDE, colour="#ffffff", strength=0.6)
    x, y = (SIDE * (0.5 + rng.uniform(-0.06, 0.06)) for _ in range(2))
    for side in rng.sample((-1, 1), 2)[: rng.choice(COMPANY)]:
        friend = _small(rng)
        _paste(ground, friend, x + side * rng.uniform(0.3, 0.42) * SIDE, y + rng.uniform(0.0, 0.3) * SIDE)
    scale = share * SIDE / max(drawing.size)
    drawing = drawing.resize(
        (max(1, round(drawing.width * scale)), max(1, round(drawing.height * scale))), Image.Resampling.BICUBIC
    )
    _paste(ground, drawing.rotate(rng.uniform(-9, 9), Image.Resampling.BICUBIC, expand=True), x, y)
    return ground


def _small(rng: Random) -> Image.Image:
    """One of OpenMoji's drawings, to stand beside."""
    from core.demo.pictures import draw_emoji

    return draw_emoji(rng.choice(list(emoji_names())), rng.uniform(0.16, 0.22) * SIDE, rng.uniform(-9, 9))


def _paste(ground: Image.Image, drawing: Image.Image, x: float, y: float) -> None:
    place = (round(x - drawing.width / 2), round(y - drawing.height / 2))
    ground.paste(drawing, place, drawing)
