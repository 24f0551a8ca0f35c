"""Known exports as files: which export a file is, how its objects lie in it, and reading them one by one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from core.ingest.readers import (
    bluesky,
    crowdtangle,
    delimited,
    fourcat,
    json_array,
    json_lines,
    mastodon,
    reddit,
    telegram,
    x,
    youtube,
    zeeschuimer,
)
from core.ingest.readers.exports import BESIDE, Export, ExportReader, find_mapping, recognises
from core.ingest.readers.json_objects import Row, parse_object
from core.ingest.readers.text_file import decode_head, open_text, read_head
from core.ingest.records import ActRecord, Failure, PostRecord

OBJECTS: tuple[Export, ...] = (
    zeeschuimer.LINES,
    zeeschuimer.FOURCAT_LINES,
    bluesky.EXPORT,
    mastodon.STATUSES,
    mastodon.OUTBOX,
    reddit.EXPORT,
    telegram.EXPORT,
    x.ARCHIVE,
    x.API,
)
TABLES: tuple[Export, ...] = (crowdtangle.EXPORT, youtube.EXPORT, fourcat.TABLE, fourcat.SEMICOLONS)

ABOUT: Mapping[str, str] = {
    "4cat": "a data set of 4CAT, as CSV or NDJSON",
    "zeeschuimer": "what Zeeschuimer collected, as NDJSON or CSV",
    "x-archive": "an X or Twitter archive: its .zip, its folder, or its tweets.js",
    "x-api": "answers of X's API, version 2, with their includes",
    "bluesky": "Bluesky posts: views, feeds, records or Jetstream lines",
    "mastodon": "statuses of Mastodon, Truth Social or Gab",
    "mastodon-archive": "a Mastodon account archive: its .zip or .tar.gz, its folder, or its outbox.json",
    "reddit": "submissions or comments of Reddit, also as .zst dumps",
    "telegram": "the result.json of Telegram Desktop, alone or in its folder",
    "youtube": "a table of YouTube Data Tools: videos or comments",
    "crowdtangle": "a table of CrowdTangle: Facebook or Instagram",
}
"""Each known export's name, as ``format`` takes it, and what it is."""

How: TypeAlias = Literal["lines", "arrays", "whole"]
"""How the objects lie in a file: one a line, in an array, or one after the other."""

_JSON = re.compile(r"\s*(?:[\[{]|window\.[\w.]+\s*=)")
_BARE = re.compile(r"\s*\[")
_SIDECAR_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Samples:
    """The first objects of a file; ``row_bytes`` is the mean size in bytes of one."""

    objects: Sequence[Row]
    row_bytes: float


def recognise_objects(file: Path, *, name: str | None = None) -> tuple[Export, Samples] | None:
    """The export that a JSON file is, of all or of those with a name; None where it is none."""
    encoding, text = decode_head(read_head(file))
    if not _JSON.match(text):
        return None
    seen: dict[tuple[How, tuple[str, ...]], Samples] = {}
    for export in OBJECTS:
        if name is not None and export.name != name:
            continue
        how = _how(file, text, export)
        key = (how, export.arrays if how == "arrays" else ())
        if key not in seen:
            seen[key] = _samples(file, encoding, *key)
        if seen[key].objects and recognises(export, seen[key].objects):
            return export, seen[key]
    return None


def recognise_table(layout: delimited.Layout, *, name: str | None = None) -> Export | None:
    """The export that a table is, by its header."""
    header: Row = dict.fromkeys(layout.columns, "")
    if not layout.has_header:
        return None
    wanted = name or ("zeeschuimer" if layout.delimiter == ";" else None)
    found = [export for export in TABLES if export.is_one(header)]
    return next((export for export in found if wanted is None or export.name == wanted), None)


def object_mapping(file: Path, export: Export, samples: Samples, given: Mapping[str, str] | None) -> dict[str, str]:
    """The fields that the export fills; see :func:`core.ingest.readers.exports.find_mapping`."""
    return find_mapping(file.name, export, samples.objects, given)


def posts_a_byte(export: Export, samples: Samples) -> float:
    """Posts for each byte of the file, for estimates."""
    rows = sum(isinstance(made, dict) for item in samples.objects for made in export.rows(item) or ())
    return rows / max(1, len(samples.objects)) / samples.row_bytes


