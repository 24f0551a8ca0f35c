"""Members of a collection as rows of a table, each of which can be ticked and opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.components.cards import Selection
from dashboard.components.frontend import component, draw
from dashboard.components.text import clean
from dashboard.links import Link

_rows = component("rows")


@dataclass(frozen=True, slots=True)
class Column:
    """``numeric`` is set to the right; ``wide`` holds texts, of which three lines are shown."""

    name: str
    numeric: bool = False
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """``cells`` may be a stranger's; ``link`` opens it, from the table's column ``opens``."""

    id: str
    cells: Sequence[str]
    link: Link | None = None


def draw_rows(
    columns: Sequence[Column], rows: Sequence[Row], *, label: str, key: str, opens: int = 0,
    selection: Selection | None = None,
) -> None:  # fmt: skip
    """``label`` names the table for those who hear the page."""
    ticked = set(selection.ids) if selection else set()
    data = {
        "label": label,
        "ticks": selection.of if selection else None,
        "opens": opens,
        "head": [[column.name, column.numeric, column.wide] for column in columns],
        "rows": [
            {"id": row.id, "label": clean(row.cells[opens][:80]), "url": row.link.url() if row.link else None,
             "selected": row.id in ticked, "cells": [clean(cell) for cell in row.cells]}
            for row in rows
        ],
    }  # fmt: skip
    draw(_rows, data, key=key, on_ticks=selection.take if selection else None)
