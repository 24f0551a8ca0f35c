"""Searches and neighbours, and the pictures that people search by."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np
import streamlit as st

from core.database.posts import rows_of
from core.evaluation.own_pictures import agreement
from core.search.neighbours import Neighbour, neighbours
from core.search.query_pictures import keep_query_picture, read_query_picture
from core.search.search import search
from core.types import Hit, SearchResult
from dashboard.links import By, SearchLink
from dashboard.resources.content import posts
from dashboard.resources.opened import Version, version, workspace

EPOCH = datetime(1970, 1, 1)


def find(link: SearchLink) -> SearchResult:
    """The hits of a search in the order that the link asks for. Raises QueryError, PictureError and ModelError."""
    return _find(replace(link, number=1), version())


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs={SearchLink: SearchLink.url})
def _find(link: SearchLink, at: Version) -> SearchResult:
    picture = query_picture(link.picture) if link.picture else None
    result = search(workspace(), link.query(picture))
    if link.sort == "best":
        return result
    if link.sort == "disagree":
        return _by_agreement(result)
    found = posts([hit.post_id for hit in result.hits])

    def newest(hit: Hit) -> tuple[bool, float]:
        moment = found[hit.post_id].created_at if hit.post_id in found else None
        return (moment is None, -(moment or EPOCH).timestamp())

    def liked(hit: Hit) -> int:
        return -(found[hit.post_id].likes or 0) if hit.post_id in found else 1

    return replace(result, hits=tuple(sorted(result.hits, key=newest if link.sort == "newest" else liked)))


def _by_agreement(result: SearchResult) -> SearchResult:
    """The hits that have words and a picture, those first whose words are furthest from what the picture shows."""
    rows = rows_of(workspace().cursor(), [hit.post_id for hit in result.hits])
    kept, cosines = agreement(workspace(), np.array(sorted(rows.values()), np.int64))
    agreed = dict(zip(kept.tolist(), cosines.tolist(), strict=True))
    both = [hit for hit in result.hits if rows.get(hit.post_id) in agreed]
    hits = tuple(sorted(both, key=lambda hit: agreed[rows[hit.post_id]]))
    left_out = len(result.hits) - len(hits)
    said = f"{left_out:,} of the hits have no words or no picture, and are left out of this order."
    return replace(result, hits=hits, notes=(*result.notes, said) if left_out else result.notes)


def near(post_id: str, by: By, least: float, k: int) -> list[Neighbour]:
    """A post's neighbours. Raises QueryError and ModelError."""
    return _near(post_id, by, least, k, version())


@st.cache_resource(max_entries=64, show_spinner=False)
def _near(post_id: str, by: By, least: float, k: int, at: Version) -> list[Neighbour]:
    return neighbours(workspace(), post_id, by=by, k=k, min_similarity=least)


def keep_picture(data: bytes) -> str:
    """Keeps an uploaded picture to search by and gives its sha256. Raises PictureError."""
    opened = workspace()
    return keep_query_picture(opened.path / "queries", data, opened.settings)


def query_picture(sha256: str) -> bytes | None:
    return read_query_picture(workspace().path / "queries", sha256)
