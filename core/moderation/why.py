"""Why a post has its score: the words that carry it, and how far it moves when people in it are others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.database.posts import get_posts
from core.errors import ModerationError
from core.moderation.identity_terms import SWAPS
from core.moderation.policies import Policy, get_policy
from core.moderation.roles import ALONE, Person

if TYPE_CHECKING:
    from core.workspace import Workspace

MAX_WORDS = 60
"""Of longer texts the beginning is explained."""

_WORD = re.compile(r"\S+")
_NAME = re.compile(r"@\w+|\b[A-Z][a-z]+\b")
NAMES = ("Anna", "Jamal", "Mei", "Ahmed", "Carlos")


@dataclass(frozen=True, slots=True)
class Swapped:
    """``word`` of the text was replaced ``by`` another, and the score became ``score``."""

    word: str
    by: str
    score: float


@dataclass(frozen=True, slots=True)
class Why:
    """``score`` of the text as it stands; ``pieces`` the text cut into (piece, fall): how much lower the score is
    without that word, 0 for what stands between words and below 0 where the word speaks against it; ``swaps`` the
    furthest moves first. ``picture`` is (7, 7) falls by region, for a policy that looks at pictures."""

    score: float
    pieces: tuple[tuple[str, float], ...]
    swaps: tuple[Swapped, ...]
    picture: NDArray[np.float32] | None


def why(workspace: Workspace, post_id: str, policy: str, *, by: Person = ALONE) -> Why:
    """Occlusion: the text is scored without each of its words in turn, by the scorer's first look, and with people in
    it replaced. Takes up to a second. Raises RoleError, and ModerationError for an unknown post or policy."""
    by.require("review")
    post = get_posts(workspace.cursor(), [post_id]).get(post_id)
    if post is None:
        raise ModerationError(f"There is no post {post_id!r} in this workspace.")
    asked = get_policy(workspace, policy)
    if asked.scorer == "picture":
        return Why(0.0, (), (), _picture(workspace, [item.path for item in post.media if item.path]))
    if asked.scorer not in ("words", "described"):
        return Why(0.0, (), (), None)
    words = list(_WORD.finditer(post.text))[:MAX_WORDS]
    if not words:
        return Why(0.0, (), (), None)
    text = post.text[: words[-1].end()]
    without = [text[: word.start()] + text[word.end() :] for word in words]
    swaps = _swapped(text)
    scores = score_texts(workspace, asked, [text, *without, *(other for other, _, _ in swaps)])
    whole = float(scores[0])
    falls = whole - scores[1 : 1 + len(words)]
    pieces: list[tuple[str, float]] = []
    at = 0
    for word, fall in zip(words, falls.tolist(), strict=True):
        pieces += [(text[at : word.start()], 0.0)] if word.start() > at else []
        pieces.append((word.group(), fall))
        at = word.end()
    moved = [
        Swapped(old, new, float(score)) for (_, old, new), score in zip(swaps, scores[1 + len(words) :], strict=True)
    ]
    moved.sort(key=lambda one: -abs(one.score - whole))
    return Why(whole, tuple(pieces), tuple(moved[:8]), None)


def _swapped(text: str) -> list[tuple[str, str, str]]:
    """(text, word, replacement) for each identity term and name that can be swapped, at most 24."""
    found: list[tuple[str, str, str]] = []
    for term, others in SWAPS:
        pattern = re.compile(rf"\b{re.escape(term)}\b", re.IGNORECASE)
        match = pattern.search(text)
        if match is not None:
            found += [(pattern.sub(other, text), match.group(), other) for other in others]
    name = _NAME.search(text, 1)
    if name is not None and not any(name.group().lower() == term for term, _ in SWAPS):
        found += [(text.replace(name.group(), other), name.group(), other) for other in NAMES if other != name.group()]
    return found[:24]


def score_texts(workspace: Workspace, policy: Policy, texts: Sequence[str]) -> NDArray[np.float32]:
    """(n,) scores of texts that are in no workspace, by the first look of a policy over words or by description."""
    if policy.scorer == "described":
        vectors = workspace.encoder("text").encode_documents(list(texts))
        from core.moderation.scorers.described import read_described

        return read_described(workspace, policy).score_texts(vectors)
    from core.encoders.minilm import MINILM_ID, load_minilm
    from core.moderation.scorers.classifier import is_packaged, load_classifier
    from core.moderation.scorers.words import load_word_scorer

    settings = workspace.settings
    if not is_packaged(settings):
        classifier = load_classifier(settings.scorer, settings.scorer_labels)
        if policy.attribute in classifier.attributes:
            return classifier.score(texts)[:, classifier.attributes.index(policy.attribute)]
    scorer = load_word_scorer()
    if policy.attribute not in scorer.attributes:
        raise ModerationError(f"No scorer here knows {policy.attribute}: set FEEDSCOPE_SCORER to one that does.")
    encoder = workspace.encoder("text")
    vectors = (
        encoder.encode_documents(list(texts)) if encoder.space.model_id == MINILM_ID else load_minilm().encode(texts)
    )
    scores: NDArray[np.float32] = scorer.score(texts, vectors)[:, scorer.attributes.index(policy.attribute)]
    return scores


def _picture(workspace: Workspace, paths: Sequence[str]) -> NDArray[np.float32] | None:
    if not paths:
        return None
    from core.moderation.scorers.nudity import score_regions
    from core.pictures import open_picture

    settings = workspace.settings
    picture = open_picture(workspace.media_folder / paths[0], max_pixels=settings.max_pixels, shrink_to=512)
    return score_regions(picture, threads=settings.thread_count())
