"""Takes in what another recommender made: lists of (user, item, score, model), vectors, and what was shown to whom."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.database import recommend as table
from core.database.posts import rows_of
from core.database.users import store_interactions
from core.errors import ImportFailed
from core.types import Interaction

if TYPE_CHECKING:
    from core.workspace import Workspace

MOST_A_LIST = 500
_MOST_ROWS = 20_000_000
_USERS = ("user", "user_id")
_ITEMS = ("item", "item_id", "post", "post_id")
_MODEL = ("model", "system", "variant")
_SHOWN = ("shown_at", "impression_at", "served_at")


def import_lists(workspace: Workspace, path: Path, *, model: str = "") -> dict[str, Any]:
    """Reads a CSV, TSV or Parquet file with user, item and score or rank, or an .npz of vectors; keeps each model's
    lists in place of what was there. Gives counts.

    With a column ``shown_at`` the rows are impressions at their rank, and become interactions of that kind. An .npz
    holds ``users`` and ``items`` (ids, strings) and ``user_vectors`` and ``item_vectors``, whose inner products rank.
    Rows of posts that the workspace lacks are left out and counted. Raises ImportFailed.
    """
    name = model or path.stem
    if path.suffix == ".npz":
        rows: Iterator[dict[str, Any]] = _from_vectors(path)
    elif path.suffix == ".parquet":
        rows = _from_parquet(path)
    else:
        rows = _from_text(path)
    first = next(rows, None)
    if first is None:
        raise ImportFailed(f"{path.name} holds no rows.")
    user, item = _column(path, first, _USERS), _column(path, first, _ITEMS)
    model_column = next((column for column in _MODEL if column in first), None)
    shown = next((column for column in _SHOWN if column in first), None)
    if shown is None and "score" not in first and "rank" not in first:
        raise ImportFailed(f"{path.name} needs a column 'score' (higher is better) or 'rank' (from 1).")
    if shown is not None and "rank" not in first:
        raise ImportFailed(f"{path.name} tells when posts were shown, and needs a column 'rank' (from 1) to say where.")
    lists: dict[str, dict[str, list[tuple[float, str]]]] = defaultdict(lambda: defaultdict(list))
    impressions: list[Interaction] = []
    count = 0
    for number, row in enumerate(_chain(first, rows), start=2):
        count += 1
        if count > _MOST_ROWS:
            raise ImportFailed(f"{path.name} has more than {_MOST_ROWS:,} rows.")
        who, what = str(row.get(user) or ""), str(row.get(item) or "")
        if not who or not what:
            raise ImportFailed(f"{path.name}, line {number}: the user or the item is empty.")
        if shown is not None:
            rank = _number(path, number, row, "rank")
            impressions.append(Interaction(who, what, "impression", _moment(path, number, row[shown]), rank))
        else:
            score = _number(path, number, row, "score") if "score" in first else -_number(path, number, row, "rank")
            lists[str(row.get(model_column) or name) if model_column else name][who].append((score, what))
    if shown is not None:
        return _keep_impressions(workspace, impressions)
    return _keep(workspace, lists, count)


def _keep(workspace: Workspace, lists: dict[str, dict[str, list[tuple[float, str]]]], count: int) -> dict[str, Any]:
    items = {what for by_user in lists.values() for own in by_user.values() for _, what in own}
    known = rows_of(workspace.cursor(), list(items))
    at = datetime.now(UTC).replace(tzinfo=None)
    kept: dict[str, int] = {}
    users: set[str] = set()
    for model, by_user in lists.items():
        rows = []
        for who, own in by_user.items():
            best: dict[str, float] = {}
            for score, what in own:
                if what in known:
                    best[what] = max(score, best.get(what, -math.inf))
            ordered = sorted(best.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_A_LIST]
            rows += [(who, what, score, rank) for rank, (what, score) in enumerate(ordered, start=1)]
        users |= by_user.keys()
        with workspace.new_generation() as (cursor, _):
            table.replace_lists(cursor, model[:80], rows, at)
        kept[model[:80]] = len(rows)
    return {"rows": count, "models": kept, "users": len(users), "unknown_posts": len(items) - len(known)}


def _keep_impressions(workspace: Workspace, impressions: list[Interaction]) -> dict[str, Any]:
    known = rows_of(workspace.cursor(), list({one.post_id for one in impressions}))
    here = [one for one in impressions if one.post_id in known]
    with workspace.new_generation() as (cursor, generation):
        added = store_interactions(cursor, here, generation=generation)
    return {"rows": len(impressions), "impressions": added, "unknown_rows": len(impressions) - len(here)}


def _chain(first: dict[str, Any], rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield first
    yield from rows


def _column(path: Path, row: dict[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        if name in row:
            return name
    raise ImportFailed(f"{path.name} needs a column {' or '.join(names[:2])}; it has {', '.join(map(str, row))[:200]}.")


def _number(path: Path, line: int, row: dict[str, Any], column: str) -> float:
    try:
        value = float(row[column])
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value) or (column == "rank" and value < 1):
        raise ImportFailed(f"{path.name}, line {line}: the {column} {str(row[column])[:40]!r} can't be used.")
    return value


def _moment(path: Path, line: int, value: Any) -> datetime:
    if isinstance(value, datetime):
        moment = value
    else:
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            raise ImportFailed(
                f"{path.name}, line {line}: the time {str(value)[:40]!r} is not of the form 2024-01-31T12:00:00."
            ) from None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _from_text(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            head = file.readline()
            file.seek(0)
            yield from csv.DictReader(file, delimiter="\t" if "\t" in head else ",")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ImportFailed(f"{path} can't be read as a table: {error}.") from None


def _from_parquet(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(8192):
                yield from batch.to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise ImportFailed(f"{path} can't be read as Parquet: {error}.") from None


def _from_vectors(path: Path) -> Iterator[dict[str, Any]]:
    """The best MOST_A_LIST items of each user, as rows of a list."""
    try:
        with np.load(path, allow_pickle=False) as found:
            arrays = {name: found[name] for name in ("users", "items", "user_vectors", "item_vectors")}
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise ImportFailed(
            f"{path.name} needs the arrays users, items, user_vectors and item_vectors, without objects: {error}."
        ) from None
    users, items = arrays["users"].astype(str), arrays["items"].astype(str)
    left, right = arrays["user_vectors"].astype(np.float32), arrays["item_vectors"].astype(np.float32)
    if left.ndim != 2 or right.ndim != 2 or left.shape[1] != right.shape[1]:
        raise ImportFailed(f"{path.name}: the vectors of users {left.shape} and items {right.shape} don't fit.")
    if len(users) != len(left) or len(items) != len(right):
        raise ImportFailed(f"{path.name}: there must be one vector a user and one an item.")
    if not (np.isfinite(left).all() and np.isfinite(right).all()):
        raise ImportFailed(f"{path.name} holds vectors with values that are not finite numbers.")
    for start in range(0, len(users), 256):
        scores = left[start : start + 256] @ right.T
        order = np.argsort(-scores, axis=1, kind="stable")[:, :MOST_A_LIST]
        for at, best in enumerate(order):
            for place in best:
                yield {"user": users[start + at], "item": items[place], "score": float(scores[at, place])}
