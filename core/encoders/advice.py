"""Whether another packaged text encoder would serve the workspace's languages better."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.database.connection import first_row
from core.encoders.e5 import has_e5

if TYPE_CHECKING:
    from core.workspace import Workspace

LEAST_POSTS = 20
MOST_ENGLISH = 0.5
TEXTS_A_SECOND = 100
"""Of the multilingual engine on two cores."""


def text_model_advice(workspace: Workspace) -> str | None:
    """A sentence that proposes FEEDSCOPE_TEXT=e5 where most posts are not in English and the encoder is MiniLM."""
    if workspace.settings.text_model != "minilm" or not has_e5():
        return None
    count, english = first_row(
        workspace.cursor().execute(
            "SELECT count(*), count(*) FILTER (lang = 'en' OR lang LIKE 'en-%') FROM posts"
            " WHERE text <> '' AND lang IS NOT NULL"
        )
    ) or (0, 0)
    if count < LEAST_POSTS or english > MOST_ENGLISH * count:
        return None
    minutes = max(1, round(count / TEXTS_A_SECOND / 60))
    return (
        f"{1 - english / count:.0%} of the posts are not in English, which is all that the text encoder knows. Start"
        f" with FEEDSCOPE_TEXT=e5 to find them by meaning: about {minutes:,} min of encoding, in the background; what"
        " is encoded now is kept, and switching back costs nothing."
    )
