"""What is distinctive in a collection, facet by facet, against the rest or against another collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from core.compare import LEAST_Z, Comparison, Facet, Feature
from core.errors import FeedscopeError
from core.types import Collection
from dashboard import resources
from dashboard.components.cards import Card, draw_cards, plural
from dashboard.components.figures import number, share
from dashboard.components.frontend import component, draw
from dashboard.components.notices import notice, state
from dashboard.components.text import clean, element, show
from dashboard.languages import language_name
from dashboard.links import CollectionLink, SearchLink
from dashboard.navigation import show_in_address_bar
from dashboard.resources import collections

TITLES = {
    "words": "Words",
    "pairs": "Pairs of words",
    "hashtags": "Hashtags",
    "people": "People",
    "domains": "Linked sites",
    "languages": "Languages",
    "hours": "Hours of the day (UTC)",
    "sources": "Sources",
}
REST = "The rest of the workspace"
EXAMPLES_SHOWN = 8
_butterfly = component("butterfly")
_hours = component("hours")


def draw_compare(link: CollectionLink, found: Collection) -> None:
    others = {one.id: one for one in collections.collections() if one.id != found.id}
    key = f"compare.against.{found.id}.{link.against}"
    st.selectbox(
        "Compared with",
        ["", *others],
        index=["", *others].index(link.against) if link.against in others else 0,
        format_func=lambda id_: f"{clean(others[id_].name)} ({number(others[id_].size)})" if id_ else REST,
        key=key,
        on_change=_change,
        args=(link, key),
        width=420,
    )
    if link.against and link.against not in others:
        notice("The collection that this one was to be compared with is gone.", kind="warning")
        link = replace(link, against="")
    try:
        with st.spinner("Comparing …"):
            compared = collections.compared(found.id, link.against)
    except FeedscopeError as error:
        notice(str(error), kind="error")
        return
    draw_comparison(compared, clean(found.name), clean(others[link.against].name) if link.against else "the rest")


def _change(link: CollectionLink, key: str) -> None:
    show_in_address_bar(replace(link, against=st.session_state[key]))


def draw_comparison(compared: Comparison, here: str, there: str) -> None:
    """Facet by facet; ``here`` and ``there`` name the sides."""
    read = ""
    if compared.read < compared.posts or compared.read_others < compared.others:
        read = f" Words were counted in a sample of {number(compared.read)} and {number(compared.read_others)} of them."
    show(
        element(
            "p",
            f"{number(compared.posts)} {plural('post', compared.posts)} against {number(compared.others)}. Each bar"
            " says what share of the posts"
            f" on a side has the feature; listed is what differs by more than chance (z beyond {LEAST_Z}).{read}",
            class_="fs-faint",
        )
    )
    facets = {facet.name: facet for facet in compared.facets}
    telling = [name for name in TITLES if name in facets and _tells(facets[name])]
    if not telling:
        state("Nothing sets them apart", "The two sides differ in nothing by more than chance would.")
        return
    names = _user_names(facets)
    left, right = st.columns(2, gap="large")
    for at, name in enumerate(telling):
        with left if at % 2 == 0 else right:
            show(element("h3", TITLES[name]))
            if name == "hours":
                _draw_hours(facets[name], here, there)
            else:
                _draw_facet(facets[name], here, there, names)
    _draw_examples(facets)


def _tells(facet: Facet) -> bool:
    return any(abs(feature.z) >= LEAST_Z for feature in (*facet.here, *facet.there))


def _user_names(facets: dict[str, Facet]) -> dict[str, str]:
    facet = facets.get("people")
    return resources.user_names([one.name for one in (*facet.here, *facet.there)]) if facet else {}


def _draw_facet(facet: Facet, here: str, there: str, names: dict[str, str]) -> None:
    def shown(feature: Feature) -> str:
        if facet.name == "languages":
            return language_name(feature.name)
        return names.get(feature.name, feature.name)

    def data(features: Sequence[Feature]) -> list[dict[str, object]]:
        return [
            {
                "name": clean(shown(one)),
                "here": one.share_here,
                "there": one.share_there,
                "said": f"{number(one.here)} of these posts ({share(one.share_here)}), {number(one.there)} of the"
                f" others ({share(one.share_there)}); z {one.z:+.1f}",
                "url": _link(facet.name, one.name).url(),
            }
            for one in features
        ]

    draw(
        _butterfly,
        {
            "label": TITLES[facet.name],
            "here": here,
            "there": there,
            "rows": data(facet.here[:10]),
            "less": data(facet.there[:6]),
        },
        key=f"compare.{facet.name}",
    )


def _link(facet: str, name: str) -> SearchLink:
    if facet == "people":
        return SearchLink(users=(name,))
    if facet == "languages":
        return SearchLink(langs=(name,))
    if facet == "sources":
        return SearchLink(sources=(name,))
    words = f'"{name}"' if facet in ("pairs", "domains") else name
    return SearchLink(words=words, mode="lexical")


def _draw_hours(facet: Facet, here: str, there: str) -> None:
    most = max((max(one.share_here, one.share_there) for one in facet.here), default=1.0) or 1.0
    columns = [
        {
            "name": f"{int(one.name):02}:00",
            "here": one.share_here / most,
            "there": one.share_there / most,
            "said": f"{int(one.name):02}:00 to {int(one.name):02}:59: {share(one.share_here)} of these,"
            f" {share(one.share_there)} of the others; z {one.z:+.1f}",
            "apart": abs(one.z) >= LEAST_Z,
        }
        for one in facet.here
    ]
    draw(_hours, {"label": TITLES["hours"], "here": here, "there": there, "columns": columns}, key="compare.hours")


def _draw_examples(facets: dict[str, Facet]) -> None:
    """Posts that have the most telling features, each with the feature that it stands for."""
    said: dict[str, str] = {}
    for name in ("pairs", "words", "hashtags", "domains"):
        for feature in facets[name].here[:4] if name in facets else ():
            for id_ in feature.examples[:1]:
                said.setdefault(id_, feature.name)
    posts = resources.posts(list(said)[:EXAMPLES_SHOWN])
    if not posts:
        return
    users = resources.users(posts.values())
    show(element("h2", "Examples"))
    cards = [
        Card(
            post,
            user=users.get(post.user_id or ""),
            text=post.text[:420],
            badges=[("similar", clean(said[post.id]), "The distinctive feature that this post stands for")],
        )
        for post in posts.values()
    ]
    draw_cards(cards, resources.thumbnail, layout="grid", label="Examples", key="compare.examples")
