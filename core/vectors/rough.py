"""Rough answers, for the neighbours of all vectors at once: there, nearly all right ones serve as well as all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_effort: ContextVar[int | None] = ContextVar("rough_effort", default=None)


@contextmanager
def rough_answers(effort: int) -> Iterator[None]:
    """Searches inside walk a graph with this efSearch, however it was tuned, and where vectors have equal scores they
    take any of them in any order: to find all of a hundred equal ones takes longer than everything else."""
    token = _effort.set(effort)
    try:
        yield
    finally:
        _effort.reset(token)


def rough_effort() -> int | None:
    """The efSearch of :func:`rough_answers`; None outside of it."""
    return _effort.get()
