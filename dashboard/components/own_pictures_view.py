"""How good is search here? The words of posts asked for their own pictures, and where that goes wrong."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.database.jobs import Job
from core.evaluation.own_pictures import JOB, SAMPLE, OwnPictures
from dashboard import resources
from dashboard.components.cards import Card, draw_cards
from dashboard.components.figures import day_and_time, number, share, stats
from dashboard.components.jobs import draw_job, watch
from dashboard.components.text import element, foreign, show

SHOWN_CHARS = 240


def draw_own_pictures() -> None:
    """Nothing where the workspace has no pictures."""
    if not resources.overview().pictures:
        return
    show(
        element("h2", "How good is search here?"),
        element(
            "p",
            "The words of posts are asked for their own pictures. Texts seldom describe a picture, so look at it beside"
            " another encoder's figure, and at the misses.",
            class_="fs-faint",
        ),
    )
    watch(lambda: [job for job in resources.active_jobs() if job.kind == JOB], _draw_state)


def _draw_state(jobs: Sequence[Job]) -> None:
    for job in jobs:
        draw_job(job, key="own_pictures")
    found = resources.own_pictures()
    if found is not None:
        _draw_found(found)
    last = next((job for job in resources.workspace().jobs.list(limit=50) if job.kind == JOB), None)
    if last is not None and last.state == "failed":
        draw_job(last, key="own_pictures")
    if st.button("Measure again" if found else f"Measure on up to {number(SAMPLE)} posts", icon=":material/speed:",
                 disabled=bool(jobs), key="own_pictures.measure"):  # fmt: skip
        resources.workspace().jobs.submit(JOB, {}, title="Measure how well words find pictures")
        st.rerun()


def _draw_found(found: OwnPictures) -> None:
    figures = [(share(found.recall[k]), f"own picture in the first {k}" if k > 1 else "own picture first")
               for k in sorted(found.recall)]  # fmt: skip
    show(stats([*figures, (f"{found.median_rank:,.0f}", "median rank")]))
    show(
        element(
            "p",
            f"{number(found.asked)} posts asked among the pictures of {number(found.posts)}, on"
            f" {day_and_time(found.measured_at)} UTC, by ",
            foreign(found.model_id),
            ".",
            class_="fs-faint",
        )
    )
    if not found.misses:
        return
    with st.expander("The furthest misses: each post, and whose picture came first in its stead"):
        ids = [id_ for miss in found.misses for id_ in (miss.post_id, miss.found_id)]
        posts = resources.posts(ids)
        users = resources.users(posts.values())
        for at, miss in enumerate(found.misses):
            pair = [posts[id_] for id_ in (miss.post_id, miss.found_id) if id_ in posts]
            if len(pair) < 2:  # gone since
                continue
            said = f"The first post's own picture came at rank {number(miss.rank)}; the second post's came first."
            show(element("p", said, class_="fs-faint"))
            cards = [Card(post, user=users.get(post.user_id or ""), text=post.text[:SHOWN_CHARS]) for post in pair]
            draw_cards(cards, resources.thumbnail, layout="grid", label="A miss", key=f"own_pictures.miss.{at}",
                       view=f"miss.{at}")  # fmt: skip
