"""Drawn backgrounds out of doors, as SVG: simple, calm, in a few palettes."""

from __future__ import annotations

import math
from random import Random

from core.demo.canvas import Scene, area, blend, box, disc, oval, stroke

_SKIES = (
    ("#8fd3f4", "#e8f7ff"),
    ("#7ec8e3", "#fdf6e3"),
    ("#ffb88c", "#ffe9d6"),
    ("#a1c4fd", "#e2ebfc"),
    ("#f6d5e5", "#fff4ec"),
    ("#9be8d8", "#f2fffb"),
)
_GREENS = (
    ("#b7d99b", "#8cc474", "#6aa84f"),
    ("#cde7a7", "#9ccf76", "#7bb661"),
    ("#c9d8a4", "#a3bf72", "#82a653"),
    ("#a8d5ba", "#7fbf9b", "#5aa67d"),
)
_SEAS = (("#7cc5e0", "#58aed1", "#3f97bd"), ("#86d3c9", "#5dbcb3", "#44a39b"), ("#8fb8e8", "#6a9bd8", "#4f82c4"))
_NIGHTS = (("#141e46", "#41436a"), ("#0f2a43", "#34688a"), ("#2b1b4d", "#6b4a8e"), ("#10233b", "#2f4f6f"))


def _ridge(rng: Random, width: int, height: int, level: float, swing: float, colour: str) -> str:
    """A line of hills: everything below a soft wave at ``level``, which is a share of the height, like ``swing``."""
    phase, count = rng.uniform(0, math.tau), rng.uniform(0.6, 1.4)
    points = [(0.0, float(height))]
    for step in range(25):
        wave = math.sin(phase + count * math.tau * step / 24)
        wave += 0.35 * math.sin(2.3 * phase + 2.7 * math.tau * step / 24)
        points.append((width * step / 24, height * (level + swing * wave)))
    return area([*points, (width, height)], colour)


def _cloud(rng: Random, width: int, height: int, opacity: float = 0.8) -> str:
    x, y, size = rng.uniform(0.05, 0.95) * width, rng.uniform(0.06, 0.3) * height, rng.uniform(0.05, 0.1) * width
    puffs = ((0, 0, 1.0), (0.9, 0.15, 0.75), (-0.9, 0.2, 0.7), (0.35, -0.45, 0.7))
    discs = "".join(disc(x + dx * size, y + dy * size, scale * size, "#ffffff") for dx, dy, scale in puffs)
    return f'<g opacity="{opacity}">{discs}</g>'


def meadow(rng: Random, width: int, height: int) -> Scene:
    sky_colours, green = rng.choice(_SKIES), rng.choice(_GREENS)
    svg = blend(width, height, *sky_colours)
    svg += "".join(_cloud(rng, width, height) for _ in range(rng.randrange(3)))
    svg += _ridge(rng, width, height, 0.6, 0.03, green[0]) + _ridge(rng, width, height, 0.7, 0.015, green[1])
    for _ in range(14):
        x, y = rng.uniform(0, width), rng.uniform(0.8, 0.98) * height
        svg += disc(x, y, 0.006 * width, rng.choice(("#fff", "#ffe066", "#ffd1dc")))
    return Scene(svg, 0.84)


def hills(rng: Random, width: int, height: int) -> Scene:
    sky_colours, green = rng.choice(_SKIES), rng.choice(_GREENS)
    svg = blend(width, height, *sky_colours)
    if rng.random() < 0.6:
        svg += disc(rng.uniform(0.15, 0.85) * width, 0.2 * height, 0.07 * width, "#fff3b0", opacity=0.9)
    svg += _cloud(rng, width, height, 0.7)
    for level, colour in zip((0.52, 0.63, 0.75), green, strict=True):
        svg += _ridge(rng, width, height, level, 0.04, colour)
    return Scene(svg, 0.85)


def sky(rng: Random, width: int, height: int) -> Scene:
    """High up, over the clouds."""
    svg = blend(width, height, *rng.choice(_SKIES))
    svg += "".join(_cloud(rng, width, height, 0.85) for _ in range(rng.randrange(2, 5)))
    size = 0.16 * width
    for step in range(-6, 7):
        svg += disc(0.5 * width + step * size, 1.02 * height, size * rng.uniform(0.6, 0.9), "#ffffff", opacity=0.75)
    return Scene(svg, None)


