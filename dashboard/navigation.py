"""The pages, and the way from one to another."""

from __future__ import annotations

from typing import Literal, NoReturn, Protocol, TypeVar

import streamlit as st

from core.errors import SettingError
from core.settings import ROOT
from dashboard.links import Given, Link
from dashboard.resources import people

L_co = TypeVar("L_co", covariant=True)


class Readable(Protocol[L_co]):
    """A kind of link."""

    @classmethod
    def read(cls, given: Given) -> tuple[L_co, tuple[str, ...]]: ...


def pages(*, reviews: bool = True) -> dict[str, st.Page]:
    """Every page by the name that its links give it. Post has no place in the menu: one comes to it from a post; nor
    have the pages of moderation where the visitor ``reviews`` nothing."""
    folder = ROOT / "pages"
    of_reviews: Literal["visible", "hidden"] = "visible" if reviews else "hidden"
    return {
        "": st.Page(folder / "overview.py", title="Overview", icon=":material/home:", default=True),
        "search": st.Page(folder / "search.py", title="Search", icon=":material/search:", url_path="search"),
        "map": st.Page(folder / "map.py", title="Map", icon=":material/bubble_chart:", url_path="map"),
        "coordination": st.Page(
            folder / "coordination.py", title="Coordination", icon=":material/group_work:", url_path="coordination"
        ),
        "user": st.Page(folder / "user.py", title="User", url_path="user", visibility="hidden"),
        "recommendations": st.Page(
            folder / "recommendations.py",
            title="Recommendations",
            icon=":material/recommend:",
            url_path="recommendations",
        ),
        "collections": st.Page(
            folder / "collections.py", title="Collections", icon=":material/bookmarks:", url_path="collections"
        ),
        "review": st.Page(
            folder / "review.py", title="Review", icon=":material/gavel:", url_path="review", visibility=of_reviews
        ),
        "insights": st.Page(
            folder / "insights.py",
            title="Moderation insights",
            icon=":material/monitoring:",
            url_path="insights",
            visibility=of_reviews,
        ),
        "data": st.Page(folder / "data.py", title="Data", icon=":material/database:", url_path="data"),
        "index": st.Page(folder / "index.py", title="Index", icon=":material/hub:", url_path="index"),
        "post": st.Page(folder / "post.py", title="Post", url_path="post", visibility="hidden"),
    }


def draw_menu() -> st.Page:
    """The menu of the pages that the visitor's role opens, none before they have logged in; gives the chosen page."""
    try:
        known, reviews = people.may("report"), people.may("review")
    except SettingError:  # said in the page's place
        known = reviews = False
    return st.navigation(list(pages(reviews=reviews).values()), position="sidebar" if known else "hidden")


def current(kind: Readable[L_co]) -> tuple[L_co, tuple[str, ...]]:
    """The link that the address bar holds, and a notice for each part of it that can't be used."""
    return kind.read({name: st.query_params.get_all(name) for name in st.query_params})


def show_in_address_bar(link: Link) -> None:
    """Changes the address of the page that is shown."""
    st.query_params.from_dict(link.params())


def go_to(link: Link) -> NoReturn:
    """Leaves for another page, or for another view of this one."""
    st.switch_page(pages()[link.page], query_params=link.params())


def page_link(link: Link, label: str, *, icon: str | None = None, help: str | None = None) -> None:
    """A link to a page. ``label`` is ours: it is read as Markdown."""
    st.page_link(pages()[link.page], label=label, icon=icon, help=help, query_params=link.params())
