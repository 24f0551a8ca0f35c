"""The Milvus collection of a space: its name, its fields and its index, opened or made."""

from __future__ import annotations

import hashlib
from typing import Any

from core.errors import VectorStoreError
from core.types import Space
from core.vectors.milvus_connection import MilvusConnection

READS = "Session"
"""Searches see all that this process wrote and wait for nothing else: a workspace has one writer, this process. With
Strong each search would wait for the server's next tick, some 200 ms, to see writes that nobody makes."""
COUNTS = "Strong"
"""Counts and lists decide what is encoded again or removed, so they see every write that was acknowledged, those of an
earlier process too."""
SLOW_CALL = 120.0
"""Seconds for calls that write, load or seal."""

_BUILD: dict[str, dict[str, int]] = {"HNSW": {"M": 16, "efConstruction": 200}, "IVF_FLAT": {"nlist": 1024}}
_EF, _MOST_EF, _PROBES = 128, 32_768, 64


def collection_name(prefix: str, workspace_id: str, space: Space) -> str:
    """Letters, digits and underscores, as Milvus wants it; another one for each workspace, space and model, since each
    workspace numbers its rows from 1."""
    readable = "".join(c if c.isascii() and c.isalnum() else "_" for c in f"{space.name}_{space.model_id}")[:100]
    digest = hashlib.sha256(f"{space.name}\n{space.model_id}".encode()).hexdigest()[:8]
    return f"{prefix}_{workspace_id}_{readable}_{digest}"


def open_collection(connection: MilvusConnection, name: str, space: Space, index_type: str) -> str:
    """Makes the collection where there is none, loads it where it is not, and gives the type of its index.

    It has the fields ``row`` (INT64, the primary key), ``vector`` (FLOAT_VECTOR, compared by inner product) and
    ``hash`` (of the content that the vector was made from). A new one gets an index of ``index_type``; ``auto`` is
    HNSW, or FLAT in milvus-lite. Raises VectorStoreError where the collection holds something else.
    """
    if not connection.call("has_collection", name):
        wanted = _possible(index_type, lite=connection.address.lite)
        connection.attempt(lambda client: _create(client, name, space, wanted))
    fields = {field["name"]: field for field in connection.call("describe_collection", name)["fields"]}
    dim = int(fields["vector"]["params"]["dim"]) if {"row", "vector", "hash"} <= fields.keys() else 0
    if dim != space.dim:
        raise VectorStoreError(
            f"The collection {name} at {connection.address.host} holds vectors of {dim} dimensions, and"
            f" {space.model_id} gives {space.dim}: set another FEEDSCOPE_MILVUS_PREFIX, or drop the collection."
        )
    if not connection.call("list_indexes", name):  # killed between making the collection and its index
        wanted = _possible(index_type, lite=connection.address.lite)
        connection.attempt(lambda client: client.create_index(name, _index(client, wanted), timeout=SLOW_CALL))
    if str(connection.call("get_load_state", name)["state"]) != "Loaded":
        connection.call("load_collection", name, timeout=SLOW_CALL)
    return str(connection.call("describe_index", name, "vector")["index_type"])


def _possible(index_type: str, *, lite: bool) -> str:
    if index_type == "auto":
        return "FLAT" if lite else "HNSW"
    if lite and index_type == "DISKANN":
        raise VectorStoreError("milvus-lite has no DISKANN index: set FEEDSCOPE_MILVUS_INDEX=auto, or use a server.")
    return index_type


def _create(client: Any, name: str, space: Space, index_type: str) -> None:
    from pymilvus import DataType

    schema = client.create_schema(auto_id=False, description=f"Feedscope: {space.name}, {space.model_id}")
    schema.add_field("row", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=space.dim)
    schema.add_field("hash", DataType.VARCHAR, max_length=64)
    index = _index(client, index_type)
    client.create_collection(name, schema=schema, index_params=index, consistency_level=READS, timeout=SLOW_CALL)


def _index(client: Any, index_type: str) -> Any:
    index = client.prepare_index_params()
    index.add_index(
        "vector", index_type=index_type, index_name="vector", metric_type="IP", params=_BUILD.get(index_type, {})
    )
    return index


def search_params(index_type: str, k: int, radius: float | None) -> dict[str, Any]:
    """How hard to look for ``k``, and that only scores above ``radius`` count."""
    params: dict[str, float] = {}
    if index_type == "HNSW":
        params["ef"] = min(max(_EF, 2 * k), _MOST_EF)
    elif index_type == "IVF_FLAT":
        params["nprobe"] = _PROBES
    elif index_type == "DISKANN":
        params["search_list"] = max(_EF, k)
    if radius is not None:
        params["radius"] = radius
    return {"metric_type": "IP", "params": params}
