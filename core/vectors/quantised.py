"""The families of inverted lists: ``ivf_flat``, ``ivf_pq`` and ``opq_ivf_pq``.

They differ in what a list holds of a vector: all of it, or a product quantiser's code (Jégou, Douze and Schmid, 2011),
with a learnt rotation before it (Ge, He, Ke and Sun, 2013).
"""

from __future__ import annotations

import math
from typing import Any

from core.vectors.family import TARGET_RECALL, faiss
from core.vectors.inverted import BITS, ITERATIONS, LEARN_CODES, LEARN_PER_LIST, Inverted
from core.vectors.protocol import Matrix

PART, MOST_PARTS = 4, 96
"""Dimensions that share one code of the product quantiser, of ``BITS`` bits; more where there would be more parts."""
ROTATION_STEPS = 4


class IvfFlat(Inverted):
    name = "ivf_flat"
    about = "Lists of similar vectors: reads only the lists near the query; quick to build, slower to search than hnsw."
    compressed = False
    lists_recall = TARGET_RECALL

    @staticmethod
    def untrained(dim: int, lists: int) -> Any:
        centres = faiss.IndexFlatIP(dim)
        return _owning(faiss.IndexIVFFlat(centres, dim, lists, faiss.METRIC_INNER_PRODUCT), centres)


class IvfPq(Inverted):
    name = "ivf_pq"
    about = "Lists with short codes: about a fifteenth of the memory, the best candidates ranked exactly from disk."

    @staticmethod
    def untrained(dim: int, lists: int) -> Any:
        part, whole = _parts(dim)
        ivf = _product_quantised(whole, whole // part, lists)
        if whole == dim:
            return ivf
        return _after(faiss.RemapDimensionsTransform(dim, whole, False), ivf)  # zeros behind


class OpqIvfPq(Inverted):
    name = "opq_ivf_pq"
    about = "As ivf_pq, turned first so that the short codes lose less: slower to build, finds more."

    @staticmethod
    def untrained(dim: int, lists: int) -> Any:
        part, whole = _parts(dim)
        rotation = faiss.OPQMatrix(dim, whole // part, whole)
        rotation.niter, rotation.niter_pq_0, rotation.max_train_points = ROTATION_STEPS, ITERATIONS, LEARN_CODES
        return _after(rotation, _product_quantised(whole, whole // part, lists))

    @staticmethod
    def learn(index: Any, sample: Matrix) -> None:
        rotation = faiss.downcast_VectorTransform(index.chain.at(0))
        codes = faiss.ProductQuantizer(rotation.d_out, rotation.M, BITS)
        codes.cp.min_points_per_centroid = 1
        rotation.pq = codes
        index.train(sample)
        rotation.pq = None


def _parts(dim: int) -> tuple[int, int]:
    """How many dimensions a part has, and ``dim`` rounded up to whole parts."""
    part = max(PART, math.ceil(dim / MOST_PARTS))
    return part, part * math.ceil(dim / part)


def _product_quantised(dim: int, parts: int, lists: int) -> Any:
    centres = faiss.IndexFlatIP(dim)
    ivf = faiss.IndexIVFPQ(centres, dim, lists, parts, BITS, faiss.METRIC_INNER_PRODUCT)
    ivf.pq.cp.niter = ITERATIONS
    ivf.pq.cp.min_points_per_centroid, ivf.pq.cp.max_points_per_centroid = 1, LEARN_CODES >> BITS
    return _owning(ivf, centres)


def _after(transform: Any, ivf: Any) -> Any:
    index = faiss.IndexPreTransform(transform, ivf)
    transform.this.disown()
    ivf.this.disown()
    index.own_fields = True
    return index


def _owning(ivf: Any, quantizer: Any) -> Any:
    """Python's object of the quantiser gives it up to the index."""
    quantizer.this.disown()
    ivf.own_fields = True
    ivf.cp.spherical, ivf.cp.niter = True, ITERATIONS
    ivf.cp.min_points_per_centroid, ivf.cp.max_points_per_centroid = 1, LEARN_PER_LIST
    return ivf
