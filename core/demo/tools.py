"""What the demo prepares so that no page is empty: maps, near-duplicates, scores for review, recommenders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.maps.building import build_params
from core.maps.layouts import Recipe
from core.recommend.training import train_params

if TYPE_CHECKING:
    from core.workspace import Workspace


def queue_tools(workspace: Workspace) -> list[int]:
    """Queues the jobs, which run in the background once an app opens the workspace; gives their ids."""
    submit = workspace.jobs.submit
    words, pictures, users = Recipe("text"), Recipe("dual"), Recipe("users")
    return [
        submit("map", build_params(words), title="Map of the words"),
        submit("moderate", {}, title="Score posts for review"),
        submit("map", build_params(pictures), title="Map of the pictures"),
        submit("map", build_params(users), title="Map of the users"),
        submit("recommend", train_params(), title="Train recommenders"),
        submit("duplicates", {}, title="Find near-duplicates"),
    ]
