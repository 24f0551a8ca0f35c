"""Search results: how many, in which order, the cards of one page, and files to take along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from core.export import Subject, of_search
from core.search.words import excerpt, marked_spans
from core.types import SearchResult
from dashboard import resources
from dashboard.components.add_to_collection import draw_add_some
from dashboard.components.cards import Card, Selection, draw_cards
from dashboard.components.chips import Chip, draw_chips, filter_chips
from dashboard.components.export_form import draw_export
from dashboard.components.figures import number
from dashboard.components.notices import notices, state
from dashboard.components.post_marks import with_marks
from dashboard.components.saved_searches import draw_save_search, draw_saved_state
from dashboard.components.search_form import MODE_NAMES, show_link
from dashboard.components.send_to_review import draw_send_to_review
from dashboard.components.text import element, show
from dashboard.links import MAX_HITS, PAGE_SIZE, MapLink, SearchLink, Sort
from dashboard.navigation import page_link
from dashboard.resources import saved_searches

SORTS: dict[Sort, str] = {
    "best": "Best first",
    "newest": "Newest first",
    "liked": "Most liked first",
    "disagree": "Words far from picture",
}
EXCERPT_CHARS = 420
NEW = ("current", "New", "It came in since this saved search was last looked at")


def draw_results(link: SearchLink, result: SearchResult) -> None:
    notices(result.notes, kind="info")
    if not result.hits:
        _draw_nothing_found(link, result)
        return
    pages = -(-len(result.hits) // PAGE_SIZE)
    shown = replace(link, number=min(link.number, pages))
    selection = Selection("results.selected", replace(link, number=1, sort="best").url())
    with st.container(horizontal=True, vertical_alignment="center", key="results_head"):
        _draw_count(shown, result)
        _draw_sort(shown)
        _draw_collect(selection, result)
        draw_save_search(shown)
        draw_export(partial(_subject, shown, result), key="results.export", count=len(result.hits))
        page_link(MapLink(search=replace(link, number=1).url()), "On the map", icon=":material/bubble_chart:")
        _draw_review(selection, result)
    saved = saved_searches.saved_as(shown)
    new: list[str] = []
    if saved is not None:
        _, new = saved_searches.found_and_new(saved, shown)
        draw_saved_state(shown, new, saved)
    _draw_cards(shown, result, selection, frozenset(new))
    if pages > 1:
        with st.container(horizontal=True, horizontal_alignment="center"):
            # Named by its page, since a widget that is there already would not take a page from the address.
            key = f"results.page.{shown.number}"
            st.pagination(pages, default=shown.number, key=key, on_change=_turn_page, args=(shown, key))


def _draw_count(link: SearchLink, result: SearchResult) -> None:
    found = len(result.hits)
    if link.words or link.picture or link.like or link.avoid or link.unlike:
        best = "The best " if found == MAX_HITS else ""
        count = f"{best}{number(found)} of {number(result.considered)} posts"
    else:
        newest = "The newest " if found < result.considered else ""
        of = f" of {number(result.considered)}" if newest else ""
        count = f"{newest}{number(found)}{of} posts" if found != 1 else "1 post"
    first = (link.number - 1) * PAGE_SIZE + 1
    where = f"{number(first)} to {number(min(found, first + PAGE_SIZE - 1))} shown, " if found > PAGE_SIZE else ""
    show(
        element(
            "div",
            element("strong", count),
            element("span", f"{where}found in {result.elapsed_ms:,.0f} ms", class_="fs-faint"),
            class_="fs-count",
        )
    )


def _draw_sort(link: SearchLink) -> None:
    st.session_state["results.sort"] = link.sort
    st.selectbox(
        "Order",
        list(SORTS),
        format_func=lambda sort: SORTS[sort],
        key="results.sort",
        label_visibility="collapsed",
        on_change=_sort,
        args=(link,),
        width=210,
    )


def _sort(link: SearchLink) -> None:
    show_link(replace(link, sort=st.session_state["results.sort"], number=1))


def _turn_page(link: SearchLink, key: str) -> None:
    show_link(replace(link, number=st.session_state[key]))


def _draw_collect(selection: Selection, result: SearchResult) -> None:
    """What was ticked, or all that was found, into a collection."""
    found = [hit.post_id for hit in result.hits]
    ticked = selection.ids
    offers: dict[str, Sequence[str]] = {f"{number(len(ticked))} selected": ticked} if ticked else {}
    offers |= {f"All {number(len(found))} hits": found}
    draw_add_some(offers, key="results.collect", label=f"Add {number(len(ticked))} selected" if ticked else "Collect")
    if ticked:
        st.button("Clear", icon=":material/close:", type="tertiary", key="results.unselect", on_click=selection.clear,
                  help="Takes all ticks away")  # fmt: skip


def _draw_review(selection: Selection, result: SearchResult) -> None:
    """What was ticked, or all that was found, to the reviewers."""
    ticked, found = selection.ids, [hit.post_id for hit in result.hits]
    draw_send_to_review(
        {f"{number(len(ticked))} selected": ticked, f"All {number(len(found))} hits": found}, key="results.review"
    )


def _subject(link: SearchLink, result: SearchResult) -> Subject:
    picture = resources.query_picture(link.picture) if link.picture else None
    return of_search(link.query(picture), result, url=replace(link, number=1).url())


def _draw_cards(link: SearchLink, result: SearchResult, selection: Selection, new: frozenset[str]) -> None:
    first = (link.number - 1) * PAGE_SIZE
    hits = result.hits[first : first + PAGE_SIZE]
    posts = resources.posts([hit.post_id for hit in hits])
    users = resources.users(posts.values())
    cards = []
    for hit in hits:
        if hit.post_id in posts:  # it may have gone since the search was kept
            post = posts[hit.post_id]
            # The picture mode asks what pictures show: a word of the query is in the text by chance.
            words = "" if link.mode == "image" else link.words
            text, spans = excerpt(post.text, marked_spans(post.text, words), EXCERPT_CHARS)
            user = users.get(post.user_id or "")
            cards.append(
                Card(
                    post,
                    user=user,
                    text=text,
                    spans=spans,
                    hit=hit,
                    search=link,
                    badges=[NEW] if post.id in new else [],
                )
            )
    draw_cards(
        with_marks(cards), resources.thumbnail, layout="grid", label="Found posts", key="results.cards",
        view=link.url(), selection=selection,
    )  # fmt: skip


def _draw_nothing_found(link: SearchLink, result: SearchResult) -> None:
    loosened = []
    for chip in filter_chips(link):
        without = chip.remove
        if isinstance(without, SearchLink) and (count := resources.count(without.filters())) > result.considered:
            loosened.append(replace(chip, remove=None, link=without, count=f"{number(count)} posts"))
    loosened.sort(key=lambda chip: -int(chip.count.split()[0].replace(",", "")))
    if result.considered == 0:
        state("No post passes these filters", "Take one of them away, and this many posts are searched:")
    elif link.mode != "hybrid":
        state(
            f"Nothing found in {MODE_NAMES[link.mode].lower()}",
            f"{number(result.considered)} posts were searched. Everything asks meaning and pictures as well.",
        )
        loosened.append(Chip(text="Search everything", link=replace(link, mode="hybrid", number=1)))
    else:
        state("Nothing found", f"{number(result.considered)} posts were searched. Try fewer or other words.")
    draw_chips(loosened, label="Filters to take away", key="results.loosen")
