"""Near-duplicate groups of the whole workspace, the largest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from core.database.jobs import Job
from core.duplicates import TEXT_COSINE, Duplicates, Group
from core.export.cells import csv_text
from dashboard import resources
from dashboard.components.cards import Card, draw_cards, plural
from dashboard.components.chips import Chip, draw_chips
from dashboard.components.figures import day_and_time, number, share
from dashboard.components.jobs import draw_job, watch
from dashboard.components.notices import notice
from dashboard.components.text import element, show
from dashboard.links import IndexLink, PostLink
from dashboard.navigation import show_in_address_bar

GROUPS_A_PAGE = 6
SHOWN_POSTS = 4
SHOWN_CHARS = 240


def draw_duplicates(link: IndexLink) -> None:
    show(
        element("h2", "Near-duplicates"),
        element(
            "p",
            "Posts that say the same but for small changes, or that show the same picture: copies, campaigns, waves of"
            " spam.",
            class_="fs-faint",
        ),
    )
    watch(lambda: [job for job in resources.active_jobs() if job.kind == "duplicates"], _draw_state)
    found = resources.duplicates()
    if found is not None and found.groups:
        _draw_groups(link, found)


def _draw_state(jobs: Sequence[Job]) -> None:
    """What was found and when, or how far the search is."""
    for job in jobs:
        draw_job(job, key="duplicates")
    found = resources.duplicates()
    if found is not None:
        show(element("p", _found_said(found)))
        if found.generation != resources.workspace().generation:
            notice("Posts came or went since: look again to have them in.", kind="warning")
    elif not jobs:
        show(element("p", "Nobody has looked for them yet."))
    with st.container(horizontal=True):
        if st.button("Look again" if found else "Find near-duplicates", icon=":material/content_copy:",
                     disabled=bool(jobs), key="duplicates.find"):  # fmt: skip
            resources.workspace().jobs.submit("duplicates", {}, title="Find near-duplicates")
            st.rerun()
        if found is not None and found.groups:
            st.download_button(
                "Download as CSV",
                data=partial(groups_csv, found.groups),
                file_name="near-duplicates.csv",
                mime="text/csv",
                icon=":material/download:",
                key="duplicates.csv",
                on_click="ignore",
            )


def _found_said(found: Duplicates) -> str:
    compared = f"{number(found.texts)} texts and {number(found.pictures)} pictures"
    when = f"{day_and_time(found.found_at)} UTC"
    if not found.groups:
        return f"There are none: {compared} were compared on {when}."
    posts = len({id_ for group in found.groups for id_ in group.posts})
    count = len(found.groups)
    return (
        f"{number(count)} {plural('group', count)} of {number(posts)} posts, among {compared} that were compared on"
        f" {when}."
    )


def groups_csv(groups: tuple[Group, ...]) -> str:
    rows = ([at, group.words, group.picture, id_] for at, group in enumerate(groups, start=1) for id_ in group.posts)
    return csv_text(["group", "words", "picture", "post_id"], rows)


def _draw_groups(link: IndexLink, found: Duplicates) -> None:
    pages = -(-len(found.groups) // GROUPS_A_PAGE)
    page = min(link.number, pages)
    shown = found.groups[(page - 1) * GROUPS_A_PAGE : page * GROUPS_A_PAGE]
    posts = resources.posts([id_ for group in shown for id_ in group.posts[:SHOWN_POSTS]])
    users = resources.users(posts.values())
    for at, group in enumerate(shown):
        cards = [
            Card(posts[id_], user=users.get(posts[id_].user_id or ""), text=posts[id_].text[:SHOWN_CHARS])
            for id_ in group.posts[:SHOWN_POSTS]
            if id_ in posts
        ]
        if not cards:  # gone since
            continue
        show(
            element(
                "div",
                element("h3", f"{number(len(group.posts))} posts"),
                element("span", reason(group), class_="fs-faint"),
                class_="fs-job-head",
            )
        )
        draw_cards(cards, resources.thumbnail, layout="grid", label="A group", key=f"duplicates.group.{at}",
                   view=f"{page}.{at}")  # fmt: skip
        more = len(group.posts) - len(cards)
        if more > 0:
            chip = Chip(text=f"The other {number(more)}, near its first post", link=near_link(group))
            draw_chips([chip], label="Where to go", key=f"duplicates.more.{at}")
    if pages > 1:
        with st.container(horizontal=True, horizontal_alignment="center"):
            key = f"duplicates.page.{page}"
            st.pagination(pages, default=page, key=key, on_change=_turn_page, args=(link, key))


def _turn_page(link: IndexLink, key: str) -> None:
    show_in_address_bar(replace(link, number=st.session_state[key]))


def near_link(group: Group) -> PostLink:
    """The post page of the group's first post, its neighbours limited to those as near as a group's."""
    if group.words is not None:
        return PostLink(group.posts[0], by="words", least=TEXT_COSINE)
    return PostLink(group.posts[0], by="picture", least=TEXT_COSINE)


def reason(group: Group) -> str:
    """Why these posts are a group, with how alike its least alike link is."""
    parts = []
    if group.words is not None:
        same = group.words == 1
        parts.append("the same words" if same else f"nearly the same words, {share(group.words)} in common at least")
    if group.picture is not None:
        same = group.picture == 1
        parts.append("the same picture" if same else f"nearly the same picture, {share(group.picture)} alike at least")
    return " and ".join(parts)
