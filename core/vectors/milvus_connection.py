"""One client of one Milvus server: bounded calls, retries with backoff, and errors in sentences without secrets."""

from __future__ import annotations

import logging
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from core.errors import SettingError, VectorStoreError
from core.settings import Secret

Answer = TypeVar("Answer")

TRIES = 4
FIRST_WAIT = 0.1
"""Seconds before the second try; each later wait is twice as long, and each is shortened by up to half at random, so
that many clients of a server that comes back do not all ask in the same moment."""
CONNECT_TIMEOUT = 3.0
PATIENCE = 4.0
"""Seconds after which nothing is tried again, however few tries it were: the wait for an address that swallows what it
is sent."""
REST = 5.0
"""Seconds for which a server that did not answer is not asked again, so that pages stay quick; more where finding that
out took long."""

_lite_users: Counter[str] = Counter()
_lite_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class MilvusAddress:
    """``uri`` is what pymilvus connects to, a URL or the path of a .db file; ``host`` names it for the user."""

    uri: str
    host: str

    @property
    def lite(self) -> bool:
        """Whether it is a file that milvus-lite serves inside this process."""
        return self.uri.endswith(".db")


def read_address(setting: str) -> MilvusAddress:
    """The address in ``milvus:http://HOST:PORT`` or ``milvus:FILE.db``. Raises SettingError for anything else, without
    repeating it, since it may hold a password."""
    kind, _, uri = setting.partition(":")
    wrong = SettingError(
        "The address of Milvus can't be read: give milvus:http://HOST:19530 or milvus:FILE.db, and the token in"
        " FEEDSCOPE_MILVUS_TOKEN."
    )
    if kind != "milvus" or "@" in uri:
        raise wrong
    if uri.endswith(".db"):
        path = str(Path(uri).expanduser().absolute())
        return MilvusAddress(path, path)
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in ("http", "https") or not host or parts.path not in ("", "/") or parts.query:
        raise wrong
    port = port or (443 if parts.scheme == "https" else 19530)
    host = f"[{host}]" if ":" in host else host
    return MilvusAddress(f"{parts.scheme}://{host}:{port}", f"{host}:{port}")


def full_setting(setting: str) -> str:
    """``faiss`` or an address as FEEDSCOPE_VECTORS takes it, files with their whole path. Raises SettingError."""
    return setting if setting == "faiss" else f"milvus:{read_address(setting).uri}"


