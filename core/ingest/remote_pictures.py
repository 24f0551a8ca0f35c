"""Fetches pictures that posts name by a web address: only when asked, within limits, and never from this network.

An address is resolved once, every address found must be public, and the connection goes to the one that was checked, so
that a name can't be public when it is checked and private when it is used (DNS rebinding). Each redirect is checked the
same way. Only http and https, only the usual ports, no proxy of the environment, no cookies, no credentials.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from core.errors import FetchError

USER_AGENT = "Feedscope/0.1 (pictures of imported posts)"
MAX_REDIRECTS = 4
_PICTURE_TYPES = ("image/", "application/octet-stream", "binary/octet-stream")
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_CHUNK = 1 << 16

Resolve = Callable[[str, int], list[str]]
Allowed = Callable[[str, int], bool]


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, by the system's resolver."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise FetchError(f"the host {host[:100]} is not known") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: str, port: int) -> bool:
    """Whether an address is on the open internet and the port is one of the web's: not this machine, not the local
    network, not a link's own, not reserved, and no IPv6 form of such an IPv4 address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        embedded = found.ipv4_mapped or found.sixtofour or (found.teredo and found.teredo[1])
        if embedded is None and found in ipaddress.ip_network("64:ff9b::/96"):
            embedded = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if embedded and not is_public(str(embedded), port):
            return False
    return found.is_global and not found.is_multicast and port in (80, 443)


@dataclass(frozen=True, slots=True)
class Limits:
    """``max_bytes`` of one picture, ``seconds`` for one, redirects and all; ``pause`` between requests to one host."""

    max_bytes: int = 20_000_000
    seconds: float = 20.0
    pause: float = 0.5


class Fetcher:
    """Fetches one address after another, politely. ``resolve`` and ``allowed`` are for tests."""

    def __init__(self, limits: Limits, *, resolve: Resolve = resolve, allowed: Allowed = is_public) -> None:
        self._limits = limits
        self._resolve = resolve
        self._allowed = allowed
        self._last: dict[str, float] = {}

    def fetch(self, url: str) -> bytes:
        """The picture's bytes. Raises FetchError, which says why there are none."""
        deadline = time.monotonic() + self._limits.seconds
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._ask(url, deadline)
            if isinstance(answer, bytes):
                return answer
            url = answer
        raise FetchError(f"more than {MAX_REDIRECTS} redirects")

    def _ask(self, url: str, deadline: float) -> bytes | str:
        """The bytes, or the address that the answer redirects to."""
        scheme, host, port, target = _parts(url)
        addresses = self._resolve(host, port)
        if not addresses or not all(self._allowed(address, port) for address in addresses):
            raise FetchError(f"{host[:100]} is not on the open internet, or is asked on an unusual port")
        self._wait(host)
        connection = _Pinned(scheme, host, port, addresses[0], _left(deadline))
        try:
            connection.request("GET", target, headers={"User-Agent": USER_AGENT, "Accept": "image/*"})
            response = connection.getresponse()
            if response.status in _REDIRECTS:
                place = response.getheader("Location")
                if not place:
                    raise FetchError("a redirect to nowhere")
                return urljoin(url, place)
            if response.status != 200:
                raise FetchError(f"the server answered {response.status}")
            return self._read(response, connection, deadline)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise FetchError(f"it could not be fetched: {_said(error)}") from error
        finally:
            connection.close()

    def _read(self, response: http.client.HTTPResponse, connection: _Pinned, deadline: float) -> bytes:
        kind = (response.getheader("Content-Type") or "").split(";")[0].strip().lower()
        if not kind.startswith(_PICTURE_TYPES):
            raise FetchError(f"it is no picture but {kind[:60] or 'of no stated type'}")
        if kind == "image/svg+xml":
            raise FetchError("SVG drawings are not taken")
        said = response.getheader("Content-Length") or ""
        too_large = f"it is larger than {self._limits.max_bytes / 1_000_000:,.0f} MB"
        if said.isdecimal() and int(said) > self._limits.max_bytes:
            raise FetchError(too_large)
        data = bytearray()
        while True:
            if connection.sock is not None:
                connection.sock.settimeout(_left(deadline))
            chunk = response.read1(_CHUNK)
            if not chunk:
                break
            data += chunk
            if len(data) > self._limits.max_bytes:
                raise FetchError(too_large)
        if said.isdecimal() and len(data) < int(said):
            raise FetchError("the connection broke off")
        return bytes(data)

    def _wait(self, host: str) -> None:
        """Leaves a host alone for a while between two requests."""
        since = time.monotonic() - self._last.get(host, float("-inf"))
        if since < self._limits.pause:
            time.sleep(self._limits.pause - since)
        self._last[host] = time.monotonic()


class _Pinned(http.client.HTTPConnection):
    """A connection to the address that was checked, whatever the name resolves to by now. TLS verifies the name."""

    def __init__(self, scheme: str, host: str, port: int, address: str, seconds: float) -> None:
        super().__init__(host, port, timeout=seconds)
        self._address = address
        self._secure = scheme == "https"

    def connect(self) -> None:
        connected: Any = socket.create_connection((self._address, self.port), self.timeout)
        if self._secure:
            connected = ssl.create_default_context().wrap_socket(connected, server_hostname=self.host)
        self.sock = connected


def _parts(url: str) -> tuple[str, str, int, str]:
    """(scheme, host, port, path and query). Raises FetchError for anything but a plain web address."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise FetchError("the address can't be read") from error
    if parts.scheme not in ("http", "https") or not host:
        raise FetchError("it is not a web address")
    if parts.username or parts.password:
        raise FetchError("the address holds a password")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if any(sign <= " " or sign > "~" for sign in target):
        from urllib.parse import quote

        target = quote(target, safe="/%?&=+:@,;~!$'()*")
    return parts.scheme, host, port or (443 if parts.scheme == "https" else 80), target


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise FetchError("it took too long")
    return left


def _said(error: Exception) -> str:
    return "it took too long" if isinstance(error, TimeoutError) else str(error)[:200] or type(error).__name__
