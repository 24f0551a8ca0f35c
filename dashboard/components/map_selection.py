"""What is chosen on a map, an area or a cluster: its portrait, its posts, and what can be done with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import streamlit as st

from core.export import of_posts
from core.maps.layouts import LEAST, Cluster, LayoutInfo, Positions
from dashboard import resources
from dashboard.components.add_to_collection import draw_add_to_collection
from dashboard.components.cards import Card, author_name, draw_cards
from dashboard.components.charts import draw_bars, draw_timeline
from dashboard.components.comparison_view import draw_distinctive
from dashboard.components.export_form import draw_export
from dashboard.components.figures import day, number, share, stats
from dashboard.components.map_build import map_jobs, submit
from dashboard.components.map_edits import draw_edits
from dashboard.components.notices import state
from dashboard.components.post_marks import with_marks
from dashboard.components.send_to_review import draw_send_to_review
from dashboard.components.text import clean, element, foreign, show
from dashboard.languages import language_name
from dashboard.links import MapLink, SearchLink, UserLink
from dashboard.navigation import go_to, show_in_address_bar
from dashboard.resources import maps

PAGE_SIZE = 24
EXCERPT_CHARS = 300
MOST_ROWS = 1000
AREA_VIEWS = ("Posts", "Table", "About", "Distinctive")
CLUSTER_VIEWS = ("Typical", "Untypical", "All posts", "Table", "About", "Distinctive")


def draw_selection(link: MapLink, info: LayoutInfo) -> None:
    """The posts or users in the area that was drawn."""
    positions = maps.chosen(link)
    noun = "users" if info.noun == "user" else "posts"
    if not len(positions):
        state("Nothing lies in this area", f"Draw around some {noun}; Escape lets go of the area.")
        _draw_clear(link)
        return
    show(
        element("h2", f"{number(len(positions))} {noun} chosen ({share(len(positions) / info.count)} of the map)"),
        element("p", _when(link, positions), class_="fs-faint"),
    )
    _draw_actions(link, info, positions, None)
    _draw_views(link, info, positions, None)


def draw_cluster(link: MapLink, info: LayoutInfo) -> None:
    """The panel of a cluster."""
    layout = maps.layout(info.id)
    level, wanted = link.cluster or (0, 0)
    cluster = next((c for c in layout.at_level(level) if c.number == wanted), None)
    if cluster is None:
        state("There is no such group on this map", "It may have been made anew since.")
        _draw_clear(link)
        return
    things = "users" if layout.users else "posts"
    about = f"{number(cluster.size)} {things}, {share(cluster.size / info.count)} of the map"
    if cluster.terms:
        about += ". Says more than others: " + ", ".join(clean(term) for term, _ in cluster.terms)
    positions = maps.chosen(link)
    show(
        element("h2", foreign(cluster.name)),
        element("p", foreign(about), class_="fs-faint"),
        element("p", _when(link, positions), class_="fs-faint"),
    )
    _draw_actions(link, info, positions, cluster)
    _draw_views(link, info, positions, cluster)


def _when(link: MapLink, positions: Positions) -> str:
    """Of which time the chosen ones are, where not of all."""
    span, written = maps.chosen_span(link), maps.times(link.layout)
    if span is None or written is None:
        return ""
    start, end = (day(datetime.fromtimestamp(at, UTC)) for at in span)
    both = maps.periods(link) if link.beside == link.layout else None
    if both is None:
        return f"Written from {start} to {end}: {number(len(positions))}."
    later, before = (number(int(written.within(*period)[positions].sum())) for period in both)
    return f"Written from {start} to {end}: {later} in the later half of it, {before} in the one before."


def _draw_clear(link: MapLink) -> None:
    if st.button("Let go", icon=":material/close:", key="map.clear"):
        show_in_address_bar(replace(link, polygon=(), cluster=None))
        st.rerun()


def _draw_actions(link: MapLink, info: LayoutInfo, positions: Positions, cluster: Cluster | None) -> None:
    ids = maps.chosen_ids(link)
    with st.container(horizontal=True, key="map_actions"):
        draw_add_to_collection(ids, key="map.collect", noun=info.noun)
        if info.noun == "post":
            name = cluster.name if cluster else f"An area of {info.name}"
            draw_export(lambda: of_posts(ids, name=name, map=link.url()), key="map.export", count=len(ids))
            draw_send_to_review({"what is chosen": ids}, key="map.review")
            if len(positions) >= LEAST and st.button(
                "Zoom into", icon=":material/zoom_in_map:", key="map.zoom", disabled=bool(map_jobs()),
                help="Makes a new map of these posts alone.",
            ):  # fmt: skip
                _zoom_into(info, positions, cluster)
        draw_edits(link, info, positions, cluster)
        _draw_clear(link)


def _zoom_into(info: LayoutInfo, positions: Positions, cluster: Cluster | None) -> None:
    what = clean(cluster.name) if cluster else f"{number(len(positions))} posts"
    recipe = replace(info.recipe, of=f"{what} of the map {info.name}")
    submit(recipe, f"{info.name}: {what}", maps.layout(info.id).rows[positions].tolist())
    st.rerun()


def _draw_views(link: MapLink, info: LayoutInfo, positions: Positions, cluster: Cluster | None) -> None:
    if info.noun == "user":
        _draw_users(info, positions)
        return
    views = CLUSTER_VIEWS if cluster else AREA_VIEWS
    view = st.segmented_control(
        "View", views, default=views[0], required=True, key=f"map.view.{bool(cluster)}", label_visibility="collapsed"
    )
    if view == "Table":
        _draw_table(info, positions)
    elif view == "About":
        _draw_about(info, positions)
    elif view == "Distinctive":
        rows = maps.layout(info.id).rows[positions]
        draw_distinctive(rows, cluster.name if cluster else "What is chosen")
    elif view == "Typical" and cluster is not None:
        _draw_cards(
            link,
            maps.ids_at(info.id, maps.shown(info.id, cluster.typical)) or maps.ids_at(info.id, positions[:PAGE_SIZE]),
        )
    elif view == "Untypical" and cluster is not None:
        _draw_cards(link, maps.ids_at(info.id, maps.shown(info.id, cluster.untypical)))
    else:
        _draw_page(link, info, positions)


def _draw_page(link: MapLink, info: LayoutInfo, positions: Positions) -> None:
    pages = -(-len(positions) // PAGE_SIZE)
    key = f"map.page.{link.url()}"
    page = min(cast(int, st.session_state.get(key, 1)), pages)
    _draw_cards(link, maps.ids_at(info.id, positions[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]), view=str(page))
    if pages > 1:
        with st.container(horizontal=True, horizontal_alignment="center"):
            st.pagination(pages, default=1, key=key)


def _draw_cards(link: MapLink, ids: list[str], view: str = "") -> None:
    posts = resources.posts(ids)
    users = resources.users(posts.values())
    cards = [Card(p, user=users.get(p.user_id or ""), text=p.text[:EXCERPT_CHARS]) for p in posts.values()]
    if not cards:
        show(element("p", "None is left of these.", class_="fs-faint"))
        return
    draw_cards(with_marks(cards), resources.thumbnail, layout="grid", label="Chosen posts", key="map.cards",
               view=f"{view}{link.url()}")  # fmt: skip


def _draw_table(info: LayoutInfo, positions: Positions) -> None:
    ids = maps.ids_at(info.id, positions[:MOST_ROWS])
    posts = resources.posts(ids)
    users = resources.users(posts.values())
    rows = [
        {"Written": p.created_at, "Author": author_name(p, users.get(p.user_id or "")), "Text": clean(p.text[:400]),
         "Language": p.lang, "Likes": p.likes, "Reposts": p.reposts, "Replies": p.replies, "Id": p.id}
        for p in posts.values()
    ]  # fmt: skip
    if len(positions) > MOST_ROWS:
        show(element("p", f"The first {number(MOST_ROWS)} of {number(len(positions))}; an export has all.",
                     class_="fs-faint"))  # fmt: skip
    st.dataframe(rows, hide_index=True, height=460)


def _draw_about(info: LayoutInfo, positions: Positions) -> None:
    found = maps.portrait_of(info.id, positions)
    figures = [(number(found.posts), "posts"), (number(found.user_count), "authors")]
    if found.pictures:
        figures.append((share(found.pictures / max(1, found.posts)), "with pictures"))
    figures.append((share(found.flagged / max(1, found.posts)), "flagged"))
    show(stats(figures))
    if found.days:
        show(element("h3", "Growth"))
        draw_timeline(found.days, key="map.growth")
    names = resources.user_names([id_ for id_, _ in found.users])
    columns = st.columns(3, gap="medium")
    tops = (
        ("Who writes most", [(names[id_], n, SearchLink(users=(id_,))) for id_, n in found.users]),
        ("Hashtags", [(tag, n, SearchLink(words=tag)) for tag, n in found.hashtags]),
        ("Languages", [(language_name(lang), n, SearchLink(langs=(lang,))) for lang, n in found.langs]),
    )
    for column, (title, rows) in zip(columns, tops, strict=True):
        with column:
            show(element("h3", title))
            if rows:
                draw_bars(rows, label=title, key=f"map.top.{title}")
            else:
                show(element("p", "None.", class_="fs-faint"))


def _draw_users(info: LayoutInfo, positions: Positions) -> None:
    ids = maps.ids_at(info.id, positions[:MOST_ROWS])
    known = maps.people(tuple(ids))
    rows = [
        {"Name": clean(user.name or user.handle or user.id), "Handle": clean(user.handle or ""), "Posts": count,
         "Followers": user.followers, "About": clean((user.description or "")[:200]), "Id": user.id}
        for user, count in known
    ]  # fmt: skip
    chosen = st.dataframe(rows, hide_index=True, height=420, on_select="rerun", selection_mode="single-row",
                          key="map.people")  # fmt: skip
    picked = chosen["selection"]["rows"]
    if picked and picked[0] < len(known):
        go_to(UserLink(id=known[picked[0]][0].id))
    show(element("p", "Choose a line to open the user's page.", class_="fs-faint"))
