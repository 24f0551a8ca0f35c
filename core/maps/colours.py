"""What a map can be coloured by: a code of one byte for each point, and what the codes mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.database.connection import first_row
from core.database.filters import json_path
from core.errors import MapError
from core.maps.layouts import Layout, Positions
from core.search.tokens import TOKEN, folded

if TYPE_CHECKING:
    from core.workspace import Workspace

CATEGORIES = 12
"""More values than this are grouped as "others"."""
STEPS = 32
"""Numbers are told apart in so many steps, each of as many points as the next."""
NONE, OTHERS = 255, 254

COLUMNS = {
    "lang": "lang", "source": "source", "user": "user_id",
    "likes": "likes", "reposts": "reposts", "replies": "replies", "time": "epoch(created_at)",
    "engagement": "CASE WHEN likes IS NULL AND reposts IS NULL AND replies IS NULL THEN NULL"
    " ELSE coalesce(likes, 0) + coalesce(reposts, 0) + coalesce(replies, 0) END",
}  # fmt: skip
NUMBERS = frozenset({"likes", "reposts", "replies", "time", "engagement", "sentiment"})
USER_COLUMNS = {"followers": "followers", "following": "following", "time": "epoch(created_at)", "posts": ""}
ENGLISH_SHARE = 0.15
"""A text of unknown language is taken for English where so many of its words are English stop words."""
EXTRA = "column:"
POLICY = "policy:"
MODERATION = "moderation"


@dataclass(frozen=True, slots=True, eq=False)
class Paint:
    """``codes`` is uint8 (m,). Of categories a code is the place in ``names``, OTHERS or NONE; of numbers it is 0 to
    STEPS - 1 or NONE, and ``edges`` are the STEPS + 1 values between the steps. ``counts`` goes with ``names``."""

    kind: Literal["category", "number"]
    codes: NDArray[np.uint8]
    names: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    edges: tuple[float, ...] = ()
    others: int = 0
    missing: int = 0


def paint_clusters(layout: Layout, positions: Positions, level: int = 0) -> Paint:
    """By cluster at a level; code and place in ``names`` are the cluster's number up to 250."""
    clusters = layout.at_level(level)
    labels = layout.labels[level][positions]
    codes = np.where((labels < 0) | (labels > 250), NONE, labels).astype(np.uint8)
    return Paint("category", codes, tuple(c.name for c in clusters), tuple(c.size for c in clusters))


def paint(workspace: Workspace, layout: Layout, positions: Positions, by: str) -> Paint:
    """By a column of the posts or users at ``positions``. Raises MapError for one that there is not."""
    if by == "placed":
        codes = layout.placed[positions].astype(np.uint8)
        return Paint("category", codes, ("On the map when it was made", "Placed since"),
                     (int((codes == 0).sum()), int(codes.sum())))  # fmt: skip
    values = (
        user_values(workspace, layout, positions, by)
        if layout.users
        else post_values(workspace, layout.rows[positions], by)
    )
    return _numbers(values, by) if _is_numeric(values) else _categories(values)


def _is_numeric(values: NDArray[Any]) -> bool:
    return values.dtype.kind == "f"


def post_values(workspace: Workspace, rows: NDArray[np.int64], by: str) -> NDArray[Any]:
    """float64 with NaN, or objects with None, one for each row."""
    if by == "sentiment":
        return sentiments(workspace, rows)
    cursor = workspace.cursor()
    if by == MODERATION:
        return _moderated(workspace, rows)
    if by.startswith(POLICY):
        found = cursor.execute(
            "SELECT post_row AS row, max(score) AS value FROM scores WHERE policy = ? GROUP BY 1 ORDER BY 1",
            [by.removeprefix(POLICY)],
        ).fetchnumpy()
        scores: NDArray[Any] = np.ma.filled(np.ma.asarray(found["value"], np.float64), np.nan)
        return _aligned(np.asarray(found["row"], np.int64), scores, rows, np.nan)
    if by in COLUMNS:
        sql, bound = COLUMNS[by], []
    elif by.startswith(EXTRA):
        sql, bound = "json_extract_string(extra, ?)", [json_path(by.removeprefix(EXTRA))]
    else:
        raise MapError(f"A map can't be coloured by {by[:60]!r}.")
    (count,) = first_row(cursor.execute("SELECT count(*) FROM posts")) or (0,)
    where, more = ("", []) if 2 * len(rows) > count else (" WHERE row IN (SELECT unnest(?::BIGINT[]))", [rows.tolist()])
    found = cursor.execute(f"SELECT row, {sql} AS value FROM posts{where} ORDER BY row", bound + more).fetchnumpy()
    own, values = np.asarray(found["row"], np.int64), found["value"]
    if by in NUMBERS:
        filled: NDArray[Any] = np.ma.filled(np.ma.asarray(values, np.float64), np.nan)
        return _aligned(own, filled, rows, np.nan)
    plain = np.array(np.ma.getdata(values), object)
    plain[np.ma.getmaskarray(values)] = None
    aligned = _aligned(own, plain, rows, None)
    return _as_numbers(aligned) if by.startswith(EXTRA) else aligned


