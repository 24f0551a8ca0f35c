"""The index families by name, and which one suits how many vectors."""

from __future__ import annotations

import os
from pathlib import Path

from core.errors import VectorError
from core.vectors.family import Family
from core.vectors.flat import Flat
from core.vectors.hnsw import Hnsw
from core.vectors.lsh import Lsh
from core.vectors.quantised import IvfFlat, IvfPq, OpqIvfPq
from core.vectors.sq8 import Sq8

FAMILIES: dict[str, type[Family]] = {family.name: family for family in (Flat, Hnsw, IvfFlat, Sq8, IvfPq, OpqIvfPq, Lsh)}
"""The one registry; ``FAMILIES[name].about`` says in a sentence for the user what it is good for."""

AUTO = "auto"

FLAT_UP_TO = 50_000
"""Up to here exact search of 384-d vectors answers in about 5 ms on one core, and no index is as simple."""
FLAT_NUMBERS = FLAT_UP_TO * 1024
"""Longer vectors take longer to compare: fewer of them are still few."""


def choose_family(count: int, dim: int, *, wanted: str = AUTO, memory: int | None = None) -> tuple[str, str]:
    """The family for ``count`` vectors of ``dim`` numbers, and the reason in a sentence for the user.

    ``wanted`` is a family that was chosen by hand, or ``auto``. ``memory`` is how many bytes an index may keep in
    memory; by default half of what the machine lets this process have. Raises VectorError for an unknown family.
    """
    if wanted != AUTO:
        check_family(wanted)
        return wanted, f"Chosen by hand: {wanted}."
    memory = machine_memory() // 2 if memory is None else memory
    whole, graph = count * dim * 4, count * (dim * 4 + 300)
    vectors = f"{count:,} vectors ({whole / 1e6:,.0f} MB)"
    if count <= FLAT_UP_TO and count * dim <= FLAT_NUMBERS and whole <= memory:
        return "flat", f"Exact search: {vectors} are few enough to compare with every one of them."
    if graph <= memory:
        return "hnsw", (
            f"A neighbour graph (HNSW): comparing with each of {vectors} would be slow; the graph finds nearly all of"
            " the same neighbours many times faster."
        )
    room = f"the {memory / 1e6:,.0f} MB of memory that an index may have"
    if count * (dim + 160) <= memory:
        return "sq8", (
            f"One byte per number (SQ8): a neighbour graph of {vectors} would not fit into {room}; with a quarter of"
            " each vector it does, and the best candidates are ranked exactly from disk."
        )
    return "opq_ivf_pq", (
        f"Short codes (OPQ+IVF-PQ): {vectors} are too many for {room}; the codes stay in memory and the best"
        " candidates are ranked exactly from disk."
    )


def check_family(name: str) -> None:
    """Raises VectorError for a family that there is not."""
    if name not in FAMILIES:
        raise VectorError(f"There is no index family {name!r}; there are {', '.join(FAMILIES)}.")


def machine_memory() -> int:
    """Bytes of memory that this process may use: the machine's, or its container's where that is less."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:  # no container, or another system
        return memory
    return min(memory, int(limit)) if limit.isdecimal() else memory