def read_objects(
    files: Iterable[Path], export: Export, reader: ExportReader
) -> Iterator[PostRecord | ActRecord | Failure]:
    """The posts and acts of JSON files of one export, in order."""
    position = 0
    for file in files:
        beside = _beside(file, export)
        encoding, text = decode_head(read_head(file))
        for item, where, header in _items(file, encoding, _how(file, text, export), export.arrays):
            around = telegram.read_header(header) if header and export is telegram.EXPORT else beside
            yield from reader.read(item, where, position, around)
            position += 1
        if export is mastodon.OUTBOX:
            for act, where in mastodon.read_lists(file.parent, limit=_SIDECAR_BYTES):
                yield Failure(where, act, position) if isinstance(act, str) else reader.act(act, where, position)
                position += 1


def read_table(
    file: Path, layout: delimited.Layout, reader: ExportReader
) -> Iterator[PostRecord | ActRecord | Failure]:
    """The posts of a table of a known export, in order."""
    for row, where, position in delimited.iterate_table(file, layout, text_last=False):
        yield from reader.read(row, where, position)


def _how(file: Path, text: str, export: Export) -> How:
    text = text.lstrip()
    if text.startswith(("[", "window.")):
        return "arrays"
    line, ended, others = text.partition("\n")
    first = parse_object(line.strip().removesuffix(","))
    if not isinstance(first, str):
        if export.is_one(first) or others.strip():
            return "lines"
        return "arrays" if any(name in first for name in export.arrays) else "whole"
    if export.arrays and re.search(f'"(?:{"|".join(export.arrays)})"\\s*:\\s*\\[', text):
        return "arrays"
    lines = {".jsonl", ".ndjson", ".zst"} & set(file.suffixes) and not ended
    return "lines" if lines else "whole"


def _samples(file: Path, encoding: str, how: How, arrays: tuple[str, ...]) -> Samples:
    if how == "lines":
        _, rows, size = json_lines.read_samples(file)
        return Samples(rows[: json_array.SAMPLE_ITEMS], size)
    rows = []
    for tried, (item, _, header) in enumerate(_items(file, encoding, how, arrays)):
        if isinstance(item, dict):
            rows.append(item if not header else {**item, BESIDE: telegram.read_header(header)})
        if len(rows) == json_array.SAMPLE_ITEMS or tried > 2 * json_array.SAMPLE_ITEMS:
            break
    size = sum(len(json.dumps(row, ensure_ascii=False, default=str).encode("utf-8", "replace")) for row in rows)
    return Samples(rows, max(1.0, size / max(1, len(rows))))


def _items(file: Path, encoding: str, how: How, arrays: tuple[str, ...]) -> Iterator[tuple[Row | str, str, str]]:
    """(object or what is wrong with it, place, the text before its array)."""
    if how == "lines":
        for item, where, _ in json_lines.iterate_lines(file, encoding):
            yield item, where, ""
        return
    with open_text(file, encoding) as stream:
        if how == "arrays":
            found: Iterator[tuple[Row | str, str]] = json_array.iterate_arrays(stream, arrays)
        else:
            found = ((item, "") for item in json_array.iterate_items(stream, opening=_BARE))
        for number, (item, header) in enumerate(found, start=1):
            yield item, f"{file.name} item {number}", header


def _beside(file: Path, export: Export) -> Row | None:
    """What files beside the posts say of all of them: whose archive it is."""
    if export is x.ARCHIVE:
        account = _first_object(file.parent / "account.js")
        return {"account": account.get("account")} if account else None
    if export is mastodon.OUTBOX:
        actor = _first_object(file.parent / "actor.json")
        return {"actor": actor} if actor else None
    return None


def _first_object(path: Path) -> Row:
    if not path.is_file() or path.is_symlink() or path.stat().st_size > _SIDECAR_BYTES:
        return {}
    encoding, text = decode_head(read_head(path))
    how: How = "arrays" if text.lstrip().startswith(("[", "window.")) else "whole"
    return next((item for item, _, _ in _items(path, encoding, how, ()) if isinstance(item, dict)), {})
