"""Changing the groups of a map by hand: another name, merge, split, a group of one's own, and undo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from core.errors import MapError
from core.maps import edits
from core.maps.layouts import Cluster, LayoutInfo, Positions
from dashboard import resources
from dashboard.components.notices import notice
from dashboard.components.text import clean, element, show
from dashboard.links import MapLink
from dashboard.navigation import show_in_address_bar
from dashboard.resources import maps


def draw_edits(link: MapLink, info: LayoutInfo, positions: Positions, cluster: Cluster | None) -> None:
    """A button that opens what can be changed; it holds when the map is made anew."""
    label = "Edit the group" if cluster else "Make a group"
    with st.popover(label, icon=":material/edit:", key="map.edit.popover"):
        problem = st.session_state.pop("map.edit.problem", None)
        if problem:
            notice(problem, kind="error")
        show(element("p", "What you change holds when the map is made anew.", class_="fs-faint"))
        if cluster is None:
            _draw_own(link, info, positions)
        else:
            _draw_cluster(link, info, cluster)
        if edits.stamp(resources.workspace(), info.id):
            st.button("Undo the last change", icon=":material/undo:", key="map.edit.undo", on_click=_undo,
                      args=(link, info), width="stretch")  # fmt: skip


def _draw_own(link: MapLink, info: LayoutInfo, positions: Positions) -> None:
    name = st.text_input("Name", key="map.edit.own", max_chars=edits.MAX_NAME)
    st.button("Make it a group", type="primary", key="map.edit.draw", disabled=not name.strip(), width="stretch",
              on_click=_do, args=(link, info, "draw", lambda: edits.draw(
                  resources.workspace(), maps.layout(info.id), link.level, positions, name)))  # fmt: skip


def _draw_cluster(link: MapLink, info: LayoutInfo, cluster: Cluster) -> None:
    workspace, layout = resources.workspace(), maps.layout(info.id)
    at = f"{info.id}.{cluster.level}.{cluster.number}"
    name = st.text_input("Name", value=clean(cluster.name), key=f"map.edit.name.{at}", max_chars=edits.MAX_NAME)
    st.button("Rename", key="map.edit.rename", disabled=not name.strip() or name == cluster.name, width="stretch",
              on_click=_do,
              args=(link, info, "rename", lambda: edits.rename(workspace, layout, cluster, name)))  # fmt: skip
    others = {c.number: c for c in layout.at_level(cluster.level) if c.number != cluster.number}
    near = sorted(others, key=lambda number: _away(others[number], cluster))
    chosen = st.multiselect("Merge with", near, format_func=lambda number: clean(others[number].name)[:60],
                            key=f"map.edit.others.{at}", placeholder="The nearest first")  # fmt: skip
    merged = [cluster, *(others[number] for number in chosen)]
    st.button("Merge", key="map.edit.merge", disabled=not chosen, width="stretch",
              on_click=_do, args=(link, info, "merge", lambda: edits.merge(workspace, layout, merged)))  # fmt: skip
    parts = st.number_input("Split into", 2, 8, 2, key=f"map.edit.parts.{at}")
    st.button("Split", key="map.edit.split", width="stretch", on_click=_do,
              args=(link, info, "split", lambda: edits.split(workspace, layout, cluster, int(parts))))  # fmt: skip


def _away(one: Cluster, other: Cluster) -> float:
    return (one.x - other.x) ** 2 + (one.y - other.y) ** 2


def _do(link: MapLink, info: LayoutInfo, what: str, change: Callable[[], object]) -> None:
    """Makes a change, and chooses what has come of it."""
    try:
        change()
    except MapError as error:
        st.session_state["map.edit.problem"] = str(error)
        return
    newest = maps.layout(info.id).clusters
    if what in ("merge", "draw"):
        made = max((c for c in newest if c.edited == "own"), key=lambda c: (c.number, c.size), default=None)
        if made is not None:
            show_in_address_bar(replace(link, polygon=(), cluster=(made.level, made.number)))
    elif what == "split":
        show_in_address_bar(replace(link, polygon=(), cluster=None))


def _undo(link: MapLink, info: LayoutInfo) -> None:
    edits.undo(resources.workspace(), info.id)
    show_in_address_bar(replace(link, cluster=None))
