"""What is distinctive of some posts against others: words, pairs of words, hashtags, people, domains, languages, hours
of the day, sources.

Each feature is weighed by its log-odds with an informative Dirichlet prior (Monroe, Colaresi and Quinn, "Fightin'
Words", Political Analysis 16, 2008), over posts: a post has a feature or has it not, so that one post that shouts a
word fifty times counts once. The prior says what both sides together say and weighs as much as PRIOR_POSTS posts, which
keeps rare features from looking remarkable. The z-score is the log-odds over its standard error: beyond 1.96 either way
a feature differs more than one in twenty would by chance; many are looked at, so look for scores well beyond that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from core.compare_words import KINDS, Kind, Text, WordCounts
from core.errors import QueryError

if TYPE_CHECKING:
    from core.workspace import Workspace

PRIOR_POSTS = 500
LEAST_Z = 1.96
LEAST_POSTS = 3
"""Fewer posts with a feature say nothing of a side."""
SAMPLE = 20_000
"""Words are counted in at most so many posts a side, the same ones each time; the other features in all posts."""
EXAMPLES = 3
READ_CHARS = 2_000
"""So much of a post's text is read for its words."""

_FACETS = {
    "hashtags": "unnest(list_distinct(regexp_extract_all(lower(text), '#[\\p{L}\\p{N}_]{2,50}')))",
    "people": "user_id",
    "domains": "unnest(list_distinct(list_transform(regexp_extract_all(lower(text),"
    " 'https?://(?:[^/\\s@]*@)?([^/\\s?#:]{1,100})', 1), lambda one: regexp_replace(one, '^www\\.', ''))))",
    "languages": "lang",
    "hours": "extract('hour' FROM created_at)::VARCHAR",
    "sources": "source",
}
_HOLDS = {"hashtags": "contains(text, '#')", "domains": "contains(text, '://')"}
"""What a text must hold to be looked through."""
FACETS = ("words", "pairs", *_FACETS)

Rows = Sequence[int] | NDArray[np.int64]
Counts = Mapping[str, tuple[int, int]]
"""Posts with a feature, here and there."""


