"""Builds a vector index in a child process, from arrays in files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from core.types import Space
from core.vectors.faiss_index import build_index


def build(params: dict[str, Any], report: Callable[[int, int], None]) -> dict[str, Any]:
    """Called by core.jobs.child: builds and saves the index, gives the number of its vectors."""
    faiss.omp_set_num_threads(params["threads"])
    name, model_id, dim = params["space"]
    count = params["count"]
    rows = np.load(params["rows"], allow_pickle=False)[:count]
    vectors = np.load(params["vectors"], mmap_mode="r", allow_pickle=False)[:count]
    index = build_index(vectors, rows, Space(name, model_id, dim), params["family"], report=report)
    index.save(Path(params["folder"]), generation=params["generation"])
    return {"count": len(index)}
