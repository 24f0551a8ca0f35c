"""The page of maps: which one, how it is drawn, and what is chosen on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from core.errors import FeedscopeError, MapError
from core.maps.layouts import LayoutInfo
from dashboard import resources
from dashboard.components.figures import day_and_time, duration, number, share
from dashboard.components.map_build import draw_build, draw_map_jobs, draw_place
from dashboard.components.map_colours import colour_name
from dashboard.components.map_lit import lit_sets
from dashboard.components.map_selection import draw_cluster, draw_selection
from dashboard.components.map_view import draw_map
from dashboard.components.notices import notice, notices, state
from dashboard.components.text import clean, element, foreign, show
from dashboard.links import DataLink, MapLink
from dashboard.navigation import page_link, show_in_address_bar
from dashboard.resources import maps

HEIGHT, HEIGHT_BESIDE = 640, 520


def draw_map_page(link: MapLink) -> None:
    known = maps.layouts()
    draw_map_jobs()
    if not known:
        _draw_none(link)
        return
    chosen = next((info for info in known if info.id == link.layout), None)
    if link.layout and chosen is None:
        notice(f"There is no map “{link.layout[:60]}” here; this is another.", kind="warning")
    info = chosen or known[0]
    link = replace(link, layout=info.id)
    _draw_controls(link, info, known)
    try:
        _draw_maps(link, info, known)
    except MapError as error:
        state("This map can't be drawn", str(error), kind="failed")
        return
    _draw_about(info)
    if link.cluster is not None:
        draw_cluster(link, info)
    elif link.polygon:
        draw_selection(link, info)


def _draw_none(link: MapLink) -> None:
    if resources.overview().posts == 0:
        state("There is nothing to map yet", "A map is made of posts: bring some first.")
        page_link(DataLink(), "Bring your data", icon=":material/upload:")
        return
    state(
        "There is no map yet",
        "A map lays posts out so that those that say alike things lie together; groups get names by what they say more"
        " than the others. A few thousand posts take less than a minute, 200,000 a few.",
    )
    draw_build(link, first=True)


def _draw_controls(link: MapLink, info: LayoutInfo, known: list[LayoutInfo]) -> None:
    names = {one.id: one.name for one in known}
    with st.container(horizontal=True, vertical_alignment="bottom", key="map_controls"):
        _choose("Map", list(names), link.layout, lambda id_: clean(names[id_])[:60], "map.layout", _to_layout, link,
                width=226)  # fmt: skip
        offered = offered_colours(info)
        colours = offered if link.colour in offered else [*offered, link.colour]
        _choose("Colour", colours, link.colour, colour_name, "map.colour", _to_colour, link)
        again = [link.layout] if maps.times(link.layout) else []
        beside = ["", *again, *(id_ for id_ in names if id_ != link.layout)]
        if len(beside) > 1:
            said = {id_: clean(name)[:60] for id_, name in names.items()}
            said |= {"": "Nothing", link.layout: "The time before"}
            _choose(
                "Beside it", beside, link.beside if link.beside in beside else "", lambda id_: said[id_], "map.beside",
                _to_beside, link,
            )  # fmt: skip
        st.session_state["map.names"] = link.names
        st.session_state["map.contours"] = link.contours
        st.toggle("Names", key="map.names", on_change=_to_toggles, args=(link,))
        st.toggle("Contours", key="map.contours", on_change=_to_toggles, args=(link,))
        with st.popover("New map", icon=":material/add:", key="map.new"):
            draw_build(link)
    draw_place(info)


def offered_colours(info: LayoutInfo) -> list[str]:
    from core.maps.colours import columns_of

    extra = () if info.noun == "user" else tuple(resources.choices().extra)
    policies = () if info.noun == "user" else tuple(maps.policies())
    offered = columns_of(extra, policies, users=info.noun == "user")
    return [*offered, "placed"] if info.placed else offered


def _choose(
    label: str, options: list[str], value: str, named: Callable[[str], str], key: str,
    on_change: Callable[[MapLink], None], link: MapLink, width: int = 172,
) -> None:  # fmt: skip
    st.session_state[key] = value
    st.selectbox(label, options, format_func=named, key=key, on_change=on_change, args=(link,), width=width)


def _to_layout(link: MapLink) -> None:
    show_in_address_bar(replace(link, layout=st.session_state["map.layout"], polygon=(), cluster=None, beside=""))


def _to_colour(link: MapLink) -> None:
    show_in_address_bar(replace(link, colour=st.session_state["map.colour"]))


def _to_beside(link: MapLink) -> None:
    show_in_address_bar(replace(link, beside=st.session_state["map.beside"]))


def _to_toggles(link: MapLink) -> None:
    show_in_address_bar(replace(link, names=st.session_state["map.names"], contours=st.session_state["map.contours"]))


def _draw_maps(link: MapLink, info: LayoutInfo, known: list[LayoutInfo]) -> None:
    try:
        sets = lit_sets(link)
    except FeedscopeError as error:
        notice(str(error), kind="error")
        sets = ()
    periods = maps.periods(link) if link.beside == info.id else None
    beside = next((one for one in known if one.id == link.beside and one.id != info.id), None)
    if beside is None and periods is None:
        draw_map(link, info.id, [one.on(info.id) for one in sets], key="map", height=HEIGHT, span=link.times)
        return
    left, right = st.columns(2, gap="small")
    if beside is None:
        for column, key, span in zip((left, right), ("map", "map_beside"), periods or (), strict=True):
            with column:
                lit = [one.on(info.id) for one in sets]
                draw_map(link, info.id, lit, key=key, height=HEIGHT_BESIDE, span=span)
        return
    with left:
        lit = [one.on(info.id) for one in sets]
        draw_map(link, info.id, lit, key="map", height=HEIGHT_BESIDE, span=link.times)
    with right:
        other = replace(link, layout=beside.id, beside=info.id, polygon=(), cluster=None)
        draw_map(other, beside.id, [one.on(beside.id) for one in sets], key="map_beside", height=HEIGHT_BESIDE,
                 span=link.times)  # fmt: skip


def _draw_about(info: LayoutInfo) -> None:
    """How it was made and how true it is, in a line."""
    recipe, quality = info.recipe, info.quality
    things = "users" if info.noun == "user" else "posts"
    said = [f"{number(info.count)} {things}"]
    if info.placed:
        said.append(f"{share(info.placed / info.count)} of them placed later")
    said.append(f"{recipe.said()}; made in {duration(info.seconds)} on {day_and_time(info.created_at)} UTC")
    if quality is not None:
        said.append(
            f"of each ten nearest {share(quality.overlap)} are among the ten nearest here, trustworthiness"
            f" {quality.trustworthiness:.2f} (a sample of {number(quality.sample)})"
        )
    about = foreign(f"Only {clean(recipe.of)}. ") if recipe.of else ""
    show(element("p", about, "; ".join(said) + ".", class_="fs-faint"))
    notices(info.notes, kind="info")
