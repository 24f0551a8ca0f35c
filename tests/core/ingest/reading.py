"""Short ways to write a source and read it whole."""

import json

from core.ingest.recognise import read, recognise
from core.ingest.records import Failure


def write_csv(path, *lines, encoding="utf-8"):
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


def write_lines(path, *items):
    path.write_text("\n".join(item if isinstance(item, str) else json.dumps(item) for item in items), "utf-8")
    return path


def read_all(path, settings=None, **options):
    """(records, failures) of a whole source."""
    items = list(read(recognise(path, **options), settings=settings))
    failures = [item for item in items if isinstance(item, Failure)]
    return [item for item in items if not isinstance(item, Failure)], failures


def texts(path, **options):
    return [record.post.text for record in read_all(path, **options)[0]]
