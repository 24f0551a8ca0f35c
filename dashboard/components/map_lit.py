"""What lights up on a map: a collection, a search's hits, a user's posts, some posts; and the same on every map."""

from __future__ import annotations

from dataclasses import dataclass

from core.database.filters import newest_rows
from core.types import Filters
from dashboard import resources
from dashboard.components.map_colours import category_colours
from dashboard.components.map_view import Lit
from dashboard.links import MapLink, SearchLink, parse_url
from dashboard.resources import collections, maps

MOST = 20_000
BEST_HITS = 200
"""Of a search; its later hits are less and less about what was asked, and would light up the whole map."""


@dataclass(frozen=True, slots=True)
class LitSet:
    """Posts or users by id, with what to call them and their colour."""

    name: str
    colour: str
    ids: tuple[str, ...]

    def on(self, layout: str) -> Lit:
        """Where they are on a layout."""
        shown = maps.layout(layout)
        if shown.users:
            wanted = set(self.ids)
            at = tuple(i for i, id_ in enumerate(shown.users) if id_ in wanted)
        else:
            at = tuple(maps.positions_of_posts(layout, self.ids).tolist())
        return Lit(f"{self.name}: {len(at):,} of {len(self.ids):,} here", self.colour, at)


def lit_sets(link: MapLink) -> tuple[LitSet, ...]:
    """Raises QueryError, CollectionError, MapError."""
    colours = category_colours()
    found = []
    if link.collection:
        collection = collections.collection(link.collection)
        members = collections.members_page(link.collection, 0, MOST)
        found.append(LitSet(collection.name, colours[1], tuple(members)))
    if link.search:
        search = parse_url(link.search)
        if isinstance(search, SearchLink):
            hits = resources.find(search).hits[:BEST_HITS]
            name = f"Best hits of “{search.words}”" if search.words else "Best hits"
            found.append(LitSet(name, colours[4], tuple(hit.post_id for hit in hits)))
    if link.user:
        if link.layout and maps.layout(link.layout).users:
            found.append(LitSet(resources.user_names([link.user])[link.user], colours[4], (link.user,)))
        else:
            rows = newest_rows(resources.workspace().cursor(), Filters(user_ids=(link.user,)), MOST)
            ids = tuple(id_ for _, id_ in rows)
            found.append(LitSet(f"Posts of {resources.user_names([link.user])[link.user]}", colours[4], ids))
    if link.posts:
        found.append(LitSet("Posts", colours[1], link.posts))
    if link.beside not in ("", link.layout) and (link.polygon or link.cluster):
        chosen = maps.chosen(link)
        found.append(LitSet("Selected", colours[3], tuple(maps.ids_at(link.layout, chosen[:MOST]))))
    return tuple(found)
