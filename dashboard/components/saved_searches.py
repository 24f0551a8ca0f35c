"""Saved searches: to keep one, to come back, and to see what is new since."""

from __future__ import annotations

import streamlit as st

from core import saved_searches as core_searches
from core.database.saved_searches import SavedSearch
from core.errors import CollectionError, FeedscopeError
from dashboard import resources
from dashboard.components.figures import badge, day_and_time, number
from dashboard.components.notices import notice
from dashboard.components.text import element, foreign, label, show
from dashboard.links import MAX_HITS, SearchLink
from dashboard.navigation import page_link
from dashboard.resources import saved_searches

_UNDO = "saved.undo"


def draw_save_search(link: SearchLink) -> None:
    """A button by which the shown search is kept, or what it is kept as."""
    if saved_searches.saved_as(link) is not None:
        return
    with st.popover("Save", icon=":material/bookmark:", key="results.save"), st.form("results.save.form", border=False):
        name = st.text_input("Name of this search", link.words[: core_searches.MAX_NAME])
        if st.form_submit_button("Save this search", type="primary"):
            try:
                core_searches.save(resources.workspace(), name or "", saved_searches.plain(link).url())
            except CollectionError as error:
                notice(str(error), kind="error")
            else:
                st.rerun()


def draw_saved_state(link: SearchLink, new: list[str], saved: SavedSearch) -> None:
    """Above the results of a saved search: since when which are new."""
    with st.container(horizontal=True, vertical_alignment="center", key="saved_state"):
        among = f" among the best {saved_searches.BEST}" if saved_searches.ranks_everything(link) else ""
        count = (f"{number(len(new))} new" if new else "nothing new") + among
        since = f"{day_and_time(saved.seen_at)} UTC"
        show(element("p", "Saved as ", foreign(saved.name), f": {count} since {since}."), width="content")
        if new:
            st.button(
                "Mark as seen",
                icon=":material/done_all:",
                key="saved.seen",
                on_click=core_searches.mark_seen,
                args=(resources.workspace(), saved.id),
            )


def draw_saved_searches() -> None:
    """All of them, each with what it finds now."""
    every = saved_searches.saved_searches()
    gone: SavedSearch | None = st.session_state.get(_UNDO)
    if not every and gone is None:
        return
    show(element("h2", "Saved searches"))
    if gone is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            show(element("p", foreign(gone.name), " was deleted."), width="content")
            st.button("Undo", icon=":material/undo:", key="saved.undo_delete", on_click=_restore, args=(gone,))
    for saved, link in every:
        with st.container(horizontal=True, vertical_alignment="center", key=f"saved_{saved.id}"):
            page_link(link, label(saved.name), icon=":material/search:")
            try:
                found, new = saved_searches.found_and_new(saved, link)
            except FeedscopeError as error:
                show(element("p", str(error), class_="fs-faint"), width="content")
            else:
                many = f"{number(found)} posts" if found < MAX_HITS else f"the best {number(found)} posts"
                among = f" among the best {saved_searches.BEST}" if saved_searches.ranks_everything(link) else ""
                since = f"{among} since {day_and_time(saved.seen_at)} UTC"
                said = badge(f"{number(len(new))} new", "good") if new else badge("Nothing new", "none")
                show(element("p", said, f"{since}; {many} now", class_="fs-faint"), width="content")
            st.button(
                "Delete",
                icon=":material/delete:",
                type="tertiary",
                key=f"saved.delete.{saved.id}",
                on_click=_delete,
                args=(saved.id,),
            )


def _delete(id_: str) -> None:
    st.session_state[_UNDO] = core_searches.delete(resources.workspace(), id_)


def _restore(saved: SavedSearch) -> None:
    core_searches.restore(resources.workspace(), saved)
    st.session_state.pop(_UNDO, None)
