"""What decisions do elsewhere: which posts are hidden, and what is to be said of those that are shown.

Search, neighbours, maps, recommendations and exports ask here. Answers follow the log at once: they are kept under the
number of its newest entry.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from core.database.moderation import newest_decision, read_standings, scores_of
from core.database.posts import rows_of
from core.moderation.policies import list_policies

if TYPE_CHECKING:
    from core.workspace import Workspace

Rows = NDArray[np.int64]

HIDING = ("removed", "locked")
"""States of posts that are hidden."""

_kept: WeakKeyDictionary[Workspace, tuple[int, Rows]] = WeakKeyDictionary()
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Mark:
    """What is to be said of a post. ``state`` is empty where nothing was decided; ``flags`` are (policy id, policy
    name, score) of the enabled policies that it reaches, the highest first; ``reported`` counts reports that wait."""

    state: str = ""
    label: str | None = None
    flags: tuple[tuple[str, str, float], ...] = ()
    reported: int = 0

    @property
    def hidden(self) -> bool:
        return self.state in HIDING


def version(workspace: Workspace) -> int:
    """Rises with every decision."""
    return newest_decision(workspace.cursor())


def removed_rows(workspace: Workspace) -> Rows:
    """Rising rows of the posts that no search, map, recommendation or export may show: removed and locked ones."""
    newest = version(workspace)
    with _lock:
        kept = _kept.get(workspace)
    if kept is not None and kept[0] == newest:
        return kept[1]
    found = workspace.cursor().execute("SELECT row FROM hidden_posts ORDER BY row").fetchnumpy()
    rows = np.asarray(found["row"], np.int64)
    rows.flags.writeable = False
    with _lock:
        _kept[workspace] = (newest, rows)
    return rows


def hidden_ids(workspace: Workspace, post_ids: Sequence[str]) -> frozenset[str]:
    """Those of some posts that are removed or locked."""
    standings = read_standings(workspace.cursor(), "post", list(post_ids)) if post_ids else {}
    return frozenset(id_ for id_, standing in standings.items() if standing.state in HIDING)


def marks(workspace: Workspace, post_ids: Sequence[str]) -> dict[str, Mark]:
    """What is to be said of posts, by id; those of which there is nothing to say are left out."""
    if not post_ids:
        return {}
    cursor = workspace.cursor()
    rows = rows_of(cursor, post_ids)
    ids = {row: id_ for id_, row in rows.items()}
    standings = read_standings(cursor, "post", list(rows))
    policies = {policy.id: policy for policy in list_policies(workspace, enabled=True)}
    flags: dict[str, list[tuple[str, str, float]]] = {}
    for score in scores_of(cursor, list(ids)):
        policy = policies.get(score.policy)
        if policy is not None and score.score >= policy.threshold:
            flags.setdefault(ids[score.post_row], []).append((policy.id, policy.name, score.score))
    reported = dict(
        cursor.execute(
            "SELECT post_row, count(*) FROM reports WHERE closed_by IS NULL"
            " AND post_row IN (SELECT unnest(?::BIGINT[])) GROUP BY 1",
            [list(ids)],
        ).fetchall()
    )
    return {
        id_: Mark(
            standing.state if (standing := standings.get(id_)) else "",
            standing.label if standing else None,
            tuple(flags.get(id_, ())),
            int(reported.get(row, 0)),
        )
        for id_, row in rows.items()
        if id_ in standings or id_ in flags or row in reported
    }
