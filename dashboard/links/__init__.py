"""What each page's URL says, as frozen dataclasses, a module a page: the one place that knows a URL.

Each link writes itself as query parameters (``params``) and as a relative URL (``url``), and is read back by ``read``,
which never raises: a value that can't be used is left out and named in a notice for the reader of the page.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from dashboard.links.base import MAX_LIST, Given, Link, Params
from dashboard.links.collections import CollectionLink, CollectionView
from dashboard.links.coordination import CoordinationLink
from dashboard.links.data import DataLink
from dashboard.links.index import IndexLink, SpaceName
from dashboard.links.map import MAX_CORNERS, MapLink
from dashboard.links.overview import OverviewLink
from dashboard.links.parse import MAX_CHARS
from dashboard.links.post import By, PostLink
from dashboard.links.recommend import RecommendLink, Tab
from dashboard.links.review import InsightsLink, ReviewLink, ReviewView
from dashboard.links.search import MAX_HITS, MAX_PAGE, NOT_WEIGHT, PAGE_SIZE, SearchLink, Sort
from dashboard.links.user import UserLink

__all__ = [
    "LINKS",
    "MAX_CHARS",
    "MAX_CORNERS",
    "MAX_HITS",
    "MAX_LIST",
    "MAX_PAGE",
    "NOT_WEIGHT",
    "PAGE_SIZE",
    "By",
    "CollectionLink",
    "CollectionView",
    "CoordinationLink",
    "DataLink",
    "Given",
    "IndexLink",
    "InsightsLink",
    "Link",
    "MapLink",
    "OverviewLink",
    "Params",
    "PostLink",
    "RecommendLink",
    "ReviewLink",
    "ReviewView",
    "SearchLink",
    "Sort",
    "SpaceName",
    "Tab",
    "UserLink",
    "parse_url",
]

LINKS: dict[str, type[Link]] = {
    kind.page: kind
    for kind in (
        OverviewLink,
        SearchLink,
        MapLink,
        PostLink,
        UserLink,
        CollectionLink,
        CoordinationLink,
        DataLink,
        IndexLink,
        ReviewLink,
        InsightsLink,
        RecommendLink,
    )
}


def parse_url(url: str) -> Link | None:
    """The link that a URL of ours says, or None for any other: what comes back from a browser is not to be trusted."""
    try:
        parts = urlsplit(url)
        given = parse_qs(parts.query, keep_blank_values=True, max_num_fields=500)
    except ValueError:
        return None
    kind = LINKS.get(parts.path.removeprefix("./"))
    if kind is None or not url.startswith("./"):
        return None
    return kind.read(given)[0]
