"""Flickr8k and sets like it: a table of captions beside ``images/``. A picture is a post, its captions are its text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import ImportFailed
from core.ingest.mapping import fold
from core.ingest.readers.delimited import iterate_table, read_layout
from core.ingest.readers.named_pictures import PictureFolder
from core.ingest.readers.rows import Extra
from core.ingest.records import Failure, PostRecord
from core.ingest.values import clean, unescape
from core.types import Post

CAPTION_FILES = ("captions.csv", "captions.txt", "captions.tsv")
_NUMBER_COLUMNS = ("captionindex", "captionnumber", "commentnumber")
MAX_BYTES = 1 << 30
"""Of the captions: they are gathered by picture in memory, since a picture's captions need not lie together."""


@dataclass(slots=True)
class _Captioned:
    where: str
    extra: Extra
    captions: list[str] = field(default_factory=list)


def captions_file(folder: Path) -> Path | None:
    """The folder's table of captions: one with the columns image and caption."""
    for name in CAPTION_FILES:
        path = folder / name
        if path.is_file():
            layout = read_layout(path)
            if layout is not None and {"image", "caption"} <= {fold(column) for column in layout.columns}:
                return path
    return None


def read_captions(
    path: Path, source_name: str, pictures: PictureFolder, *, max_text_chars: int
) -> Iterator[PostRecord | Failure]:
    """A post for each picture, in the order in which the table first names them; its id is the picture's name, its text
    the captions, one a line. Other columns are the extra columns of the post, as the picture's first row has them."""
    layout = read_layout(path)
    if layout is None:
        raise ImportFailed(f"{path.name} is not a table of captions.")
    if path.stat().st_size > MAX_BYTES:
        raise ImportFailed(f"{path.name} is larger than 1 GB. Split it into several folders.")
    image, caption = (next(c for c in layout.columns if fold(c) == name) for name in ("image", "caption"))
    found: dict[str, _Captioned] = {}
    for row, where, position in iterate_table(path, layout, text_last=layout.columns[-1] == caption):
        if isinstance(row, str):
            yield Failure(where, row, position)
            continue
        name = clean(str(row.get(image) or ""))
        if not name:
            yield Failure(where, "the row names no picture", position)
            continue
        if name not in found:
            found[name] = _Captioned(where, Extra())
            for column, cell in row.items():
                if column not in (image, caption) and fold(column) not in _NUMBER_COLUMNS:
                    found[name].extra.add(column, cell)
        found[name].captions.append(unescape(clean(str(row.get(caption) or ""))))
    for position, (name, captioned) in enumerate(found.items()):
        text = "\n".join(filter(None, captioned.captions))[:max_text_chars]
        post = Post(id=name, text=text, source=source_name, extra=captioned.extra.values())
        yield PostRecord(post, captioned.where, position, pictures=(pictures.picture(name),))
