"""One collection: its members as cards or rows, what is said of it, and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from core import collections as core_collections
from core.errors import CollectionError
from core.export import Subject, of_collection
from core.types import Collection, Post
from dashboard import resources
from dashboard.components.cards import Card, Selection, author_name, draw_cards, short_time
from dashboard.components.collections_view import about, draw_combine, ids_of, note_deleted, note_unknown
from dashboard.components.compare_view import draw_compare
from dashboard.components.export_form import draw_export
from dashboard.components.figures import number
from dashboard.components.notices import notice, state
from dashboard.components.post_marks import with_marks
from dashboard.components.rows import Column, Row, draw_rows
from dashboard.components.text import Markup, element, foreign, show
from dashboard.links import CollectionLink, CollectionView, MapLink, PostLink, SearchLink, UserLink
from dashboard.navigation import page_link, show_in_address_bar
from dashboard.resources import collections

VIEWS: dict[CollectionView, str] = {"grid": "Cards", "table": "Table", "compare": "What is distinctive"}
PAGE_SIZES: dict[CollectionView, int] = {"grid": 24, "table": 50}
_REMOVED = "collection.removed"


def draw_collection(link: CollectionLink) -> None:
    try:
        found = collections.collection(link.id)
    except CollectionError as error:
        state("There is no such collection", str(error))
        page_link(CollectionLink(), "All collections", icon=":material/arrow_back:")
        return
    if found.noun == "user" and link.view == "grid":
        link = replace(link, view="table")
    page_link(CollectionLink(), "All collections", icon=":material/arrow_back:")
    show(
        element("h1", foreign(found.name)),
        element("p", about(found), " ", *_tags(found), class_="fs-faint"),
    )
    if found.note:
        show(element("p", foreign(found.note), class_="fs-note"))
    said = st.session_state.pop("collection.said", None)
    if said is not None and said[0] == found.id:
        notice(said[1])
    selection = Selection("collection.selected", found.id)
    _draw_actions(link, found, selection)
    _draw_undo(found)
    if not found.size:
        state("Nothing is in it yet", "Posts come in from search results, a post's page, a map or a list of ids.")
        page_link(SearchLink(), "Search", icon=":material/search:")
    elif link.view == "compare":
        draw_compare(link, found)
    else:
        _draw_members(link, found, selection)


def _tags(found: Collection) -> list[Markup]:
    return [element("span", foreign(tag), class_="fs-tag") for tag in found.tags]


def _draw_actions(link: CollectionLink, found: Collection, selection: Selection) -> None:
    views = [view for view in VIEWS if found.noun == "post" or view != "grid"]
    key = f"collection.view.{found.id}.{link.view}"
    with st.container(horizontal=True, vertical_alignment="center", key="collection_head"):
        st.segmented_control(
            "View",
            views,
            format_func=lambda view: VIEWS[view],
            default=link.view,
            required=True,
            key=key,
            label_visibility="collapsed",
            on_change=_change_view,
            args=(link, key),
        )
        if selection.ids:
            count = number(len(selection.ids))
            st.button(
                f"Remove {count}",
                icon=":material/remove:",
                key="collection.remove",
                on_click=_remove,
                args=(found, selection),
            )
            st.button(
                "Clear", icon=":material/close:", type="tertiary", key="collection.unselect", on_click=selection.clear
            )
        with st.popover("Add", icon=":material/add:", key="collection.add"):
            _draw_add(found)
        if found.size:
            count_ = found.size if found.noun == "post" else len(collections.post_ids(found.id))
            draw_export(partial(_subject, found.id), key="collection.export", count=count_)
        if found.noun == "post" and found.size:
            page_link(MapLink(collection=found.id), "On the map", icon=":material/scatter_plot:")
        with st.popover("More", key="collection.more", type="tertiary"):
            _draw_more(found)


def _change_view(link: CollectionLink, key: str) -> None:
    show_in_address_bar(replace(link, view=st.session_state[key], number=1))


def _subject(id_: str) -> Subject:
    workspace = resources.workspace()
    return of_collection(workspace, core_collections.get(workspace, id_))


def _draw_add(found: Collection) -> None:
    with st.form("collection.add.form", border=False, clear_on_submit=True):
        ids = st.text_area(f"Ids of {found.noun}s, one a line", height=140)
        if st.form_submit_button("Add", type="primary"):
            added = core_collections.add(resources.workspace(), found.id, ids_of(ids or ""))
            note_unknown(found.id, added)
            st.rerun()


def _draw_more(found: Collection) -> None:
    with st.form("collection.about", border=False):
        name = st.text_input("Name", found.name, max_chars=core_collections.MAX_NAME)
        tags = st.text_input("Tags, parted by commas", ", ".join(found.tags))
        note = st.text_area("Note", found.note, max_chars=core_collections.MAX_NOTE)
        if st.form_submit_button("Save"):
            try:
                core_collections.describe(
                    resources.workspace(), found.id, name=name or "", tags=(tags or "").split(","), note=note or ""
                )
            except CollectionError as error:
                notice(str(error), kind="error")
            else:
                st.rerun()
    others = collections.collections(found.noun)
    if len(others) > 1:
        with st.expander("Combine with others"):
            draw_combine(others, key="collection.combine", first=found.id)
    show(element("p", "The address of this page can be shared with whoever uses this Feedscope.", class_="fs-faint"))
    st.button(
        "Delete this collection",
        icon=":material/delete:",
        key="collection.delete",
        on_click=_delete,
        args=(found,),
        help="The posts stay. It can be taken back.",
    )


def _delete(found: Collection) -> None:
    note_deleted(core_collections.delete(resources.workspace(), found.id))
    show_in_address_bar(CollectionLink())


def _remove(found: Collection, selection: Selection) -> None:
    removed = core_collections.remove(resources.workspace(), found.id, selection.ids)
    selection.clear()
    st.session_state[_REMOVED] = (found.id, removed)


def _draw_undo(found: Collection) -> None:
    removed = st.session_state.get(_REMOVED)
    if removed is None or removed[0] != found.id or not removed[1]:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="undo_bar"):
        show(element("p", f"{number(len(removed[1]))} removed from this collection."), width="content")
        st.button("Undo", icon=":material/undo:", key="collection.undo", on_click=_take_back, args=removed)


def _take_back(id_: str, members: tuple[str, ...]) -> None:
    core_collections.add(resources.workspace(), id_, members)
    st.session_state.pop(_REMOVED, None)


def _draw_members(link: CollectionLink, found: Collection, selection: Selection) -> None:
    size = PAGE_SIZES[link.view]
    pages = -(-found.size // size)
    page = min(link.number, pages)
    ids = collections.members_page(found.id, (page - 1) * size, size)
    if found.noun == "user":
        _draw_users(ids, selection)
    elif link.view == "table":
        _draw_table(ids, selection)
    else:
        posts = _shown(ids)
        users = resources.users(posts.values())
        cards = [Card(post, user=users.get(post.user_id or ""), text=post.text[:420]) for post in posts.values()]
        draw_cards(
            with_marks(cards),
            resources.thumbnail,
            layout="grid",
            label="Members",
            key="collection.cards",
            view=replace(link, number=page).url(),
            selection=selection,
        )
    if pages > 1:
        with st.container(horizontal=True, horizontal_alignment="center"):
            key = f"collection.page.{link.view}.{page}"
            st.pagination(pages, default=page, key=key, on_change=_turn_page, args=(link, key))


def _shown(ids: Sequence[str]) -> dict[str, Post]:
    """The posts of a page, without those that moderation took away, which are counted."""
    posts = resources.posts(ids)
    away = len(ids) - len(posts)
    if away:
        said = "is a post that was" if away == 1 else f"are {number(away)} posts that were"
        show(element("p", f"On this page there {said} removed by review, and not shown.", class_="fs-faint"))
    return posts


def _turn_page(link: CollectionLink, key: str) -> None:
    show_in_address_bar(replace(link, number=st.session_state[key]))


def _draw_table(ids: tuple[str, ...], selection: Selection) -> None:
    posts = _shown(ids)
    users = resources.users(posts.values())
    columns = [
        Column("Post", wide=True),
        Column("Author"),
        Column("Written (UTC)"),
        Column("Language"),
        Column("Likes", numeric=True),
        Column("Pictures", numeric=True),
        Column("Source"),
        Column("Id"),
    ]
    rows = [
        Row(
            post.id,
            (
                post.text[:400] or "(no words)",
                author_name(post, users.get(post.user_id or "")),
                short_time(post.created_at) if post.created_at else "",
                post.lang or "",
                "" if post.likes is None else number(post.likes),
                number(sum(item.path is not None for item in post.media)),
                post.source or "",
                post.id,
            ),
            PostLink(post.id),
        )
        for post in posts.values()
    ]
    draw_rows(columns, rows, label="Members", key="collection.rows", selection=selection)


def _draw_users(ids: tuple[str, ...], selection: Selection) -> None:
    known = collections.users_with_counts(ids)
    columns = [
        Column("Name"),
        Column("Handle"),
        Column("Id"),
        Column("Posts here", numeric=True),
        Column("Followers", numeric=True),
        Column("Says", wide=True),
    ]
    rows = [
        Row(
            user.id,
            (
                user.name or user.handle or user.id,
                user.handle or "",
                user.id,
                number(posts),
                "" if user.followers is None else number(user.followers),
                (user.description or "")[:300],
            ),
            UserLink(user.id),
        )
        for user, posts in known
    ]
    draw_rows(columns, rows, label="Members", key="collection.rows", selection=selection)
