"""Generations over HTTP: listed, watched, asked for; and the server itself: its log, its counters, its end."""

import hashlib
import http.client
import json
import os
import pathlib
import signal
import socket
import threading

import pytest

pytestmark = pytest.mark.threads


def events(server, path, found=None, **headers):
    """[(id, event, data)] until the stream ends; each is in `found` as soon as it is there."""
    found = [] if found is None else found
    connection = server.connect()
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    assert response.status == 200 and response.getheader("content-type") == "text/event-stream"
    fields = {}
    while line := response.readline():
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name:
            fields[name] = value
        elif fields:
            found.append((fields.get("id"), fields["event"], json.loads(fields["data"])))
            fields = {}
    connection.close()
    return found


def test_a_generation_is_shown_as_the_command_line_shows_it(genstore, generate, server):
    req = generate("echo hi; echo x >a", "--app-name", "x")
    shown = genstore("show", req, "--json").json[0]
    told = server("GET", f"/api/generations/{req}", status=200).json
    assert told and all(shown[key] == value for key, value in told.items())
    assert {"request_id", "status", "prompt", "costs", "archive_sha256"} <= set(told)
    rows = [row for row in genstore("snapshots", req, "--json").json if row.pop("message_type") == "snapshot"]
    assert server("GET", f"/api/generations/{req}/iterations").json == {"request_id": req, "iterations": rows}
    archive = server("GET", f"/api/generations/{req}/app.tar.gz", status=200)
    assert hashlib.sha256(archive.body).hexdigest() == told["archive_sha256"] == archive.headers["etag"].strip('"')
    server("GET", "/api/generations/req_none", status=404)
    server("GET", f"/api/generations/{req[:8]}", status=404)


def test_pages_hold_all_generations_once(genstore, generate, server):
    made = [generate("echo x >a", "--app-name", f"x{i}") for i in range(5)]
    seen, before = [], ""
    while True:
        page = server("GET", f"/api/generations?limit=2{before}", status=200).json
        seen += [g["request_id"] for g in page["generations"]]
        if not page["next"]:
            break
        before = f"&before={page['next']}"
    assert seen == made[::-1]
    assert [g["request_id"] for g in server("GET", "/api/generations").json["generations"]] == seen
    for query in ("limit=0", "limit=x", "limit=1001", "before=req_none", "before=%zz"):
        server("GET", f"/api/generations?{query}", status=422)


def test_what_is_posted_is_queued_and_a_worker_takes_it(genstore, server, tmp_path):
    told = server("POST", "/api/generations", json.dumps({"app_name": "todo", "prompt": "a \u00fc"}), status=201)
    req = told.json["request_id"]
    assert told.headers["location"] == f"/api/generations/{req}" and told.json["status"] == "queued" and told.json["mode"] == "single-shot"
    genstore("work", "--once", "--", "sh", "-c", 'printf %s "$PROMPT" >p')
    assert server("GET", told.headers["location"]).json["status"] == "completed"
    assert genstore("cat", f"{req}:p").out == "a \u00fc"
    several = server("POST", "/api/generations", json.dumps({"app_name": "todo", "prompt": "b", "max_iterations": 3}), status=201).json
    assert (several["mode"], several["max_iterations"], several["generation_number"]) == ("autonomous", 3, 2)
    genstore("config", "set", "generate.max_iterations", "7")
    several = server("POST", "/api/generations", json.dumps({"app_name": "todo", "prompt": "b", "mode": "autonomous"}), status=201).json
    assert several["max_iterations"] == 7


@pytest.mark.parametrize("body", ["", "[]", "{", '{"app_name":"x"}', '{"app_name":"x","prompt":""}', '{"app_name":"a/b","prompt":"p"}', '{"app_name":"x","prompt":"p","mode":"y"}',
                                  '{"app_name":"x","prompt":"p","max_iterations":0}', '{"app_name":"x","prompt":"p","max_iterations":1.5}', '{"app_name":1,"prompt":"p"}',
                                  '{"app_name":"x","prompt":"p","more":1}', '{"app_name":"x","prompt":"p","mode":"single-shot","max_iterations":2}',
                                  '{"app_name":"x","app_name":"y","prompt":"p"}', b'{"app_name":"x","prompt":"\xff"}', '{"app_name":"x","prompt":"\\u0000"}'])
