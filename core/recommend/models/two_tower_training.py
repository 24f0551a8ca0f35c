"""How the two towers learn; see :mod:`core.recommend.models.two_tower`. Needs torch."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from core.errors import ModelError, SettingError
from core.recommend.models import attention
from core.recommend.models import two_tower_checkpoint as checkpoints
from core.recommend.models.content import unit_rows
from core.recommend.models.two_tower import CONTENT_PHASE
from core.recommend.protocol import Training, exclude_seen, top_items

if TYPE_CHECKING:
    import torch

Matrix = NDArray[np.float32]
Rows = NDArray[np.int64]

LOSSES = ("softmax", "logistic")
ARRAYS = ("item_in", "item_out", "content_in", "content_out", "sharpness", "profile_in")
"""What is learnt, by its name in Learnt and in the model."""

_LOGISTIC_NEGATIVES = 4
_LEAST_STEPS = 16
_CONTENT_EPOCHS, _CONTENT_RATE = 6, 0.005
_PROFILE_DROPOUT = 0.5
"""How often a user must do without the profile in learning: else it becomes a name, by which histories are learnt by
heart."""
_SMOOTHING = 5.0
"""Added to an item's count before its root divides, so that an item seen once does not lead a factor."""


@dataclass
class Learnt:
    """Arrays of the towers, and after how many epochs they were at their best."""

    item_in: Matrix
    item_out: Matrix
    content_in: Matrix
    content_out: Matrix
    sharpness: Matrix
    profile_in: Matrix
    epochs: int = 0
    curve: list[dict[str, float]] = field(default_factory=list)

    def is_finite(self) -> bool:
        return all(np.isfinite(getattr(self, name)).all() for name in ARRAYS)


@dataclass
class _Batch:
    """A part of the users. ``bag``/``starts``/``weights`` are the shown items as embedding_bag takes them; ``rows`` and
    ``items`` the hidden ones, ``shown_rows`` the row of each shown item, ``users`` whose histories the rows are."""

    bag: Rows
    starts: Rows
    weights: NDArray[np.float32]
    shown_rows: Rows
    rows: Rows
    items: Rows
    users: Rows


