"""Banks of known content: what was decided before, here or elsewhere, found again by picture hash and by text.

Pictures are known by their PDQ hash (256 bits; the same picture within PDQ_DISTANCE), as hash lists are exchanged;
texts by the SHA-256 of their normalised form; both by their vectors too, which find what was put in other words or cut
anew. Vectors are of one model: a bank compares those of the workspace's own and keeps the others.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from core.errors import ModerationError
from core.jobs.runner import utc_now
from core.moderation.policies import get_policy
from core.moderation.roles import ALONE, Person
from core.moderation.scorers.normalise import normalise
from core.search.neighbours import PDQ_DISTANCE, PDQ_QUALITY

if TYPE_CHECKING:
    from core.workspace import Workspace

EntryKind: TypeAlias = Literal["pdq", "text", "text-vector", "picture-vector"]
VECTOR_KINDS: dict[EntryKind, str] = {"text-vector": "text", "picture-vector": "dual"}
"""And the space that each is of."""
CLOSE: dict[str, float] = {"text": 0.9, "dual": 0.95}
"""From this cosine on it is the same text in other words, the same picture cut or coloured anew; scores begin at 0.5
there and reach 1 at a cosine of 1."""
MAX_VECTORS = 100_000
MAX_ENTRIES = 1_000_000
MAX_FILE_BYTES = 100_000_000
LEAST_LETTERS = 20
"""Shorter texts are no evidence: everybody writes "good morning"."""

_HEX = re.compile(r"[0-9a-f]{64}")
_VECTOR = re.compile(r"[^\s,]{1,200} [A-Za-z0-9+/]{20,20000}={0,2}")


@dataclass(frozen=True, slots=True)
class Bank:
    """PDQ hashes (n, 4) as 64-bit words, digests of texts, and unit vectors (m, d) by the space that they are of;
    ``foreign`` counts the vectors of other models, which nothing here can be compared with."""

    hashes: NDArray[np.uint64]
    texts: frozenset[str]
    vectors: Mapping[str, NDArray[np.float32]]
    foreign: int
    model_id: str

    def __bool__(self) -> bool:
        return bool(len(self.hashes) or self.texts or self.vectors)

    def score(self, workspace: Workspace, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """(n,) scores of post ``rows``: 1 for the same text or picture, for a near picture the share of equal bits
        beyond chance or how near its vector is, for a near text how near its vector is, 0 otherwise."""
        at = {int(row): place for place, row in enumerate(rows)}
        scores = np.zeros(len(rows), np.float32)
        cursor = workspace.cursor()
        if self.texts:
            for row, text in cursor.execute(
                "SELECT row, text FROM posts WHERE row IN (SELECT unnest(?::BIGINT[]))", [rows.tolist()]
            ).fetchall():
                if text_digest(text) in self.texts:
                    scores[at[row]] = 1.0
        if len(self.hashes):
            for row, pdq in cursor.execute(
                "SELECT post_row, pdq FROM media WHERE pdq IS NOT NULL AND pdq_quality >= ? AND path IS NOT NULL"
                " AND post_row IN (SELECT unnest(?::BIGINT[]))",
                [PDQ_QUALITY, rows.tolist()],
            ).fetchall():
                word = np.frombuffer(bytes.fromhex(pdq), np.uint64)
                distance = int(np.bitwise_count(self.hashes ^ word).sum(1).min())
                if distance <= PDQ_DISTANCE:
                    scores[at[row]] = max(scores[at[row]], 1 - distance / 128)
        for space, known in self.vectors.items():
            posts, vectors = _vectors_of(workspace, space, rows)
            if not len(posts):
                continue
            nearest = np.concatenate([(vectors[n : n + 512] @ known.T).max(1) for n in range(0, len(vectors), 512)])
            found = np.where(nearest >= CLOSE[space], 1 - 0.5 * (1 - nearest) / (1 - CLOSE[space]), 0)
            np.maximum.at(scores, [at[int(row)] for row in posts], found.clip(0, 1).astype(np.float32))
        return scores


def _vectors_of(
    workspace: Workspace, space: str, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """(post rows (m,), unit vectors (m, d)) of posts: one a text, or one a picture."""
    if space == "text":
        return workspace.indexes.stored("text", rows)
    pictures = workspace.indexes.pictures()
    media, vectors = workspace.indexes.stored("dual", pictures.of_posts(rows))
    if not len(media):
        return media, vectors
    posts, places = pictures.posts_of(media)
    return posts, vectors[places]


def _written(model_id: str, vector: NDArray[np.float32]) -> str:
    """A vector as an entry: the model's id and its numbers in half precision, base64."""
    return f"{model_id} {base64.b64encode(vector.astype(np.float16).tobytes()).decode()}"


