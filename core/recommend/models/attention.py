"""How the user tower pools a history: attention by the user's own direction.

Each item has an input vector whose length is how much attention it gets from everybody. First the weighted sum over the
history gives the user's main direction; then every item counts e^(sharpness * cosine to it) times as much, in
proportion. ``sharpness`` is learnt: above 0 what fits the main direction leads, below 0 the rest is heard better.
What the profile tells is added, and the sum becomes a unit vector.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from core.recommend.models.content import unit_rows

Matrix = NDArray[np.float32]

_AT_A_TIME = 200_000
"""Items of histories whose cosines are reckoned together."""


def pool(weights: Matrix, inputs: Matrix, sharpness: float, told: Matrix | None = None, pooling: float = 0.5) -> Matrix:
    """(m, d) unit vectors of ``m`` variants of one history, zeros where it is empty.

    ``weights`` (m, n) are those of its ``n`` items in each, 0 where one is out; ``inputs`` (n, d) their input vectors;
    ``told`` (d,) what the profile adds to a sum that was divided by the number of items to the power of ``pooling``.
    """
    summed = weights @ inputs
    if sharpness:
        near = unit_rows(summed) @ unit_rows(inputs).T
        sharp = weights * np.exp(sharpness * near)
        scale = weights.sum(axis=1, keepdims=True) / np.maximum(sharp.sum(axis=1, keepdims=True), 1e-12)
        summed = (sharp * scale) @ inputs
    if told is not None:
        summed = summed / np.maximum((weights > 0).sum(axis=1, keepdims=True), 1) ** pooling + told
    return unit_rows(summed)


def pool_histories(
    histories: sp.csr_matrix, inputs: Matrix, sharpness: float, told: Matrix | None = None, pooling: float = 0.5
) -> Matrix:
    """The same of many histories: ``histories`` (users, items) CSR of weights, ``inputs`` (items, d), ``told``
    (users, d)."""
    summed = np.asarray(histories @ inputs, np.float32)
    if sharpness:
        query, unit = unit_rows(summed), unit_rows(inputs)
        rows = np.repeat(np.arange(histories.shape[0]), np.diff(histories.indptr))
        near = np.empty(histories.nnz, np.float32)
        for start in range(0, histories.nnz, _AT_A_TIME):
            part = slice(start, start + _AT_A_TIME)
            near[part] = np.einsum("nd,nd->n", query[rows[part]], unit[histories.indices[part]])
        sharp = histories.data * np.exp(sharpness * near)
        whole = np.bincount(rows, histories.data, histories.shape[0])
        scale = whole / np.maximum(np.bincount(rows, sharp, histories.shape[0]), 1e-12)
        data = (sharp * scale[rows]).astype(np.float32)
        summed = np.asarray(sp.csr_matrix((data, histories.indices, histories.indptr), histories.shape) @ inputs)
    if told is not None:
        counts = np.maximum(np.diff(histories.indptr), 1)[:, None]
        summed = summed / counts.astype(np.float32) ** pooling + told
    return unit_rows(summed.astype(np.float32, copy=False))
