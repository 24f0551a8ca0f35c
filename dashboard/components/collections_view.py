"""All collections: to open, make, combine and take back; and the saved searches."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core import collections as core_collections
from core.database.collections import SetOperation
from core.errors import CollectionError
from core.types import Collection, Noun
from dashboard import resources
from dashboard.components.cards import plural
from dashboard.components.figures import day_and_time, number
from dashboard.components.notices import notice, state
from dashboard.components.saved_searches import draw_saved_searches
from dashboard.components.text import clean, element, foreign, label, show
from dashboard.links import CollectionLink, SearchLink
from dashboard.navigation import go_to, page_link
from dashboard.resources import collections

OPERATIONS: dict[SetOperation, tuple[str, str]] = {
    "union": ("All together", "what is in any of them"),
    "intersection": ("In common", "what is in each of them"),
    "difference": ("Subtract", "what is in the first and in none of the others"),
}
NOUNS: dict[Noun, str] = {"post": "Posts", "user": "People"}
_UNDO = "collections.undo"


def draw_all_collections() -> None:
    every = collections.collections()
    with st.container(horizontal=True, vertical_alignment="center"):
        show(element("h1", "Collections"))
        with st.popover("New collection", icon=":material/add:", key="collections.new"):
            _draw_new()
        if len(every) > 1:
            with st.popover("Combine", icon=":material/join_inner:", key="collections.combine"):
                draw_combine(every, key="collections.combine")
    draw_undo()
    if every:
        _draw_list(every)
    else:
        state(
            "There are no collections yet",
            "A collection is a set of posts or people that you keep: to look through, to compare with the rest, to show"
            " on a map, to hand on.",
            steps=(
                "In search results tick posts, or take all hits, and choose Collect.",
                "A post's page collects that post, or its neighbours.",
                "New collection takes a list of ids.",
            ),
        )
        page_link(SearchLink(), "Search", icon=":material/search:")
    draw_saved_searches()
    _draw_bin()


def _draw_list(every: Sequence[Collection]) -> None:
    tags = sorted({tag for found in every for tag in found.tags})
    chosen: list[str] = []
    if tags:
        chosen = st.pills(
            "Tags",
            tags,
            format_func=label,
            selection_mode="multi",
            key="collections.tags",
            label_visibility="collapsed",
        )
    shown = [found for found in every if set(chosen) <= set(found.tags)]
    for start in range(0, len(shown), 3):
        for column, found in zip(st.columns(3), shown[start : start + 3], strict=False):
            with column, st.container(border=True, key=f"way_{found.id}", height="stretch", gap="xxsmall"):
                page_link(CollectionLink(id=found.id), f"**{label(found.name)}**", icon=_icon(found.noun))
                show(element("p", about(found), class_="fs-faint"))
                if found.tags:
                    show(element("p", *(element("span", foreign(tag), class_="fs-tag") for tag in found.tags)))
                if found.note:
                    show(element("p", foreign(_first_words(found.note)), class_="fs-clamp"))


def _icon(noun: Noun) -> str:
    return ":material/article:" if noun == "post" else ":material/group:"


def about(found: Collection) -> str:
    """How large it is and when it was last changed."""
    what = plural("post" if found.noun == "post" else "user", found.size)
    changed = f", changed {day_and_time(found.changed_at)} UTC" if found.changed_at else ""
    return f"{number(found.size)} {what}{changed}"


def _first_words(note: str) -> str:
    note = " ".join(note.split())
    return note if len(note) <= 160 else note[:160] + " …"


def _draw_new() -> None:
    problem = st.session_state.pop("collections.new.problem", None)
    if problem:
        notice(problem, kind="error")
    with st.form("collections.new.form", border=False):
        name = st.text_input("Name", max_chars=core_collections.MAX_NAME, placeholder="What these have in common")
        noun = st.segmented_control(
            "Of", list(NOUNS), format_func=lambda one: NOUNS[one], default="post", required=True
        )
        ids = st.text_area("Ids, one a line", placeholder="May stay empty", height=120)
        if st.form_submit_button("Make it", type="primary"):
            try:
                made = core_collections.create(resources.workspace(), name or "", noun)
                added = core_collections.add(resources.workspace(), made.id, ids_of(ids or ""))
            except CollectionError as error:
                notice(str(error), kind="error")
            else:
                note_unknown(made.id, added)
                go_to(CollectionLink(id=made.id))


def ids_of(text: str) -> list[str]:
    """Ids of a text, one a line."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def note_unknown(id_: str, added: core_collections.Added) -> None:
    """Says on the collection's page what became of ids that were typed in."""
    said = [f"{number(added.added)} added."]
    if added.already:
        said.append(f"{number(added.already)} had been there.")
    if added.unknown:
        some = ", ".join(clean(one)[:60] for one in added.unknown[:5])
        more = f" and {number(len(added.unknown) - 5)} more" if len(added.unknown) > 5 else ""
        said.append(f"{number(len(added.unknown))} name nothing in this workspace: {some}{more}.")
    if added.added or added.unknown or added.already:
        st.session_state["collection.said"] = (id_, " ".join(said))


def draw_combine(every: Sequence[Collection], *, key: str, first: str | None = None) -> None:
    """A new collection from others, which stay as they are. ``first`` is one that is chosen already."""
    known = {found.id: found for found in every}
    with st.form(f"{key}.form", border=False):
        operation = st.segmented_control(
            "How", list(OPERATIONS), format_func=lambda one: OPERATIONS[one][0], default="union", required=True
        )
        show(element("p", "; ".join(f"{name}: {said}" for name, said in OPERATIONS.values()) + ".", class_="fs-faint"))
        chosen = st.multiselect(
            "Collections, in order",
            list(known),
            default=[first] if first in known else [],
            format_func=lambda id_: f"{clean(known[id_].name)} ({number(known[id_].size)})",
        )
        name = st.text_input("Name of the new one", max_chars=core_collections.MAX_NAME)
        if st.form_submit_button("Combine", type="primary"):
            try:
                made = core_collections.combine(resources.workspace(), operation, chosen, name or "")
            except CollectionError as error:
                notice(str(error), kind="error")
            else:
                go_to(CollectionLink(id=made.id))


def note_deleted(found: Collection) -> None:
    st.session_state[_UNDO] = found


def draw_undo() -> None:
    """After a collection was deleted: what was, and the way back."""
    found: Collection | None = st.session_state.get(_UNDO)
    if found is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="undo_bar"):
        show(element("p", foreign(found.name), " was deleted."), width="content")
        st.button("Undo", icon=":material/undo:", key="collections.undo_delete", on_click=_restore, args=(found.id,))
        st.button("Dismiss", type="tertiary", key="collections.dismiss", on_click=_forget_undo)


def _restore(id_: str) -> None:
    core_collections.restore(resources.workspace(), id_)
    _forget_undo()


def _forget_undo() -> None:
    st.session_state.pop(_UNDO, None)


def _draw_bin() -> None:
    gone = core_collections.deleted(resources.workspace())
    if not gone:
        return
    days = core_collections.KEPT_DELETED.days
    with st.expander(f"Deleted in the last {days} days ({number(len(gone))})"):
        for found in gone:
            with st.container(horizontal=True, vertical_alignment="center"):
                show(element("p", foreign(found.name), f": {about(found)}"), width="content")
                st.button("Take back", key=f"collections.restore.{found.id}", on_click=_restore, args=(found.id,))
