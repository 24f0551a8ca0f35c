"""The page Recommendations: whose, which view of them, and what each view shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

import streamlit as st

from core.errors import FeedscopeError
from core.recommend.serving import FALLBACK, title_of
from dashboard import resources
from dashboard.components.chips import Chip, draw_chips
from dashboard.components.notices import notice, state
from dashboard.components.recommend_compare import draw_compare
from dashboard.components.recommend_exposure import draw_exposure
from dashboard.components.recommend_list import draw_list
from dashboard.components.recommend_models import draw_models, draw_train_hint
from dashboard.components.recommend_people import draw_people
from dashboard.components.text import clean, element, show
from dashboard.links import DataLink, MapLink, RecommendLink, SearchLink, Tab, UserLink
from dashboard.navigation import go_to, page_link, show_in_address_bar
from dashboard.resources import recommend

TAB_NAMES: dict[Tab, str] = {
    "list": "History and list", "compare": "Side by side", "people": "People and interests", "exposure": "Exposure",
    "models": "Models",
}  # fmt: skip
_SHOWN = "recommend.link"
_KEYS = ("tab", "model", "diversity", "freshness", "cap", "at", "hide_flagged", "viewed_again")


def draw_recommendations(link: RecommendLink) -> None:
    if not resources.overview().posts:
        state(
            "There is nothing to recommend yet", "Bring posts and what people did with them: likes, reposts, replies."
        )
        page_link(DataLink(), "Bring your data", icon=":material/upload:")
        return
    _seed(link)
    st.segmented_control(
        "View", list(TAB_NAMES), format_func=lambda tab: TAB_NAMES[tab], key="recommend.tab", required=True,
        on_change=_change, label_visibility="collapsed",
    )  # fmt: skip
    if link.tab == "models":
        draw_models()
        return
    _draw_picker(link)
    if not link.user:
        _draw_start()
        return
    if not recommend.is_known(link.user):
        state("There is no such user here", f"This workspace does not know the user “{clean(link.user)[:80]}”.")
        return
    known = recommend.models()
    if known == (FALLBACK,):
        draw_train_hint()
    model = link.model if link.model in known else known[0]
    if link.model and link.model not in known:
        notice(f"The model “{clean(link.model)[:40]}” is not trained here; this is {title_of(model)}.", kind="warning")
    _draw_knobs(known)
    _draw_what_if(link)
    try:
        {
            "list": partial(draw_list, link, model), "compare": partial(draw_compare, link, known, model),
            "people": partial(draw_people, link, model), "exposure": partial(draw_exposure, link, model),
        }[link.tab]()  # fmt: skip
    except FeedscopeError as error:
        state("These can't be recommended", str(error), kind="failed")


def _seed(link: RecommendLink) -> None:
    """Widgets show what the address says."""
    if st.session_state.get(_SHOWN) != link or "recommend.tab" not in st.session_state:
        known = recommend.models()
        st.session_state[_SHOWN] = link
        values = {name: getattr(link, name) for name in _KEYS}
        values["model"] = link.model if link.model in known else known[0]
        st.session_state.update({f"recommend.{name}": value for name, value in values.items()})


def _change() -> None:
    """The address says what the widgets show."""
    link: RecommendLink = st.session_state[_SHOWN]
    given = {name: st.session_state[f"recommend.{name}"] for name in _KEYS if f"recommend.{name}" in st.session_state}
    for name in ("diversity", "freshness"):
        if name in given:
            given[name] = round(given[name], 2)
    if given.get("model") == recommend.models()[0]:
        given["model"] = ""
    link = replace(link, **given)
    st.session_state[_SHOWN] = link
    show_in_address_bar(link)


def _draw_picker(link: RecommendLink) -> None:
    busiest = recommend.people("")
    counts = dict(busiest)
    ids = list(dict.fromkeys([*([link.user] if link.user else []), *counts]))
    names = resources.user_names(ids)

    def named(id_: str) -> str:
        name = " ".join(clean(names.get(id_, id_)).split())[:50]
        return f"{name}, {counts[id_]:,} acts" if counts.get(id_) else name

    key = f"recommend.user.{link.user}"
    left, right = st.columns([3, 2], gap="large", vertical_alignment="bottom")
    with left:
        chosen = st.selectbox(
            "Whose recommendations", ids, index=0 if link.user else None, format_func=named, key=key,
            accept_new_options=True, placeholder="Choose a user, or type a name or an id",
        )  # fmt: skip
    if chosen and chosen != link.user:
        found = chosen if chosen in counts or recommend.is_known(chosen) else None
        if found is None:
            matches = recommend.people(chosen, 1)
            found = matches[0][0] if matches else None
        if found is not None:
            go_to(RecommendLink(user=found, tab=link.tab, model=link.model, beside=link.beside))
        notice(f"Nobody here is called “{clean(chosen)[:60]}”.", kind="warning")
    if link.user:
        with right:
            draw_chips(
                [
                    Chip(name="This user", link=UserLink(id=link.user)),
                    Chip(name="Their posts", link=SearchLink(users=(link.user,))),
                    Chip(name="On the map", link=MapLink(user=link.user)),
                ],
                label="The user elsewhere", key="recommend.elsewhere",
            )  # fmt: skip


def _draw_start() -> None:
    people = recommend.people("", 12)
    if not people:
        state(
            "Nobody has done anything yet",
            "Recommendations are made from likes, reposts, replies and what people write. Import interactions with"
            " the posts, or posts with authors.",
        )
        page_link(DataLink(), "Bring your data", icon=":material/upload:")
        return
    names = resources.user_names([id_ for id_, _ in people])
    show(
        element("h2", "Who did most here"),
        element(
            "p", "The number counts likes, reposts and replies. Anybody else is found by name above.", class_="fs-faint"
        ),
    )
    chips = [Chip(text=names[id_], count=f"{n:,}", link=RecommendLink(user=id_)) for id_, n in people]
    draw_chips(chips, label="The busiest users", key="recommend.start")


def _draw_knobs(known: tuple[str, ...]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="recommend_knobs"):
        st.selectbox("Model", list(known), format_func=title_of, key="recommend.model", on_change=_change, width=180)
        st.slider(
            "Diversity", 0.0, 1.0, step=0.05, key="recommend.diversity", on_change=_change, width=125,
            help="How far posts of the list must differ from each other (MMR).",
        )  # fmt: skip
        st.slider(
            "Freshness", 0.0, 1.0, step=0.05, key="recommend.freshness", on_change=_change, width=125,
            help="How much newer posts gain; halved every week.",
        )  # fmt: skip
        st.number_input(
            "Posts an author", 0, 50, key="recommend.cap", on_change=_change, width=125,
            help="At most so many of one author; 0 is no limit.",
        )  # fmt: skip
        since, until = resources.overview().first_at, resources.overview().last_at
        if since is not None and until is not None:
            st.date_input(
                "Pretend it is", min_value=since.date(), max_value=until.date() + timedelta(days=1), key="recommend.at",
                on_change=_change, width=135, help="The history and the posts as they were at the end of that day.",
            )  # fmt: skip
        with st.container(gap=None, width="content"):
            st.checkbox("Hide flagged", key="recommend.hide_flagged", on_change=_change)
            st.checkbox(
                "Viewed again", key="recommend.viewed_again", on_change=_change,
                help="Posts that the user only viewed may be shown again.",
            )  # fmt: skip


def _draw_what_if(link: RecommendLink) -> None:
    """What differs from how it is, each part with a way back."""
    if not link.is_what_if():
        return
    posts = resources.posts([*link.without, *link.added])

    def text(id_: str) -> str:
        return " ".join(posts[id_].text.split())[:40] or id_ if id_ in posts else id_

    chips = [Chip(name="Without", text=text(id_), remove=link.put_back(id_)) for id_ in link.without]
    chips += [Chip(name="With", text=text(id_), remove=link.take_out(id_)) for id_ in link.added]
    if link.at is not None:
        chips.append(Chip(name=f"As of {link.at:%d %b %Y}", remove=replace(link, at=None)))
    chips.append(Chip(name="Back to how it is", kind="quiet", link=link.as_it_is()))
    draw_chips(chips, label="What if", key="recommend.what_if")