class MilvusConnection:
    """Connects when first used, and again by itself after the server was away. Threads may share it.

    Only faults of transport are tried again (``TRIES`` in all, with exponential backoff and jitter): a call that the
    server refused, or did not finish in time, would fare no better. Each raises VectorStoreError. pymilvus's own log
    is silenced, since what it would say is in the error.
    """

    def __init__(self, address: MilvusAddress, *, token: Secret, database: str, timeout: float) -> None:
        self.address = address
        self.database = database
        self.timeout = timeout
        self.failures = 0
        """How often the server was found away."""
        self._token = token
        self._lock = threading.RLock()
        self._client: Any = None
        self._lite = False
        self._away_until = 0.0

    def __repr__(self) -> str:
        return f"MilvusConnection({self.address.host}, database {self.database})"

    @property
    def away(self) -> bool:
        """Whether the last call found nobody, moments ago."""
        return time.monotonic() < self._away_until

    def call(self, method: str, *args: Any, timeout: float | None = None, **options: Any) -> Any:
        """Calls ``method`` of pymilvus's MilvusClient; ``timeout`` in seconds, by default the settings'."""
        limit = self.timeout if timeout is None else timeout
        return self.attempt(lambda client: getattr(client, method)(*args, timeout=limit, **options))

    def attempt(self, action: Callable[[Any], Answer]) -> Answer:
        """What ``action`` gives for the client, tried again where the transport fails."""
        if self.away:
            raise self._nobody()
        started = time.monotonic()
        for number in range(TRIES):
            if number:
                if time.monotonic() > started + PATIENCE:
                    break
                time.sleep(FIRST_WAIT * 2 ** (number - 1) * random.uniform(0.5, 1.0))
            try:
                return action(self._connected())
            except _NotThere:
                continue
            except Exception as error:
                kind = _kind_of(error)
                if kind == "transport":
                    self._disconnect()
                    continue
                if kind == "bug":
                    raise
                # Without its cause: a server may repeat the credentials that it refuses.
                raise VectorStoreError(self._sentence(kind, error)) from None
        now = time.monotonic()
        self._away_until = now + max(REST, 5 * (now - started))  # what is slow to fail is asked more seldom
        self.failures += 1
        raise self._nobody()

    def _disconnect(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def close(self) -> None:
        self._disconnect()
        with self._lock:
            if self._lite:
                self._lite = False
                _release_lite(self.address.uri)

    def _connected(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> Any:
        try:
            from pymilvus import MilvusClient
        except ImportError as error:
            raise VectorStoreError("Milvus needs the package pymilvus: pip install pymilvus.") from error
        for name in ("pymilvus", "pymilvus.milvus_client", "milvus_lite"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        uri = self.address.uri
        if self.address.lite:
            uri = _serve_lite(uri, again=self._lite)
            self._lite = True
        else:
            self._probe()
        # A connection of its own: a shared one would be kept, with its token, for as long as the process lives.
        return MilvusClient(
            uri=uri, token=self._token.reveal(), db_name=self.database, timeout=CONNECT_TIMEOUT, dedicated=True
        )

    def _probe(self) -> None:
        """Whether anybody listens, in milliseconds; gRPC by itself waits its whole timeout to find nobody."""
        parts = urlsplit(self.address.uri)
        try:
            socket.create_connection((parts.hostname or "", parts.port or 0), timeout=CONNECT_TIMEOUT).close()
        except OSError:
            raise _NotThere from None

    def _nobody(self) -> VectorStoreError:
        return VectorStoreError(f"The vector engine at {self.address.host} does not answer.")

    def _sentence(self, kind: str, error: Exception) -> str:
        engine = f"The vector engine at {self.address.host}"
        if kind == "credentials":
            return f"{engine} refuses the token in FEEDSCOPE_MILVUS_TOKEN."
        if kind == "late":
            return f"{engine} did not answer in time: FEEDSCOPE_MILVUS_TIMEOUT is {self.timeout:g} seconds."
        said = str(getattr(error, "message", "") or error).strip().splitlines() or [type(error).__name__]
        return f"{engine} refused a call: {self._token.redact(said[0])[:300]}"


class _NotThere(Exception):
    """Nobody listens at the address."""


def _kind_of(error: BaseException) -> str:
    """transport, credentials, late, refused; bug for what comes from neither Milvus nor the network."""
    import grpc
    from pymilvus.client.types import Status
    from pymilvus.exceptions import MilvusException

    codes: set[Any] = set()
    seen: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in seen:  # pymilvus raises errors from themselves
        seen.append(cause)
        if isinstance(cause, grpc.RpcError):
            codes.add(cause.code())
        elif isinstance(cause, MilvusException):
            codes.add(cause.code)
        cause = cause.__cause__
    status = grpc.StatusCode
    if codes & {status.UNAUTHENTICATED, status.PERMISSION_DENIED} or "auth check failure" in str(error):
        return "credentials"
    # Closed: another thread found the server away and hung up.
    if codes & {status.UNAVAILABLE, Status.CONNECT_FAILED} or "channel closed" in str(error).lower():
        return "transport"
    if status.DEADLINE_EXCEEDED in codes:
        return "late"
    if isinstance(error, VectorStoreError) or not isinstance(error, MilvusException | grpc.RpcError):
        return "bug"
    return "refused"


def _serve_lite(path: str, *, again: bool) -> str:
    """Has milvus-lite serve a file on a free port of this machine, once for all that use it; gives the URL. ``again``
    tells that the caller is counted among those already."""
    try:
        from milvus_lite.server_manager import server_manager_instance
    except ImportError as error:
        raise VectorStoreError(
            "A .db file as vector engine needs the package milvus-lite: pip install milvus-lite."
        ) from error
    with _lite_lock:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        uri: str | None = server_manager_instance.start_and_get_uri(path)
        if uri is None:
            raise VectorStoreError(f"The vector file {path} can't be opened: another process may have it open.")
        _lite_users[path] += not again
        return uri


def _release_lite(path: str) -> None:
    from milvus_lite.server_manager import server_manager_instance

    with _lite_lock:
        _lite_users[path] -= 1
        if not _lite_users[path]:
            server_manager_instance.release_server(path)
