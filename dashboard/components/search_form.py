"""The search form: one box, a drop zone, the mode and the filters, all of them standing for a SearchLink.

The link is the truth. Widgets are set from it where the address changed by other means (a reload, a link, the browser's
back button), and a changed widget makes a new link, which goes to the address bar.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import streamlit as st

from core.database.filters import FilterChoices
from core.errors import PictureError
from core.types import Mode
from dashboard import resources
from dashboard.components.notices import notice
from dashboard.components.text import clean, label
from dashboard.languages import language_name
from dashboard.links import MAX_CHARS, MAX_LIST, SearchLink
from dashboard.navigation import show_in_address_bar

MODE_NAMES: dict[Mode, str] = {"hybrid": "Everything", "lexical": "Words", "text": "Meaning", "image": "Pictures"}
MODE_HELP = (
    "**Everything** asks all three and merges their answers. **Words** finds posts that hold the words you typed"
    " (quotes for a phrase, a star for the beginning of a word). **Meaning** finds posts that say something like it."
    " **Pictures** finds posts whose pictures show it."
)
PICTURES: dict[str, bool | None] = {"All posts": None, "With pictures": True, "Without": False}
PICTURE_TYPES = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"]
BLENDS = [round(0.1 * step, 1) for step in range(11)]
EXTRA_COLUMNS = 12
_SHOWN = "search.link"
_PROBLEM = "search.problem"


def draw_search_form(link: SearchLink) -> None:
    """Draws the form for the link that the address bar holds."""
    choices = resources.choices()
    if st.session_state.get(_SHOWN) != link or "search.words" not in st.session_state:
        st.session_state[_SHOWN] = link
        st.session_state.update(_widget_values(link, choices))
    with st.container(border=True, key="search_box"):
        left, right = st.columns([8, 3])
        with left:
            st.text_input(
                "Search",
                key="search.words",
                placeholder="Words, a “phrase”, or what a picture shows",
                icon=":material/search:",
                max_chars=MAX_CHARS,
                label_visibility="collapsed",
                on_change=_take,
                args=("words",),
            )
            with st.container(horizontal=True, vertical_alignment="center", key="search_options"):
                _draw_options(link, choices)
        with right:
            st.file_uploader(
                "Drop a picture to search by",
                type=PICTURE_TYPES,
                key=f"search.upload.{st.session_state.setdefault('search.uploads', 0)}",
                max_upload_size=resources.workspace().settings.max_picture_mb,
                label_visibility="collapsed",
                on_change=_take_picture,
            )
    problem = st.session_state.pop(_PROBLEM, None)
    if problem:
        notice(problem, kind="error")


def _draw_options(link: SearchLink, choices: FilterChoices) -> None:
    st.segmented_control(
        "Search in",
        list(MODE_NAMES),
        format_func=lambda mode: MODE_NAMES[mode],
        key="search.mode",
        required=True,
        label_visibility="collapsed",
        help=MODE_HELP,
        on_change=_take,
        args=("mode",),
    )
    if link.mode == "hybrid" and (link.blend != 0.5 or resources.overview().pictures):
        with st.popover("Balance", key="filter_blend", type="tertiary"):
            st.select_slider(
                "What posts say, or what their pictures show",
                BLENDS,
                format_func=_blend_name,
                key="search.blend",
                help="In the middle both count as they serve best as a rule.",
                on_change=_take,
                args=("blend",),
                width=320,
            )
    with st.popover("Time", key="filter_time", type="tertiary"):
        _draw_times(link)
    if choices.langs or link.langs:
        with st.popover("Language", key="filter_lang", type="tertiary"):
            _draw_many("Languages", "langs", choices.langs, link.langs)
    if choices.users or link.users:
        with st.popover("People", key="filter_user", type="tertiary"):
            _draw_users(link, choices)
    with st.popover("More", key="filter_more", type="tertiary"):
        _draw_more(link, choices)


def _blend_name(blend: float) -> str:
    return {0.0: "Words alone", 0.5: "Both", 1.0: "Pictures alone"}.get(blend, f"{blend:.0%} pictures")


def _draw_times(link: SearchLink) -> None:
    summary = resources.overview()
    known = [day for day in (link.since, link.until, summary.first_at, summary.last_at) if day is not None]
    days = sorted(day if type(day) is date else date(day.year, day.month, day.day) for day in known) or [date.today()]
    for name, field in (("From", "since"), ("To and including", "until")):
        st.date_input(
            name,
            value=None,
            min_value=days[0],
            max_value=days[-1],
            format="YYYY-MM-DD",
            key=f"search.{field}",
            on_change=_take,
            args=(field,),
        )


def _draw_many(name: str, field: str, offered: tuple[tuple[str, int], ...], chosen: tuple[str, ...]) -> None:
    counts = dict(offered)
    name_of = language_name if field == "langs" else clean
    st.multiselect(
        name,
        list(dict.fromkeys([*counts, *chosen])),
        format_func=lambda value: f"{name_of(value)} ({counts[value]:,})" if value in counts else name_of(value),
        max_selections=MAX_LIST,
        key=f"search.{field}",
        placeholder="All",
        on_change=_take,
        args=(field,),
    )


def _draw_users(link: SearchLink, choices: FilterChoices) -> None:
    ids = list(dict.fromkeys([*(value for value, _ in choices.users), *link.users]))
    names = resources.user_names(ids)
    counts = dict(choices.users)

    def said(id_: str | None) -> str:
        name = clean(names.get(id_ or "") or id_ or "")
        return f"{name} ({counts[id_]:,})" if id_ in counts else name

    st.multiselect(
        "People",
        ids,
        format_func=said,
        max_selections=MAX_LIST,
        accept_new_options=True,
        key="search.users",
        placeholder="Everybody",
        help="The most active are listed; anybody else can be typed by id.",
        on_change=_take,
        args=("users",),
    )


def _draw_more(link: SearchLink, choices: FilterChoices) -> None:
    st.text_input(
        "Not about",
        key="search.avoid",
        placeholder="Words to keep away from",
        max_chars=MAX_CHARS,
        on_change=_take,
        args=("avoid",),
    )
    st.segmented_control(
        "Pictures", list(PICTURES), key="search.has_picture", required=True, on_change=_take, args=("has_picture",)
    )
    st.number_input(
        "Likes, at least", min_value=0, max_value=10**12, value=None, key="search.min_likes", on_change=_take,
        args=("min_likes",),
    )  # fmt: skip
    if choices.sources or link.sources:
        _draw_many("Sources", "sources", choices.sources, link.sources)
    for column in _extra_columns(link, choices):
        offered = [value for value, _ in choices.extra.get(column, ())]
        wanted = dict(link.extra).get(column)
        st.selectbox(
            label(column),
            list(dict.fromkeys([*offered, *([wanted] if wanted is not None else [])])),
            index=None,
            format_func=clean,
            placeholder="Any",
            key=f"search.extra.{column}",
            on_change=_take,
            args=("extra",),
        )


def _extra_columns(link: SearchLink, choices: FilterChoices) -> list[str]:
    return list(dict.fromkeys([*(column for column, _ in link.extra), *list(choices.extra)[:EXTRA_COLUMNS]]))


def _widget_values(link: SearchLink, choices: FilterChoices) -> dict[str, Any]:
    """Each widget's value by its key."""
    fields = ("words", "avoid", "mode", "since", "until", "min_likes")
    values: dict[str, Any] = {f"search.{field}": getattr(link, field) for field in fields}
    values |= {f"search.{field}": list(getattr(link, field)) for field in ("langs", "users", "sources")}
    values["search.blend"] = min(BLENDS, key=lambda blend: abs(blend - link.blend))
    values["search.has_picture"] = next(name for name, wanted in PICTURES.items() if wanted is link.has_picture)
    wanted = dict(link.extra)
    values |= {f"search.extra.{column}": wanted.get(column) for column in _extra_columns(link, choices)}
    return values


