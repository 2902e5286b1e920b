"""Whose a request is: tokens of the store, JSON Web Tokens of somebody else, tickets, and nobody."""

import base64
import hashlib
import hmac
import http.client
import json
import re
import socket
import sqlite3
import time

import pytest

SECRET = b"a secret of at least thirty-two bytes"


@pytest.fixture
def people(genstore, store, tree, tmp_path):
    """anna owns acme, bob is a member, vera a viewer, eve a stranger. Each has a generation; acme has an artifact. tokens by name."""
    assert store.exists()
    top = tree.write(tmp_path / "tree", {"index.html": "<p>1</p>"})
    (tmp_path / "main.tf").write_text("x")
    tokens, requests = {}, {}
    for name in ("anna", "bob", "vera", "eve"):
        genstore("user", "add", name)
        tokens[name] = genstore("-q", "token", "add", "--user", name).out.strip()
        requests[name] = genstore("import", top, "--app-name", f"of {name}", env={"GENSTORE_TOKEN": tokens[name]}).out.strip()
    genstore("org", "add", "acme", "--owner", "anna")
    genstore("org", "grant", "acme", "bob", "member")
    genstore("org", "grant", "acme", "vera", "viewer")
    tokens["bob in acme"] = genstore("-q", "token", "add", "--user", "bob", "--org", "acme").out.strip()
    genstore("artifact", "put", "--session", "plan", "--org", "acme", "--type", "terraform", tmp_path / "main.tf")
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as db:
        [(session,)] = db.execute("SELECT session_id FROM sessions")
    return tokens, requests, session


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwt(claims, secret=SECRET, head=None):
    text = b64(json.dumps(head or {"alg": "HS256", "typ": "JWT"}).encode()) + "." + b64(json.dumps(claims).encode())
    return text + "." + b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())


# path and method -> what becomes of it for the owner, the member, the viewer, the stranger, the member's token for that organization
MATRIX = {
    ("GET", "/api/artifacts/list/S"): (200, 200, 200, 404, 200),
    ("GET", "/api/artifacts/download/S/terraform/main.tf"): (200, 200, 200, 404, 200),
    ("GET", "/api/artifacts/download-url/S/terraform/main.tf"): (200, 200, 200, 404, 200),
    ("GET", "/api/artifacts/bundle/S"): (200, 200, 200, 404, 200),
    ("PUT", "/api/artifacts/S/terraform/new.tf"): (201, 201, 404, 404, 201),
    ("PUT", "/api/artifacts/S/terraform/main.tf"): (200, 200, 404, 404, 200),
    ("DELETE", "/api/artifacts/S/terraform/main.tf"): (204, 204, 404, 404, 204),
    ("GET", "/api/generations/R"): (404, 200, 404, 404, 404),
    ("GET", "/api/generations/R/iterations"): (404, 200, 404, 404, 404),
    ("GET", "/api/generations/R/app.tar.gz"): (404, 200, 404, 404, 404),
    ("GET", "/api/generations/R/events"): (404, 200, 404, 404, 404),
    ("GET", "/api/generations/R/log"): (404, 200, 404, 404, 404),
    ("GET", "/api/generations/R/diff?to=2"): (404, 200, 404, 404, 404),
    ("GET", "/api/generations/R/files/2/index.html"): (404, 200, 404, 404, 404),
    ("GET", "/api/generations/R/sync"): (404, 200, 404, 404, 404),
    ("POST", "/api/generations/R/sync"): (404, 409, 404, 404, 404),  # there is no bucket
    ("POST", "/api/generations/R/control"): (404, 409, 404, 404, 404),  # it is completed
    ("DELETE", "/api/generations/R"): (404, 204, 404, 404, 404),
}


@pytest.mark.parametrize("method, path", MATRIX)
def test_who_may_do_what(genstore, people, serving, method, path):
    tokens, requests, session = people
    where = path.replace("S", session, 1).replace("R", requests["bob"])
    saved = genstore.store.read_bytes()
    for who, status in zip(("anna", "bob", "vera", "eve", "bob in acme"), MATRIX[method, path]):
        genstore.store.write_bytes(saved)
        server = serving("--require-token")
        body = {"PUT": b"bytes of " + who.encode(), "POST": b'{"to":"s3"}' if where.endswith("/sync") else b'{"action":"pause"}'}.get(method)
        answer = server(method, where, body, bearer(tokens[who]))
        assert answer.status == status, (who, answer.status, answer.body)
        if status == 404:  # in the words of what does not exist
            missing = where.replace(session, "0" * 8 + session[8:]).replace(requests["bob"], "req_" + "z" * 12)
            other = server(method, missing, body, bearer(tokens[who]))
            strip = re.compile(rb"[0-9a-f]{8}-[0-9a-f-]{27}|req_[a-z0-9]{12}")
            if who == "eve":
                assert (other.status, strip.sub(b"X", other.body)) == (404, strip.sub(b"X", answer.body))
        server.stop()


