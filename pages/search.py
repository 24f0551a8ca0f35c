"""Search: words, a picture, examples and filters in; post cards out."""

from __future__ import annotations

import streamlit as st

from core.errors import FeedscopeError
from dashboard import resources
from dashboard.components.chips import Chip, draw_chips, search_chips
from dashboard.components.notices import notice, notices, state
from dashboard.components.results import draw_results
from dashboard.components.search_form import draw_search_form
from dashboard.components.shortcuts import draw_shortcuts
from dashboard.components.text import element, show
from dashboard.languages import language_name
from dashboard.links import DataLink, SearchLink
from dashboard.navigation import current, page_link


def draw_start() -> None:
    """What the page shows before anything is asked."""
    summary = resources.overview()
    if summary.posts == 0:
        state("There are no posts to search yet", "Bring a file or a folder of posts, and they can be searched here.")
        page_link(DataLink(), "Bring your data", icon=":material/upload:")
        return
    show(element("p", "Type something, drop a picture, or begin with one of these.", class_="fs-lead"))
    chips = [Chip(text=tag, count=f"{n:,}", link=SearchLink(words=tag)) for tag, n in summary.hashtags[:8]]
    if summary.pictures:
        chips.append(Chip(name="Newest posts with pictures", link=SearchLink(has_picture=True)))
    chips += [
        Chip(name="Newest in", text=language_name(lang), count=f"{n:,}", link=SearchLink(langs=(lang,)))
        for lang, n in summary.langs[:4]
    ]
    chips += [
        Chip(name="Newest from", text=source, count=f"{n:,}", link=SearchLink(sources=(source,)))
        for source, n in summary.sources[:3]
    ]
    draw_chips(chips, label="Things to try", key="search.examples")
    show(
        element(
            "p",
            "“Quotes” keep words together, -word leaves a word out, cat* finds words that begin so, / comes back here.",
            class_="fs-faint",
        )
    )


link, problems = current(SearchLink)
draw_shortcuts()
draw_search_form(link)
draw_chips(search_chips(link), label="This search", key="search.parts")
notices(problems)
if link.is_empty():
    draw_start()
else:
    waiting = resources.encoders().state == "loading"
    try:
        with st.spinner("The models are still loading: the first search waits for them." if waiting else "Searching …"):
            result = resources.find(link)
    except FeedscopeError as error:
        notice(str(error), kind="error")
    else:
        draw_results(link, result)