class Towers:
    """The parameters on a device."""

    def __init__(self, training: Training, settings: dict[str, Any]) -> None:
        import torch

        self.settings = settings
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        matrix = training.matrix
        counts = np.bincount(matrix.indices, minlength=matrix.shape[1])
        start_in, start_out = _first_vectors(matrix, int(settings["factors"]), training.seed)
        content = training.content
        self.content = None if content is None else self._tensor(content)
        # Without content an item has nothing but its id vector.
        enough = np.ones(len(counts)) if content is None else counts >= max(1, int(settings["least_history"]))
        self.has_id = self._tensor(np.asarray(enough, np.float32)[:, None])
        self.item_in = self._tensor(start_in * enough[:, None]).requires_grad_()
        self.item_out = self._tensor(start_out * enough[:, None]).requires_grad_()
        self.sharpness = torch.zeros(1, device=self.device, requires_grad=True)
        self.parameters = [self.item_in, self.item_out, self.sharpness]
        if content is not None:
            shape = (content.shape[1], int(settings["factors"]))
            self.content_in = torch.zeros(shape, device=self.device, requires_grad=True)
            self.content_out = torch.zeros(shape, device=self.device, requires_grad=True)
            self.parameters += [self.content_in, self.content_out]
        self.profile = None if training.profile is None else self._tensor(training.profile)
        if training.profile is not None:
            shape = (training.profile.shape[1], int(settings["factors"]))
            self.profile_in = torch.zeros(shape, device=self.device, requires_grad=True)
            self.parameters.append(self.profile_in)
        self.generator = torch.Generator(device=self.device).manual_seed(training.seed)
        self.fixed_in: torch.Tensor | None = None

    def _tensor(self, array: NDArray[Any]) -> torch.Tensor:
        import torch

        return torch.as_tensor(np.ascontiguousarray(array, np.float32), device=self.device)

    def items_out(self, items: torch.Tensor | None = None, *, drop: float = 0.0) -> torch.Tensor:
        return self._items(self.item_out, "content_out", items, drop)

    def learn_content_alone(self, learnt: Learnt) -> list[torch.Tensor]:
        """From now on users are as they were learnt, and items nothing but their content; what is still to learn."""
        self.fixed_in = self._tensor(learnt.item_in)
        self.content_out = self._tensor(learnt.content_out).requires_grad_()
        self.has_id = self.has_id * 0.0
        return [self.content_out]

    def items_in(self, items: torch.Tensor | None = None, *, drop: float = 0.0) -> torch.Tensor:
        if self.fixed_in is not None:
            return self.fixed_in if items is None else self.fixed_in[items]
        return self._items(self.item_in, "content_in", items, drop)

    def users(self, batch: _Batch, drop: float) -> torch.Tensor:
        """(users, factors) unit vectors of the shown parts of histories."""
        import torch
        from torch.nn import functional

        bag, rows = self.numbers(batch.bag), self.numbers(batch.shown_rows)
        starts, weights = self.numbers(batch.starts), self._tensor(batch.weights)
        if self.content is None:
            table = self.items_in()
        else:  # what content comes to is reckoned once an item
            each, bag = torch.unique(bag, return_inverse=True)
            table = self.items_in(each, drop=drop)
        pooled = functional.embedding_bag(bag, table, starts, mode="sum", per_sample_weights=weights)
        if self.settings["attention"]:
            with torch.no_grad():  # how far to go by nearness is learnt, not what is near
                query = functional.normalize(pooled, dim=1, eps=1e-6)[rows]
                near = (functional.normalize(table[bag], dim=1, eps=1e-6) * query).sum(1)
                whole = torch.zeros(len(starts), device=self.device).index_add_(0, rows, weights)
            sharp = weights * torch.exp(self.sharpness * near)
            total = torch.zeros(len(starts), device=self.device).index_add(0, rows, sharp)
            sharp = sharp * (whole / total.clamp_min(1e-12))[rows]
            pooled = functional.embedding_bag(bag, table, starts, mode="sum", per_sample_weights=sharp)
        if self.profile is not None:
            told = self.profile[self.numbers(batch.users)] @ self.profile_in
            kept = torch.rand(len(told), 1, generator=self.generator, device=self.device) >= _PROFILE_DROPOUT
            pooled = pooled + told * kept
        return functional.normalize(pooled, dim=1, eps=1e-6)

    def numbers(self, array: NDArray[Any]) -> torch.Tensor:
        import torch

        return torch.as_tensor(array, device=self.device)

    def _items(self, ids: torch.Tensor, content: str, items: torch.Tensor | None, drop: float) -> torch.Tensor:
        import torch

        own = ids if items is None else ids[items]
        if self.content is None:
            return own
        there = self.has_id if items is None else self.has_id[items]
        if drop:
            kept = torch.rand(len(own), 1, generator=self.generator, device=self.device) >= drop
            there = there * kept
        features = self.content if items is None else self.content[items]
        both: torch.Tensor = own * there + features @ getattr(self, content)
        return both

    def arrays(self) -> Learnt:
        import torch

        with torch.no_grad():
            none = np.empty((0, int(self.settings["factors"])), np.float32)
            return Learnt(
                self.items_in().cpu().numpy().copy(),
                unit_rows(self.items_out().cpu().numpy()),
                none if self.content is None else self.content_in.cpu().numpy().copy(),
                none if self.content is None else self.content_out.cpu().numpy().copy(),
                self.sharpness.cpu().numpy().copy(),
                none if self.profile is None else self.profile_in.cpu().numpy().copy(),
            )


def learn(training: Training, settings: dict[str, Any]) -> Learnt:
    """Raises ModelError where the loss is no finite number before anything was learnt; later the last good state is
    kept, and the curve's end says so (``diverged``: 1)."""
    import torch

    if settings["loss"] not in LOSSES:
        raise SettingError(f"The loss {settings['loss']!r} is not among {', '.join(LOSSES)}.")
    torch.manual_seed(training.seed)
    torch.set_num_threads(training.threads)
    able = np.flatnonzero(np.diff(training.matrix.indptr) >= 2)
    if not len(able):
        raise ModelError("The two towers learn from users with two interactions or more, and there is none.")
    training.report("decomposing", 0, None)
    towers = Towers(training, settings)
    optimizer = torch.optim.Adam(towers.parameters, lr=float(settings["learning_rate"]))
    sampler = _Sampler(training.matrix, np.random.default_rng(training.seed), settings)
    epochs = int(settings["epochs"])
    mark = checkpoints.fingerprint(training, settings) if training.checkpoint else ""
    at = checkpoints.restore(training.checkpoint, mark, towers, optimizer, sampler.rng) if training.checkpoint else None
    at = at or checkpoints.Progress(towers.arrays())
    begun = time.perf_counter() - at.seconds
    while at.epoch < epochs and (training.held is None or at.waited < int(settings["patience"])):
        share = at.epoch / max(1, epochs - 1)
        for group in optimizer.param_groups:  # falls to a tenth, along a line
            group["lr"] = float(settings["learning_rate"]) * (1.0 - 0.9 * share)
        loss = _one_epoch(training, towers, optimizer, sampler, able, at.epoch, settings)
        now = towers.arrays()
        if loss is None or not now.is_finite():
            if not at.epoch:
                raise ModelError("The towers' loss is not a finite number: give a lower learning rate.")
            at.best.curve = [*at.curve, {"epoch": at.epoch + 1, "diverged": 1.0}]
            return at.best
        at.seconds = time.perf_counter() - begun
        at.add(now, loss, None if training.held is None else _judge(now, training, training.held, settings))
        if training.checkpoint is not None:
            checkpoints.save(training.checkpoint, mark, at, towers, optimizer, sampler.rng)
    at.best.curve = at.curve
    if training.content is not None:
        _learn_content(training, towers, sampler, able, at.best)
    return at.best