def test_lists_have_what_is_theirs(people, serving):
    tokens, requests, _ = people
    server = serving("--require-token")
    for name in ("anna", "bob", "vera", "eve"):
        listed = server("GET", "/api/generations", headers=bearer(tokens[name]), status=200).body.decode()
        assert set(re.findall("req_[a-z2-7]{12}", listed)) == {requests[name]}
    # Handles are lent again and again: none of them remembers whom it was lent to before.
    for name in ("eve", "bob", "eve", "anna") * 5:
        assert server("GET", f"/api/generations/{requests['bob']}", headers=bearer(tokens[name])).status == (200 if name == "bob" else 404)


def test_a_generation_that_is_asked_for_is_its_users(genstore, people, serving):
    tokens, _, _ = people
    server = serving("--require-token")
    made = server("POST", "/api/generations", json.dumps({"app_name": "new", "prompt": "p"}), bearer(tokens["eve"]), status=201).json
    assert server("GET", f"/api/generations/{made['request_id']}", headers=bearer(tokens["eve"])).status == 200
    assert server("GET", f"/api/generations/{made['request_id']}", headers=bearer(tokens["bob"])).status == 404
    row = next(row for row in genstore("audit", "--all", "--json").json if row["subject"] == made["request_id"])
    assert row["user"] == "eve"


def test_without_a_token_there_is_the_owner_or_nobody(people, serving):
    _, requests, session = people
    server = serving()
    assert server("GET", f"/api/generations/{requests['bob']}").status == 200
    strict = serving("--require-token")
    for method, path in (("GET", "/api/generations"), ("GET", f"/api/artifacts/list/{session}"), ("POST", "/api/generations"), ("GET", "/metrics")):
        answer = strict(method, path, b"{}" if method == "POST" else None)
        assert answer.status == 401 and answer.headers["www-authenticate"] == "Bearer"
    assert strict("GET", "/healthz").status == 200


def test_what_is_no_token_has_the_same_answer(genstore, people, serving):
    tokens, _, _ = people
    gone = genstore("token", "list", "--user", "eve", "--json").json[0]["id"]
    genstore("token", "rm", gone)
    for server in (serving(), serving("--require-token"), serving("--jwt-secret-file", write(genstore, SECRET))):
        answers = {server("GET", "/api/generations", headers=bearer(token)).body
                   for token in (tokens["eve"], "gs1." + "A" * 43, "x", "a.b.c", "", "..", jwt({"sub": "x"}, b"another" * 8))}
        assert len(answers) == 1 and b"not good any more" in answers.pop()
        answer = server("GET", "/api/generations", headers=bearer("nope"))
        assert answer.status == 401 and "invalid_token" in answer.headers["www-authenticate"]
        assert server("GET", "/api/generations", headers={"Authorization": "Basic YTpi"}).status == 401


def write(genstore, secret):
    path = genstore.home / "jwt"
    path.touch(mode=0o600)
    path.write_bytes(secret)
    return path


def test_a_body_of_somebody_unknown_is_not_read(people, serving):
    _, _, session = people
    server = serving("--require-token")
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as s:
        s.sendall(f"PUT /api/artifacts/{session}/x/y HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: 200000000\r\n\r\n".encode())
        answer = s.makefile("rb").read()  # to the end of the connection, and none of the 200 MB were sent
    assert answer.startswith(b"HTTP/1.1 401 ") and b"Connection: close" in answer


def test_an_address_with_a_ticket_needs_no_token(people, serving):
    tokens, _, session = people
    server = serving("--require-token")
    url = server("GET", f"/api/artifacts/download-url/{session}/terraform/main.tf", headers=bearer(tokens["vera"]), status=200).json["download_url"]
    path = re.sub(r"^https?://[^/]+", "", url)
    assert server("GET", path, status=200).body == b"x"
    assert server("GET", path[:-1] + ("0" if path[-1] != "0" else "1")).status == 403
    assert server("GET", path.partition("?")[0]).status == 401


