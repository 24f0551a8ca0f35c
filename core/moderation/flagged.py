"""Which posts the scorers flag."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.moderation.policies import list_policies

if TYPE_CHECKING:
    from core.workspace import Workspace


def flagged_rows(workspace: Workspace, policy: str | None = None) -> NDArray[np.int64]:
    """Rising rows of the posts whose score reaches the threshold of an enabled policy, or of the one that is named,
    decided or not; hidden posts are left out."""
    list_policies(workspace)
    found = (
        workspace.cursor()
        .execute(
            "SELECT DISTINCT s.post_row AS row FROM scores s JOIN policies p ON p.id = s.policy"
            " WHERE p.enabled AND s.score >= p.threshold::FLOAT AND (?::VARCHAR IS NULL OR p.id = ?)"
            " AND s.post_row NOT IN (SELECT row FROM hidden_posts) ORDER BY 1",
            [policy, policy],
        )
        .fetchnumpy()
    )
    return np.asarray(found["row"], np.int64)
