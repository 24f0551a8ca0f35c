"""Cells of tables that spreadsheets open: nothing in them may be run as a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TextIO

from core.types import Scalar

BYTE_ORDER_MARK = "\ufeff"
"""Before a CSV file, so that spreadsheets read it as UTF-8."""


def csv_text(head: Sequence[str], rows: Iterable[Sequence[Scalar]]) -> str:
    """A small table as CSV with a byte order mark."""
    file = io.StringIO()
    file.write(BYTE_ORDER_MARK)
    write_csv_rows(file, [head])
    write_csv_rows(file, rows)
    return file.getvalue()


def write_csv_rows(file: TextIO, rows: Iterable[Sequence[Scalar]]) -> None:
    """Rows as RFC 4180 has them, each text defused."""
    writer = csv.writer(file, lineterminator="\r\n")  # and so a lone \r in a text is quoted
    writer.writerows([defused(value) for value in row] for row in rows)


def defused(value: Scalar) -> Scalar:
    """A text that a spreadsheet would take for a formula, with an apostrophe before it (OWASP, CSV injection)."""
    if isinstance(value, str):
        value = value.replace("\x00", "").encode("utf-8", "replace").decode()
        return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
    return value