@dataclass(frozen=True, slots=True)
class Feature:
    """``here`` and ``there`` count the posts that have it on each side; ``share_here`` and ``share_there`` are those
    over all posts of the side that were looked at, 0 to 1. ``log_odds`` (natural) and ``z`` are positive where it is
    typical of here. ``examples`` are ids of posts that have it, the most liked first, from the side that it is typical
    of."""

    name: str
    here: int
    there: int
    share_here: float
    share_there: float
    log_odds: float
    z: float
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facet:
    """One kind of feature: what is typical of here (falling z) and of there, each with a z-score beyond LEAST_Z; and
    for ``hours`` all 24, in order, whatever their score."""

    name: str
    here: tuple[Feature, ...]
    there: tuple[Feature, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """``posts`` and ``others`` are how many each side has, ``read`` and ``read_others`` in how many the words were
    counted. A facet that has nothing distinctive is left out."""

    facets: tuple[Facet, ...]
    posts: int
    others: int
    read: int
    read_others: int


def distinctive(workspace: Workspace, post_rows: Rows, against: Rows | None = None, *, limit: int = 15) -> Comparison:
    """Compares the posts in some rows with those in others, by default all the rest; at most ``limit`` features a facet
    and side. Rows in both sides count as here.

    Raises QueryError where a side has no posts.
    """
    cursor = workspace.cursor()
    posts, others = _register(cursor, post_rows, against)
    if not posts or not others:
        which = "The set that is looked at" if not posts else "What it would be compared with"
        raise QueryError(f"{which} has no posts, so there is nothing to compare.")
    here, there = _texts(cursor, here=True), _texts(cursor, here=False)
    facets = [
        *_word_facets(here, there, limit),
        *(_sql_facet(cursor, name, limit) for name in _FACETS),
    ]
    return Comparison(
        tuple(facet for facet in facets if facet.here or facet.there), posts, others, len(here), len(there)
    )


def log_odds(here: int, there: int, posts: int, others: int) -> tuple[float, float]:
    """(log-odds, z-score) of a feature that ``here`` of ``posts`` and ``there`` of ``others`` have."""
    prior = PRIOR_POSTS * (here + there + 0.5) / (posts + others + 1)
    first, second = here + prior, there + prior
    without, without_there = posts + PRIOR_POSTS - first, others + PRIOR_POSTS - second
    difference = math.log(first / without) - math.log(second / without_there)
    # The paper leaves the last two terms out, since words are rare; a language may be in nearly all posts.
    return difference, difference / math.sqrt(1 / first + 1 / second + 1 / without + 1 / without_there)


def _register(cursor: duckdb.DuckDBPyConnection, post_rows: Rows, against: Rows | None) -> tuple[int, int]:
    """Makes the view ``compared``, each post once with its side; gives how many posts each side has."""
    cursor.register("rows_here", pa.table({"row": pa.array(np.unique(np.asarray(post_rows, np.int64)))}))
    there = "posts"
    if against is not None:
        cursor.register("rows_there", pa.table({"row": pa.array(np.unique(np.asarray(against, np.int64)))}))
        there = "posts SEMI JOIN rows_there USING (row)"
    cursor.execute(
        "CREATE OR REPLACE TEMP TABLE compared AS SELECT row, here FROM ("
        " SELECT row, TRUE AS here FROM posts SEMI JOIN rows_here USING (row)"
        f" UNION ALL SELECT row, FALSE FROM {there} ANTI JOIN rows_here USING (row)) ANTI JOIN hidden_posts USING (row)"
    )
    ((posts, others),) = cursor.execute(
        "SELECT count(*) FILTER (here), count(*) FILTER (NOT here) FROM compared"
    ).fetchall()
    return posts, others


def _texts(cursor: duckdb.DuckDBPyConnection, *, here: bool) -> list[Text]:
    """The sampled texts of a side, the most liked first."""
    found = cursor.execute(
        """
        SELECT id, left(text, ?), coalesce(lang, 'en') FROM (
            SELECT p.* FROM posts p JOIN compared c USING (row) WHERE c.here = ? AND text <> ''
            ORDER BY hash(row) LIMIT ?)
        ORDER BY likes DESC NULLS LAST, row
        """,
        [READ_CHARS, here, SAMPLE],
    ).fetchall()
    return [Text(*row) for row in found]


def _word_facets(here: Sequence[Text], there: Sequence[Text], limit: int) -> Iterator[Facet]:
    counted = WordCounts(here, there)
    for kind in KINDS:
        facet = _facet(kind, counted.counts(kind, LEAST_POSTS), len(here), len(there), limit)
        yield Facet(
            kind, *(_with_examples(counted, kind, side, found) for side, found in enumerate((facet.here, facet.there)))
        )


def _with_examples(counted: WordCounts, kind: Kind, side: int, features: Sequence[Feature]) -> tuple[Feature, ...]:
    """Adds examples, and names each feature as it is written in most of them."""
    told = ((feature, *counted.examples(feature.name, kind, side, EXAMPLES)) for feature in features)
    return tuple(replace(feature, name=written, examples=examples) for feature, examples, written in told)


def _sql_facet(cursor: duckdb.DuckDBPyConnection, name: str, limit: int) -> Facet:
    found = cursor.execute(
        f"""
        WITH marked AS (SELECT c.here, p.id, coalesce(p.likes, -1) AS likes, {_FACETS[name]} AS feature
                        FROM posts p JOIN compared c USING (row) WHERE {_HOLDS.get(name, "TRUE")})
        SELECT feature, count(*) FILTER (here), count(*) FILTER (NOT here),
            max_by(id, likes, {EXAMPLES}) FILTER (here), max_by(id, likes, {EXAMPLES}) FILTER (NOT here)
        FROM marked WHERE feature IS NOT NULL AND feature <> '' GROUP BY feature
        """
    ).fetchall()
    whole = name in ("languages", "hours", "sources", "people")  # a post has one, or is not counted
    if whole:
        posts, others = sum(row[1] for row in found), sum(row[2] for row in found)
    else:
        ((posts, others),) = cursor.execute(
            "SELECT count(*) FILTER (here), count(*) FILTER (NOT here) FROM compared"
        ).fetchall()
    if not posts or not others:
        return Facet(name, (), ())
    examples = {row[0]: (row[3], row[4]) for row in found}
    if name == "hours":
        counts = {row[0]: (row[1], row[2]) for row in found}
        hours = [_feature(str(hour), *counts.get(str(hour), (0, 0)), posts, others) for hour in range(24)]
        return Facet(name, tuple(_exemplified(hour, examples) for hour in hours), ())
    counts = {row[0]: (row[1], row[2]) for row in found if max(row[1], row[2]) >= LEAST_POSTS}
    facet = _facet(name, counts, posts, others, limit)
    return Facet(
        name,
        tuple(_exemplified(feature, examples) for feature in facet.here),
        tuple(_exemplified(feature, examples) for feature in facet.there),
    )


def _exemplified(feature: Feature, examples: Mapping[str, Sequence[Any]]) -> Feature:
    ours, theirs = examples.get(feature.name, ((), ()))
    chosen = tuple((ours if feature.z >= 0 else theirs) or ())
    return Feature(
        feature.name, feature.here, feature.there, feature.share_here, feature.share_there, feature.log_odds,
        feature.z, chosen,
    )  # fmt: skip


def _facet(name: str, counts: Counts, posts: int, others: int, limit: int) -> Facet:
    """The most telling features of each side; ties go by name, so that the same data gives the same lists."""
    if not posts or not others:
        return Facet(name, (), ())
    weighed = [_feature(feature, here, there, posts, others) for feature, (here, there) in counts.items()]
    ours = sorted((f for f in weighed if f.z >= LEAST_Z and f.here >= LEAST_POSTS), key=lambda f: (-f.z, f.name))
    theirs = sorted((f for f in weighed if f.z <= -LEAST_Z and f.there >= LEAST_POSTS), key=lambda f: (f.z, f.name))
    return Facet(name, tuple(ours[:limit]), tuple(theirs[:limit]))


def _feature(name: str, here: int, there: int, posts: int, others: int) -> Feature:
    difference, z = log_odds(here, there, posts, others)
    return Feature(name, here, there, here / posts, there / others, difference, z)