def _moderated(workspace: Workspace, rows: NDArray[np.int64]) -> NDArray[Any]:
    """What was decided on each post, else that it waits for review or that a policy flags it, else None."""
    found = (
        workspace.cursor()
        .execute(
            "SELECT row, arg_min(said, place) AS value FROM ("
            " SELECT post_row AS row, 0 AS place, state AS said FROM standings"
            "  WHERE noun = 'post' AND post_row IS NOT NULL AND state IN ('kept', 'labelled', 'limited')"
            " UNION ALL SELECT post_row, 1, 'reported' FROM reports WHERE closed_by IS NULL"
            " UNION ALL SELECT s.post_row, 2, 'flagged' FROM scores s JOIN policies p ON p.id = s.policy"
            "  WHERE p.enabled AND s.score >= p.threshold::FLOAT) GROUP BY row ORDER BY row"
        )
        .fetchall()
    )
    said = np.array([value for _, value in found], object)
    return _aligned(np.array([row for row, _ in found], np.int64), said, rows, None)


def _aligned(own: NDArray[np.int64], values: NDArray[Any], rows: NDArray[np.int64], missing: Any) -> NDArray[Any]:
    at = np.searchsorted(own, rows)
    at[at == len(own)] = 0
    there = own[at] == rows if len(own) else np.zeros(len(rows), bool)
    result = np.full(len(rows), missing, values.dtype)
    result[there] = values[at[there]]
    return result


def _as_numbers(values: NDArray[Any]) -> NDArray[Any]:
    """As numbers where all values are and they are many; else as they are."""
    known = [value for value in values if value is not None and value != ""]
    try:
        numbers = {float(value) for value in known}
    except ValueError:
        return values
    if len(numbers) <= CATEGORIES or not np.isfinite(list(numbers)).all():
        return values
    return np.array([np.nan if value in (None, "") else float(value) for value in values], np.float64)


def user_values(workspace: Workspace, layout: Layout, positions: Positions, by: str) -> NDArray[Any]:
    if by not in USER_COLUMNS:
        raise MapError(f"A map of users can't be coloured by {by[:60]!r}.")
    ids = [layout.users[at] for at in positions]
    cursor = workspace.cursor()
    if by == "posts":
        rows = cursor.execute("SELECT user_id, count(*) FROM posts WHERE user_id IS NOT NULL GROUP BY 1").fetchall()
    else:
        rows = cursor.execute(f"SELECT id, {USER_COLUMNS[by]} FROM users").fetchall()
    known = {id_: value for id_, value in rows if value is not None}
    return np.array([known.get(id_, np.nan) for id_ in ids], np.float64)


