"""What the demo's drawn scenes are made with: a few SVG shapes. Lengths are pixels of the canvas."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Scene:
    """``svg`` fills the canvas; ``floor`` is where things stand, as a share of the height, or None where they float."""

    svg: str
    floor: float | None


Painter: TypeAlias = Callable[[Random, int, int], Scene]
"""Takes the canvas' width and height in pixels."""


def blend(width: int, height: int, top: str, bottom: str) -> str:
    """A canvas of one colour that turns into another from top to bottom."""
    return (
        f'<defs><linearGradient id="ground" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="{top}"/>'
        f'<stop offset="1" stop-color="{bottom}"/></linearGradient></defs>' + box(0, 0, width, height, "url(#ground)")
    )


def box(x: float, y: float, across: float, down: float, fill: str, **more: str | float) -> str:
    """A rectangle from its upper left corner."""
    place = f'x="{x:.1f}" y="{y:.1f}" width="{across:.1f}" height="{down:.1f}"'
    return f'<rect {place} fill="{fill}"{_attributes(more)}/>'


def disc(x: float, y: float, radius: float, fill: str, **more: str | float) -> str:
    """A circle about its middle."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{fill}"{_attributes(more)}/>'


def oval(x: float, y: float, across: float, down: float, fill: str, **more: str | float) -> str:
    """An ellipse about its middle; ``across`` and ``down`` are its half axes."""
    return f'<ellipse cx="{x:.1f}" cy="{y:.1f}" rx="{across:.1f}" ry="{down:.1f}" fill="{fill}"{_attributes(more)}/>'


def area(points: Iterable[tuple[float, float]], fill: str, **more: str | float) -> str:
    """A polygon."""
    corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polygon points="{corners}" fill="{fill}"{_attributes(more)}/>'


def stroke(path: str, colour: str, thickness: float, **more: str | float) -> str:
    """A line with round ends along an SVG path."""
    return (
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{thickness:.1f}" '
        f'stroke-linecap="round"{_attributes(more)}/>'
    )


def _attributes(more: dict[str, str | float]) -> str:
    """``stroke_width=3`` -> `` stroke-width="3"``."""
    return "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
