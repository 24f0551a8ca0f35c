"""A map in the browser: the drawing, the card of what the pointer rests on, the window at full detail."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import streamlit as st

from core.maps.colours import Times
from core.maps.drawing import Window
from core.maps.layouts import Layout
from core.types import Post
from dashboard import resources
from dashboard.components.cards import author_name, counts, short_time
from dashboard.components.figures import day, number, share
from dashboard.components.frontend import component, nothing
from dashboard.components.map_colours import legend, palette
from dashboard.components.text import clean
from dashboard.links import MAX_CORNERS, MapLink, PostLink, UserLink
from dashboard.navigation import go_to, show_in_address_bar
from dashboard.resources import maps, moderation, people
from dashboard.theme import shown_theme

_map = component("map", "map_points", "map_labels", "map_time")
_card = component("map_card")
_window = component("map_window")

EPOCH = datetime(1970, 1, 1)
TRIGGERS = ("hover", "pick", "open", "select", "window", "time")
PICTURE_SIDE = 300


@dataclass(frozen=True, slots=True)
class Lit:
    """Points that light up: ``at`` are positions on the map."""

    name: str
    colour: str
    at: tuple[int, ...]


def draw_map(
    link: MapLink, id_: str, lit: Sequence[Lit], *, key: str, height: int = 640, span: maps.Span | None = None
) -> None:
    """Draws the layout ``id_`` as ``link`` says, at first of the time ``span`` alone. What is chosen goes into the
    address bar."""
    st.fragment(_draw)(link, id_, tuple(lit), key, height, span)


def _draw(link: MapLink, id_: str, lit: tuple[Lit, ...], key: str, height: int, span: maps.Span | None) -> None:
    data = map_data(link, id_, lit, height, span) | {"name": key}
    # A trigger is a value of one run, so what it changed is kept here until the next.
    told: Mapping[str, Any] = _map(
        data=data, key=key, on_hover_change=nothing, on_pick_change=nothing, on_open_change=nothing,
        on_select_change=nothing, on_window_change=nothing, on_time_change=nothing,
    )  # fmt: skip
    for name in TRIGGERS:
        given = told.get(name)
        if isinstance(given, dict):
            _heed(name, given, link, id_, key)
    _draw_window(link, id_, key)
    _draw_card(link, id_, key, told.get("hover"))


def map_data(link: MapLink, id_: str, lit: Sequence[Lit], height: int, span: maps.Span | None = None) -> dict[str, Any]:
    """What the script draws; equal tokens mean that there is nothing to draw anew."""
    layout = maps.layout(id_)
    base = maps.base(id_)
    paint = maps.paint(id_, link.colour, link.level)
    codes = maps.codes(id_, link.colour, link.level, base.sample)
    times = maps.times(id_)
    labels = [
        {"level": c.level, "number": c.number, "text": clean(c.name)[:60], "size": c.size,
         "said": f"{number(c.size)} {'users' if layout.users else 'posts'}", "x": x, "y": y}
        for c, (x, y) in zip(layout.clusters, unit_places(layout), strict=True)
    ]  # fmt: skip
    total, shown = len(layout.rows), len(base.sample)
    document: dict[str, Any] = {
        "layout": f"{id_}/{layout.info.version}",
        "total": total,
        "shown": shown,
        "sampled": f"A fair sample of {number(shown)} of {number(total)} points over the density of all. Zoom in to see"
        " every one.",
        "label": clean(f"Map {layout.info.name}: {number(total)} {'users' if layout.users else 'posts'}"),
        "palette": palette(paint, link.colour),
        "legend": legend(paint, link.colour),
        "labels": labels,
        "names": link.names,
        "contours": link.contours,
        "polygon": [list(corner) for corner in link.polygon],
        "highlights": [
            {"name": one.name, "colour": one.colour, "at": maps.quantised(id_, np.array(one.at, np.int64))}
            for one in lit
        ],
        "times": _times(times),
        "span": _span(times, span),
        "height": height,
        "extent": list(base.extent),
        "theme": shown_theme(),
    }  # fmt: skip
    token = hashlib.blake2b(repr(sorted(document.items())).encode(), digest_size=12)
    token.update(codes.tobytes())
    return document | {
        "token": token.hexdigest(),
        "at": base.at,
        "paint": maps.packed(codes),
        "time": maps.packed(times.codes(base.sample)) if times else "",
        "density": base.density,
        "over_time": maps.time_density(id_),
    }


def unit_places(layout: Layout) -> list[tuple[float, float]]:
    left, bottom, width, height = layout.bounds()
    return [((c.x - left) / width, (c.y - bottom) / height) for c in layout.clusters]


def _times(times: Times | None) -> dict[str, Any] | None:
    if times is None:
        return None
    undated = f", {number(times.undated)} without a time" if times.undated else ""
    return {
        "from": int((times.first - EPOCH).total_seconds() * 1000),
        "to": int((times.last - EPOCH).total_seconds() * 1000),
        "columns": list(times.columns),
        "whole": f"{day(times.first)} to {day(times.last)}{undated}",
    }


def _span(times: Times | None, span: maps.Span | None) -> list[float] | None:
    """From and to as shares of the map's time."""
    if times is None or span is None:
        return None
    first, last = ((moment - EPOCH).total_seconds() for moment in (times.first, times.last))
    return [round((at - first) / (last - first), 5) for at in span]