def sea(rng: Random, width: int, height: int) -> Scene:
    svg = blend(width, height, *rng.choice(_SKIES)) + _cloud(rng, width, height)
    blues = rng.choice(_SEAS)
    svg += box(0, 0.58 * height, width, 0.42 * height, blues[0])
    for level, colour in ((0.72, blues[1]), (0.86, blues[2])):
        svg += _ridge(rng, width, height, level, 0.008, colour)
    for _ in range(9):
        x, y = rng.uniform(0, width), rng.uniform(0.62, 0.95) * height
        crest = f"M{x:.1f},{y:.1f} q{0.02 * width:.1f},{-0.01 * height:.1f} {0.04 * width:.1f},0"
        svg += stroke(crest, "#fff", 0.005 * width, opacity=0.6)
    return Scene(svg, 0.8)


def lake(rng: Random, width: int, height: int) -> Scene:
    green = rng.choice(_GREENS)
    svg = blend(width, height, *rng.choice(_SKIES)) + _ridge(rng, width, height, 0.45, 0.04, green[0])
    svg += _ridge(rng, width, height, 0.55, 0.01, green[2])
    svg += box(0, 0.6 * height, width, 0.4 * height, "#9fd4e8")
    for ring in range(3):
        across, down = (0.3 + 0.09 * ring) * width, (0.035 + 0.018 * ring) * height
        svg += oval(
            width / 2, 0.83 * height, across, down, "none", stroke="#fff", stroke_width=0.005 * width, opacity=0.55
        )
    return Scene(svg, 0.83)


def underwater(rng: Random, width: int, height: int) -> Scene:
    svg = blend(width, height, *rng.choice((("#8fe0ec", "#2f86b5"), ("#a5ecd9", "#2b8f94"), ("#a9d7f7", "#3a72b0"))))
    for _ in range(16):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        svg += disc(x, y, rng.uniform(0.006, 0.02) * width, "#fff", opacity=0.35)
    return Scene(svg + _ridge(rng, width, height, 0.9, 0.015, "#e8d8a8"), None)


def beach(rng: Random, width: int, height: int) -> Scene:
    svg = blend(width, height, *rng.choice(_SKIES))
    svg += box(0, 0.45 * height, width, 0.3 * height, "#7fcbe0")
    svg += _ridge(rng, width, height, 0.6, 0.012, "#ffffff") + _ridge(rng, width, height, 0.615, 0.012, "#f6e2b3")
    for _ in range(30):
        svg += disc(rng.uniform(0, width), rng.uniform(0.7, 0.99) * height, 0.003 * width, "#d9bd82")
    return Scene(svg, 0.86)


def savanna(rng: Random, width: int, height: int) -> Scene:
    svg = blend(width, height, *rng.choice((("#ffcf8b", "#fff2d6"), ("#f9b17a", "#ffe7c9"), ("#ffdca8", "#fff8e8"))))
    svg += disc(rng.uniform(0.2, 0.8) * width, 0.25 * height, 0.1 * width, "#fff6d5")
    svg += _ridge(rng, width, height, 0.62, 0.02, "#e3c07d") + _ridge(rng, width, height, 0.73, 0.012, "#d3a95f")
    return Scene(svg, 0.85)


def snow(rng: Random, width: int, height: int) -> Scene:
    svg = blend(width, height, "#bcd9ee", "#eef7fd") + _ridge(rng, width, height, 0.55, 0.05, "#dcebf5")
    svg += _ridge(rng, width, height, 0.7, 0.015, "#ffffff")
    for _ in range(30):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        svg += disc(x, y, rng.uniform(0.003, 0.008) * width, "#fff", opacity=0.9)
    return Scene(svg, 0.85)


def forest(rng: Random, width: int, height: int) -> Scene:
    svg = blend(width, height, *rng.choice((("#d4ead0", "#f4fbef"), ("#f3dfbd", "#fdf5e4"), ("#c5dfd6", "#eef8f4"))))
    for shade, level, half in (("#b5d3b0", 0.62, 0.09), ("#93bd8f", 0.7, 0.11)):
        foot = level * height
        for tree in range(9):
            x = width * (tree + rng.uniform(-0.3, 0.3)) / 8
            top = foot - height * rng.uniform(0.28, 0.42)
            svg += area(((x - half * width, foot), (x, top), (x + half * width, foot)), shade)
        svg += box(0, foot - 1, width, height, shade)
    return Scene(svg + _ridge(rng, width, height, 0.78, 0.01, "#7fa974"), 0.86)


