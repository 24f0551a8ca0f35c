"""Thumbnails."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from core.encoders.protocol import PictureInput
from core.errors import PictureError
from core.pictures import open_picture, thumbnail_jpeg
from dashboard.resources.opened import workspace
from dashboard.resources.searches import query_picture


def query_thumbnail(sha256: str, side: int) -> bytes | None:
    data = query_picture(sha256)
    return None if data is None else thumbnail_jpeg(open_picture(data, shrink_to=side), side=side)


def thumbnail(path: str, side: int) -> bytes | None:
    """A JPEG of a picture in the media folder that fits ``side`` pixels; None where it is gone or damaged."""
    opened = workspace()
    return _thumbnail(opened.media_folder / path, side, opened.settings.max_pixels)


@st.cache_resource(max_entries=1000, show_spinner=False)
def _thumbnail(path: Path, side: int, max_pixels: int) -> bytes | None:
    try:
        return thumbnail_jpeg(open_picture(path, max_pixels=max_pixels, shrink_to=side), side=side)
    except PictureError:
        return None


def picture_thumbnail(source: PictureInput, side: int) -> bytes | None:
    """A thumbnail of a picture that is not imported yet; None where it can't be read."""
    settings = workspace().settings
    try:
        picture = open_picture(
            source, max_pixels=settings.max_pixels, max_bytes=settings.max_picture_mb << 20, shrink_to=side
        )
    except PictureError:
        return None
    return thumbnail_jpeg(picture, side=side)
