"""Taking a queue along: into a collection, or out as a file."""

from __future__ import annotations

from dataclasses import asdict

import streamlit as st

from core.export import Subject, of_posts
from core.moderation.queue import QueueFilter
from core.moderation.roles import Person
from dashboard.components.add_to_collection import draw_add_some
from dashboard.components.cards import plural
from dashboard.components.export_form import draw_export
from dashboard.components.figures import number
from dashboard.resources import moderation

MOST = 100_000


def draw_take_queue(wanted: QueueFilter, person: Person, waits: int, *, address: str) -> None:
    """Buttons for all that waits in a queue and nobody else has open; nothing where nothing waits."""

    def ids() -> list[str]:
        return [item.post_id for item in moderation.waiting_items(wanted, person, limit=MOST, offset=0)]

    def subject() -> Subject:
        asked = {name: value for name, value in asdict(wanted).items() if value not in (None, (), False)}
        return of_posts(ids(), name="Review queue", origin="queue", queue=asked, address=address)

    if waits:
        with st.container(horizontal=True, key="review_take"):
            draw_add_some({f"All {number(waits)} {plural('post', waits)} that wait": ids}, key="review.collect")
            draw_export(subject, key="review.export", count=waits)