def _read(values: Sequence[str], model_id: str, dim: int) -> NDArray[np.float32]:
    """The vectors of one model among entries; what has another number of numbers is left out."""
    found = []
    for value in values:
        model, _, numbers = value.partition(" ")
        if model == model_id:
            data = base64.b64decode(numbers)
            if len(data) == 2 * dim:
                found.append(np.frombuffer(data, np.float16).astype(np.float32))
    if not found:
        return np.empty((0, dim), np.float32)
    vectors = np.nan_to_num(np.stack(found), posinf=0, neginf=0)
    unit: NDArray[np.float32] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    return unit


def text_digest(text: str) -> str:
    """A text's digest as banks know it, or an empty string where it is too short to be known by."""
    said = re.sub(r"[\W\d_]+", "", normalise(text))
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest() if len(said) >= LEAST_LETTERS else ""


def read_bank(workspace: Workspace, policy: str) -> Bank:
    rows = (
        workspace.cursor()
        .execute("SELECT kind, value FROM bank_entries WHERE policy = ? ORDER BY id", [policy])
        .fetchall()
    )
    pdq = [value for kind, value in rows if kind == "pdq"]
    hashes = np.frombuffer(bytes.fromhex("".join(pdq)), np.uint64).reshape(-1, 4)
    texts = frozenset(value for kind, value in rows if kind == "text")
    vectors, there = {}, 0
    for kind, name in VECTOR_KINDS.items():
        values = [value for one, value in rows if one == kind]
        there += len(values)
        space = workspace.indexes.space(name)
        if values and space is not None and len(found := _read(values, space.model_id, space.dim)):
            vectors[name] = found
    digest = hashlib.sha256("".join(sorted(value for _, value in rows)).encode()).hexdigest()[:8]
    return Bank(hashes, texts, vectors, there - sum(map(len, vectors.values())), f"bank-{digest}")


def add_entries(
    workspace: Workspace, policy: str, entries: Iterable[tuple[EntryKind, str]], source: str, *, by: Person = ALONE
) -> int:
    """Adds (kind, value) entries and gives how many are new. Raises RoleError, and ModerationError for a value that is
    no hash or a bank that would be too large."""
    by.require("banks")
    given = list(dict.fromkeys(entries))
    for kind, value in given:
        if kind in VECTOR_KINDS:
            if not _VECTOR.fullmatch(value):
                raise ModerationError(f"{value[:80]!r} is no vector: a model's id, a space, and base64.")
        elif kind not in ("pdq", "text") or not _HEX.fullmatch(value):
            raise ModerationError(f"{value[:80]!r} is no hash of 64 hexadecimal digits.")
    if get_policy(workspace, policy).scorer != "bank":
        raise ModerationError(f"The policy {policy!r} has no bank: its scorer is another one.")
    with workspace.transaction() as cursor:
        (known,) = cursor.execute("SELECT count(*) FROM bank_entries WHERE policy = ?", [policy]).fetchall()[0]
        if known + len(given) > MAX_ENTRIES:
            raise ModerationError(f"A bank holds at most {MAX_ENTRIES:,} entries.")
        if sum(kind in VECTOR_KINDS for kind, _ in given) > MAX_VECTORS:
            raise ModerationError(f"At most {MAX_VECTORS:,} vectors are taken in at a time.")
        added = cursor.execute(
            "INSERT INTO bank_entries (policy, kind, value, source, made_at) SELECT ?, e.kind, e.value, ?, ?"
            " FROM (SELECT unnest(?::VARCHAR[]) AS kind, unnest(?::VARCHAR[]) AS value) e WHERE NOT EXISTS"
            " (SELECT 1 FROM bank_entries b WHERE b.policy = ? AND b.kind = e.kind AND b.value = e.value) RETURNING id",
            [policy, source, utc_now(), [k for k, _ in given], [v for _, v in given], policy],
        ).fetchall()
    return len(added)


