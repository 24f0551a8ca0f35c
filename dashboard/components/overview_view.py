"""The first page, for somebody who has never seen this workspace and for somebody who comes back each morning."""

from __future__ import annotations

from pathlib import PurePath

import streamlit as st

from core.database.overview import Run, Summary
from dashboard import resources
from dashboard.components.cards import Card, draw_cards
from dashboard.components.charts import draw_bars, draw_timeline
from dashboard.components.figures import badge, day, day_and_time, facts, number, stats
from dashboard.components.notices import notice, state
from dashboard.components.text import Markup, element, foreign, show
from dashboard.languages import language_name
from dashboard.links import MAX_CHARS, DataLink, Link, MapLink, RecommendLink, ReviewLink, SearchLink
from dashboard.navigation import go_to, page_link
from dashboard.resources import moderation

RECENT_PICTURES = 16


def draw_overview() -> None:
    summary = resources.overview()
    if summary.posts == 0:
        _draw_welcome()
        return
    _draw_head(summary)
    _draw_ways(summary)
    left, right = st.columns([5, 3], gap="large")
    with left:
        show(element("h2", "Posts over time"))
        if summary.posts_by_day:
            draw_timeline(summary.posts_by_day, key="overview.time")
            if summary.undated:
                show(element("p", f"{number(summary.undated)} more posts have no time.", class_="fs-faint"))
        else:
            show(element("p", "None of these posts says when it was written.", class_="fs-faint"))
    with right:
        _draw_news(summary)
    _draw_tops(summary)
    _draw_pictures()


def _draw_welcome() -> None:
    state(
        "This workspace is empty",
        "Feedscope searches the posts of a social network by their words, by their meaning and by what their pictures"
        " show. Everything stays on this computer.",
        steps=(
            "Bring a CSV, TSV, JSON lines or Parquet file of posts, with pictures beside it if you have them.",
            "Or a folder of pictures: each becomes a post.",
            "What was recognised is shown before anything is stored.",
        ),
    )
    page_link(DataLink(), "Bring your data", icon=":material/upload:")


def _draw_head(summary: Summary) -> None:
    show(element("h1", foreign(resources.workspace_name())), element("p", _in_a_sentence(summary), class_="fs-lead"))
    if resources.holds_demo():
        notice("This is the demo: a fictional network. Its people, posts and pictures are made up.")
    figures = [(number(summary.posts), "posts")]
    figures += [(number(n), noun) for n, noun in ((summary.users, "authors"), (summary.pictures, "pictures")) if n]
    if summary.interactions:
        figures.append((number(summary.interactions), "likes and other acts"))
    show(stats(figures))


def _in_a_sentence(summary: Summary) -> str:
    time = "Posts"
    if summary.first_at and summary.last_at:
        first, last = day(summary.first_at), day(summary.last_at)
        time = f"Posts of {first}" if first == last else f"Posts from {first} to {last}"
    ways = "by their words, by their meaning and by what their pictures show"
    return f"{time}, to be searched {ways if summary.pictures else 'by their words and by their meaning'}."


