"""What is chosen on a map: the posts of an area or of a cluster, and what can be done with them."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from core.maps.layouts import LEAST, LayoutInfo, Positions
from dashboard import resources
from dashboard.components.add_to_collection import draw_add_to_collection
from dashboard.components.cards import Card, draw_cards
from dashboard.components.figures import number, share
from dashboard.components.map_build import submit
from dashboard.components.notices import state
from dashboard.components.text import element, foreign, show
from dashboard.links import MapLink
from dashboard.navigation import show_in_address_bar
from dashboard.resources import maps

PAGE_SIZE = 24
EXCERPT_CHARS = 300


def draw_selection(link: MapLink, info: LayoutInfo) -> None:
    positions = maps.chosen(link)
    noun = "users" if info.noun == "user" else "posts"
    if not len(positions):
        state("Nothing lies in this area", f"Draw around some {noun}; Escape lets go of the area.")
        _draw_clear(link)
        return
    show(element("h2", f"{number(len(positions))} {noun} chosen ({share(len(positions) / info.count)})"))
    _draw_actions(link, info, positions)
    _draw_posts(link, info, positions)


def draw_cluster(link: MapLink, info: LayoutInfo) -> None:
    layout = maps.layout(info.id)
    level, wanted = link.cluster or (0, 0)
    cluster = next((c for c in layout.at_level(level) if c.number == wanted), None)
    if cluster is None:
        state("There is no such group on this map", "It may have been made anew since.")
        _draw_clear(link)
        return
    things = "users" if layout.users else "posts"
    about = f"{number(cluster.size)} {things}, {share(cluster.size / info.count)} of the map"
    show(element("h2", foreign(cluster.name)), element("p", about, class_="fs-faint"))
    _draw_actions(link, info, maps.chosen(link))
    _draw_posts(link, info, maps.chosen(link))


def _draw_clear(link: MapLink) -> None:
    if st.button("Let go", icon=":material/close:", key="map.clear"):
        show_in_address_bar(replace(link, polygon=(), cluster=None))
        st.rerun()


def _draw_actions(link: MapLink, info: LayoutInfo, positions: Positions) -> None:
    with st.container(horizontal=True, key="map_actions"):
        draw_add_to_collection(maps.ids_at(info.id, positions), key="map.collect", noun=info.noun)
        enough = info.noun == "post" and len(positions) >= LEAST
        if enough and st.button(
            "Zoom into", icon=":material/zoom_in_map:", key="map.zoom", help="Makes a new map of these posts alone."
        ):
            name = f"{info.name}: {number(len(positions))} posts"
            submit(replace(info.recipe, of=name), name, maps.layout(info.id).rows[positions].tolist())
            st.rerun()
        _draw_clear(link)


def _draw_posts(link: MapLink, info: LayoutInfo, positions: Positions) -> None:
    if info.noun == "user":
        return
    ids = maps.ids_at(info.id, positions[:PAGE_SIZE])
    posts = resources.posts(ids)
    users = resources.users(posts.values())
    cards = [Card(p, user=users.get(p.user_id or ""), text=p.text[:EXCERPT_CHARS]) for p in posts.values()]
    draw_cards(cards, resources.thumbnail, layout="grid", label="Chosen posts", key="map.cards", view=link.url())
