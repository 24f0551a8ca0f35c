"""The photographs that scikit-image ships: real pictures among the drawn ones, cropped, mirrored and toned."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from random import Random

from PIL import Image, ImageEnhance, ImageOps

_FILES = {
    "chelsea": "chelsea.png",
    "coffee": "coffee.png",
    "rocket": "rocket.jpg",
    "motorcycle": "motorcycle_left.png",
    "moon": "moon.png",
    "hubble": "hubble_deep_field.jpg",
    "astronaut": "astronaut.png",
    "horse": "horse.png",
    "camera": "camera.png",
    "clock": "clock_motion.png",
    "coins": "coins.png",
    "brick": "brick.png",
    "gravel": "gravel.png",
    "grass": "grass.png",
}


def photograph(name: str, turn: int, rng: Random, *, scale: float = 1.0) -> Image.Image:
    """The photograph, cropped by up to a tenth a side; every second one mirrored, the light a little changed."""
    with Image.open(_folder() / _FILES[name]) as opened:
        image = _evening(opened) if name == "horse" else opened.convert("RGB")
    width, height = image.size
    edges = [rng.uniform(0.0, 0.1) for _ in range(4)]
    image = image.crop(
        (
            round(edges[0] * width),
            round(edges[1] * height),
            round((1 - edges[2]) * width),
            round((1 - edges[3]) * height),
        )
    )
    if turn % 2:
        image = ImageOps.mirror(image)
    image = ImageEnhance.Brightness(image).enhance(rng.uniform(0.92, 1.1))
    image = ImageEnhance.Color(image).enhance(rng.uniform(0.85, 1.2))
    side = round(1000 * scale)
    return ImageOps.contain(image, (side, side))


def _evening(silhouette: Image.Image) -> Image.Image:
    """The silhouette, dark before an evening sky."""
    mask = silhouette.convert("L")
    light = Image.linear_gradient("L").resize(mask.size)
    glow = ImageOps.colorize(light, "#35406b", "#ffd9a0", "#f08a5d")
    return Image.composite(glow, Image.new("RGB", mask.size, "#1c1826"), mask)


@cache
def _folder() -> Path:
    """Where scikit-image keeps its pictures; found without importing it."""
    spec = importlib.util.find_spec("skimage")
    assert spec is not None, "scikit-image is not installed"
    assert spec.origin is not None
    return Path(spec.origin).parent / "data"