def _draw_ways(summary: Summary) -> None:
    """Where to go: a search at once, or one of six ways."""
    with st.form("overview_search", border=False):
        box, button = st.columns([8, 1], vertical_alignment="bottom")
        words = box.text_input(
            "Search",
            placeholder="Search these posts: words, a “phrase”, or what a picture shows",
            icon=":material/search:",
            max_chars=MAX_CHARS,
            label_visibility="collapsed",
        )
        if button.form_submit_button("Search", type="primary", width="stretch") and (words or "").strip():
            go_to(SearchLink(words=(words or "").strip()))
    pictures = summary.pictures > 0
    newest = (
        SearchLink(has_picture=True) if pictures else SearchLink(langs=tuple(lang for lang, _ in summary.langs[:1]))
    )
    ways: list[tuple[Link, str, str, str]] = [
        (SearchLink(), "Search", ":material/search:", "By words, by a picture that you drop, or by examples."),
        (
            newest,
            "Newest pictures" if pictures else "Newest posts",
            ":material/photo_library:" if pictures else ":material/dynamic_feed:",
            "Open a post to see its thread and its neighbours.",
        ),
        (MapLink(), "Map", ":material/bubble_chart:", "What people talk about, laid out by what is alike."),
        (RecommendLink(), "Recommendations", ":material/recommend:", "What a user would be shown, and why."),
        (ReviewLink(), "Review", ":material/gavel:", "Decide on what was flagged, copies together."),
        (DataLink(), "Bring your own data", ":material/upload:", "A file of posts or a folder of pictures."),
    ]
    columns = [*st.columns(3), *st.columns(3)]
    for column, (number_, (link, label, icon, text)) in zip(columns, enumerate(ways), strict=True):
        with column, st.container(border=True, key=f"way_{number_}", height="stretch", gap="xxsmall"):
            page_link(link, f"**{label}**", icon=icon)
            show(element("p", text, class_="fs-faint"))


def _draw_news(summary: Summary) -> None:
    show(element("h2", "What is new"))
    if summary.runs:
        show(_run_said(summary.runs[0]))
    else:
        show(element("p", "Nothing was imported yet.", class_="fs-faint"))
    show(element("h2", "What waits"), facts(_waiting()))
    page_link(DataLink(), "Imports, models and indexes", icon=":material/database:")


def _run_said(run: Run) -> Markup:
    source = PurePath(run.path).name
    when = day_and_time(run.finished_at or run.started_at)
    what = f"{number(run.added)} posts added" + (f", {number(run.updated)} changed" if run.updated else "")
    return element(
        "div",
        element("p", element("strong", foreign(source)), " was imported: ", what, "."),
        element("p", f"{when} UTC" + ("" if run.finished_at else ", not finished"), class_="fs-faint"),
    )


def _waiting() -> list[tuple[str, str]]:
    """What is not done yet, each with its number; all of it from the data."""
    active = resources.active_jobs()
    behind = [(part.title, part.waiting) for part in resources.index_status() if part.waiting]
    rows: list[tuple[str, str]] = [("Jobs", f"{number(len(active))} to do" if active else badge("None", "good"))]
    rows += [(title, f"{number(waiting)} to do") for title, waiting in behind]
    if not behind:
        rows.append(("Indexes", badge("Current", "good")))
    flagged = sum(queue.count for queue in moderation.waiting())
    if flagged:
        rows.append(("Review", f"{number(flagged)} flags to decide"))
    elif moderation.not_scored():
        rows.append(("Review", "Posts were not scored yet"))
    else:
        rows.append(("Review", badge("Nothing waits", "good")))
    return rows


def _draw_tops(summary: Summary) -> None:
    tops = [
        ("Hashtags", [(tag, n, SearchLink(words=tag)) for tag, n in summary.hashtags]),
        ("Languages", [(language_name(lang), n, SearchLink(langs=(lang,))) for lang, n in summary.langs]),
        ("Sources", [(source, n, SearchLink(sources=(source,))) for source, n in summary.sources]),
    ]
    tops = [(name, rows) for name, rows in tops if rows]
    for column, (name, rows) in zip(st.columns(len(tops), gap="large") if tops else [], tops, strict=True):
        with column:
            show(element("h2", name))
            draw_bars(rows[:8], label=name, key=f"overview.{name.lower()}")


def _draw_pictures() -> None:
    ids = resources.newest_pictures(RECENT_PICTURES)
    if not ids:
        return
    posts = resources.posts(ids)
    show(element("h2", "Recent pictures"))
    cards = [Card(posts[id_], text=posts[id_].text[:200]) for id_ in ids if id_ in posts]
    draw_cards(cards, resources.thumbnail, layout="tiles", label="Recent pictures", key="overview.pictures")
