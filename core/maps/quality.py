"""How true a map is to the vectors, on a fair sample."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.maps.layouts import Points

SAMPLE = 1000
NEAREST = 10


def measure_quality(vectors: NDArray[np.float32], near: NDArray[np.int32], xy: Points, seed: int) -> dict[str, Any]:
    """``trustworthiness`` among the sample (Venna and Kaski, 2001) and ``overlap``, the share of the ten nearest in the
    vectors, as the store found them, that are among the ten nearest of all points on the map."""
    from scipy.spatial import cKDTree
    from sklearn.manifold import trustworthiness

    count = min(SAMPLE, len(xy))
    sample = np.sort(np.random.default_rng(seed).choice(len(xy), count, replace=False))
    k = min(NEAREST, near.shape[1] - 1, len(xy) - 1)
    _, on_map = cKDTree(xy).query(xy[sample], k=k + 1)
    shared = [
        len(set(map_near[map_near != own][:k].tolist()) & set(vector_near.tolist()))
        for own, map_near, vector_near in zip(sample, on_map, near[sample, 1 : k + 1], strict=True)
    ]
    among = max(1, min(k, count // 2 - 1))
    trusted = trustworthiness(np.asarray(vectors[sample]), xy[sample], n_neighbors=among, metric="cosine")
    return {"trustworthiness": round(float(trusted), 4), "overlap": round(sum(shared) / (k * count), 4),
            "sample": count}  # fmt: skip