def sentiments(workspace: Workspace, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """VADER's compound score (Hutto and Gilbert, 2014), -1 to 1, of texts in English; NaN for others: its lexicon knows
    no other language, and would call them neutral. A text of unknown language counts where it reads as English."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer = SentimentIntensityAnalyzer()
    found = (
        workspace.cursor()
        .execute(
            "SELECT row, left(text, 1000), lang FROM posts WHERE row IN (SELECT unnest(?::BIGINT[])) AND text <> ''"
            " AND (lang IS NULL OR lang LIKE 'en%')",
            [rows.tolist()],
        )
        .fetchall()
    )
    known = {
        row: analyzer.polarity_scores(text)["compound"] for row, text, lang in found if lang or _reads_english(text)
    }
    return np.array([known.get(row, np.nan) for row in rows.tolist()], np.float64)


def _reads_english(text: str) -> bool:
    from core.maps.names import stop_words

    stops = stop_words("en")
    words = [folded(match.group()) for match in TOKEN.finditer(text)]
    return sum(word in stops for word in words) >= ENGLISH_SHARE * len(words) > 0


def _numbers(values: NDArray[np.float64], by: str) -> Paint:
    known = np.isfinite(values)
    codes = np.full(len(values), NONE, np.uint8)
    if not known.any():
        return Paint("number", codes, edges=(0.0, 0.0), missing=len(values))
    if by == "sentiment" or by.startswith(POLICY):
        edges = np.linspace(-1.0 if by == "sentiment" else 0.0, 1.0, STEPS + 1)
    else:
        edges = np.quantile(values[known], np.linspace(0, 1, STEPS + 1))
    codes[known] = np.clip(np.searchsorted(edges, values[known], side="right") - 1, 0, STEPS - 1)
    return Paint("number", codes, edges=tuple(edges.tolist()), missing=int((~known).sum()))


def _categories(values: NDArray[Any]) -> Paint:
    missing = np.array([value is None or value == "" for value in values], bool)
    texts = np.where(missing, "", values).astype(str)
    names, codes_of, counts = np.unique(texts, return_inverse=True, return_counts=True)
    order = [at for at in np.argsort(-counts, kind="stable").tolist() if names[at] != ""]
    kept = order[:CATEGORIES]
    code = np.full(len(names), OTHERS, np.uint8)
    for place, at in enumerate(kept):
        code[at] = place
    codes = np.where(missing, NONE, code[codes_of]).astype(np.uint8)
    others = int(sum(counts[at] for at in order[CATEGORIES:]))
    return Paint("category", codes, tuple(str(names[at]) for at in kept), tuple(int(counts[at]) for at in kept),
                 others=others, missing=int(missing.sum()))  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """When the points of a map were written: ``shares`` float32 (n,), 0 to 1 from ``first`` to ``last`` (naive UTC),
    NaN where it is unknown; ``columns`` how many fall into each equal part of it."""

    first: datetime
    last: datetime
    shares: NDArray[np.float32]
    columns: tuple[int, ...]
    undated: int

    def codes(self, positions: Positions) -> NDArray[np.uint16]:
        """Of some points, as a browser gets them: 0 to 65534 from first to last, 65535 where it is unknown."""
        some = self.shares[positions]
        codes = np.full(len(some), 65535, np.uint16)
        dated = np.isfinite(some)
        codes[dated] = np.round(some[dated].astype(np.float64) * 65534).astype(np.uint16)
        return codes

    def within(self, start: int, end: int) -> NDArray[np.bool_]:
        """(n,) which were written from ``start`` to ``end``, seconds since 1970."""
        first, last = (moment.replace(tzinfo=UTC).timestamp() for moment in (self.first, self.last))
        low, high = ((at - first) / (last - first) for at in (start, end))
        found: NDArray[np.bool_] = (self.shares >= low) & (self.shares <= high)
        return found


FAR_OUT = 0.001
"""At each end this share of the points may lie outside, so that one absurd date does not flatten all others."""
MOST_COLUMNS = 120


def point_times(workspace: Workspace, layout: Layout) -> Times | None:
    """None where fewer than two points have a time, or all the same."""
    if layout.users:
        return None
    values = post_values(workspace, layout.rows, "time")
    known = values[np.isfinite(values)]
    if len(known) < 2:
        return None
    low, high = np.quantile(known, [FAR_OUT, 1 - FAR_OUT]) if len(known) > 1 / FAR_OUT else (known.min(), known.max())
    if high <= low:
        return None
    scaled = np.clip((values - low) / (high - low), 0, 1)
    columns = np.bincount((scaled[np.isfinite(scaled)] * (MOST_COLUMNS - 1)).astype(int), minlength=MOST_COLUMNS)
    undated = int(len(values) - len(known))
    return Times(_moment(low), _moment(high), scaled.astype(np.float32), tuple(columns.tolist()), undated)


def _moment(seconds: float) -> datetime:
    return datetime(1970, 1, 1) + timedelta(seconds=float(seconds))


def scored_policies(workspace: Workspace) -> frozenset[str]:
    """Ids of the policies that some posts were scored by."""
    return frozenset(id_ for (id_,) in workspace.cursor().execute("SELECT DISTINCT policy FROM scores").fetchall())


def columns_of(extra: Sequence[str], policies: Sequence[str] = (), *, users: bool) -> list[str]:
    """What a map may be coloured by, in the order in which it is offered; ``policies`` are ids."""
    if users:
        return ["cluster", *USER_COLUMNS]
    return ["cluster", "time", "lang", "source", "user", "engagement", "likes", "reposts", "replies", "sentiment",
            *([MODERATION] if policies else []), *(POLICY + id_ for id_ in policies),
            *(EXTRA + name for name in extra)]  # fmt: skip
