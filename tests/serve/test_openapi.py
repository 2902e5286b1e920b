"""The description of the API against the running server, by a judge that nobody here wrote."""

import http.client
import json
import pathlib
import re
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from prism import prism  # noqa: E402

DESCRIPTION = ROOT / "src/serve/web/openapi.json"
BODY = {"Content-Type": "application/json"}


@pytest.fixture
def judged(serving, tmp_path):
    """judged("GET", path, body, headers, status=200): through prism; the answer, and fails where it is not as described."""
    server = serving()
    with prism(DESCRIPTION, server.url, tmp_path / "prism.log") as judge:
        def call(method, path, body=None, headers=None, status=None, wrong_request=False):
            connection = http.client.HTTPConnection("127.0.0.1", judge.port, timeout=60)
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            data = response.read()
            connection.close()
            assert status in (None, response.status), (response.status, data)
            said = judge.violations({k.lower(): v for k, v in response.getheaders()})
            told = [v for v in said if v["location"][0] != "request"]
            assert told == [] and bool(len(said) - len(told)) == wrong_request, (path, said)
            return data

        call.server = server
        yield call


def test_it_is_served_as_it_is_in_the_tree_and_needs_no_token(genstore, serving):
    for server in (serving(), serving("--require-token")):
        answer = server("GET", "/api/openapi.json", status=200)
        assert answer.body == DESCRIPTION.read_bytes() and answer.headers["content-type"] == "application/json"
    assert json.loads(DESCRIPTION.read_text())["info"]["version"] in genstore("--version").out


def test_it_has_every_route_and_no_other():
    described = {(method.upper(), path) for path, item in json.loads(DESCRIPTION.read_text())["paths"].items() for method in item if method != "parameters"}
    served = set()
    for source in (ROOT / "src/serve").glob("*.c"):
        if source.name != "wsi.c":
            served |= {(m, p.replace("*}", "}")) for m, p in re.findall(r'^\t\{ "([A-Z]+)", "(/[^"]+)", ', source.read_text(), re.M)}
    assert described == {(m, p) for m, p in served if p.startswith(("/api/", "/healthz", "/metrics"))}


def test_generations_are_answered_for_as_described(genstore, generate, judged):
    req = generate("echo hi; echo $ITERATION >a", "--mode", "autonomous", "--max-iterations", "2", "--app-name", "x")
    page = json.loads(judged("GET", "/api/generations?limit=1", status=200))
    assert [g["request_id"] for g in page["generations"]] == [req]
    judged("GET", f"/api/generations?before={page['next']}", status=200)
    judged("GET", "/api/generations?limit=0", status=422, wrong_request=True)
    judged("GET", f"/api/generations/{req}", status=200)
    judged("GET", "/api/generations/req_none", status=404)
    assert len(json.loads(judged("GET", f"/api/generations/{req}/iterations", status=200))["iterations"]) == 2
    judged("GET", f"/api/generations/{req}/app.tar.gz", status=200)
    judged("GET", f"/api/generations/{req}/app.tar.gz", headers={"Range": "bytes=2-5"}, status=206)
    assert b"event: end" in judged("GET", f"/api/generations/{req}/events", status=200)
    first, second = (row["id"] for row in json.loads(judged("GET", f"/api/generations/{req}/iterations"))["iterations"])
    assert json.loads(judged("GET", f"/api/generations/{req}/diff?from={first}&to={second}", status=200))["modified"] == 1
    judged("GET", f"/api/generations/{req}/diff", status=422, wrong_request=True)
    assert judged("GET", f"/api/generations/{req}/files/{second}/a", status=200) == b"2\n"
    judged("GET", f"/api/generations/{req}/files/{second}/b", status=404)
    assert b"hi" in judged("GET", f"/api/generations/{req}/log", status=200)
    judged("GET", f"/api/generations/{req}/sync", status=200)
    judged("POST", f"/api/generations/{req}/sync", json.dumps({"to": "s3"}), BODY, status=409)
    judged("POST", f"/api/generations/{req}/sync", json.dumps({"to": "tape"}), BODY, status=422, wrong_request=True)
    made = json.loads(judged("POST", "/api/generations", json.dumps({"app_name": "y", "prompt": "p"}), BODY, status=201))
    judged("POST", "/api/generations", json.dumps({"app_name": "y"}), BODY, status=422, wrong_request=True)
    judged("POST", f"/api/generations/{made['request_id']}/control", json.dumps({"action": "pause"}), BODY, status=409)
    judged("POST", f"/api/generations/{made['request_id']}/control", json.dumps({"action": "dance"}), BODY, status=422, wrong_request=True)
    judged("POST", f"/api/generations/{made['request_id']}/control", json.dumps({"action": "cancel"}), BODY, status=200)
    judged("DELETE", f"/api/generations/{req}", status=204)
    judged("DELETE", f"/api/generations/{req}", status=404)


def test_artifacts_are_answered_for_as_described(genstore, store, judged, tmp_path):
    (tmp_path / "main.tf").write_text("# all")
    session = genstore("artifact", "put", "--session", "s1", "--org", "acme", "--type", "terraform", tmp_path / "main.tf").out.strip()
    listed = json.loads(judged("GET", f"/api/artifacts/list/{session}", status=200))
    assert [a["name"] for a in listed["artifacts"]] == ["main.tf"]
    judged("GET", "/api/artifacts/list/none", status=404)
    path = f"{session}/terraform%2Fmodules%2Fmain.tf"
    plain = {"Content-Type": "application/octet-stream"}
    judged("PUT", f"/api/artifacts/{path}", b"# net", plain, status=201)
    judged("PUT", f"/api/artifacts/{path}", b"# net 2", plain, status=200)
    assert judged("GET", f"/api/artifacts/download/{path}", status=200) == b"# net 2"
    judged("GET", f"/api/artifacts/download/{path}", headers={"Range": "bytes=99-"}, status=416)
    made = json.loads(judged("GET", f"/api/artifacts/download-url/{path}?expires_in=60", status=200))
    address = made["download_url"].partition("/api/")[2].replace("terraform/modules/", "terraform%2Fmodules%2F")
    judged("GET", f"/api/{address[:-1]}", status=403)
    judged("GET", f"/api/artifacts/download-url/{path}?expires_in=0", status=422, wrong_request=True)
    assert judged("GET", f"/api/artifacts/bundle/{session}", status=200)[:2] == b"PK"
    judged("DELETE", f"/api/artifacts/{path}", status=204)
    judged("DELETE", f"/api/artifacts/{path}", status=404)


def test_health_and_the_description_itself_are_as_described(judged):
    judged("GET", "/healthz", status=200)
    judged("GET", "/metrics", status=200)
    judged("GET", "/api/openapi.json", status=200)


def test_the_judge_finds_an_answer_that_is_not_as_described(serving, tmp_path):
    wrong = json.loads(DESCRIPTION.read_text())
    wrong["paths"]["/healthz"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]["properties"]["status"]["enum"] = ["fine"]
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))
    with prism(tmp_path / "wrong.json", serving().url, tmp_path / "prism.log") as judge:
        connection = http.client.HTTPConnection("127.0.0.1", judge.port, timeout=60)
        connection.request("GET", "/healthz")
        response = connection.getresponse()
        assert judge.violations({k.lower(): v for k, v in response.getheaders()})
        connection.close()
