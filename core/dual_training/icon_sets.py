"""Drawings from the icon sets of Iconify: what many hands drew under the same name, in one colour each.

An icon set holds outlines and silhouettes for interfaces. What several sets have (cat, guitar, umbrella) is a thing
that one can draw; each set's drawing of it is coloured in as a cartoon would be: the lines dark, every region that they
enclose in a colour of its own.
"""

from __future__ import annotations

import io
import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image

from core.errors import ImportFailed

LEAST_SETS = 5
MOST_DRAWINGS = 12
"""Of one thing, each from another set, so that what every set has does not outweigh the rest."""

STYLES = re.compile(
    r"-(outline|outlined|variant|fill|filled|line|linear|solid|simple|alt|bold|broken|duotone|thin|light|sharp|rounded|"
    r"round|twotone|regular|flat|duo|remix|off|stroke|\d+)$"
)
"""Ends of names that tell how a thing is drawn and not what it is."""

FULL = re.compile(r"fill|solid|duotone|bold|duo$")
"""Styles of which most is left in a small picture."""

FAINT = re.compile(r"thin|light|broken|off$|slash")

INTERFACE = frozenset((Path(__file__).with_name("interface_words.txt")).read_text(encoding="utf-8").split())
"""Words of user interfaces and of brands, which no search for pictures asks for."""

INK = ("#1d1d1f", "#2b2b33", "#3a2d25", "#20304a")
OUTLINED = 0.6
"""Of the silhouettes, how many get a dark line around them."""
_RENDERED = 256
_MARGIN = 9


@dataclass(frozen=True, slots=True)
class Icon:
    """A set's drawing: ``thing`` is what it shows, ``svg`` the whole drawing in black."""

    thing: str
    pack: str
    name: str
    svg: str


def is_icon_set(folder: Path) -> bool:
    """Whether a folder is an unpacked icon set in one colour that is none of emoji."""
    try:
        info = json.loads((folder / "info.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(info, dict) and info.get("palette") is False and info.get("category") != "Emoji"


def read_icons(folder: Path) -> dict[str, Any]:
    """What an unpacked set of Iconify's holds: ``prefix``, and ``icons`` by name. Raises ImportFailed."""
    try:
        found: dict[str, Any] = json.loads((folder / "icons.json").read_text(encoding="utf-8"))
        found["prefix"], found["icons"].items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ImportFailed(f"{folder / 'icons.json'} can't be read as an icon set ({error!r}).") from error
    return found


def icon_svg(icons: dict[str, Any], name: str) -> str:
    """An icon as a whole drawing; where it names no colour it is black."""
    icon = icons["icons"][name]
    across, down = (icon.get(side, icons.get(side, 16)) for side in ("width", "height"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{icon.get("left", 0)} {icon.get("top", 0)} {across} {down}" width="{across}" height="{down}">'
        f"{icon['body']}</svg>"
    )


def read_icon_sets(folders: Sequence[Path]) -> list[Icon]:
    """The things that at least LEAST_SETS of the sets draw, up to MOST_DRAWINGS of each, by name and in the same order
    each time. Raises ImportFailed for a set that can't be read."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    sets = {}
    for folder in sorted(folders):
        icons = read_icons(folder)
        sets[icons["prefix"]] = icons
        for name in icons["icons"]:
            thing = shown_by(name)
            if thing:
                found[thing][icons["prefix"]].append(name)
    chosen = []
    for thing, by_set in sorted(found.items()):
        if len(by_set) < LEAST_SETS:
            continue
        best = [(prefix, min(names, key=_preference)) for prefix, names in sorted(by_set.items())]
        Random(thing).shuffle(best)
        best.sort(key=lambda one: _preference(one[1])[0])
        chosen += [Icon(thing, prefix, name, icon_svg(sets[prefix], name)) for prefix, name in best[:MOST_DRAWINGS]]
    return chosen


def shown_by(name: str) -> str:
    """What an icon of this name shows, in one or two words; empty where that is nothing to look for in pictures."""
    short = re.sub(r"^(ios|md|local|bxs|baseline)-", "", name)
    while (cut := STYLES.sub("", short)) != short:
        short = cut
    words = short.split("-")
    said = " ".join(words)
    usable = 2 < len(said) <= 40 and len(words) <= 2 and re.fullmatch("[a-z ]+", said)
    return said if usable and INTERFACE.isdisjoint(words) else ""


def colour_in(icon: Icon) -> Image.Image:
    """An icon (RGBA) with dark lines, and what they enclose in light colours: the same each time.

    Raises ValueError for what can't be drawn."""
    import resvg_py
    from scipy import ndimage

    rng = Random(f"{icon.pack} {icon.name}")
    png = bytes(resvg_py.svg_to_bytes(svg_string=icon.svg, width=_RENDERED, skip_system_fonts=True))
    alpha = np.pad(np.asarray(Image.open(io.BytesIO(png), formats=("PNG",)).convert("RGBA").getchannel("A")), _MARGIN)
    solid = alpha > 100
    inside = ndimage.binary_fill_holes(solid) & ~solid
    colours = np.zeros((*alpha.shape, 4), np.uint8)
    regions, count = ndimage.label(inside)
    for region in range(1, count + 1):
        colours[regions == region] = (*_light(rng), 255)
    ink = tuple(bytes.fromhex(rng.choice(INK)[1:]))
    if inside.sum() > 0.35 * solid.sum():  # the lines are the drawing
        return _over(colours, alpha, ink)
    if rng.random() < OUTLINED:  # a silhouette is a coloured thing itself
        around = ndimage.binary_dilation(solid, iterations=rng.randint(3, _MARGIN - 1))
        colours[around] = (*ink, 255)
    return _over(colours, alpha, _light(rng))


def _over(below: np.ndarray, alpha: np.ndarray, colour: tuple[int, ...]) -> Image.Image:
    """A drawing (RGBA) with one colour over it as far as ``alpha`` says."""
    pixels = np.empty_like(below)
    pixels[..., :3] = colour
    pixels[..., 3] = alpha
    picture = Image.fromarray(below)
    picture.alpha_composite(Image.fromarray(pixels))
    return picture


def _light(rng: Random) -> tuple[int, int, int]:
    import colorsys

    red, green, blue = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.25, 0.9), rng.uniform(0.65, 1.0))
    return round(255 * red), round(255 * green), round(255 * blue)


def _preference(name: str) -> tuple[int, int, str]:
    return (2 if FAINT.search(name) else 0 if FULL.search(name) else 1, len(name), name)
