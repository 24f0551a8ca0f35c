"""Files that say who did what to which post, or who a user is.

Three shapes: a table with a column for the user and one for the post (CSV, TSV, JSON lines, JSON, Parquet), its columns
found by their names; a table of who follows whom; and the lists of the recommender literature, ``user item item ...`` a
line, as NGCF and LightGCN publish theirs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from core.errors import ImportFailed
from core.ingest.mapping import ALIASES, fold, list_columns
from core.ingest.readers.raw_rows import Row, open_rows
from core.ingest.readers.rows import MAX_KEY_CHARS, MAX_VALUE_CHARS, latest_time
from core.ingest.readers.text_file import Lines, decode_head, open_text, read_head
from core.ingest.records import Failure
from core.ingest.values import parse_count, parse_id, parse_string, parse_time
from core.types import Interaction, User

FOLLOW = "follow"
"""The kind of an interaction whose ``post_id`` is not a post's but the id of the user who is followed."""

IMPRESSION = "impression"
"""The kind of an interaction that says at which rank a post was shown: its weight, from a column of ranks."""

_ACT_ALIASES: dict[str, tuple[str, ...]] = {
    field: tuple(names.split())
    for field, names in {
        "user_id": """userid useridstr user uid actorid actor accountid authorid author visitorid customerid memberid
            username handle likerid reposterid followerid follower did source from""",
        "post_id": """postid tweetid statusid itemid item post tweet status messageid contentid documentid docid
            articleid newsid movieid productid trackid venueid locationid objectid targetid subject uri""",
        "followed": "followedid followed followeeid followee followingid following targetuserid target to",
        "kind": "kind interaction interactiontype action acttype event eventtype activity type verb reaction",
        "created_at": "createdat timestamp time datetime date eventtime actedat likedat at utctime ts",
        "weight": "weight value rating score strength count plays playcount",
        "rank": "rank position slot",
    }.items()
}
ACT_FIELDS = tuple(_ACT_ALIASES)
KINDS = {
    "likes": "like", "liked": "like", "favorite": "like", "favourite": "like", "fav": "like", "upvote": "like",
    "retweet": "repost", "retweeted": "repost", "reblog": "repost", "boost": "repost", "share": "repost",
    "reposted": "repost", "comment": "reply", "replied": "reply", "answer": "reply", "viewed": "view",
    "read": "view", "watch": "view", "clicked": "click", "impressions": IMPRESSION, "impressed": IMPRESSION,
    "served": IMPRESSION, "follows": FOLLOW, "followed": FOLLOW,
}  # fmt: skip
"""Other words for the kinds like, repost, reply, view, click, impression and follow; any other is kept as it is."""

_LISTS = re.compile(r"\d+(?:[ \t]+\d+)*\s*")


@dataclass(frozen=True, slots=True)
class ActFile:
    """A file of interactions that was recognised. ``mapping`` is field -> column, empty for ``lists``."""

    path: Path
    format: str
    mapping: Mapping[str, str]


def recognise_acts(path: Path, mapping: Mapping[str, str] | None = None) -> ActFile:
    """What a file of interactions is. ``mapping`` gives columns for ACT_FIELDS where they are not found by name.

    Raises ImportFailed where neither users with posts nor users with those they follow can be found.
    """
    if path.is_file() and not mapping and _are_lists(path):
        return ActFile(path, "lists", {})
    columns, _ = open_rows(path)
    found = _find(columns, mapping or {}, _ACT_ALIASES)
    if "user_id" not in found or ("post_id" not in found and "followed" not in found):
        raise ImportFailed(
            f"{path.name}: no columns look like the user and the post of an interaction. {list_columns(columns)} Say"
            " which by a mapping, for example user_id=COLUMN and post_id=COLUMN."
        )
    return ActFile(path, "table", found)


def read_acts(file: ActFile, *, kind: str = "like") -> Iterator[Interaction | Failure]:
    """The interactions in order. ``kind`` is that of rows that name none; of a table of followers it is follow."""
    if file.format == "lists":
        yield from _read_lists(file.path, kind)
        return
    columns = file.mapping
    user, post, followed = columns["user_id"], columns.get("post_id"), columns.get("followed")
    said, time = columns.get("kind"), columns.get("created_at")
    weight, rank = columns.get("weight"), columns.get("rank")
    latest = latest_time()
    for row, where, position in open_rows(file.path)[1]:
        if isinstance(row, str):
            yield Failure(where, row, position)
            continue
        own = parse_string(row.get(said)) if said else None
        name = (KINDS.get(own.casefold(), own.casefold()) if own else kind if post else FOLLOW)[:MAX_KEY_CHARS]
        target = row.get(followed) if followed and (name == FOLLOW or not post) else row.get(post or "")
        user_id, post_id = parse_id(row.get(user)), parse_id(target)
        if user_id is None or post_id is None:
            missing = "user" if user_id is None else "user who is followed" if name == FOLLOW else "post"
            yield Failure(where, f"an interaction without a {missing}", position)
            continue
        at = parse_time(row.get(time), latest=latest) if time else None
        told = rank if rank and name == IMPRESSION else weight
        yield Interaction(user_id, post_id, name, at, _weight(row.get(told)) if told else 1.0)


