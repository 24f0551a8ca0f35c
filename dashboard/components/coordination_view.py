"""Coordination: waves of the same post by several accounts, and the graph of accounts that share waves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from core.coordination import Coordination, Tie, Wave
from core.database.jobs import Job
from core.export.cells import csv_text
from dashboard import resources
from dashboard.components.add_to_collection import draw_add_to_collection
from dashboard.components.cards import Card, draw_cards
from dashboard.components.figures import day_and_time, duration, number
from dashboard.components.frontend import component, draw
from dashboard.components.jobs import draw_job, watch
from dashboard.components.map_colours import category_colours
from dashboard.components.notices import notice, state
from dashboard.components.text import clean, element, foreign, show
from dashboard.links import CoordinationLink, UserLink
from dashboard.navigation import show_in_address_bar
from dashboard.resources import coordination

_graph = component("graph")

SHOWN_WAVES = 200
DRAWN_TIES = 400
SHOWN_POSTS = 12


def draw_coordination(link: CoordinationLink) -> None:
    show(
        element("h1", "Coordination"),
        element("p", "Accounts that post the same thing at nearly the same time. A reason to look, not a verdict: fans"
                " of one team post alike too.", class_="fs-lead"),
    )  # fmt: skip
    watch(_jobs, _draw_jobs)
    found = coordination.coordination(link.accounts)
    if found is None:
        if not _jobs():
            state("Nobody has looked for copies yet", "Waves are made of near-duplicate posts: look for those first.")
        _draw_search("Find near-duplicates")
        return
    if found.generation != resources.workspace().generation:
        notice("Posts came or went since copies were looked for.", kind="warning")
        _draw_search("Look again")
    _draw_controls(link, found)
    if not found.waves:
        state("No wave of so many accounts", "Near-duplicate posts are by fewer accounts each. Ask for fewer accounts.")
        return
    left, right = st.columns([3, 2], gap="large")
    with left:
        _draw_waves(link, found)
    with right:
        _draw_graph(link, found)
    wave = next((wave for wave in found.waves if wave.group == link.wave), None)
    if wave is not None:
        _draw_wave(wave)


def _jobs() -> list[Job]:
    return [job for job in resources.active_jobs() if job.kind == "duplicates"]


def _draw_jobs(jobs: Sequence[Job]) -> None:
    for job in jobs:
        draw_job(job, key="coordination")


def _draw_search(label: str) -> None:
    if st.button(label, icon=":material/content_copy:", disabled=bool(_jobs()), key="coordination.find"):
        resources.workspace().jobs.submit("duplicates", {}, title="Find near-duplicates")
        st.rerun()


def _draw_controls(link: CoordinationLink, found: Coordination) -> None:
    accounts = {account for wave in found.waves for account in wave.accounts}
    said = f"{number(len(found.waves))} waves by {number(len(accounts))} accounts; copies looked for on"
    show(element("p", f"{said} {day_and_time(found.searched_at)} UTC.", class_="fs-faint"))
    with st.container(horizontal=True, vertical_alignment="bottom", key="coordination_controls"):
        st.session_state["coordination.accounts"] = link.accounts
        st.number_input("Accounts at least", 2, 1000, key="coordination.accounts", width=150,
                        on_change=_to_accounts, args=(link,))  # fmt: skip
        for name, ending, write in (("Waves as CSV", "waves", waves_csv), ("Ties as CSV", "ties", ties_csv)):
            st.download_button(name, data=partial(write, found), file_name=f"{ending}.csv", mime="text/csv",
                               icon=":material/download:", key=f"coordination.{ending}", on_click="ignore")  # fmt: skip
        draw_add_to_collection(sorted(accounts), key="coordination.collect", noun="user", label="Collect the accounts")


def _to_accounts(link: CoordinationLink) -> None:
    show_in_address_bar(replace(link, accounts=st.session_state["coordination.accounts"], wave=None))


def waves_csv(found: Coordination) -> str:
    rows = (
        [at, wave.score, len(wave.accounts), len(wave.posts), wave.first.isoformat() if wave.first else None,
         wave.last.isoformat() if wave.last else None, wave.gap, wave.words, wave.picture, wave.text,
         " ".join(wave.accounts),
         " ".join(wave.posts)]
        for at, wave in enumerate(found.waves, start=1)
    )  # fmt: skip
    head = ["wave", "score", "accounts", "posts", "first", "last", "median_gap_s", "words", "picture", "text",
            "account_ids", "post_ids"]  # fmt: skip
    return csv_text(head, rows)


def ties_csv(found: Coordination) -> str:
    rows = ([tie.first, tie.second, tie.weight, tie.waves, tie.gap] for tie in found.ties)
    return csv_text(["source", "target", "weight", "waves", "shortest_gap_s"], rows)


def _draw_waves(link: CoordinationLink, found: Coordination) -> None:
    shown = found.waves[:SHOWN_WAVES]
    rows = [
        {"Score": round(wave.score, 1), "Accounts": len(wave.accounts), "Posts": len(wave.posts), "First": wave.first,
         "Gap": duration(wave.gap) if wave.gap is not None else "", "Text": clean(" ".join(wave.text.split()))}
        for wave in shown
    ]  # fmt: skip
    show(element("h2", "Waves"), element("p", "Choose a line to see its posts. The score counts the accounts that"
         " followed, each the more the sooner.", class_="fs-faint"))  # fmt: skip
    height = min(430, 36 * (len(rows) + 1))
    chosen = st.dataframe(rows, hide_index=True, height=height, on_select="rerun", selection_mode="single-row",
                          key=f"coordination.waves.{link.accounts}")  # fmt: skip
    picked = chosen["selection"]["rows"]
    if picked and picked[0] < len(shown) and shown[picked[0]].group != link.wave:
        show_in_address_bar(replace(link, wave=shown[picked[0]].group))
        st.rerun()


def _draw_graph(link: CoordinationLink, found: Coordination) -> None:
    ties = found.ties[:DRAWN_TIES]
    at = coordination.account_places(link.accounts)
    names = resources.user_names(list(at))
    wave = next((wave for wave in found.waves if wave.group == link.wave), None)
    lit = set(wave.accounts) if wave else set()
    colours = category_colours()
    more = len(found.ties) - len(ties)
    show(element("h2", "Accounts that share waves"), element("p", "Thicker: more waves, closer in time."
         + (f" The {number(len(ties))} strongest of {number(len(found.ties))} ties." if more > 0 else ""),
         class_="fs-faint"))  # fmt: skip
    data = {
        "label": f"A graph of {len(at)} accounts and {len(ties)} ties",
        "lit": colours[4],
        "nodes": [
            {
                "id": id_,
                "name": clean(names[id_])[:40],
                "x": x,
                "y": y,
                "lit": id_ in lit,
                "url": UserLink(id=id_).url(),
            }
            for id_, (x, y) in at.items()
        ],
        "edges": [_edge(tie) for tie in ties if tie.first in at and tie.second in at],
    }
    draw(_graph, data, key="coordination.graph")


def _edge(tie: Tie) -> dict[str, object]:
    return {"from": tie.first, "to": tie.second, "weight": tie.weight}


def _draw_wave(wave: Wave) -> None:
    with st.container(key="coordination_wave"):
        span = f" within {duration(wave.span)}" if wave.span is not None else ""
        show(element("h2", f"{number(len(wave.posts))} posts of {number(len(wave.accounts))} accounts{span}"),
             element("p", foreign(clean(wave.text)), class_="fs-faint"))  # fmt: skip
        with st.container(horizontal=True):
            draw_add_to_collection(wave.posts, key="coordination.wave.collect")
        posts = resources.posts(wave.posts[:SHOWN_POSTS])
        users = resources.users(posts.values())
        cards = [Card(p, user=users.get(p.user_id or ""), text=p.text[:240]) for p in posts.values()]
        draw_cards(cards, resources.thumbnail, layout="grid", label="The wave", key="coordination.cards",
                   view=str(wave.group))  # fmt: skip
