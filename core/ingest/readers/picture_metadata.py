"""What a picture file says of itself: when it was taken, and what its maker wrote about it.

EXIF 2.32 (DateTimeOriginal, OffsetTimeOriginal, ImageDescription), IPTC-IIM 4.2 (2:120 caption, 2:105 headline, 2:25
keywords, 2:55 and 2:60 date and time), XMP (dc:description, dc:title, dc:subject, photoshop:DateCreated).
"""

from __future__ import annotations

import html
import io
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from core.ingest.values import clean, parse_time
from core.pictures import FORMATS

# Pillow warns of damaged EXIF data; what it says is unknown then, and that is all.
warnings.filterwarnings("ignore", category=UserWarning, module="PIL")

_EXIF = 0x8769
_DATE_TIME_ORIGINAL = 0x9003
_OFFSET_TIME_ORIGINAL = 0x9011
_IMAGE_DESCRIPTION = 0x010E
_MAX_XMP = 1 << 20
_XMP_ITEM = re.compile(r"<rdf:li\b[^<>]*>([^<]*)</rdf:li>")
_XMP_DATE = re.compile(r"(?:photoshop:DateCreated|exif:DateTimeOriginal)(?:=[\"']|>)([^\"'<]{4,40})")


@dataclass(frozen=True, slots=True)
class PictureMetadata:
    """``taken_at`` is naive UTC where the file names its zone, else local time; None where it does not say."""

    taken_at: datetime | None = None
    description: str | None = None
    headline: str | None = None
    keywords: str | None = None


def read_metadata(picture: Path | bytes, *, latest: datetime, max_bytes: int) -> PictureMetadata:
    """What a picture says of itself; nothing where it is larger than ``max_bytes``, damaged, or no picture."""
    from PIL import Image, IptcImagePlugin

    try:
        if isinstance(picture, Path) and picture.stat().st_size > max_bytes:
            return PictureMetadata()
        with Image.open(io.BytesIO(picture) if isinstance(picture, bytes) else picture, formats=FORMATS) as image:
            tags = image.getexif()
            exif: Mapping[int, Any] = tags.get_ifd(_EXIF)
            described = tags.get(_IMAGE_DESCRIPTION)
            iptc = IptcImagePlugin.getiptcinfo(image) if image.format in ("JPEG", "TIFF") else None
            packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    except Exception:  # noqa: BLE001 - Pillow raises whatever damaged bytes make it run into; only this is lost by that
        return PictureMetadata()
    return _combine(exif, _string(described), _iptc(iptc or {}), _xmp(packet), latest)


def _combine(
    exif: Mapping[int, Any], described: str | None, iptc: dict[str, str], xmp: dict[str, str], latest: datetime
) -> PictureMetadata:
    """Of the time EXIF's word counts first, of the words XMP's, the one that can hold all scripts."""
    times = (_exif_time(exif, latest), *(parse_time(one.get("time"), latest=latest) for one in (xmp, iptc)))
    return PictureMetadata(
        taken_at=next((time for time in times if time), None),
        description=xmp.get("description") or iptc.get("description") or described,
        headline=iptc.get("headline") or xmp.get("title"),
        keywords=xmp.get("keywords") or iptc.get("keywords"),
    )


def _exif_time(exif: Mapping[int, Any], latest: datetime) -> datetime | None:
    date, _, clock = str(exif.get(_DATE_TIME_ORIGINAL, "")).strip("\x00 ").partition(" ")
    zone = str(exif.get(_OFFSET_TIME_ORIGINAL, "")).strip("\x00 ")
    time = f"{date.replace(':', '-')} {clock}"
    return parse_time(time + zone, latest=latest) or parse_time(time, latest=latest)


def _iptc(fields: Mapping[tuple[int, int], bytes | list[bytes]]) -> dict[str, str]:
    found = {}
    for key, name in (((2, 120), "description"), ((2, 105), "headline"), ((2, 25), "keywords")):
        value = fields.get(key, b"")
        text = ", ".join(filter(None, (_string(one) for one in (value if isinstance(value, list) else [value]))))
        if text:
            found[name] = text
    date, clock = (_string(fields.get((2, number), b"")) or "" for number in (55, 60))
    if re.fullmatch(r"\d{8}", date):
        found["time"] = f"{date[:4]}-{date[4:6]}-{date[6:]}"
        if re.fullmatch(r"\d{6}(?:[+-]\d{4})?", clock):
            found["time"] += f"T{clock[:2]}:{clock[2:4]}:{clock[4:6]}{clock[6:]}"
    return found


def _xmp(packet: object) -> dict[str, str]:
    """The properties by patterns: a stranger's XML is not handed to an XML parser."""
    text = packet.decode("utf-8", "replace") if isinstance(packet, bytes) else packet
    if not isinstance(text, str) or not text or len(text) > _MAX_XMP:
        return {}
    found = {}
    for tag, name in (("dc:description", "description"), ("dc:title", "title"), ("dc:subject", "keywords")):
        begin = re.search(rf"<{tag}\b[^<>]*>", text)
        end = text.find(f"</{tag}>", begin.end()) if begin else -1
        if begin and end >= 0:
            items = [clean(html.unescape(item)) for item in _XMP_ITEM.findall(text, begin.end(), end)]
            if any(items):
                found[name] = ", ".join(filter(None, items)) if tag == "dc:subject" else items[0]
    date = _XMP_DATE.search(text)
    if date:
        found["time"] = date[1]
    return found


def _string(value: object) -> str | None:
    """A cleaned text; bytes are UTF-8 or, as older programs wrote them, Windows-1252."""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, bytes):
        return clean(_decode(value)) or None
    return (clean(value) or None) if isinstance(value, str) else None


def _decode(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")