def night(rng: Random, width: int, height: int) -> Scene:
    top, bottom = rng.choice(_NIGHTS)
    svg = blend(width, height, top, bottom)
    for _ in range(60):
        x, y = rng.uniform(0, width), rng.uniform(0, 0.9 * height)
        svg += disc(x, y, rng.uniform(0.001, 0.0035) * width, "#fff8dc", opacity=round(rng.uniform(0.4, 1), 2))
    svg += disc(width / 2, height / 2, 0.42 * min(width, height), "#ffffff", opacity=0.1)
    return Scene(svg + _ridge(rng, width, height, 0.9, 0.02, top), None)


def storm(rng: Random, width: int, height: int) -> Scene:
    svg = blend(width, height, "#59677a", "#a7b3bf")
    svg += "".join(_cloud(rng, width, height, 0.25) for _ in range(5))
    return Scene(svg + _ridge(rng, width, height, 0.82, 0.02, "#46586c"), None)


def rain(rng: Random, width: int, height: int) -> Scene:
    svg = blend(width, height, *rng.choice((("#a9b8c6", "#dfe6ec"), ("#9fb3c8", "#d9e2ec"))))
    for _ in range(34):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        drop = f"M{x:.1f},{y:.1f} l{-0.01 * width:.1f},{0.04 * height:.1f}"
        svg += stroke(drop, "#6f8fae", 0.005 * width, opacity=0.55)
    return Scene(svg + box(0, 0.86 * height, width, height, "#8d9aa6"), 0.86)


def street(rng: Random, width: int, height: int) -> Scene:
    svg = blend(width, height, *rng.choice(_SKIES))
    x = -0.02 * width
    while x < width:
        wide, tall = rng.uniform(0.12, 0.2) * width, rng.uniform(0.28, 0.5) * height
        top = 0.72 * height - tall
        svg += box(x, top, wide, tall, rng.choice(("#f2d7c4", "#e3dccb", "#d3dfe6", "#ecd9e1", "#dde6d2")))
        for row in range(3):
            for column in range(2):
                left, sill = x + wide * (0.2 + 0.36 * column), top + tall * (0.12 + 0.28 * row)
                svg += box(left, sill, 0.22 * wide, 0.15 * tall, "#ffffff", opacity=0.7)
        x += wide + 0.008 * width
    svg += box(0, 0.72 * height, width, 0.05 * height, "#cfc8bd")
    svg += box(0, 0.77 * height, width, 0.23 * height, "#8f969c")
    for dash in range(6):
        svg += box(width * (dash / 6 + 0.03), 0.93 * height, 0.09 * width, 0.012 * height, "#f4f1e4")
    return Scene(svg, 0.88)


def pitch(rng: Random, width: int, height: int) -> Scene:
    svg = blend(width, height, *rng.choice(_SKIES)) + _cloud(rng, width, height)
    for band in range(5):
        svg += box(0, height * (0.5 + 0.1 * band), width, 0.11 * height, ("#86c06c", "#79b35f")[band % 2])
    svg += box(0, 0.5 * height, width, 0.012 * height, "#fff")
    svg += oval(width / 2, 0.85 * height, 0.4 * width, 0.09 * height, "none", stroke="#fff", stroke_width=0.008 * width)
    return Scene(svg, 0.86)


def fair(rng: Random, width: int, height: int) -> Scene:
    """Bunting over a green."""
    svg = blend(width, height, *rng.choice((("#fbc2eb", "#fff1f8"), ("#a6c1ee", "#fff3e0"), ("#ffd194", "#fff8ec"))))
    colours = ("#e63946", "#f4a261", "#2a9d8f", "#457b9d", "#e9c46a")
    half = 0.034 * width
    for flag in range(13):
        x, y = width * flag / 12, height * (0.08 + 0.05 * math.sin(math.pi * flag / 12))
        svg += area(((x - half, y), (x + half, y), (x, y + 2.1 * half)), colours[flag % 5])
    return Scene(svg + _ridge(rng, width, height, 0.8, 0.01, "#cfe3b4"), 0.87)
