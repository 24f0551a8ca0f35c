"""Collections of free drawings, brought to one layout that training reads: a folder of PNGs and ``drawings.csv``.

Four layouts are read: a set of emoji as Iconify packs it (``icons.json`` and ``chars.json``: Twitter's, Google's,
Microsoft's and others), its icon sets in one colour (:mod:`core.dual_training.icon_sets`), the Open Clip Art Library
(SVG with a Dublin Core title), and Tux Paint's stamps (a picture with a text file beside it that names it in many
languages).
"""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass, fields
from functools import partial
from pathlib import Path

from PIL import Image

from core.dual_training.icon_sets import Icon, colour_in, icon_svg, is_icon_set, read_icon_sets, read_icons
from core.dual_training.stickers import emoji_names
from core.errors import ImportFailed, PictureError

SIDE = 384
TABLE = "drawings.csv"

NOT_THINGS = re.compile(
    r"shapes|special|signs_and_symbols/(?!weather|clocks)|computer/(?!hardware)|aiga|roadsigns|games/(cards|chess)|flags|"
    r"logos|buttons|duplicates|map_symbols|pantyhose|symbols/"
)
"""Folders of the Open Clip Art Library, and of the stamps, that hold signs, controls and patterns."""

EMPTY_WORDS = re.compile(
    r"clip ?art|image|media|png|svg|public domain|externalsource|inkscape|vector|hash\(|unsorted|untitled|drawing|"
    r"black and white|\d|[^\x20-\x7e]",
    re.I,
)
"""Keywords that say nothing of what is drawn."""


@dataclass(frozen=True, slots=True)
class DrawingRow:
    """A caption of a picture. Pictures of one ``thing`` are drawings of the same. ``code`` is the code point where the
    picture is an emoji, as OpenMoji writes it, and empty elsewhere."""

    image: str
    caption: str
    thing: str
    code: str = ""
    lang: str = "en"


@dataclass(frozen=True, slots=True)
class _Found:
    """A drawing in a pack; ``captions`` are (words, language)."""

    name: str
    captions: tuple[tuple[str, str], ...]
    thing: str
    code: str
    svg: str | Path | Icon


def collect_drawings(sources: list[Path], out: Path, report: Callable[[int, int, str], None]) -> int:
    """Reads unpacked packs into ``out`` and gives how many pictures it holds. What is there already is kept.

    Emoji that :mod:`core.demo.held_out` names are left out, in every pack. Raises ImportFailed for a folder that is
    none of the four layouts.
    """
    (out / "pictures").mkdir(parents=True, exist_ok=True)
    rows: list[DrawingRow] = []
    icon_sets = [source for source in sources if is_icon_set(source)]
    packs = [(source.name, partial(_read_pack, source)) for source in sources if source not in icon_sets]
    if icon_sets:
        packs.append(("icons", partial(_icons, icon_sets)))
    for name, read in packs:
        found = list(read())
        for done, drawing in enumerate(found, 1):
            image = f"pictures/{drawing.name}.png"
            if (out / image).is_file() or _save(drawing, out / image):
                rows += [
                    DrawingRow(image, words, drawing.thing, drawing.code, lang) for words, lang in drawing.captions
                ]
            report(done, len(found), f"Drawing {name}")
    with (out / TABLE).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([field.name for field in fields(DrawingRow)])
        writer.writerows(astuple(row) for row in rows)
    return len({row.image for row in rows})


def _read_pack(folder: Path) -> Iterator[_Found]:
    if (folder / "icons.json").is_file():
        return _iconify(folder)
    if any(folder.rglob("*.dat")) or any(folder.glob("*/*.txt")):
        return _stamps(folder)
    if any(folder.rglob("*.svg")):
        return _clip_art(folder)
    raise ImportFailed(f"{folder} is no icon set of Iconify's, no clip art and no stamps.")