def _weight(cell: object) -> float:
    try:
        value = float(cell)  # type: ignore[arg-type]  # what can't be a number raises
    except (TypeError, ValueError):
        return 1.0
    return value if math.isfinite(value) else 1.0


def _are_lists(path: Path) -> bool:
    """Whether each of the first lines is a user and items, all of them whole numbers."""
    lines = decode_head(read_head(path))[1].split("\n")[:50]
    lines = [line for line in (lines[:-1] if len(lines) > 1 else lines) if line.strip()]
    return len(lines) > 0 and all(map(_LISTS.fullmatch, lines)) and any(len(line.split()) > 2 for line in lines)


def _read_lists(path: Path, kind: str) -> Iterator[Interaction | Failure]:
    with open_text(path, "utf-8") as stream:
        lines = Lines(stream)
        for position, line in enumerate(lines):
            lines.mark()
            words = line.split()[:1_000_000]
            where = f"{path.name} line {lines.number}"
            if len(words) == 1:
                yield Failure(where, "a user without items", position)
            for item in dict.fromkeys(words[1:]):
                yield Interaction(words[0], item, kind)


_USER_ALIASES: dict[str, tuple[str, ...]] = {
    "id": ("userid", "useridstr", "id", "idstr", *ALIASES["user_id"]),
    "name": (*ALIASES["user_name"], "title"),
    "handle": ALIASES["user_handle"],
    "description": (*ALIASES["user_description"], "description", "about", "note", "summary"),
    "location": (*ALIASES["user_location"], "location", "place"),
    "created_at": (*ALIASES["user_created_at"], "createdat", "created", "joined", "joindate", "registered"),
    "followers": ALIASES["user_followers"],
    "following": ALIASES["user_following"],
}


def read_profiles(path: Path, mapping: Mapping[str, str] | None = None) -> Iterator[User | Failure]:
    """The accounts of a table of profiles. Raises ImportFailed where no column looks like a user's id or handle."""
    columns, rows = open_rows(path)
    found = _find(columns, mapping or {}, _USER_ALIASES)
    if "id" not in found and "handle" in found:
        found["id"] = found["handle"]
    if "id" not in found:
        raise ImportFailed(
            f"{path.name}: no column looks like the id of a user. {list_columns(columns)} Say which by id=COLUMN."
        )
    used = set(found.values())
    latest = latest_time()
    for row, where, position in rows:
        user = row if isinstance(row, str) else _user(row, found, used, latest)
        yield Failure(where, user, position) if isinstance(user, str) else user


def _user(row: Row, columns: Mapping[str, str], used: set[str], latest: datetime) -> User | str:
    from core.ingest.readers.rows import Extra

    user_id = parse_id(row.get(columns["id"]))
    if user_id is None:
        return "the user has no id"
    extra = Extra()
    for column, cell in row.items():
        if column not in used:
            extra.add(column, cell)
    texts = {
        field: parse_string(row.get(columns.get(field, ""))) for field in ("name", "handle", "description", "location")
    }
    return User(
        id=user_id,
        name=_cut(texts["name"], MAX_KEY_CHARS),
        handle=_cut(texts["handle"] and texts["handle"].removeprefix("@"), MAX_KEY_CHARS),
        description=_cut(texts["description"], MAX_VALUE_CHARS),
        location=_cut(texts["location"], MAX_KEY_CHARS),
        created_at=parse_time(row.get(columns.get("created_at", "")), latest=latest),
        followers=parse_count(row.get(columns.get("followers", ""))),
        following=parse_count(row.get(columns.get("following", ""))),
        extra=extra.values(),
    )


def _cut(text: str | None, limit: int) -> str | None:
    return text[:limit] if text else None


def _find(columns: Sequence[str], given: Mapping[str, str], aliases: Mapping[str, Iterable[str]]) -> dict[str, str]:
    for field, column in given.items():
        if field not in aliases:
            raise ImportFailed(f"There is no field {field!r} to map a column to. Fields: {', '.join(aliases)}.")
        if column and column not in columns:
            raise ImportFailed(f"The column {column!r}, given for {field}, is not there. {list_columns(columns)}")
    found = {field: column for field, column in given.items() if column}
    folded = {fold(column): column for column in reversed(columns)}
    for field, names in aliases.items():
        if field not in given:
            free = (folded[name] for name in names if name in folded and folded[name] not in found.values())
            for column in free:
                found[field] = column
                break
    return found
