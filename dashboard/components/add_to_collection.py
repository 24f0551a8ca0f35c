"""Putting posts or users into a collection, from wherever they are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from core import collections as core_collections
from core.errors import CollectionError
from core.types import Collection, Noun
from dashboard import resources
from dashboard.components.cards import plural
from dashboard.components.figures import number
from dashboard.components.notices import notice
from dashboard.components.offers import choose_offer
from dashboard.components.text import clean, element, foreign, show
from dashboard.links import CollectionLink
from dashboard.navigation import page_link
from dashboard.resources import collections as collection_resources

Ids = Sequence[str] | Callable[[], Sequence[str]]
"""Ids, or what gives them once somebody adds them."""


def draw_add_to_collection(
    ids: Sequence[str], *, key: str, noun: Noun = "post", label: str = "Add to collection"
) -> None:
    """A button that opens a choice of collections: pick one or type the name of a new one, and add. Nothing is drawn
    where there are no ids."""
    if ids:
        draw_add_some({f"{number(len(ids))} {plural(noun, len(ids))}": ids}, key=key, noun=noun, label=label)


def draw_add_some(
    offers: Mapping[str, Ids], *, key: str, noun: Noun = "post", label: str = "Add to collection"
) -> None:
    """The same where there are several things to add, such as what is selected and all that was found: ids by what to
    call them. The first is offered first."""
    with st.popover(label, icon=":material/bookmark_add:", key=f"{key}.popover"):
        _draw_outcome(key)
        what = choose_offer(offers, "What to add", key=key)
        if len(offers) == 1:
            show(element("p", f"{what} into", class_="fs-faint"))
        _draw_choice(offers[what], key=key, noun=noun)


def _draw_outcome(key: str) -> None:
    problem = st.session_state.pop(f"{key}.problem", None)
    if problem:
        notice(problem, kind="error")
    said = st.session_state.pop(f"{key}.said", None)
    if said is not None:
        show(element("p", said[0]))
        page_link(CollectionLink(id=said[1]), "Open the collection", icon=":material/arrow_forward:")


def _draw_choice(ids: Ids, *, key: str, noun: Noun) -> None:
    known = {found.id: found for found in collection_resources.collections(noun)}

    def named(id_: str) -> str:
        found = known.get(id_)
        return f"{clean(found.name)} ({number(found.size)})" if found else clean(id_)

    st.selectbox(
        "Collection",
        list(known),
        index=None,
        format_func=named,
        accept_new_options=True,
        placeholder="Choose one, or type a new name",
        key=f"{key}.choice",
        label_visibility="collapsed",
    )
    st.button("Add", type="primary", key=f"{key}.add", on_click=_add, args=(ids, key, noun), width="stretch")


def _add(ids: Ids, key: str, noun: Noun) -> None:
    chosen = (st.session_state.get(f"{key}.choice") or "").strip()
    if not chosen:
        st.session_state[f"{key}.problem"] = "Choose a collection, or type the name of a new one."
        return
    try:
        into = _chosen_or_new(chosen, noun)
        added = core_collections.add(resources.workspace(), into.id, ids() if callable(ids) else ids)
    except CollectionError as error:
        st.session_state[f"{key}.problem"] = str(error)
        return
    st.session_state[f"{key}.choice"] = None
    already = f"; {number(added.already)} had been there" if added.already else ""
    said = element("span", f"{number(added.added)} added to ", foreign(into.name), f"{already}.")
    st.session_state[f"{key}.said"] = (said, into.id)


def _chosen_or_new(chosen: str, noun: Noun) -> Collection:
    """The collection of that id, else the one of that name, else a new one."""
    for found in collection_resources.collections(noun):
        if chosen == found.id or chosen.casefold() == found.name.casefold():
            return found
    return core_collections.create(resources.workspace(), chosen, noun)
