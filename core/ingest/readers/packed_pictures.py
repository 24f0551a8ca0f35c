"""Pictures that lie in zip and tar files beside the posts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from core.errors import ImportFailed
from core.ingest.readers.archives import Archive, archives_beside

MAX_ARCHIVES = 64
"""Beside the posts; further ones are not looked into, and reported."""


class PackedPictures:
    """The archives that are given, and those that lie in a folder, opened when the first picture is asked for."""

    def __init__(self, folder: Path, given: Sequence[Archive] = (), *, places: Sequence[str] = ()) -> None:
        self._folder = folder
        self._given = given
        self._places = places
        self._archives: list[Archive] | None = None
        self._by_file_name: dict[str, tuple[Archive, str] | None] = {}
        self._problems: list[tuple[str, str]] = []

    def close(self) -> None:
        for archive in self._archives or ():
            if archive not in self._given:
                archive.close()

    def problems(self) -> list[tuple[str, str]]:
        """(place, reason) of the archives and entries that may not be read."""
        refused = [
            (f"{archive.path.name}: {name[:200]!r}", f"not read: {reason}")
            for archive in self._archives or self._given
            for name, reason in archive.refused
        ]
        return self._problems + refused

    def find(self, name: str) -> tuple[Archive, str] | None:
        """The archive and the entry's name: at that path, in one of the usual folders, or the only one so called."""
        if self._archives is None:
            self._archives = self._open()
        wanted = name.strip().replace("\\", "/").split("?")[0].split("#")[0]
        for path in (wanted, *(f"{place}/{wanted}" for place in self._places)):
            for archive in self._archives:
                if path in archive.entries:
                    return archive, path
        return self._by_file_name.get(wanted.rpartition("/")[2])

    def _open(self) -> list[Archive]:
        archives = list(self._given)
        for number, path in enumerate(archives_beside(self._folder)):
            if number >= MAX_ARCHIVES:
                self._problems.append((path.name, f"not read: more than {MAX_ARCHIVES} archives lie here"))
                break
            try:
                archives.append(Archive(path))
            except ImportFailed as error:
                self._problems.append((path.name, str(error)))
        for archive in archives:
            for entry in archive.entries:
                file_name = entry.rpartition("/")[2]
                if os.path.splitext(file_name)[1]:
                    only = file_name not in self._by_file_name
                    self._by_file_name[file_name] = (archive, entry) if only else None
        return archives
