"""Saved searches, run on what is here now."""

from __future__ import annotations

from dataclasses import replace

from core import saved_searches as core_searches
from core.database.saved_searches import SavedSearch
from dashboard.links import SearchLink, parse_url
from dashboard.resources.opened import workspace
from dashboard.resources.searches import find

BEST = 100


def saved_searches() -> list[tuple[SavedSearch, SearchLink]]:
    """By name; one whose address can't be read any more is left out."""
    every = ((saved, parse_url(saved.url)) for saved in core_searches.list_all(workspace()))
    return [(saved, link) for saved, link in every if isinstance(link, SearchLink)]


def saved_as(link: SearchLink) -> SavedSearch | None:
    """The saved search of an address, whatever its page and order."""
    wanted = plain(link)
    return next((saved for saved, other in saved_searches() if plain(other) == wanted), None)


def plain(link: SearchLink) -> SearchLink:
    return replace(link, number=1, sort="best")


def found_and_new(saved: SavedSearch, link: SearchLink) -> tuple[int, list[str]]:
    """(how many posts it finds, those that are new). A search by meaning or picture finds everything, more or less: of
    such a one only the best BEST can be new. Raises QueryError, PictureError and ModelError."""
    ids = [hit.post_id for hit in find(link).hits]
    looked_at = ids[:BEST] if ranks_everything(link) else ids
    return len(ids), core_searches.new_since(workspace(), saved, looked_at)


def ranks_everything(link: SearchLink) -> bool:
    """Whether a search has a leg that finds any post, however far from what was asked."""
    asked = link.words or link.picture or link.like
    return bool(asked) and not (link.mode == "lexical" and not link.picture and not link.like)
