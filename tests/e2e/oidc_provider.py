"""A small OpenID provider for tests: the authorization code flow over the standard library's server.

Nobody types a password: the login page has a link for each known person. Tokens are signed (RS256) and the client's
secret, redirect address, code and PKCE verifier are checked, since an app that leaves one of them out should fail here.
"""

import base64
import hashlib
import html
import json
import secrets
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "feedscope", "not-much-of-a-secret"


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def _send(self, body, kind="application/json", status=200):
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        provider = self.server
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/.well-known/openid-configuration":
            self._send(
                {
                    "issuer": provider.issuer,
                    "authorization_endpoint": f"{provider.issuer}/authorize",
                    "token_endpoint": f"{provider.issuer}/token",
                    "jwks_uri": f"{provider.issuer}/keys",
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["RS256"],
                    "code_challenge_methods_supported": ["S256"],
                }
            )
        elif parts.path == "/keys":
            self._send({"keys": [provider.key.as_dict(private=False, kid="one", use="sig", alg="RS256")]})
        elif parts.path == "/authorize" and "as" not in asked:
            links = "".join(
                f"<p><a href='/authorize?{html.escape(urlencode({**asked, 'as': name}))}'>{html.escape(name)}</a></p>"
                for name in provider.people
            )
            self._send(f"<!doctype html><title>Who are you?</title>{links}", "text/html")
        elif parts.path == "/authorize" and asked["as"] in provider.people:
            assert asked["client_id"] == CLIENT
            assert asked["response_type"] == "code"
            code = secrets.token_urlsafe(12)
            provider.codes[code] = asked
            self.send_response(302)
            back = {"code": code, "state": asked["state"]}
            self.send_header("Location", f"{asked['redirect_uri']}?{urlencode(back)}")
            self.end_headers()
        else:
            self._send({"error": "not_found"}, status=404)

    def do_POST(self):
        provider = self.server
        given = {
            name: values[0]
            for name, values in parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()).items()
        }
        client, secret = given.get("client_id"), given.get("client_secret")
        if self.headers.get("Authorization", "").startswith("Basic "):
            said = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
            client, secret = map(unquote, said.split(":", 1))
        asked = provider.codes.pop(given.get("code"), None)
        if (client, secret) != (CLIENT, SECRET) or asked is None or given["redirect_uri"] != asked["redirect_uri"]:
            self._send({"error": "invalid_grant"}, status=400)
            return
        if "code_challenge" in asked:
            digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
            if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
                self._send({"error": "invalid_grant"}, status=400)
                return
        now = int(time.time())
        claims = {
            "iss": provider.issuer, "aud": CLIENT, "iat": now, "exp": now + 600, "nonce": asked.get("nonce"),
            **provider.people[asked["as"]],
        }  # fmt: skip
        token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, provider.key)
        self._send(
            {"access_token": secrets.token_urlsafe(12), "token_type": "Bearer", "expires_in": 600, "id_token": token}
        )


@contextmanager
def oidc_provider(people):
    """Runs a provider that knows ``people``, the claims of each by what its login page calls them; gives its issuer."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    server.people, server.codes = people, {}
    server.key = RSAKey.generate_key(2048)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