def test_json_web_tokens(genstore, people, serving):
    tokens, requests, session = people
    ids = {row["name"]: row["id"] for row in genstore("user", "list", "--json").json}
    acme = genstore("org", "list", "--json").json[0]["organization_id"]
    server = serving("--require-token", "--jwt-secret-file", write(genstore, SECRET + b"\n"))
    now = int(time.time())
    good = {"sub": ids["bob"], "exp": now + 1000}

    def status(token, path="/api/generations/" + requests["bob"]):
        return server("GET", path, headers=bearer(token)).status

    assert status(jwt(good)) == 200
    assert status(jwt({**good, "sub": ids["bob"].upper(), "nbf": now - 5, "aud": "authenticated", "role": "authenticated"})) == 200
    assert status(jwt({**good, "sub": ids["eve"]})) == 404
    assert status(jwt({**good, "org_id": acme})) == 404 and status(jwt({**good, "org_id": acme}), f"/api/artifacts/list/{session}") == 200
    assert status(jwt({**good, "sub": ids["eve"], "org_id": acme}), f"/api/artifacts/list/{session}") == 404
    assert status(tokens["bob"]) == 200
    head = {"alg": "HS256"}
    sound = jwt(good)
    bad = {
        "over": jwt({**good, "exp": now - 1}), "without end": jwt({"sub": ids["bob"]}), "not yet": jwt({**good, "nbf": now + 1000}), "no sub": jwt({"exp": now + 9}),
        "sub is no uuid": jwt({**good, "sub": "bob"}), "org is no uuid": jwt({**good, "org_id": "acme"}), "another secret": jwt(good, SECRET + b"x"),
        "none": jwt(good, head={"alg": "none"}), "other": jwt(good, head={"alg": "HS512"}), "no alg": jwt(good, head={"typ": "JWT"}),
        "critical": jwt(good, head={**head, "crit": ["x"], "x": 1}), "unsigned": sound.rpartition(".")[0] + ".", "two parts": sound.rpartition(".")[0],
        "four parts": sound + ".x", "padding": sound + "=", "not an object": jwt([1]), "exp is text": jwt({**good, "exp": str(now + 1000)}),
        "long": jwt({**good, "x": "y" * 9000}),
    }
    for why, token in bad.items():
        assert status(token) == 401, why
    for i in range(0, len(sound), 7):  # no byte of it can be another one
        other = sound[:i] + ("A" if sound[i] != "A" else "B") + sound[i + 1:]
        assert status(other) == 401, i
    # Whoever is vouched for and was never seen is a user from then on.
    stranger = "0f0e0d0c-0b0a-4908-8706-050403020100"
    assert status(jwt({**good, "sub": stranger}), "/api/generations") == 200
    made = server("POST", "/api/generations", json.dumps({"app_name": "n", "prompt": "p"}), bearer(jwt({**good, "sub": stranger})), status=201).json
    assert status(jwt({**good, "sub": stranger}), f"/api/generations/{made['request_id']}") == 200
    assert stranger in {row["name"] for row in genstore("user", "list", "--json").json}


def test_elsewhere_than_on_loopback_a_token_is_needed(genstore, people, serving, tmp_path):
    tokens, _, _ = people
    assert "--require-token" in genstore("serve", "--listen", "127.0.0.2:0", code=2).err
    assert "takes an address" in genstore("serve", "--listen", "nowhere:80", code=2).err
    short = tmp_path / "short"
    short.write_text("short")
    assert "at least 32" in genstore("serve", "--listen", "0", "--jwt-secret-file", short, code=12).err
    server = serving("--listen", "127.0.0.2:0", "--require-token")
    assert server.url.startswith("http://127.0.0.2:")

    def ask(headers, host="store.example:80"):
        connection = http.client.HTTPConnection("127.0.0.2", server.port, timeout=60)
        connection.request("GET", "/api/generations", headers={"Host": host, **headers})
        status = connection.getresponse().status
        connection.close()
        return status

    assert ask({}) == 401 and ask(bearer(tokens["bob"])) == 200
    assert ask({**bearer(tokens["bob"]), "Origin": "https://store.example:80"}) == 200
    assert ask({**bearer(tokens["bob"]), "Origin": "https://evil.example"}) == 403


def test_the_secret_of_json_web_tokens_can_be_a_setting_that_is_sealed(genstore, people, serving, tmp_path):
    _, requests, _ = people
    ids = {row["name"]: row["id"] for row in genstore("user", "list", "--json").json}
    token = jwt({"sub": ids["bob"], "exp": int(time.time()) + 1000})
    path = "/api/generations/" + requests["bob"]
    assert serving("--require-token")("GET", path, headers=bearer(token)).status == 401
    (tmp_path / "key").touch(mode=0o600)
    (tmp_path / "key").write_bytes(b"k" * 32)
    genstore.env["GENSTORE_KEY_FILE"] = str(tmp_path / "key")
    genstore("key", "init")
    genstore("config", "set", "serve.jwt_secret", input=SECRET)
    genstore("config", "set", "serve.require_token", "yes")
    assert serving()("GET", path, headers=bearer(token)).status == 200
    # What the environment, or a flag, says goes before it, and needs no key.
    del genstore.env["GENSTORE_KEY_FILE"]
    genstore.env["GENSTORE_SERVE_JWT_SECRET"] = SECRET.decode()[::-1]
    reversed_secret = jwt({"sub": ids["bob"], "exp": int(time.time()) + 1000}, SECRET[::-1])
    server = serving()
    assert [server("GET", path, headers=bearer(t)).status for t in (token, reversed_secret)] == [401, 200]
    server = serving("--jwt-secret-file", write(genstore, SECRET))
    assert [server("GET", path, headers=bearer(t)).status for t in (token, reversed_secret)] == [200, 401]
