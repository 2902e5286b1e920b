"""What is asked of GitHub is what GitHub's own description of its API allows, by a judge that nobody here wrote."""

import pathlib
import re
import sys
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from githttp import TOKEN  # noqa: E402
from prism import NODE_MODULES, cut, prism  # noqa: E402

PATHS = ["/repos/{owner}/{repo}", "/orgs/{org}/repos"]


@pytest.fixture
def judged(genstore, hub, tmp_path):
    """The program's GitHub is prism in front of the fake; judged() is what was wrong with its requests so far."""
    description = cut(NODE_MODULES / "@octokit/openapi/generated/api.github.com.json", PATHS, tmp_path / "github.json")
    log = tmp_path / "prism.log"
    with prism(description, hub.url, log) as judge:
        genstore.env["GITHUB_API_URL"] = judge.url

        def found():
            return re.findall(r"Violation: request.*", log.read_text())

        found.url = judge.url
        yield found


def test_looking_making_and_looking_again_are_as_described(genstore, generate, hub, sync, judged):
    req = generate("echo hello; echo x >x")
    sync(req, "--to", "github")
    assert hub.log == [f"GET /repos/acme/{req}", "POST /orgs/acme/repos", f"GET /repos/acme/{req}-artifacts", "POST /orgs/acme/repos"]
    genstore("--store", genstore.home / "other.genstore", "init")
    genstore("--store", genstore.home / "other.genstore", "config", "set", "github.organization", "acme")
    genstore("--store", genstore.home / "other.genstore", "pull", req)
    assert len(hub.log) == 6 and judged() == []


def test_the_judge_finds_a_request_that_is_not_as_described(judged, hub):
    body = b'{"name":7,"private":"yes","auto_init":false}'
    head = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28", "User-Agent": "test"}
    with pytest.raises(OSError):
        urllib.request.urlopen(urllib.request.Request(f"{judged.url}/orgs/none/repos", body, head), timeout=60)
    assert judged()
    hub.violations.clear()