def _take(field: str) -> None:
    """A widget was changed: the link follows, from its first page."""
    link: SearchLink = st.session_state[_SHOWN]
    if field == "extra":
        columns = _extra_columns(link, resources.choices())
        pairs = ((column, st.session_state.get(f"search.extra.{column}")) for column in columns)
        value: Any = tuple((column, chosen) for column, chosen in pairs if chosen is not None)
    else:
        value = st.session_state[f"search.{field}"]
        if field in ("words", "avoid"):
            value = (value or "").strip()
        elif field == "has_picture":
            value = PICTURES[value]
        elif isinstance(value, list):
            value = tuple(value)
    link = replace(link, **{field: value}, number=1)
    if link.since and link.until and link.since > link.until:  # the bound that was just set counts
        link = replace(link, until=None) if field == "since" else replace(link, since=None)
        st.session_state.update({"search.since": link.since, "search.until": link.until})
    show_link(link)


def _take_picture() -> None:
    """A picture was dropped: it is kept, named in the link, and the drop zone is empty again."""
    upload = st.session_state[f"search.upload.{st.session_state['search.uploads']}"]
    st.session_state["search.uploads"] += 1
    if upload is None:
        return
    try:
        sha256 = resources.keep_picture(upload.getvalue())
    except PictureError as error:
        st.session_state[_PROBLEM] = f"{upload.name}: {error}"
    else:
        show_link(replace(st.session_state[_SHOWN], picture=sha256, number=1))


def last_search() -> SearchLink | None:
    """The search that this visitor made last, to come back to; None where there was none."""
    link: SearchLink | None = st.session_state.get(_SHOWN)
    return None if link is None or link.is_empty() else link


def show_link(link: SearchLink) -> None:
    """Makes a link the one that the page shows. For callbacks, before the page is drawn."""
    st.session_state[_SHOWN] = link
    show_in_address_bar(link)