def _heed(name: str, given: Mapping[str, Any], link: MapLink, id_: str, key: str) -> None:
    """Does what was asked for in the browser; what can't be read is left alone."""
    if name == "window":
        st.session_state[f"{key}.window"] = _read_window(given)
    elif name == "time":
        if key == "map":  # the other map's time follows this one's, or is moved for a moment only
            show_in_address_bar(replace(link, times=_read_times(given)))
            st.rerun()
    elif name == "open":
        at = position_of(id_, key, link, given)
        if at is not None and (ids := maps.ids_at(id_, [at])):
            go_to(UserLink(id=ids[0]) if maps.layout(id_).users else PostLink(ids[0]))
    elif name == "select":
        corners = _read_polygon(given.get("polygon"))
        show_in_address_bar(replace(link, layout=id_, polygon=corners, cluster=None))
        st.rerun()
    elif name == "pick" and isinstance(given.get("level"), int) and isinstance(given.get("number"), int):
        show_in_address_bar(replace(link, layout=id_, polygon=(), cluster=(given["level"], given["number"])))
        st.rerun()


def _read_polygon(given: Any) -> tuple[tuple[float, float], ...]:
    if not isinstance(given, list) or not 3 <= len(given) <= MAX_CORNERS:
        return ()
    try:
        return tuple((min(max(float(x), -0.5), 1.5), min(max(float(y), -0.5), 1.5)) for x, y in given)
    except (TypeError, ValueError):
        return ()


def _read_times(given: Mapping[str, Any]) -> maps.Span | None:
    """From milliseconds."""
    start, end = given.get("from"), given.get("to")
    if not isinstance(start, int | float) or not isinstance(end, int | float) or not -1e14 < start < end < 1e14:
        return None
    found = int(start // 1000), int(-(-end // 1000))
    return found if found[0] < found[1] else None


def _read_window(given: Mapping[str, Any]) -> Window | None:
    try:
        x0, y0, x1, y1 = (round(float(given[name]), 4) for name in ("x0", "y0", "x1", "y1"))
    except (KeyError, TypeError, ValueError):
        return None
    return Window(x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def position_of(id_: str, key: str, link: MapLink, given: Mapping[str, Any]) -> int | None:
    """The position of a drawn point, which the browser names by its number in the set it was sent in."""
    index = given.get("index")
    if not isinstance(index, int):
        return None
    window = st.session_state.get(f"{key}.window")
    if given.get("set") == "window":
        positions = maps.detail(id_, window, link.colour, link.level).positions if window else ()
    else:
        positions = maps.base(id_).sample
    return int(positions[index]) if 0 <= index < len(positions) else None


def _draw_window(link: MapLink, id_: str, key: str) -> None:
    layout, window = maps.layout(id_), st.session_state.get(f"{key}.window")
    data: dict[str, Any] = {"name": key, "layout": f"{id_}/{layout.info.version}", "count": 0}
    if window is not None and len(maps.base(id_).sample) < len(layout.rows):
        found = maps.detail(id_, window, link.colour, link.level)
        some = "" if len(found.positions) == found.total else f"A fair sample of {number(len(found.positions))} of "
        data |= {"at": found.at, "paint": maps.packed(found.codes), "time": found.times, "count": len(found.positions),
                 "said": f"{some}{number(found.total)} points in this window"}  # fmt: skip
    _window(data=data, key=f"{key}.detail")


def _draw_card(link: MapLink, id_: str, key: str, hovered: Any) -> None:
    data: dict[str, Any] = {"name": key}
    if isinstance(hovered, dict):
        at = position_of(id_, key, link, hovered)
        ids = maps.ids_at(id_, [at]) if at is not None else []
        if ids:
            data |= _user_card(ids[0]) if maps.layout(id_).users else _post_card(ids[0])
            data |= {name: hovered.get(name) for name in ("x", "y", "at")}
    _card(data=data, key=f"{key}.card")


def _post_card(id_: str) -> dict[str, Any]:
    post = resources.posts([id_]).get(id_)
    if post is None:
        return {}
    user = resources.users([post]).get(post.user_id or "")
    said = [short_time(post.created_at)] if post.created_at else []
    said += [sentence for _, _, sentence in counts(post)]
    return {
        "head": author_name(post, user),
        "text": clean(" ".join(post.text.split())[:400]),
        "lines": [*([" · ".join(said)] if said else []), *_marked(post.id), "Click to open"],
        **_picture(post),
    }


def _marked(id_: str) -> list[str]:
    """What moderation says of a post, for those who review."""
    mark = moderation.mark_of(id_)
    if not people.person().may("review"):
        return []
    flags = ", ".join(f"{name} {share(score)}" for _, name, score in mark.flags)
    return [*([f"Flagged: {clean(flags)}"] if flags else []), *(["Waits for review"] if mark.reported else [])]


def _picture(post: Post) -> dict[str, str]:
    path = next((item.path for item in post.media if item.path), None)
    jpeg = resources.thumbnail(path, PICTURE_SIDE) if path else None
    return {"src": "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()} if jpeg else {}


def _user_card(id_: str) -> dict[str, Any]:
    return {"head": resources.user_names([id_])[id_], "text": "", "lines": ["Click to open"]}
