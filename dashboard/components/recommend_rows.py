"""Posts as rows: of a history, of a list with ranks and arrows, of an explanation."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.recommend.acts import KIND_WEIGHTS, Act, History
from core.recommend.serving import Listing
from core.types import Post, User
from dashboard import resources
from dashboard.components.cards import author_name, short_time
from dashboard.components.figures import number
from dashboard.components.frontend import component, draw
from dashboard.components.text import clean
from dashboard.links import Link, PostLink, RecommendLink

_rows = component("recommend")
_SIDE = 160
_CHARS = 400

KIND_NAMES = {
    "like": "liked", "favourite": "liked", "favorite": "liked", "upvote": "upvoted", "quote": "quoted",
    "repost": "reposted", "share": "shared", "bookmark": "saved", "save": "saved", "reply": "replied",
    "comment": "commented", "click": "clicked", "wrote": "wrote", "follow": "followed",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """A post and what is to be said of it. ``move`` is (kind, text, tooltip) of an arrow, ``share`` 0 to 1 a bar,
    ``badges`` (kind, text, tooltip), ``actions`` (kind, where to, name, tooltip)."""

    post_id: str
    rank: int | None = None
    move: tuple[str, str, str] | None = None
    said: str = ""
    said_title: str = ""
    share: float | None = None
    share_title: str = ""
    badges: Sequence[tuple[str, str, str]] = ()
    actions: Sequence[tuple[str, Link, str, str]] = ()
    current: bool = False
    gone: bool = False


def draw_rows(rows: Sequence[Row], *, label: str, key: str, compact: bool = False) -> None:
    """Draws the rows whose posts are still here."""
    posts = resources.posts([row.post_id for row in rows])
    users = resources.users(posts.values())
    shown = [
        _data(row, posts[row.post_id], users.get(posts[row.post_id].user_id or ""))
        for row in rows
        if row.post_id in posts
    ]
    draw(_rows, {"label": label, "compact": compact, "rows": shown}, key=key)


def _data(row: Row, post: Post, user: User | None) -> dict[str, Any]:
    first = next((item for item in post.media if item.path), None)
    jpeg = resources.thumbnail(first.path, _SIDE) if first is not None and first.path else None
    picture = None
    if jpeg is not None and first is not None:
        src = "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
        picture = {"src": src, "alt": clean(first.alt or "")}
    said = row.said or (short_time(post.created_at) if post.created_at else "")
    return {
        "id": post.id,
        "url": PostLink(post.id).url(),
        "name": author_name(post, user),
        "text": clean(" ".join(post.text.split())[:_CHARS]),
        "picture": picture,
        "rank": row.rank,
        "move": list(row.move) if row.move else None,
        "said": said,
        "said_title": row.said_title or None,
        "share": row.share,
        "share_title": row.share_title,
        "badges": [list(badge) for badge in row.badges],
        "actions": [[kind, link.url(), name, title] for kind, link, name, title in row.actions],
        "current": row.current,
        "gone": row.gone,
    }


def history_rows(link: RecommendLink, history: History, ids: dict[int, str], limit: int) -> list[Row]:
    """The newest acts, each with a way to take it out."""
    weights = history.weights()
    most = float(weights.max()) if len(weights) else 1.0
    rows = []
    for act, weight in zip(history.acts[:limit], weights.tolist(), strict=False):
        if act.row not in ids:
            continue
        id_ = ids[act.row]
        rows.append(
            Row(
                id_,
                said=_did(act),
                said_title=_weighed(act),
                share=weight / most,
                share_title="How much it counts: by what was done, and how long ago",
                badges=[("added", "what if", "Put into the history by hand")] if act.added else [],
                actions=[("out", link.take_out(id_), "Take out", "See what would be shown without this post")],
            )
        )
    return rows


def _did(act: Act) -> str:
    names = ", ".join(dict.fromkeys(KIND_NAMES.get(kind.lower(), kind) for kind in act.kinds)) or "added"
    return f"{clean(names)[:60]}, {short_time(act.created_at)}" if act.created_at else clean(names)[:60]


def _weighed(act: Act) -> str:
    return ", ".join(f"{clean(kind)[:40]} counts {KIND_WEIGHTS.get(kind.lower(), 1.0):g}" for kind in act.kinds)


def move_of(rank: int, before: int | None, base: str, missing: str = "new") -> tuple[str, str, str]:
    """The arrow of a post that now has ``rank`` and had ``before``; ``missing`` says that it had none."""
    if before is None:
        return "new", missing, f"Not in {base}"
    if before == rank:
        return "same", "=", f"The same rank as in {base}"
    kind = "up" if rank < before else "down"
    return kind, str(abs(before - rank)), f"Rank {before} in {base}"


def list_rows(
    link: RecommendLink,
    listing: Listing,
    *,
    before: dict[str, int] | None = None,
    base: str = "",
    limit: int = 20,
    missing: str = "new",
) -> list[Row]:
    """Recommendations with their arrows against ``before``, a rank by post id; ``missing`` is said of what had none."""
    from core.moderation import effects

    marks = effects.marks(resources.workspace(), listing.ids)
    rows = []
    for item in listing.items[:limit]:
        mark = marks.get(item.post_id)
        badges = (
            [("flag", clean(name), f"Flagged by a policy, score {score:.2f}") for _, name, score in mark.flags[:2]]
            if mark
            else []
        )
        if mark and mark.label:
            badges.append(("flag", clean(mark.label), "What a reviewer says of it"))
        rows.append(
            Row(
                item.post_id,
                rank=item.rank,
                share=item.score,
                share_title=f"Score {item.score:.3f} of 1; the model's {item.relevance:.3f}, rank {number(item.was)}",
                move=move_of(item.rank, before.get(item.post_id), base, missing) if before is not None else None,
                badges=badges,
                current=item.post_id == link.why,
                actions=[
                    ("why", _why(link, item.post_id), "Why", "What of the history carries this post"),
                    ("add", _added(link, item.post_id), "Like it", "See what would be shown after liking this post"),
                ],
            )
        )
    return rows


def _why(link: RecommendLink, post_id: str) -> RecommendLink:
    return replace(link, why=post_id, tab="list")


def _added(link: RecommendLink, post_id: str) -> RecommendLink:
    return replace(link.add(post_id), why="", tab="list")
