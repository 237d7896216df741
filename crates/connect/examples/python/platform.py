"""A platform whose users link accounts on the hub's own page, and come back. It needs Python 3.9 and nothing else, and
KEYWAY_URL=http://127.0.0.1:8081 (the API), KEYWAY_TOKEN=kwa_…, KEYWAY_GATEWAY=http://127.0.0.1:8080 for calls with what is
linked, and KEYWAY_WEBHOOK_SECRET=whsec_… for webhooks."""

import base64
import hashlib
import hmac
import html
import http.server
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request


# -- Linking an account --
def keyway(path, body=None):
    headers = {"Authorization": f"Bearer {os.environ['KEYWAY_TOKEN']}", "Content-Type": "application/json"}
    body = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(os.environ["KEYWAY_URL"] + path, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:  # What is wrong stands in the body, and never a value.
        raise RuntimeError(f"Keyway answers {error.code}: {error.read().decode()}") from None


def link(user, back):
    return keyway("/v1/sessions", {"end_user": user, "purpose": "connect", "return_url": back})["link"]


def linked(user):
    return keyway("/v1/connections?" + urllib.parse.urlencode({"end_user": user}))["data"]


# -- Using an account --
# The token is shown once. Whoever has it may do so much with this one account; keep it for as long as it lasts.
def grant(connection):
    return keyway(f"/v1/connections/{connection}/grants", {"methods": ["GET"], "expires_in": 3600})["token"]


# The provider's own path, and its own answer.
def call(connection, token, path):
    url = f"{os.environ['KEYWAY_GATEWAY']}/c/{connection}{path}"
    return urllib.request.urlopen(urllib.request.Request(url, headers={"Keyway-Grant": token}), timeout=30)


# -- Webhooks --
# https://www.standardwebhooks.com: nobody else could have signed it, and nobody sends an old one again.
def is_from_keyway(headers, body):
    id, sent, signatures = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    key = base64.b64decode(os.environ.get("KEYWAY_WEBHOOK_SECRET", "").removeprefix("whsec_"))
    signature = hmac.new(key, f"{id}.{sent}.".encode() + body, hashlib.sha256).digest()
    expected = b"v1," + base64.b64encode(signature)
    is_fresh = sent.isdecimal() and abs(time.time() - int(sent)) < 300
    return bool(key) and is_fresh and any(hmac.compare_digest(one.encode(), expected) for one in signatures.split(" "))


# -- The platform as it was --
USER = "user-42"  # Whoever is signed in.


class Platform(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = urllib.parse.urlsplit(self.path).path
        if path == "/users/me":
            mine = linked(USER)[0]["id"]
            with call(mine, grant(mine), "/v1/users/me") as answer:
                return self.answer(200, answer.read().decode())
        if path != "/":
            return self.answer(404, "")
        # What the address says is not to be trusted: the hub says whose a connection is.
        items = "".join(f"<li>{html.escape(one['provider'])}: {html.escape(one['id'])}" for one in linked(USER))
        button = '<form method="post" action="/link"><button>Link an account</button></form>'
        self.answer(200, f'<!doctype html><html lang="en"><title>Platform</title><h1>Platform</h1>{button}<ul>{items}</ul>')

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/link":
            self.answer(303, "", location=link(USER, f"{ORIGIN}/"))
        elif self.path == "/webhook" and is_from_keyway(self.headers, body):
            print(json.loads(body)["type"], flush=True)
            self.answer(200, "thank you")
        else:
            self.answer(400, "")

    def answer(self, status, text, **headers):
        self.send_response(status)
        for name, value in {"content-type": "text/html; charset=utf-8", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        """Says nothing."""


with http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", 3000))), Platform) as server:
    ORIGIN = f"http://127.0.0.1:{server.server_port}"
    print("open", ORIGIN, flush=True)
    server.serve_forever()
