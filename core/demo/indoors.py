"""Drawn backgrounds indoors and on paper, as SVG: simple, calm, in a few palettes."""

from __future__ import annotations

import math
from random import Random

from core.demo.canvas import Scene, area, blend, box, disc, oval, stroke

_PAPERS = (
    ("#fdf1dc", "#f6dfb5"),
    ("#e6f2ff", "#c7e0fa"),
    ("#ffe8ec", "#fbcdd6"),
    ("#e9f7ec", "#c8e9d0"),
    ("#f1ebff", "#dacdf8"),
    ("#fffbe0", "#fbefa6"),
    ("#eef1f4", "#d6dde4"),
    ("#e0f6f5", "#b9e6e3"),
)
_WALLS = (
    ("#f7e7d3", "#d9b48a"),
    ("#dfeae4", "#a98e74"),
    ("#e8e3f1", "#b98f6c"),
    ("#fbe3dc", "#c98f68"),
    ("#dbe9f4", "#a88262"),
    ("#f2efd8", "#9c7a5b"),
)
_WOODS = (("#d9a871", "#c08d58"), ("#b9825a", "#a06c46"), ("#e6c79a", "#d3b07f"), ("#8f6448", "#7b5339"))


def room(rng: Random, width: int, height: int) -> Scene:
    """A wall, a rug, perhaps stripes and a window."""
    wall, floor = rng.choice(_WALLS)
    svg = box(0, 0, width, height, wall)
    if rng.random() < 0.5:
        for stripe in range(0, 12, 2):
            svg += box(width * stripe / 12, 0, width / 12, height, "#fff", opacity=0.22)
    svg += box(0, 0.76 * height, width, 0.24 * height, floor)
    svg += box(0, 0.745 * height, width, 0.02 * height, "#fff", opacity=0.75)
    rug = rng.choice(("#e07a5f", "#81b29a", "#f2cc8f", "#7d8cc4", "#c98bb9"))
    svg += oval(width / 2, 0.88 * height, 0.4 * width, 0.075 * height, rug, opacity=0.8)
    if rng.random() < 0.5:
        left = rng.choice((0.06, 0.76)) * width
        frame = 0.014 * width
        svg += box(left, 0.1 * height, 0.18 * width, 0.28 * height, "#bfe3f5", stroke="#fff", stroke_width=frame)
    return Scene(svg, 0.87)


def table(rng: Random, width: int, height: int) -> Scene:
    """A laid table: a plate from above, or the table's edge from the side."""
    light, dark = rng.choice(_WOODS)
    if rng.random() < 0.55:
        svg = box(0, 0, width, height, light)
        for plank in range(1, 6):
            svg += box(0, height * plank / 6, width, 0.006 * height, dark)
        radius = 0.43 * min(width, height)
        plate = rng.choice(("#ffffff", "#fdf3e1", "#eaf4f4", "#fdebec"))
        svg += disc(width / 2 + 0.01 * width, height / 2 + 0.015 * width, radius, "#000", opacity=0.12)
        svg += disc(width / 2, height / 2, radius, plate)
        svg += disc(width / 2, height / 2, 0.82 * radius, "none", stroke="#e9e4dc", stroke_width=0.005 * width)
        return Scene(svg, None)
    wall, _ = rng.choice(_WALLS)
    svg = box(0, 0, width, height, wall)
    svg += disc(width / 2, 0.5 * height, 0.42 * min(width, height), "#fff", opacity=0.35)
    svg += box(0, 0.72 * height, width, 0.28 * height, light)
    svg += box(0, 0.72 * height, width, 0.03 * height, dark)
    return Scene(svg, 0.83)


def desk(rng: Random, width: int, height: int) -> Scene:
    """A wooden desk from above, with a mat."""
    light, dark = rng.choice(_WOODS)
    svg = box(0, 0, width, height, light)
    for plank in range(1, 5):
        svg += box(width * plank / 5, 0, 0.006 * width, height, dark)
    mat, _ = rng.choice(_PAPERS)
    turned = f"rotate({rng.uniform(-5, 5):.1f} {width / 2} {height / 2})"
    for offset, colour, opacity in ((0.012, "#000", 0.15), (0.0, mat, 1.0)):
        left, top = (0.14 + offset) * width, (0.12 + offset) * height
        corner = round(0.03 * width, 1)
        svg += box(left, top, 0.72 * width, 0.76 * height, colour, transform=turned, rx=corner, opacity=opacity)
    return Scene(svg, None)


def paper(rng: Random, width: int, height: int) -> Scene:
    """Patterned paper: dots, stripes, checks or nothing."""
    light, shade = rng.choice(_PAPERS)
    svg = box(0, 0, width, height, light)
    pattern, step = rng.randrange(4), round(0.09 * width)
    if pattern == 0:
        for row, y in enumerate(range(step // 2, height + step, step)):
            for x in range(0, width + step, step):
                svg += disc(x + (step // 2 if row % 2 else 0), y, 0.13 * step, shade)
    elif pattern == 1:
        for x in range(0, width + height, step):
            svg += stroke(f"M{x},0 l{-height},{height}", shade, 0.28 * step, opacity=0.8)
    elif pattern == 2:
        for x in range(0, width, step):
            svg += box(x, 0, step // 2, height, shade, opacity=0.45)
        for y in range(0, height, step):
            svg += box(0, y, width, step // 2, shade, opacity=0.45)
    else:
        svg = blend(width, height, light, shade)
    if rng.random() < 0.6:
        svg += disc(width / 2, height / 2, 0.41 * min(width, height), "#fff", opacity=0.75)
    return Scene(svg, None)


def burst(rng: Random, width: int, height: int) -> Scene:
    """Rays from the middle."""
    light, shade = rng.choice(_PAPERS)
    x, y, reach = width / 2, height / 2, width + height
    svg = box(0, 0, width, height, light)
    for ray in range(0, 24, 2):
        first, second = math.tau * ray / 24, math.tau * (ray + 1) / 24
        ends = [(x + reach * math.cos(angle), y + reach * math.sin(angle)) for angle in (first, second)]
        svg += area([(x, y), *ends], shade, opacity=0.8)
    return Scene(svg + disc(x, y, 0.38 * min(width, height), "#fff", opacity=0.85), None)


def stage(rng: Random, width: int, height: int) -> Scene:
    """A curtain and a spotlight."""
    svg = blend(width, height, *rng.choice((("#7a2e3b", "#4a1b26"), ("#39406e", "#23284a"), ("#2f5d62", "#1d3b3f"))))
    for fold in range(0, 14, 2):
        svg += box(width * fold / 14, 0, width / 14, height, "#000", opacity=0.1)
    svg += box(0, 0.8 * height, width, 0.2 * height, "#c79a63")
    floor = 0.88 * height
    beam = ((0.42 * width, 0), (0.58 * width, 0), (0.95 * width, floor), (0.05 * width, floor))
    svg += area(beam, "#fff7d6", opacity=0.55)
    svg += oval(width / 2, floor, 0.45 * width, 0.07 * height, "#fff7d6", opacity=0.8)
    return Scene(svg, 0.88)
