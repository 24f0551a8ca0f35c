"""Remote pictures, from a server of the test's own: limits, redirects, and no way into a private network."""

import io
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image

from core.database.posts import get_posts
from core.errors import FetchError
from core.ingest import fetch_job
from core.ingest.remote_pictures import Fetcher, Limits, is_public

ASKED = []


def png():
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), "green").save(buffer, "PNG")
    return buffer.getvalue()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def do_GET(self):
        ASKED.append((self.headers["Host"], self.path))
        name = self.path.strip("/").split("/")[0]
        if name == "gone":
            return self.answer(404, "text/html", b"no")
        if name == "page":
            return self.answer(200, "text/html", b"<p>hello")
        if name == "svg":
            return self.answer(200, "image/svg+xml", b"<svg/>")
        if name == "large":
            return self.answer(200, "image/png", b"x" * 30_000)
        if name == "endless":
            return self.answer(200, "image/png", b"x" * 30_000, length=None)
        if name == "broken":
            return self.answer(200, "image/png", b"not a picture")
        if name == "short":
            return self.answer(200, "image/png", png(), length=10_000)
        if name in ("hop", "inside", "loop"):
            place = {"hop": "/ok.png", "inside": "http://router.example/admin", "loop": "/loop"}[name]
            self.send_response(302)
            self.send_header("Location", place)
            self.end_headers()
            return None
        return self.answer(200, "image/png", png())

    def answer(self, status, kind, body, length=0):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def port():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


def resolve(port, host, wanted):
    """Names of the test: pictures.example is the server, router.example an address that may never be asked."""
    return {
        "pictures.example": ["127.0.0.1"],
        "router.example": ["10.0.0.1"],
        "mixed.example": ["127.0.0.1", "10.0.0.1"],
    }[host]


def allow(port, address, wanted):
    return address == "127.0.0.1" and wanted == port


def fetcher(port):
    return Fetcher(
        Limits(max_bytes=20_000, seconds=10, pause=0), resolve=partial(resolve, port), allowed=partial(allow, port)
    )


@pytest.mark.parametrize("name", ["ok.png", "hop"])
def test_a_picture_comes_also_by_a_redirect(port, name):
    assert fetcher(port).fetch(f"http://pictures.example:{port}/{name}") == png()
    assert ASKED[-1][0] == f"pictures.example:{port}"  # the name is asked for, at the address that was checked


@pytest.mark.parametrize(
    ("path", "reason"),
    [("gone", "404"), ("page", "no picture but text/html"), ("svg", "SVG"), ("large", "larger than"),
     ("endless", "larger than"), ("short", "broke off|could not"), ("loop", "redirects"), ("inside", "open internet")],
)  # fmt: skip
def test_what_is_not_to_be_had_is_said(port, path, reason):
    with pytest.raises(FetchError, match=reason):
        fetcher(port).fetch(f"http://pictures.example:{port}/{path}")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://pictures.example/x",
        "file:///etc/passwd",
        "http://user:pw@pictures.example/",
        "http://[::1",
        "javascript:alert(1)",
    ],
)
def test_only_plain_web_addresses(port, url):
    with pytest.raises(FetchError):
        fetcher(port).fetch(url)


def test_a_name_that_is_also_private_is_refused_and_nothing_is_asked(port):
    before = len(ASKED)
    for url in (f"http://mixed.example:{port}/ok.png", "http://router.example/ok.png"):
        with pytest.raises(FetchError, match="open internet"):
            fetcher(port).fetch(url)
    with pytest.raises(FetchError, match="open internet"):
        Fetcher(Limits()).fetch(f"http://127.0.0.1:{port}/ok.png")
    assert len(ASKED) == before


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "255.255.255.255", "::1", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
     "::", "nonsense"],
)  # fmt: skip
def test_private_addresses(address):
    assert not is_public(address, 80)


def test_public_addresses_on_the_web_s_ports():
    assert is_public("93.184.216.34", 443)
    assert is_public("2606:2800:220:1:248:1893:25c8:1946", 80)
    assert not is_public("93.184.216.34", 22)


def test_the_job_gives_posts_their_pictures_and_goes_on(port, workspace, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch_job, "open_fetcher", lambda limits: fetcher(port))
    base = f"http://pictures.example:{port}"
    (tmp_path / "posts.csv").write_text(
        f"id,text,images\n1,one,{base}/a.png\n2,two,{base}/a.png\n3,three,{base}/gone\n4,four,{base}/broken\n5,,{base}/b.png\n"
    )

    def run(kind, **params):
        return workspace.jobs.run_now(kind, params, title=kind).result

    before = len(ASKED)
    run("ingest", path=str(tmp_path / "posts.csv"))
    assert len(ASKED) == before  # an import asks for nothing
    first = run("fetch_pictures", most=2)
    assert (first["tried"], first["fetched"], first["failed_fetches"]) == (2, 2, 0)
    rest = run("fetch_pictures")
    assert first["fetched"] + rest["fetched"] == 2
    assert first["tried"] + rest["tried"] == 4
    reasons = {failure["where"].rpartition("/")[2]: failure["reason"] for failure in rest["failures"]}
    assert reasons["gone"] == "the server answered 404"
    assert reasons["broken"]
    posts = get_posts(workspace.cursor(), ["1", "2", "3", "5"])
    assert posts["1"].media[0].path == posts["2"].media[0].path is not None
    assert posts["3"].text == "three"
    assert posts["3"].media[0].error == "not fetched: the server answered 404"
    assert workspace.cursor().execute("SELECT count(*) FROM posts WHERE pictures > 0").fetchall() == [(3,)]
    assert workspace.indexes.vector("dual") is not None
    asked = len(ASKED)
    assert run("fetch_pictures")["tried"] == 0
    assert len(ASKED) == asked
    assert run("fetch_pictures", again=True)["tried"] == 2