def _iconify(folder: Path) -> Iterator[_Found]:
    icons = read_icons(folder)
    names = json.loads((folder / "chars.json").read_text(encoding="utf-8"))
    for code, name in emoji_names().items():
        icon = names.get(code.lower(), names.get(f"{code.lower()}-fe0f", ""))
        if icon not in icons["icons"]:
            continue
        captions = ((name, "en"), (f"a picture of {name}", "en"))
        yield _Found(f"{icons['prefix']}-{code}", captions, f"emoji {code}", code, icon_svg(icons, icon))


def _icons(folders: list[Path]) -> Iterator[_Found]:
    for icon in read_icon_sets(folders):
        captions = ((icon.thing, "en"), (f"a picture of {icon.thing}", "en"))
        yield _Found(f"icon-{icon.pack}-{icon.name}", captions, f"icon {icon.pack} {icon.name}", "", icon)


def _clip_art(folder: Path) -> Iterator[_Found]:
    for path in sorted(folder.rglob("*.svg")):
        place = path.relative_to(folder)
        if NOT_THINGS.search(place.as_posix()):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        title = re.search(r"<dc:title>\s*([^<]*?)\s*</dc:title>", text)
        words = re.sub(r"\([^)]*\)|[\d_#]+|\.svg\b", " ", html.unescape(title.group(1)).lower() if title else "")
        words = " ".join(words.split())
        listed = (html.unescape(word).strip().lower() for word in re.findall(r"<rdf:li>([^<]*)</rdf:li>", text))
        keywords = list(dict.fromkeys(word for word in listed if len(word) > 2 and not EMPTY_WORDS.search(word)))
        said = [words, f"a picture of {words}"] if len(words) > 2 and not EMPTY_WORDS.search(words) else []
        if keywords:
            said.append(", ".join(keywords[:6]))
        if said:
            name = place.with_suffix("").as_posix().replace("/", "-")
            drawn = folder.parent / "png" / place.with_suffix(".png")  # as the library's own renderer drew it
            picture = drawn if drawn.is_file() else path
            yield _Found(f"clip-{name}", tuple((one, "en") for one in said), f"clip {name}", "", picture)


def _stamps(folder: Path) -> Iterator[_Found]:
    for path in sorted(folder.rglob("*.txt")):
        place = path.relative_to(folder)
        picture = next((p for p in (path.with_suffix(".svg"), path.with_suffix(".png")) if p.is_file()), None)
        if picture is None or NOT_THINGS.search(place.as_posix()):
            continue
        first, *others = path.read_text(encoding="utf-8", errors="replace").splitlines()
        english = first.strip().rstrip(".").lower()
        captions = [(english, "en"), (f"a picture of {english}", "en")]
        for line in others:
            code, _, words = line.partition(".utf8=")
            if words.strip():
                captions.append((words.strip().rstrip(".。"), code.split("_")[0]))
        if english:
            name = place.with_suffix("").as_posix().replace("/", "-")
            yield _Found(f"stamp-{name}", tuple(captions), f"stamp {name}", "", picture)


def _save(drawing: _Found, path: Path) -> bool:
    try:
        picture = _render(drawing.svg)
    except PictureError:
        return False
    box = picture.getchannel("A").getbbox()
    if box is None:
        return False
    picture = picture.crop(box)
    picture.thumbnail((SIDE, SIDE), Image.Resampling.BICUBIC)
    if min(picture.size) < 8:
        return False
    picture.save(path)
    return True


def _render(source: str | Path | Icon) -> Image.Image:
    """RGBA. Raises PictureError for what can't be drawn."""
    import resvg_py

    try:
        if isinstance(source, Icon):
            return colour_in(source)
        if isinstance(source, Path) and source.suffix == ".png":
            with Image.open(source, formats=("PNG",)) as image:
                image.thumbnail((2 * SIDE, 2 * SIDE))
                return image.convert("RGBA")
        given = source.read_text(encoding="utf-8", errors="replace") if isinstance(source, Path) else source
        png = resvg_py.svg_to_bytes(svg_string=given, width=SIDE, skip_system_fonts=True)
        return Image.open(io.BytesIO(bytes(png))).convert("RGBA")
    except (OSError, ValueError, RuntimeError) as error:
        raise PictureError(f"{source if isinstance(source, Path) else 'An icon'} can't be drawn: {error}") from error
