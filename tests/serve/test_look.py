"""What of a generation is looked at over HTTP: changes, files, log, sync; and the files of the page."""

import hashlib
import pathlib
import re

import pytest

WEB = pathlib.Path(__file__).resolve().parents[2] / "src/serve/web"


@pytest.fixture
def two(generate):
    return generate("mkdir -p d; echo $ITERATION >a; test $ITERATION = 1 && echo x >gone || rm gone; test $ITERATION = 1 || echo 'ü' >'d/b c'; echo said $ITERATION",
                    "--mode", "autonomous", "--max-iterations", "2")


def ids(server, req):
    return [row["id"] for row in server("GET", f"/api/generations/{req}/iterations").json["iterations"]]


def test_a_diff_lists_what_came_went_and_changed(server, two):
    first, second = ids(server, two)
    told = server("GET", f"/api/generations/{two}/diff?from={first}&to={second}", status=200).json
    assert told == {"request_id": two, "added": 1, "modified": 1, "removed": 1, "truncated": False, "changes": [
        {"status": "M", "path": "a", "old_size": 2, "new_size": 2}, {"status": "A", "path": "d/b c", "new_size": 3},
        {"status": "D", "path": "gone", "old_size": 2}]}
    whole = server("GET", f"/api/generations/{two}/diff?to={first}", status=200).json
    assert {(c["status"], c["path"]) for c in whole["changes"]} >= {("A", "a"), ("A", "gone")} and whole["removed"] == 0
    cut = server("GET", f"/api/generations/{two}/diff?from={first}&to={second}&limit=1", status=200).json
    assert (len(cut["changes"]), cut["truncated"], cut["removed"]) == (1, True, 1)


def test_a_diff_of_what_is_not_its_own_is_refused(server, two, generate):
    other = generate("echo x >a", "--app-name", "other")
    [foreign] = ids(server, other)
    first, _ = ids(server, two)
    server("GET", f"/api/generations/{two}/diff?from={first}&to={foreign}", status=404)
    server("GET", f"/api/generations/{two}/diff?from={foreign}&to={first}", status=404)
    server("GET", f"/api/generations/{two}/files/{foreign}/a", status=404)
    server("GET", f"/api/generations/{two}/diff?to=999999", status=404)
    for query in ("", "?to=x", "?to=1&from=", "?to=1&limit=0", "?to=1&limit=10001"):
        server("GET", f"/api/generations/{two}/diff{query}", status=422)


def test_a_file_of_a_tree_is_sent_as_a_file_and_as_nothing_else(server, two):
    first, second = ids(server, two)
    assert [server("GET", f"/api/generations/{two}/files/{i}/a", status=200).body for i in (first, second)] == [b"1\n", b"2\n"]
    answer = server("GET", f"/api/generations/{two}/files/{second}/d/b%20c", status=200)
    assert answer.body == "ü\n".encode() and answer.headers["etag"] == f'"{hashlib.sha256(answer.body).hexdigest()}"'
    assert answer.headers["content-type"] == "application/octet-stream" and "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["content-disposition"].startswith("attachment")
    assert server("GET", f"/api/generations/{two}/files/{second}/a", headers={"Range": "bytes=1-"}, status=206).body == b"\n"
    for path in (f"{second}/d", f"{second}/gone", f"{second}/..%2Fa", f"{second}/a/", "x/a", f"{'9' * 30}/a", f"-{second}/a"):
        server("GET", f"/api/generations/{two}/files/{path}", status=404)
    server("GET", f"/api/generations/{two}/files/{second}/%zz", status=400)


def test_the_log_is_the_text_that_the_mount_shows(genstore, server, two):
    text = server("GET", f"/api/generations/{two}/log", status=200)
    lines = [e["line"] for e in genstore("log", two, "--json").json if e["message_type"] == "event"]
    assert [line.split("  ", 1)[1] for line in text.body.decode().splitlines()] == lines
    assert text.headers["content-type"] == "text/plain; charset=utf-8" and text.headers["x-content-type-options"] == "nosniff"
    server("GET", "/api/generations/req_none/log", status=404)


def test_nothing_is_sent_before_there_is_where_to(genstore, server, two):
    assert server("GET", f"/api/generations/{two}/sync", status=200).json == {"request_id": two, "sync": "local"}
    refused = server("POST", f"/api/generations/{two}/sync", '{"to":"s3"}', status=409).json
    assert "bucket" in refused["detail"]
    assert server("GET", f"/api/generations/{two}/sync").json["sync"] == "local"
    for body in ("", "{}", "[]", '{"to":""}', '{"to":"tape"}', '{"to":"s3","from":"x"}', '{"to":1}'):
        server("POST", f"/api/generations/{two}/sync", body, status=422)
    queued = server("POST", "/api/generations", '{"app_name":"q","prompt":"p"}', status=201).json["request_id"]
    assert "archive" in server("POST", f"/api/generations/{queued}/sync", '{"to":"s3"}', status=409).json["detail"]


def test_the_page_is_the_files_of_the_tree_under_a_strict_policy(serving):
    for server in (serving(), serving("--require-token")):
        for path, name in [("/", "index.html"), *((f"/web/{f.name}", f.name) for f in WEB.iterdir())]:
            answer = server("GET", path, status=200)
            assert answer.body == (WEB / name).read_bytes()
            policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
            assert policy["default-src"] == "'none'" and policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
            assert policy["frame-ancestors"] == policy["form-action"] == policy["base-uri"] == "'none'"
            assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["cache-control"] == "no-cache"
            again = server("GET", path, headers={"If-None-Match": answer.headers["etag"]}, status=304)
            assert again.body == b"" and again.headers["etag"] == answer.headers["etag"]
        assert server("GET", "/web/page.js").headers["content-type"].startswith("text/javascript")
        for path in ("/web/", "/web/none.js", "/web/../serve.c", "/web/%2e%2e", "/index.html"):
            server("GET", path, status=404)


def test_nothing_in_the_page_reads_text_as_markup_or_comes_from_elsewhere():
    for file in WEB.iterdir():
        if file.suffix in (".html", ".js", ".css", ".svg"):
            text = file.read_text()
            assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|srcdoc", text), file.name
            assert set(re.findall(r"https?://[^\s\"'`)]+", text)) <= {"http://www.w3.org/2000/svg"}, file.name
            assert not re.search(r"<script(?![^>]* src=)|<style|<[^>]+ (style|on[a-z]+)=", text), file.name