def test_a_request_that_cannot_be_is_refused_and_nothing_is_queued(genstore, server, body):
    assert server("POST", "/api/generations", body, status=422).json["detail"]
    assert server("GET", "/api/generations").json["generations"] == []


def test_who_watches_sees_each_line_once_and_the_end(genstore, server, tmp_path, wait_for):
    req = server("POST", "/api/generations", json.dumps({"app_name": "x", "prompt": "p"})).json["request_id"]
    got = []
    watcher = threading.Thread(target=events, args=(server, f"/api/generations/{req}/events", got))
    watcher.start()
    wait_for(lambda: any(data.get("status") == "queued" for _, _, data in got), "the first state")
    worker = genstore.start("work", "--once", "--", "sh", "-c", f"echo one; while [ ! -e {tmp_path}/go ]; do sleep 0.01; done; echo two; echo x >a")
    wait_for(lambda: any(data.get("line") == "one" for _, _, data in got), "the first line")
    wait_for(lambda: any(data.get("status") == "generating" for _, _, data in got), "the state")
    (tmp_path / "go").touch()
    worker.communicate(timeout=60)
    watcher.join(60)
    assert [data["status"] for id_, name, data in got if name == "status" and id_ is None] == ["queued", "generating", "completed"]
    assert got[-1] == (None, "end", {"status": "completed"})
    lines = [(id_, data["line"]) for id_, _, data in got if id_ is not None]
    assert [line for _, line in lines].count("one") == 1 and [line for _, line in lines].count("two") == 1
    assert [row["line"] for row in genstore("log", req, "--json").json] == [line for _, line in lines]
    middle = lines[len(lines) // 2][0]
    again = [(id_, data["line"]) for id_, _, data in events(server, f"/api/generations/{req}/events", **{"Last-Event-ID": middle}) if id_ is not None]
    assert again == lines[len(lines) // 2 + 1:]


def test_a_generation_is_removed_but_not_while_it_runs(genstore, generate, server, tmp_path, wait_for):
    req = generate("echo x >a", "--app-name", "x")
    server("DELETE", f"/api/generations/{req}", status=204)
    server("GET", f"/api/generations/{req}", status=404)
    running = server("POST", "/api/generations", json.dumps({"app_name": "x", "prompt": "p"})).json["request_id"]
    worker = genstore.start("work", "--once", "--", "sh", "-c", f"while [ ! -e {tmp_path}/go ]; do sleep 0.01; done")
    wait_for(lambda: server("GET", f"/api/generations/{running}").json["status"] == "generating", "the worker")
    assert server("DELETE", f"/api/generations/{running}", status=409).json["detail"]
    (tmp_path / "go").touch()
    worker.communicate(timeout=60)


def test_health_and_counters(generate, server, wait_for):
    generate("echo x >a", "--app-name", "x")
    assert server("GET", "/healthz", status=200).json["status"] == "ok"
    server("GET", "/none")
    told = server("GET", "/metrics", status=200)
    assert told.headers["content-type"].startswith("application/openmetrics-text")
    lines = told.body.decode().splitlines()
    assert lines[-1] == "# EOF" and 'genstore_generations{status="completed"} 1' in lines

    def numbers():
        lines = server("GET", "/metrics").body.decode().splitlines()
        return {name: int(value) for name, _, value in (line.rpartition(" ") for line in lines) if name.startswith("genstore_http_requests_total")}

    # A request counts when its answer is gone, which its client can know first.
    wait_for(lambda: numbers()['genstore_http_requests_total{method="GET",status="4xx"}'] == 1, "the request that found nothing")
    now = numbers()['genstore_http_requests_total{method="GET",status="2xx"}']
    for _ in range(5):
        server("GET", "/healthz")
    wait_for(lambda: numbers()['genstore_http_requests_total{method="GET",status="2xx"}'] >= now + 6, "those that found something")


def test_the_log_has_a_line_for_each_request_and_no_ticket(genstore, serving, tmp_path):
    log = tmp_path / "log"
    server = serving("--access-log", log)
    server("GET", "/api/generations?limit=1")
    server("GET", "/api/artifacts/download/a/b?expires=1&ticket=deadbeef")
    server.stop()
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    # A line is written when the answer is gone: those of two connections can change places.
    assert {(r["method"], r["path"], r["status"]) for r in rows} == {("GET", "/api/generations", 200), ("GET", "/api/artifacts/download/a/b", 403)} and len(rows) == 2
    assert "deadbeef" not in log.read_text()


def test_pages_of_other_sites_and_other_names_are_refused(server):
    for fields, status in [({"Host": "evil.example"}, 421), ({"Origin": "http://evil.example"}, 403), ({"Host": f"127.0.0.1:{server.port + 1}"}, 421)]:
        told = server("GET", "/api/generations", headers=fields, status=status)
        assert told.headers["content-type"] == "application/problem+json" and told.headers["connection"] == "close"


def test_where_it_listens_is_checked(genstore, store, serving):
    server = serving()
    assert f"cannot listen on 127.0.0.1:{server.port}: Address already in use" in genstore("serve", "--listen", str(server.port), code=1).err
    for wrong in ("x", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "", "[::]:0", "example.org:80", ":80"):
        assert "--listen takes" in genstore("serve", "--listen", wrong, code=2).err
    assert "not on loopback" in genstore("serve", "--listen", "0.0.0.0:0", code=2).err
    genstore("--store", store.parent / "none", "serve", "--listen", "0", code=10)


def test_it_ends_when_all_answers_are_sent_and_takes_no_new_ones(genstore, generate, serving, wait_for):
    req = generate("head -c 20000000 /dev/urandom >a", "--app-name", "x")
    server = serving()
    connection = server.connect()
    connection.request("GET", f"/api/generations/{req}/app.tar.gz")
    response = connection.getresponse()
    assert response.status == 200
    got = response.read(1000)
    server.process.send_signal(signal.SIGTERM)

    def refused():
        try:
            socket.create_connection(("127.0.0.1", server.port), timeout=5).close()
        except OSError:
            return True
        return False

    wait_for(refused, "the end of listening")
    got += response.read()
    assert hashlib.sha256(got).hexdigest() == genstore("show", req, "--json").json[0]["archive_sha256"]
    connection.close()
    server.stop()


def test_who_watches_is_no_reason_to_stay(genstore, server):
    req = server("POST", "/api/generations", json.dumps({"app_name": "x", "prompt": "p"})).json["request_id"]
    connection = server.connect()
    connection.request("GET", f"/api/generations/{req}/events")
    response = connection.getresponse()
    assert response.readline() == b"event: status\n"
    server.stop()
    response.read()
    connection.close()


def test_idle_connections_hold_no_handle_of_the_store(server):
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(300)]
    for one in idle:
        one.sendall(f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
        assert one.recv(4096).startswith(b"HTTP/1.1 200")
    files = [os.readlink(fd) for fd in pathlib.Path(f"/proc/{server.process.pid}/fd").iterdir() if fd.exists()]
    assert sum(name.endswith(".genstore") for name in files) < 40
    for one in idle:
        one.close()


def test_a_client_that_sends_its_head_slowly_is_cut_off(server):
    slow = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    slow.sendall(b"GET /healthz HTTP/1.1\r\n")
    assert slow.recv(100) == b""
    with pytest.raises((http.client.HTTPException, OSError, AssertionError)):
        slow.sendall(b"Host: x\r\n\r\n")
        assert slow.recv(100)