def _batch_size(able: Rows, settings: dict[str, Any]) -> int:
    """Of few users the batches are small, so that an epoch has steps enough."""
    return min(int(settings["batch"]), max(16, len(able) // _LEAST_STEPS))


def _one_epoch(
    training: Training, towers: Towers, optimizer: torch.optim.Optimizer, sampler: _Sampler, able: Rows, done: int,
    settings: dict[str, Any], phase: str = "learning", epochs: int = 0,
) -> float | None:  # fmt: skip
    """The mean loss of one round over the users; None where it is no finite number."""
    import torch

    batch = _batch_size(able, settings)
    steps = math.ceil(len(able) / batch)
    order, total = sampler.rng.permutation(able), 0.0
    for step in range(steps):
        training.report(phase, done * steps + step, (epochs or int(settings["epochs"])) * steps)
        loss = _loss(towers, sampler, order[step * batch : (step + 1) * batch], settings)
        if loss is None:
            continue
        if not torch.isfinite(loss):
            return None
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += loss.item()
    return total / steps


def _learn_content(training: Training, towers: Towers, sampler: _Sampler, able: Rows, learnt: Learnt) -> None:
    """Learns the map of content by itself for posts that have no id vector: what it had to do beside id vectors is not
    quite what it has to do without. Changes ``learnt``, unless it diverges."""
    import torch

    bare = np.flatnonzero(towers.has_id.cpu().numpy()[:, 0] == 0)
    optimizer = torch.optim.Adam(towers.learn_content_alone(learnt), lr=_CONTENT_RATE)
    settings = {**towers.settings, "id_dropout": 0.0}
    for epoch in range(_CONTENT_EPOCHS):
        loss = _one_epoch(training, towers, optimizer, sampler, able, epoch, settings, CONTENT_PHASE, _CONTENT_EPOCHS)
        if loss is None:
            return
    content_out = towers.content_out.detach().cpu().numpy().copy()
    if np.isfinite(content_out).all():
        assert training.content is not None
        learnt.content_out = content_out
        learnt.item_out[bare] = unit_rows(training.content[bare] @ content_out)


def _first_vectors(matrix: sp.csr_matrix, factors: int, seed: int) -> tuple[Matrix, Matrix]:
    """(input, output) vectors of items: the right factors of D_u^-1/2 R (D_i + smoothing)^-1/2, and noise in the
    dimensions that the data has not."""
    from sklearn.utils.extmath import randomized_svd

    users = np.asarray(matrix.sum(axis=1)).ravel()
    items = np.asarray(matrix.sum(axis=0)).ravel()
    left = sp.diags_array(1.0 / np.sqrt(np.maximum(users, 1e-9)))
    right = sp.diags_array(1.0 / np.sqrt(items + _SMOOTHING))
    normal = sp.csr_matrix(left @ matrix @ right, dtype=np.float32)
    vectors = np.random.default_rng(seed).normal(0.0, 0.01, (matrix.shape[1], factors)).astype(np.float32)
    rank = min(factors, min(matrix.shape) - 1)
    if rank > 0:
        _, _, factor = randomized_svd(normal, rank, n_iter=3, random_state=seed)
        vectors[:, :rank] += factor.T * np.sqrt(matrix.shape[1] / factors)
    return vectors * (3.0 / np.sqrt(items + _SMOOTHING))[:, None].astype(np.float32), vectors


class _Sampler:
    """Draws what is hidden and what it is compared with."""

    def __init__(self, matrix: sp.csr_matrix, rng: np.random.Generator, settings: dict[str, Any]) -> None:
        self.matrix = matrix
        self.rng = rng
        self.keep = float(settings["keep"])
        self.pooling = float(settings["pooling"])
        self.negatives = min(int(settings["negatives"]), matrix.shape[1])
        self.rate = np.bincount(matrix.indices, minlength=matrix.shape[1]) / max(matrix.nnz, 1)

    def hide(self, users: Rows) -> _Batch:
        """Hides a part of each history, never the whole."""
        own = self.matrix[users]
        row = np.repeat(np.arange(len(users)), np.diff(own.indptr))
        shown = self.rng.random(own.nnz) < self.keep
        counts = np.bincount(row, shown, len(users))
        bare = np.flatnonzero(counts == 0)
        shown[own.indptr[bare]] = True
        counts = np.bincount(row, shown, len(users))
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
        weights = (own.data / np.maximum(counts, 1.0)[row] ** self.pooling)[shown].astype(np.float32)
        return _Batch(
            own.indices[shown].astype(np.int64), starts, weights, row[shown], row[~shown],
            own.indices[~shown].astype(np.int64), users,
        )  # fmt: skip

    def candidates(self, hidden: Rows) -> tuple[Rows, Rows, NDArray[np.float32]]:
        """(items, position of each hidden one, log of how likely each is to be a candidate at all)."""
        items = self.rate.shape[0]
        drawn = self.rng.integers(0, items, self.negatives)
        found, inverse = np.unique(np.concatenate([hidden, drawn]), return_inverse=True)
        expected = self.rate[found] * len(hidden) + self.negatives / items
        return found, inverse[: len(hidden)], np.log1p(-np.exp(-expected)).astype(np.float32)


def _loss(towers: Towers, sampler: _Sampler, users: Rows, settings: dict[str, Any]) -> torch.Tensor | None:
    import torch
    from torch.nn import functional

    batch = sampler.hide(users)
    if not len(batch.items):
        return None
    drop, tensor = float(settings["id_dropout"]), towers.numbers
    found, at, log_q = sampler.candidates(batch.items)
    items = functional.normalize(towers.items_out(tensor(found), drop=drop), dim=1, eps=1e-6)
    logits = towers.users(batch, drop) @ items.T / float(settings["temperature"])
    rows, columns = tensor(batch.rows), tensor(at)
    if settings["loss"] == "logistic":
        # Textbook: a few random items an interaction, by chance among the user's own, whose scores must be low.
        drawn = torch.randint(len(found), (len(batch.items), _LOGISTIC_NEGATIVES), generator=towers.generator,
                              device=towers.device)  # fmt: skip
        wrong = functional.softplus(logits[rows[:, None], drawn]).sum(1)
        return (functional.softplus(-logits[rows, columns]) + wrong).mean()
    logits = logits - tensor(log_q)
    # What is shown is no negative: it would be excluded.
    place = np.minimum(np.searchsorted(found, batch.bag), len(found) - 1)
    shown = found[place] == batch.bag
    seen = torch.tensor(-1e4, device=towers.device)
    logits = logits.index_put((tensor(batch.shown_rows[shown]), tensor(place[shown])), seen)
    # A user weighs by the root of what is hidden, between one vote a user and one an interaction.
    weights = tensor(
        (1.0 / np.sqrt(np.bincount(batch.rows, minlength=len(batch.users))[batch.rows])).astype(np.float32)
    )
    losses = torch.logsumexp(logits, dim=1)[rows] - logits[rows, columns]
    return (losses * weights).sum() / weights.sum()


def _judge(
    learnt: Learnt, training: Training, held: sp.csr_matrix, settings: dict[str, Any], k: int = 20
) -> tuple[float, float]:
    """(recall@k, ndcg@k) of those of whom anything is held; the full ranking, as in core.recommend.metrics."""
    users = np.flatnonzero(np.diff(held.indptr))
    discounts = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])
    recall = ndcg = 0.0
    for start in range(0, len(users), 512):
        rows = users[start : start + 512]
        own = training.matrix[rows]
        told = None if training.profile is None else training.profile[rows] @ learnt.profile_in
        vectors = attention.pool_histories(
            own, learnt.item_in, float(learnt.sharpness[0]), told, float(settings["pooling"])
        )
        top = top_items(exclude_seen(vectors @ learnt.item_out.T, own), k)
        wanted = held[rows]
        for at in range(len(rows)):
            asked = wanted.indices[wanted.indptr[at] : wanted.indptr[at + 1]]
            hits = np.isin(top[at], asked)
            recall += hits.sum() / len(asked)
            ndcg += (hits @ discounts[: len(hits)]) / ideal[min(k, len(asked))]
    return recall / len(users), ndcg / len(users)
