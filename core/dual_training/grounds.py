"""What training pictures are drawn on: plain, blended, striped or patched grounds in any colours."""

from __future__ import annotations

from random import Random
from typing import TypeAlias

from PIL import Image, ImageDraw, ImageFilter

Colour: TypeAlias = tuple[int, int, int]

SIDE = 320
"""Pixels a side of a training picture."""


def draw_ground(rng: Random) -> Image.Image:
    """One colour; one that turns into another; a floor under a wall; stripes; or soft patches."""
    kind = rng.choice(("plain", "blend", "blend", "floor", "floor", "stripes", "patches"))
    first, second = any_colour(rng), any_colour(rng)
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
            (draw.rectangle if rng.random() < 0.5 else draw.ellipse)(shape, fill=_mix(first, any_colour(rng), 0.4))
    if kind == "stripes":
        step = rng.randrange(12, 50)
        for left in range(-SIDE, SIDE, 2 * step):
            draw.line((left, 0, left + SIDE, SIDE), fill=_mix(first, second, 0.3), width=step)
    if kind == "patches":
        coarse = Image.new("RGB", (4, 4))
        coarse.putdata([_mix(first, any_colour(rng), 0.7) for _ in range(16)])
        image.paste(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    return image


def draw_halo(image: Image.Image, x: float, y: float, radius: float, rng: Random) -> None:
    mask = Image.new("L", image.size)
    ImageDraw.Draw(mask).ellipse((x - radius, y - radius, x + radius, y + radius), fill=rng.randrange(90, 255))
    if rng.random() < 0.5:
        mask = mask.filter(ImageFilter.GaussianBlur(rng.uniform(2, 14)))
    image.paste((255, 255, 255), (0, 0), mask)


def any_colour(rng: Random) -> Colour:
    """Any colour, most often a light one, as drawn scenes have."""
    darkest = rng.choice((0, 90, 150, 190))
    return (rng.randint(darkest, 255), rng.randint(darkest, 255), rng.randint(darkest, 255))


def _mix(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return (red, green, blue)
