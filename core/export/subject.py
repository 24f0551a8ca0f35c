"""What is given out: posts in an order, and where they come from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from core.types import Collection, Filters, Hit, Query, SearchResult

if TYPE_CHECKING:
    from core.workspace import Workspace

Origin = Literal["search", "collection", "queue", "posts", "workspace"]


@dataclass(frozen=True, slots=True)
class Subject:
    """``post_ids`` in the order in which they go out. ``about`` says where they come from, in JSON values, for
    provenance.json; ``hits`` are their ranks and scores where a search found them."""

    origin: Origin
    name: str
    post_ids: Sequence[str]
    about: Mapping[str, Any] = field(default_factory=dict)
    hits: Mapping[str, Hit] = field(default_factory=dict)


def of_search(query: Query, result: SearchResult, *, url: str = "", name: str = "Search") -> Subject:
    """The hits of a search; ``url`` is its address in the app."""
    about = {
        "query": {
            "parts": [_part(part.kind, part.value, part.weight) for part in query.parts],
            "mode": query.mode,
            "k": query.k,
        },
        "filters": filters_document(query.filters),
        "considered": result.considered,
        "notes": list(result.notes),
        "address": url,
    }
    hits = {hit.post_id: hit for hit in result.hits}
    return Subject("search", name, [hit.post_id for hit in result.hits], about, hits)


def _part(kind: str, value: str | bytes, weight: float) -> dict[str, Any]:
    said = value if isinstance(value, str) else {"sha256": hashlib.sha256(value).hexdigest(), "bytes": len(value)}
    return {"kind": kind, "value": said, "weight": weight}


def filters_document(filters: Filters) -> dict[str, Any]:
    """The filters that are set, as JSON values."""
    document = {
        "user_ids": list(filters.user_ids),
        "since": filters.since and filters.since.isoformat(),
        "until": filters.until and filters.until.isoformat(),
        "langs": list(filters.langs),
        "sources": list(filters.sources),
        "has_picture": filters.has_picture,
        "min_likes": filters.min_likes,
        "extra": dict(filters.extra),
    }
    return {name: value for name, value in document.items() if value not in (None, [], {})}


def of_collection(workspace: Workspace, collection: Collection) -> Subject:
    """The posts of a collection with its members; of a collection of users, all posts of theirs."""
    about = {
        "collection": {
            "id": collection.id,
            "name": collection.name,
            "noun": collection.noun,
            "tags": list(collection.tags),
            "note": collection.note,
            "members": collection.size,
            "changed_at": collection.changed_at and collection.changed_at.isoformat(),
        }
    }
    ids: Sequence[str] = collection.members
    if collection.noun == "user":
        found = workspace.cursor().execute(
            "SELECT id FROM posts WHERE user_id IN (SELECT unnest(?::VARCHAR[])) ORDER BY row", [list(ids)]
        )
        ids = [id_ for (id_,) in found.fetchall()]
    return Subject("collection", collection.name, ids, about)


def of_posts(ids: Sequence[str], *, name: str = "Posts", origin: Origin = "posts", **about: Any) -> Subject:
    """Any posts, such as those of a queue or of a part of a map; ``about`` says in JSON values how they were chosen."""
    return Subject(origin, name, ids, about)


def of_workspace(workspace: Workspace) -> Subject:
    """Every post, in the order in which they came in."""
    found = workspace.cursor().execute("SELECT id FROM posts ORDER BY row").fetchall()
    return Subject("workspace", workspace.name, [id_ for (id_,) in found])
