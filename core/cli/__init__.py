"""``python -m core``: the same calls as the pages, for a shell. A module a group of commands."""

from __future__ import annotations

import sys

from rich.text import Text

from core.cli import (
    collections,
    dual,
    erasure,
    export,
    ingest,
    maps,
    moderate,
    recommend,
    search,
    vectors,
    workspace,
)
from core.cli.shell import app, err_console, print_json
from core.errors import FeedscopeError

__all__ = [
    "app",
    "collections",
    "dual",
    "erasure",
    "export",
    "ingest",
    "main",
    "maps",
    "moderate",
    "recommend",
    "search",
    "vectors",
    "workspace",
]


def main() -> None:
    """Runs the command. A FeedscopeError becomes a sentence on stderr, with --json a document too, and exit 1."""
    try:
        app()
    except FeedscopeError as error:
        if "--json" in sys.argv[1:]:
            print_json({"error": str(error)})
        err_console.print(Text(f"Error: {error}"), soft_wrap=True)
        raise SystemExit(1) from None