def add_decided(workspace: Workspace, policy: str, *, by: Person = ALONE) -> int:
    """Puts every removed post into a bank, its pictures by hash, its text by digest, both by vector; gives how many
    entries are new. Locked posts are left out."""
    by.require("banks")
    rows = (
        workspace.cursor()
        .execute(
            "SELECT p.row, p.text FROM standings t JOIN posts p ON p.row = t.post_row"
            " WHERE t.noun = 'post' AND t.state = 'removed'"
        )
        .fetchall()
    )
    entries: list[tuple[EntryKind, str]] = [("text", digest) for _, text in rows if (digest := text_digest(text))]
    entries += [
        ("pdq", pdq)
        for (pdq,) in workspace.cursor()
        .execute(
            "SELECT DISTINCT pdq FROM media WHERE pdq IS NOT NULL AND pdq_quality >= ?"
            " AND post_row IN (SELECT unnest(?::BIGINT[]))",
            [PDQ_QUALITY, [row for row, _ in rows]],
        )
        .fetchall()
    ]
    # A short text's vector says as little as its digest would.
    long = np.array(sorted(row for row, text in rows if text_digest(text)), np.int64)
    for kind, name in VECTOR_KINDS.items():
        space = workspace.indexes.space(name)
        wanted = long if name == "text" else np.array(sorted(row for row, _ in rows), np.int64)
        if space is not None and len(wanted):
            _, vectors = _vectors_of(workspace, name, wanted)
            entries += [(kind, _written(space.model_id, vector)) for vector in vectors]
    return add_entries(workspace, policy, entries, "decided here", by=by)


def parse_hash_list(data: bytes) -> list[tuple[EntryKind, str]]:
    """Entries of a hash list: a hash a line (PDQ), or CSV with the columns kind and value, as :func:`export_bank`
    writes, vectors among them. Raises ModerationError naming the line that can't be read."""
    if len(data) > MAX_FILE_BYTES:
        raise ModerationError(f"A hash list has at most {MAX_FILE_BYTES // 1_000_000} MB.")
    entries: list[tuple[EntryKind, str]] = []
    for number, row in enumerate(csv.reader(io.StringIO(data.decode("utf-8-sig", "replace"))), start=1):
        plain = [cell.strip() for cell in row]
        cells = [cell.lower() for cell in plain]
        vector = next((cell for cell in plain if _VECTOR.fullmatch(cell)), None)
        kinds = [kind for kind in VECTOR_KINDS if kind in cells]
        if vector is not None and kinds:
            entries.append((kinds[0], vector))
            continue
        if not any(cells) or (number == 1 and not any(_HEX.fullmatch(cell) for cell in cells)):
            continue  # an empty line, or a head
        value = next((cell for cell in cells if _HEX.fullmatch(cell)), None)
        if value is None:
            raise ModerationError(f"Line {number} of the hash list holds no hash of 64 hexadecimal digits.")
        entries.append(("text" if "text" in cells else "pdq", value))
    return entries


def export_bank(workspace: Workspace, policy: str, *, by: Person = ALONE) -> str:
    """The bank as CSV: kind, value, source."""
    by.require("banks")
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(["kind", "value", "source"])
    writer.writerows(
        workspace.cursor()
        .execute("SELECT kind, value, source FROM bank_entries WHERE policy = ? ORDER BY id", [policy])
        .fetchall()
    )
    return file.getvalue()
