"""What pictures show: each subject's emoji, where it is at home, what stands beside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from core.demo.held_out import HELD_OUT
from core.demo.script import read_rows

PHOTOGRAPHS = {
    "chelsea": "cat",
    "coffee": "coffee",
    "rocket": "rocket",
    "motorcycle": "motorcycle",
    "moon": "moon",
    "hubble": "galaxies",
    "astronaut": "astronaut",
    "horse": "horse",
    "camera": "photographer",
    "clock": "clock",
    "coins": "coins",
    "brick": "brick wall",
    "gravel": "gravel",
    "grass": "grass",
}
"""Photograph that scikit-image ships -> what it shows."""


@dataclass(frozen=True, slots=True)
class Subject:
    """``codes`` are OpenMoji code points that show it, ``settings`` scenes of :mod:`core.demo.scenes`, ``company`` code
    points of small things that may stand beside it."""

    name: str
    phrase: str
    codes: tuple[str, ...]
    settings: tuple[str, ...]
    company: tuple[str, ...]


@cache
def read_subjects() -> dict[str, Subject]:
    """Every drawn subject by its name in the texts."""
    return {
        name: Subject(name, phrase, tuple(codes.split()), tuple(settings.split()), tuple(company.split()))
        for name, phrase, codes, settings, company in read_rows("subjects.psv")
    }


def subject_of(picture: str) -> str:
    """What a picture named in the texts shows, in words: ``sailing_boat`` -> sailing boat, ``photo:chelsea`` -> cat."""
    kind, _, name = picture.rpartition(":")
    return PHOTOGRAPHS[name] if kind else name.replace("_", " ")


def shows_held_out(pictures: Iterable[str]) -> bool:
    """Whether any of the pictures shows a subject that the encoder must find without a word."""
    return any(subject_of(picture) in HELD_OUT for picture in pictures)
