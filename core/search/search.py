"""One search: filters become rows, each leg ranks them, reciprocal rank fusion merges the legs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.database.filters import allowed_rows, count_posts, newest_rows
from core.database.posts import get_posts, has_pictures, ids_of, rows_of
from core.errors import QueryError, VectorError, VectorStoreError
from core.moderation.effects import removed_rows
from core.search.fusion import Leg, fuse
from core.search.query_words import plain_words
from core.types import MODES, Filters, Hit, LegHit, LegName, Query, QueryPart, SearchResult
from core.vectors.questions import combine

if TYPE_CHECKING:
    from core.vectors.protocol import VectorIndex
    from core.workspace import Workspace

MAX_HITS = 10_000
MAX_WORDS = 10_000
# A leg looks deeper than k: a post that two legs rank low can still come before one that a single leg ranks high.
DEPTH_FACTOR = 2
LEAST_DEPTH = 100
# Words say more of a text than of a picture, so where words are searched the picture leg counts half.
IMAGE_WEIGHT_FOR_WORDS = 0.5
# Further down, pictures resemble the words by chance, and would lift posts that hold one common word of them.
IMAGE_DEPTH_FOR_WORDS = 50
# So many posts that moderation hides are searched past; where there are more, they are left out beforehand.
MOST_HIDDEN = 1000
PICTURES_WAIT = (
    "Pictures are not searched: they wait to be encoded, or were encoded by another encoder than the present one. The"
    " page Data shows what waits and encodes it."
)

Rows = NDArray[np.int64]
Vector = NDArray[np.float32]


def search(workspace: Workspace, query: Query) -> SearchResult:
    """Runs a query. With filters and no parts, the newest posts come first.

    Each leg takes the parts that it can: ``lexical`` the words of positive parts (a negative text leaves out the posts
    that hold all its words); ``text`` adds up the text vectors of words and example posts, signed; ``image`` does so in
    the space of pictures, with pictures too. An example post is never among its own hits. Ties are broken by the order
    in which posts were stored.

    Raises QueryError for a query without parts and filters, k out of range, an unknown mode or example post, and
    PictureError for a query picture that can't be decoded.
    """
    started = time.perf_counter()
    _check(query)
    cursor = workspace.cursor()
    if not query.parts:
        newest = newest_rows(cursor, query.filters, query.k)
        hits = tuple(Hit(id_, 0.0, rank) for rank, (_, id_) in enumerate(newest, start=1))
        return SearchResult(hits, count_posts(cursor, query.filters), _ms(started), 0.0)

    hidden = removed_rows(workspace)
    examples = rows_of(cursor, [str(part.value) for part in query.parts if part.kind == "post"])
    for part in query.parts:
        if part.kind == "post" and (part.value not in examples or examples[str(part.value)] in hidden):
            raise QueryError(f"There is no post {part.value!r} in this workspace to search by.")
    allowed = allowed_rows(cursor, query.filters)
    if allowed is None and len(hidden) > MOST_HIDDEN:
        allowed = allowed_rows(cursor, Filters(), always=True)
    search_ = _Search(workspace, query, examples, allowed, hidden)
    ran = {name: search_.run(run) for name, run in search_.runners().items()}
    legs = {name: search_.weighed(name, leg) for name, leg in ran.items() if leg is not None}
    fused = fuse(legs, k=query.k, exclude=np.fromiter(examples.values(), np.int64, len(examples)))
    ids = ids_of(cursor, fused.rows)
    hits = tuple(
        Hit(
            ids[int(row)],
            float(score),
            rank,
            tuple(LegHit(name, found[0], found[1]) for name in legs if (found := fused.found_by(name, rank - 1))),
        )
        for rank, (row, score) in enumerate(zip(fused.rows, fused.scores, strict=True), start=1)
        if int(row) in ids  # a post may have gone since the index was built
    )
    considered = len(allowed) if allowed is not None else count_posts(cursor, Filters())
    return SearchResult(hits, considered, _ms(started), search_.encode_ms, tuple(search_.notes))


def _ms(started: float) -> float:
    return (time.perf_counter() - started) * 1000


def _check(query: Query) -> None:
    if query.mode not in MODES:
        raise QueryError(f"There is no search mode {query.mode!r}; there are {', '.join(MODES)}.")
    if not 1 <= query.k <= MAX_HITS:
        raise QueryError(f"A search gives 1 to {MAX_HITS} hits; {query.k} were asked for.")
    if not query.parts and not query.filters:
        raise QueryError("Nothing to search for: give words, a picture, a post or a filter.")
    if not 0 <= query.blend <= 1:
        raise QueryError(f"The blend of words and pictures is between 0 and 1, not {query.blend}.")
    for part in query.parts:
        if not np.isfinite(part.weight) or part.weight == 0:
            raise QueryError("A part's weight is a number other than 0.")
        if part.kind == "text" and not str(part.value).strip():
            raise QueryError("The words to search for are empty.")
        if part.kind == "text" and len(part.value) > MAX_WORDS:
            raise QueryError(f"The words to search for are longer than {MAX_WORDS} characters.")


def _bounded(depth: int, index: VectorIndex) -> int:
    """No more than there are, nor than the engine gives."""
    return min(depth, len(index), index.capabilities.most_k or depth)


def _without(leg: Leg, hidden: Rows) -> Leg:
    """The leg as if the posts that moderation hides were not there."""
    kept = np.flatnonzero(~np.isin(leg.rows, hidden)) if len(hidden) else np.arange(len(leg.rows))
    return leg if len(kept) == len(leg.rows) else Leg(leg.rows[kept], leg.scores[kept], leg.weight)


class _Search:
    """The legs of one query."""

    def __init__(
        self, workspace: Workspace, query: Query, examples: dict[str, int], allowed: Rows | None, hidden: Rows
    ) -> None:
        self._workspace = workspace
        self._query = query
        self._examples = examples
        self._allowed = allowed
        self._hidden = hidden
        # Pictures alone have no words to weigh against them.
        self._blend = 0.5 if all(part.kind == "picture" for part in query.parts) else query.blend
        self._depth = max(LEAST_DEPTH, DEPTH_FACTOR * query.k) + len(examples)
        if allowed is None:
            self._depth += len(hidden)
        self.encode_ms = 0.0
        self.notes: list[str] = []

    def runners(self) -> Mapping[LegName, Callable[[], Leg | None]]:
        every: dict[LegName, Callable[[], Leg | None]] = {
            "lexical": self.lexical,
            "text": self.text,
            "image": self.image,
        }
        mode, blend = self._query.mode, self._blend
        if mode != "hybrid":
            return {mode: every[mode]}
        left_out = {"image"} if blend == 0 else {"lexical", "text"} if blend == 1 else set()
        return {name: leg for name, leg in every.items() if name not in left_out}

    def weighed(self, name: LegName, leg: Leg) -> Leg:
        """The leg with the weight that the query's blend gives it: its own in the middle, nothing at the far end."""
        blend = self._blend
        if self._query.mode != "hybrid" or blend == 0.5:
            return leg
        if name != "image":
            return replace(leg, weight=leg.weight * min(1.0, 2 * (1 - blend)))
        return replace(
            leg, weight=leg.weight * 2 * blend if blend < 0.5 else leg.weight + (1 - leg.weight) * (2 * blend - 1)
        )

    def run(self, leg: Callable[[], Leg | None]) -> Leg | None:
        """The leg, or None and a note where its vectors lie on a server that is away: words are searched here."""
        try:
            found = leg()
            return found if found is None or self._allowed is not None else _without(found, self._hidden)
        except VectorStoreError as error:
            note = str(error).removesuffix(".")
            note += ": only words are searched." if self._query.mode == "hybrid" else "."
            if note not in self.notes:
                self.notes.append(note)
            return None

    def _alone(self, sentence: str) -> None:
        """Says why a leg has nothing to do; in hybrid mode the others speak for it."""
        if self._query.mode != "hybrid":
            self.notes.append(sentence)

    def lexical(self) -> Leg | None:
        wanted = " ".join(str(p.value) for p in self._query.parts if p.kind == "text" and p.weight > 0)
        unwanted = [str(p.value) for p in self._query.parts if p.kind == "text" and p.weight < 0]
        if not wanted:
            self._alone("The words mode needs words to search for.")
            return None
        scores, rows = self._workspace.indexes.lexical.search(
            wanted, self._depth, allowed=self._allowed, unwanted=unwanted
        )
        return Leg(rows, scores, 1.0)

    def text(self) -> Leg | None:
        parts = [part for part in self._query.parts if part.kind in ("text", "post")]
        if not any(part.weight > 0 for part in parts):
            self._alone("The meaning mode needs words or an example post.")
            return None
        index = self._workspace.indexes.vector("text")
        if index is None:
            self.notes.append("Posts are not encoded yet: only their words are searched.")
            return None
        vector = self._combine(parts, self._text_vector)
        if vector is None:
            self._alone("The example post has no text.")
            return None
        scores, rows = index.search(vector[None], _bounded(self._depth, index) or 1, allowed=self._allowed)
        return Leg(rows[0][rows[0] >= 0], scores[0][rows[0] >= 0], 1.0)

    def image(self) -> Leg | None:
        parts = list(self._query.parts)
        if not any(part.weight > 0 for part in parts):
            self._alone("The picture mode needs something to look for.")
            return None
        indexes = self._workspace.indexes
        index = indexes.vector("dual")
        if index is None or not len(index):
            if has_pictures(self._workspace.cursor()):
                self.notes.append(PICTURES_WAIT)
            else:
                self._alone("There are no pictures in this workspace.")
            return None
        vector = self._combine(parts, self._dual_vector)
        if vector is None:
            return None
        pictures = indexes.pictures()
        allowed = None if self._allowed is None else pictures.of_posts(self._allowed)
        scores, rows = index.search(vector[None], _bounded(2 * self._depth, index), allowed=allowed)
        # Best picture first, so the first of a post's pictures is the one it ranks by.
        posts, found = pictures.posts_of(rows[0])
        _, first = np.unique(posts, return_index=True)
        first.sort()
        if all(part.kind == "text" for part in parts) and self._query.mode == "hybrid":
            if self._blend <= 0.5:
                first = first[:IMAGE_DEPTH_FOR_WORDS]
            return Leg(posts[first], scores[0][found][first], IMAGE_WEIGHT_FOR_WORDS)
        return Leg(posts[first], scores[0][found][first], 1.0)

    def _combine(self, parts: list[QueryPart], encode: Callable[[QueryPart], Vector | None]) -> Vector | None:
        """The signed sum of the parts' unit vectors, as a unit vector; None where no part has one."""
        started = time.perf_counter()
        found = [(vector, part.weight) for part in parts if (vector := encode(part)) is not None]
        self.encode_ms += _ms(started)
        if not found:
            return None
        try:
            combined: Vector = combine(np.stack([vector for vector, _ in found]), [weight for _, weight in found])[0]
        except VectorError as error:
            raise QueryError(str(error)) from error
        return combined

    def _text_vector(self, part: QueryPart) -> Vector | None:
        if part.kind == "text":
            words = plain_words(str(part.value))
            return self._workspace.encoder("text").encode_queries([words])[0] if words else None
        return self._stored("text", [self._examples[str(part.value)]])

    def _dual_vector(self, part: QueryPart) -> Vector | None:
        encoder = self._workspace.encoder("dual")
        if isinstance(part.value, bytes):
            found: Vector = encoder.encode_pictures([part.value])[0]
            return found
        if part.kind == "text":
            words = plain_words(part.value)
            return encoder.encode_queries([words])[0] if words else None
        post = get_posts(self._workspace.cursor(), [part.value])[part.value]
        own = self._stored("dual", [item.row for item in post.media if item.path])
        if own is None and post.text:
            own = encoder.encode_queries([post.text])[0]
        return own

    def _stored(self, kind: str, rows: list[int]) -> Vector | None:
        """The mean of stored vectors as a unit vector; None where none is stored."""
        _, vectors = self._workspace.indexes.stored(kind, np.array(rows, np.int64))
        if not len(vectors):
            return None
        mean = vectors.mean(axis=0)
        unit: Vector = mean / np.linalg.norm(mean)
        return unit
