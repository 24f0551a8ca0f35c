"""What is Milvus's own: addresses, filters, tokens, a server that is away, slow or full of something else."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pymilvus import MilvusClient

from core import derived
from core.errors import SettingError, VectorError, VectorStoreError
from core.settings import Secret, Settings, read_settings
from core.types import Space
from core.vectors import milvus, milvus_connection, milvus_filter
from core.vectors.milvus import MilvusIndex
from core.vectors.milvus_collection import collection_name
from core.vectors.milvus_connection import MilvusConnection, read_address
from core.vectors.milvus_filter import row_filters

pytest.importorskip("milvus_lite", reason="milvus-lite is not installed")
from tests.core.vectors.milvus_server import Server

DIM = 16
SPACE = Space("text", "a model/of: ours", DIM)
TOKEN = "ann:hunter2-secret"


def vectors(seed: int, count: int) -> NDArray[np.float32]:
    found = np.random.default_rng(seed).standard_normal((count, DIM)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("server"), token=TOKEN)
    yield running
    running.stop()


def connect(server: Server, token: str = TOKEN, timeout: float = 20) -> MilvusConnection:
    return MilvusConnection(read_address(server.setting), token=Secret(token), database="default", timeout=timeout)


@pytest.fixture
def connection(server: Server) -> Iterator[MilvusConnection]:
    opened = connect(server)
    yield opened
    opened.close()


@pytest.fixture
def filled(connection: MilvusConnection, request: pytest.FixtureRequest) -> MilvusIndex:
    name = "".join(c if c.isalnum() else "_" for c in request.node.name)
    index = MilvusIndex(connection, f"of_{name}", SPACE)
    index.add(np.arange(500), vectors(0, 500))
    return index


@pytest.mark.parametrize(
    ("setting", "uri", "host"),
    [
        ("milvus:http://db.example:19531", "http://db.example:19531", "db.example:19531"),
        ("milvus:http://db.example/", "http://db.example:19530", "db.example:19530"),
        ("milvus:https://db.example", "https://db.example:443", "db.example:443"),
        ("milvus:http://[::1]:19530", "http://[::1]:19530", "[::1]:19530"),
        ("milvus:/tmp/some where/v.db", "/tmp/some where/v.db", "/tmp/some where/v.db"),
    ],
)
def test_addresses(setting: str, uri: str, host: str) -> None:
    address = read_address(setting)
    assert (address.uri, address.host, address.lite) == (uri, host, uri.endswith(".db"))
    assert read_settings({"FEEDSCOPE_VECTORS": setting}).vectors == setting


def test_a_collection_whose_index_was_not_made_gets_one(connection: MilvusConnection) -> None:
    from pymilvus import DataType

    def create(client: MilvusClient) -> None:  # as far as a killed process came
        schema = client.create_schema(auto_id=False)
        schema.add_field("row", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=DIM)
        schema.add_field("hash", DataType.VARCHAR, max_length=64)
        client.create_collection("of_half", schema=schema)

    connection.attempt(create)
    index = MilvusIndex(connection, "of_half", SPACE)
    index.add(np.arange(20), vectors(0, 20))
    assert index.search(vectors(0, 20)[:1], 1)[1].tolist() == [[0]]


@pytest.mark.parametrize(
    "setting",
    ["milvus:", "milvus:http://", "milvus:ftp://h:1", "milvus:http://h:notaport", "milvus:http://ann:hunter2@h:19530",
     "milvus:http://h/database", "milvus:http://h?token=hunter2", "qdrant:http://h", "milvus:ann:hunter2@file.db"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_and_not_repeated(setting: str) -> None:
    for read in (lambda: read_address(setting), lambda: read_settings({"FEEDSCOPE_VECTORS": setting})):
        try:
            read()
        except SettingError as error:
            assert "FEEDSCOPE_MILVUS_TOKEN" in str(error)
            assert "hunter2" not in str(error)
        else:
            assert setting == "milvus:http://h:notaport"  # the settings leave ports to who connects


def test_settings_that_can_not_be_names_are_refused() -> None:
    for variable, value in (
        ("FEEDSCOPE_MILVUS_PREFIX", "my prefix"),
        ("FEEDSCOPE_MILVUS_DATABASE", "a-b"),
        ("FEEDSCOPE_MILVUS_INDEX", "MAGIC"),
        ("FEEDSCOPE_MILVUS_TIMEOUT", "0"),
    ):
        with pytest.raises(SettingError, match=variable):
            read_settings({variable: value})


def test_collections_are_named_by_workspace_space_and_model() -> None:
    name = collection_name("feedscope", "0a1b2c3d", SPACE)
    assert name.startswith("feedscope_0a1b2c3d_text_a_model_of__ours_")
    assert name.isascii()
    assert name.replace("_", "").isalnum()
    others = [SPACE, Space("dual", SPACE.model_id, DIM), Space("text", "a model-of: ours", DIM)]
    assert len({collection_name("feedscope", workspace, space) for space in others for workspace in ("a", "b")}) == 6
    assert len(collection_name("p" * 60, "0a1b2c3d", Space("text", "m" * 500, DIM))) < 255


def passes(filters: list[milvus_filter.RowFilter], row: int) -> int:
    """How many of the filters a row passes, by Python, whose syntax for these expressions is the same."""
    every = [f.options() for f in filters]
    return sum(
        bool(eval(one["filter"].replace("{rows}", "rows"), {"row": row, **one.get("filter_params", {})}))
        for one in every
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-3, 60)), st.booleans())
def test_filters_let_exactly_the_allowed_rows_through(rows: list[int], apart: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(milvus_filter, "MOST_RANGES", 2)
        patch.setattr(milvus_filter, "LISTED", 5)
        patch.setattr(milvus_filter, "LISTED_APART", 7)
        filters = row_filters(np.array(rows, np.int64), apart=apart)
    for row in range(62):
        assert passes(filters, row) == (row in rows)
        halves = [f.between(low, high) for f in filters for low, high in ((0, 30), (31, 2**63 - 1))]
        assert passes(halves, row) == (row in rows)


def test_runs_of_rows_are_ranges() -> None:
    everything_but_two = np.delete(np.arange(1_000_000), [10, 500_000])
    (found,) = row_filters(everything_but_two, apart=False)
    assert found.options()["filter"] == (
        "(row >= 0 and row <= 9) or (row >= 11 and row <= 499999) or (row >= 500001 and row <= 999999)"
    )


def test_the_token_is_nowhere_to_be_seen(server: Server, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    ours = read_settings({"FEEDSCOPE_MILVUS_TOKEN": TOKEN})
    assert ours.milvus_token.reveal() == TOKEN
    shown = [repr(ours), str(asdict(ours)), f"{ours.milvus_token}", repr(Secret(TOKEN))]
    caplog.set_level(logging.DEBUG)
    good, wrong = connect(server), connect(server, token="ann:hunter3-secret")
    shown += [repr(good), repr(wrong)]
    index = MilvusIndex(good, "of_the_token", SPACE)
    index.save(tmp_path / "index", generation=1)
    shown.append((tmp_path / "index" / derived.MANIFEST).read_text())
    with pytest.raises(VectorStoreError) as failure:
        wrong.call("list_collections")
    assert str(failure.value) == f"The vector engine at {server.host} refuses the token in FEEDSCOPE_MILVUS_TOKEN."
    assert failure.value.__cause__ is None
    shown += [str(failure.value), repr(failure.value), caplog.text]
    with pytest.raises(VectorStoreError, match="refused a call") as failure:
        good.call("describe_collection", "hunter2-secret")
    shown.append(str(failure.value))
    assert "***" in str(failure.value)
    for text in shown:
        assert "hunter" not in text
    good.close()
    wrong.close()


def test_nobody_at_the_address_is_told_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    waits: list[float] = []
    monkeypatch.setattr(milvus_connection.time, "sleep", waits.append)
    away = MilvusConnection(
        read_address(f"milvus:http://127.0.0.1:{port}"), token=Secret(), database="default", timeout=10
    )
    for _ in range(3):
        with pytest.raises(VectorStoreError, match=f"The vector engine at 127.0.0.1:{port} does not answer."):
            away.call("list_collections")
    assert away.away
    # Asked four times with ever longer waits, each shortened by chance; then not at all for a while.
    assert len(waits) == milvus_connection.TRIES - 1
    for wait, longest in zip(waits, (0.1, 0.2, 0.4), strict=True):
        assert longest / 2 <= wait <= longest
    assert away.failures == 1


def test_a_server_that_comes_back_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(milvus_connection, "CONNECT_TIMEOUT", 1.0)
    monkeypatch.setattr(milvus_connection, "FIRST_WAIT", 0.01)
    server = Server(tmp_path)
    connection = MilvusConnection(read_address(server.setting), token=Secret(), database="default", timeout=5)
    index = MilvusIndex(connection, "back", SPACE)
    index.add(np.arange(20), vectors(1, 20))
    server.stop()
    with pytest.raises(VectorStoreError, match="does not answer"):
        index.search(vectors(1, 1), 3)
    server.start()
    monkeypatch.setattr(connection, "_away_until", 0.0)
    connection.call("load_collection", "back")  # milvus-lite forgets what was loaded; a server does not
    assert index.search(vectors(1, 1), 1)[1].tolist() == [[0]]
    connection.close()
    server.stop()


def test_only_faults_of_transport_are_tried_again(server: Server) -> None:
    connection = connect(server)
    tried = []

    def refused(client: object) -> None:
        tried.append(client)
        client.describe_collection("there_is_none")  # type: ignore[attr-defined]

    with pytest.raises(VectorStoreError, match="refused a call"):
        connection.attempt(refused)
    assert len(tried) == 1

    def wrong(client: object) -> None:
        tried.append(client)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):  # a bug of ours is let through
        connection.attempt(wrong)
    assert len(tried) == 2
    connection.close()


def test_a_server_that_is_too_slow_is_not_waited_for(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = connect(server, timeout=0.3)
    index = MilvusIndex(connect(server), "slow", SPACE)
    monkeypatch.setattr(server.servicer, "_filled", lambda request, field: time.sleep(1) or request)
    with pytest.raises(VectorStoreError, match="did not answer in time: FEEDSCOPE_MILVUS_TIMEOUT is 0.3 seconds"):
        connection.call("query", index.collection, output_fields=["count(*)"])
    assert not connection.away
    connection.close()
    index.connection.close()


def test_a_collection_of_another_dimension_or_shape_is_refused(connection: MilvusConnection) -> None:
    MilvusIndex(connection, "narrow", SPACE)
    with pytest.raises(VectorStoreError, match="narrow at .* holds vectors of 16 dimensions, and .* gives 32"):
        MilvusIndex(connection, "narrow", Space("text", "wide", 32))
    connection.call("create_collection", "foreign", dimension=DIM)
    with pytest.raises(VectorStoreError, match="FEEDSCOPE_MILVUS_PREFIX"):
        MilvusIndex(connection, "foreign", SPACE)


def test_a_server_gets_a_graph_and_lists_beside_the_expression(filled: MilvusIndex, server: Server) -> None:
    assert not filled.capabilities.exact
    assert "HNSW" in filled.plan(3).reason
    filled.connection.call("flush", filled.collection)
    query = vectors(0, 500)[3:4]
    assert filled.search(query, 1)[1].tolist() == [[3]]
    del server.servicer.templates[:]
    allowed = np.arange(1, 500, 7)
    expected = allowed[np.argmax(vectors(0, 500)[allowed] @ query[0])]
    assert filled.search(query, 1, allowed=allowed)[1].tolist() == [[expected]]
    assert server.servicer.templates == ["row in {rows}"]
    filled.remove(allowed)
    assert len(filled) == 500 - len(allowed)
    assert server.servicer.templates[-1] == "row in {rows}"


def test_an_index_of_a_kind_that_milvus_lite_lacks_is_refused(tmp_path: Path) -> None:
    address = read_address(f"milvus:{tmp_path}/lite.db")
    connection = MilvusConnection(address, token=Secret(), database="default", timeout=10)
    with pytest.raises(VectorStoreError, match="milvus-lite has no DISKANN"):
        MilvusIndex(connection, "disk", SPACE, index_type="DISKANN")
    walked = MilvusIndex(connection, "walked", SPACE, index_type="HNSW")
    assert not walked.capabilities.exact
    connection.close()


def test_more_rows_than_one_filter_lists(filled: MilvusIndex, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(milvus_filter, "LISTED_APART", 40)
    monkeypatch.setattr(milvus_filter, "MOST_RANGES", 0)
    data = vectors(0, 500)
    queries = vectors(2, 6)

    def expected(allowed: NDArray[np.int64]) -> list[list[int]]:
        return [allowed[np.argsort(-(data[allowed] @ query))][:5].tolist() for query in queries]

    many = np.arange(0, 500, 2)
    del server.servicer.calls[:]
    assert filled.search(queries, 5, allowed=many)[1].tolist() == expected(many)
    assert server.servicer.calls.count("Search") == 1  # half are allowed: looked up among all
    few = np.argsort(data @ queries[0])[:60]  # those farthest from one query: looked up list by list
    del server.servicer.calls[:]
    assert filled.search(queries, 5, allowed=few)[1].tolist() == expected(few)
    assert server.servicer.calls.count("Search") == 3


def test_a_range_with_more_rows_than_one_answer(filled: MilvusIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(milvus, "MOST_K", 150)
    monkeypatch.setattr(milvus, "_FIRST_PAGE", 20)
    queries = vectors(3, 3)
    for least in (-1.0, 0.3):
        found = filled.range_search(queries, least)
        scores = queries @ vectors(0, 500).T
        for at in range(3):
            rows = found.rows[found.limits[at] : found.limits[at + 1]]
            assert sorted(rows) == np.flatnonzero(scores[at] >= least).tolist()
    few = filled.range_search(queries, -1.0, allowed=np.arange(100, 200))
    assert few.limits.tolist() == [0, 100, 200, 300]


def test_many_vectors_go_in_several_calls_with_their_hashes(
    connection: MilvusConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(milvus, "_BYTES_AT_ONCE", 10_000)
    monkeypatch.setattr(milvus, "_ROWS_AT_ONCE", 64)
    index = MilvusIndex(connection, "hashes", SPACE)
    index.add(np.arange(300), vectors(4, 300), hashes=[f"{n:064x}" for n in range(300)])
    listed = {row: noted for rows, hashes in index.entries() for row, noted in zip(rows.tolist(), hashes, strict=True)}
    assert listed == {n: f"{n:064x}" for n in range(300)}
    rows, found = index.find(np.array([900, 7, 3, 7, -1]))
    assert rows.tolist() == [3, 7]
    np.testing.assert_array_equal(found, vectors(4, 300)[[3, 7]])
    with pytest.raises(VectorError):
        index.add(np.array([1]), np.full((1, DIM), np.nan, np.float32), hashes=["x"])


def test_what_is_saved_says_where_the_index_is(filled: MilvusIndex, tmp_path: Path, server: Server) -> None:
    filled.save(tmp_path / "index", generation=7)
    manifest = derived.read_manifest(tmp_path / "index")
    assert manifest is not None
    assert derived.verify(tmp_path / "index", checksums=True) == []
    assert (manifest.generation, manifest.about["server"], manifest.about["count"]) == (7, server.host, 500)
    again = MilvusIndex.load(tmp_path / "index", filled.connection, SPACE)
    assert (again.collection, len(again)) == (filled.collection, 500)


def test_a_default_of_faiss_needs_no_server() -> None:
    assert Settings().vectors == "faiss"
    assert not Settings().milvus_token
