"""Generations onto GitHub: repositories that are made and pushed to, read back with git, and what is told meanwhile."""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from githttp import TOKEN, USER  # noqa: E402
from github import error, github  # noqa: E402


def git(where, *args):
    return subprocess.run(["git", *args], cwd=where, check=True, capture_output=True, text=True).stdout


def state_of(genstore, req):
    return genstore("status", req, "--json").json[0]


def settled(genstore, hub, req):
    """Fails unless the repository has the whole history, and the store says so."""
    where = hub.where(req)
    git(where, "fsck", "--strict", "--full")
    commit = git(where, "rev-parse", "main").strip()
    shown, = genstore("show", req, "--json").json
    url = f"https://github.example/acme/{req}"
    said = bool(genstore("log", req).out)
    assert (shown["github_url"], shown["github_commit"], shown["artifacts_github_url"]) == (url, commit, f"{url}-artifacts" if said else None)
    assert (f"{req}-artifacts" in hub.repos["acme"]) == said
    if said:
        git(hub.where(f"{req}-artifacts"), "fsck", "--strict", "--full")
    state = state_of(genstore, req)
    assert (state["github"]["state"], state["github"]["url"], state["github"]["commit"], state["github"]["error"]) == ("synced", url, commit, None)
    return where


def test_a_generation_becomes_a_private_repository_with_its_history(genstore, generate, hub, sync, tree, tmp_path):
    req = generate("echo $ITERATION >n; mkdir -p bin; echo x >bin/x; chmod +x bin/x", "--mode", "autonomous", "--max-iterations", "3")
    done = sync(req, "--to", "github")
    assert done.out == f"{req}  https://github.example/acme/{req}\n"
    where = settled(genstore, hub, req)
    assert hub.log == [f"GET /repos/acme/{req}", "POST /orgs/acme/repos"] and hub.repos["acme"][req]["private"] is True
    assert git(where, "log", "--format=%s", "main").count("\n") == 3
    assert git(where, "tag").split() == ["iteration-1", "iteration-2", "iteration-3"]
    git(tmp_path, "clone", "-q", str(where), "clone")
    genstore("restore", req, tmp_path / "restored")
    assert [d for d in tree.differences(tmp_path / "clone", tmp_path / "restored") if not d.startswith(".git")] == []
    trail = [row for row in genstore("audit", "--json").json if row.get("action") == "sync.done"]
    assert len(trail) == 1 and trail[0]["details"] == {"remote": "github", "url": f"https://github.example/acme/{req}"}
    assert genstore("check", "--read-data")


def test_what_is_there_is_told_again_and_asked_for_no_more(genstore, generate, hub, sync):
    req = generate("echo x >x")
    first = sync(req, "--to", "github")
    asked = list(hub.log)
    assert sync(req, "--to", "github").out == first.out
    told = sync(req, "--to", "github", "--json").json
    assert (told[0]["remote"], told[0]["state"], told[0]["commit"], told[1]["synced"]) == ("github", "synced", state_of(genstore, req)["github"]["commit"], 0)
    assert hub.log == asked


def test_a_resumed_generation_has_its_parents_history_in_a_repository_of_its_own(genstore, generate, hub, sync):
    first = generate("echo 1 >x")
    second = generate("echo 2 >x", "--resume", first)
    sync("--all", "--to", "github")
    commits = [git(settled(genstore, hub, r), "log", "--format=%H", "main").split() for r in (first, second)]
    assert len(commits[1]) == 2 and commits[1][1:] == commits[0]
    assert hub.made_at[1] - hub.made_at[0] > 0.9  # a second between writes, as GitHub asks for


def state_repository(hub, req):
    where = hub.where(f"{req}-artifacts")
    files = git(where, "ls-tree", "-r", "--name-only", "main").split()
    assert files == [f"leo-artifacts/{name}" for name in ("leo-state.json", "log.txt", "snapshots.json")]
    return {name.partition("/")[2]: git(where, "show", f"main:{name}") for name in files}


def test_its_log_and_state_are_in_a_private_repository_beside_it(genstore, generate, hub, sync):
    genstore("config", "set", "github.private", "no")
    genstore("config", "set", "git.prompts", "yes")
    req = generate("echo hello $ITERATION; echo $ITERATION >n", "--mode", "autonomous", "--max-iterations", "2", "--prompt", "words of mine")
    sync(req, "--to", "github")
    settled(genstore, hub, req)
    assert [hub.repos["acme"][name]["private"] for name in (req, f"{req}-artifacts")] == [False, True]
    kept = state_repository(hub, req)
    shown, = genstore("show", req, "--json").json
    state = json.loads(kept["leo-state.json"])
    assert {k: state[k] for k in ("request_id", "app_name", "status", "mode", "created_at", "archive_sha256", "current_iteration")} == {
        k: shown[k] for k in ("request_id", "app_name", "status", "mode", "created_at", "archive_sha256", "current_iteration")}
    assert state["log_is_whole"] is True and state["log_bytes"] == len(kept["log.txt"])
    assert "hello 1" in kept["log.txt"] and "hello 2" in kept["log.txt"]
    rows = [row for row in genstore("snapshots", req, "--json").json if row.pop("message_type") == "snapshot"]
    assert json.loads(kept["snapshots.json"]) == [
        {k: row[k] for k in ("iteration_number", "snapshot_type", "timestamp", "files", "bytes", "metadata")} for row in rows]
    assert "words of mine" not in "".join(kept.values())
    log = list(hub.log)
    sync(req, "--to", "github")
    assert hub.log == log


def test_a_long_log_arrives_byte_for_byte(genstore, generate, hub, sync):
    req = generate("i=0; while [ $i -lt 30000 ]; do echo \"line $i of a long log\"; i=$((i+1)); done; echo x >x")
    sync(req, "--to", "github")
    log = state_repository(hub, req)["log.txt"]
    stamped = [line.partition("  ")[2] for line in log.splitlines()]
    assert len(log) > 1 << 20 and stamped == [f"line {i} of a long log" for i in range(30000)]


def test_what_fails_between_the_two_repositories_is_made_good(genstore, generate, hub, sync):
    req = generate("echo hello; echo x >x")
    hub.plan[3] = lambda: error(422, "Repository creation failed.", "only three repositories a day")
    assert "only three repositories a day" in sync(req, "--to", "github", code=5).err
    assert state_of(genstore, req)["sync"] == "failed" and git(hub.where(req), "tag").split() == ["iteration-1"]
    hub.plan.clear()
    sync(req, "--to", "github")
    settled(genstore, hub, req)
    assert len(hub.made_at) == 2


def test_a_log_is_not_pushed_where_others_read_and_what_is_there_is_left(genstore, generate, hub, sync):
    req, other = (generate("echo hello; echo x >x") for _ in range(2))
    where = hub.add("acme", f"{req}-artifacts", private=False)
    genstore("config", "set", "github.private", "no")
    assert "is a public repository, and the log of a generation is for nobody else" in sync(req, "--to", "github", code=1).err
    assert git(where, "for-each-ref") == ""
    sync(other, "--to", "github")
    theirs = hub.where(f"{other}-artifacts")
    hub.repos["acme"][f"{req}-artifacts"]["private"] = True
    git(where, "fetch", "-q", str(theirs), "main:main")
    before = git(where, "for-each-ref")
    sync(req, "--to", "github")
    assert git(where, "for-each-ref") == before and state_of(genstore, req)["sync"] == "synced"


def test_prompts_stay_at_home_unless_they_are_asked_for(genstore, generate, hub, sync):
    req = generate("echo x >x", "--prompt", "words of mine")
    sync(req, "--to", "github")
    assert "words of mine" not in git(hub.where(req), "log", "--format=%B", "--all")
    genstore("config", "set", "git.prompts", "yes")
    other = generate("echo y >x", "--prompt", "words of mine")
    sync(other, "--to", "github")
    assert "words of mine" in git(hub.where(other), "log", "--format=%B", "main")


def test_nothing_is_sent_before_there_is_an_organization(genstore, generate, bare, sync):
    req = generate("echo x >x")
    err = sync(req, "--to", "github", code=1).err
    assert "no git host is configured; 'genstore config set github.organization NAME'" in err and err.count("\n") == 1
    assert "no git host is configured" in genstore("generate", "--app-name", "x", "--prompt", "y", "--to", "github", code=1).err
    assert bare.log == [] and state_of(genstore, req)["sync"] == "queued"
    genstore("config", "set", "github.organization", "acme")
    assert req in sync().out


@pytest.mark.parametrize("key, value", [
    ("github.organization", "a/b"), ("github.organization", "-a"), ("github.organization", "a" * 40), ("github.private", "maybe"),
    ("github.api", "http://example.org"), ("github.api", "ftp://example.org"), ("github.api", "https://me:secret@example.org"),
])
def test_a_setting_that_cannot_be_is_refused(genstore, store, key, value):
    genstore("config", "set", key, value, code=2)


def test_an_api_in_the_environment_that_cannot_be_is_told(generate, hub, sync):
    assert "GITHUB_API_URL cannot be 'nonsense'" in sync(generate("echo x >x"), "--to", "github", code=None, GITHUB_API_URL="nonsense").err


def test_generate_to_github_says_where_and_sends_it(genstore, hub):
    r = genstore("generate", "--app-name", "app", "--prompt", "p", "--to", "github", "--", "sh", "-c", "echo hi >f")
    req = re.search(r"req_\w+", r.out)[0]
    assert f"- GitHub: 127.0.0.1:{hub.server.server_port}/acme/{req}\n" in r.out and f"{req}  https://github.example/acme/{req}\n" in r.out
    settled(genstore, hub, req)


def test_a_failed_generation_leaves_nothing_to_send(genstore, generate, hub, sync):
    req = generate("exit 7", "--to", "github", code=1)
    assert hub.log == [] and state_of(genstore, req)["sync"] == "local"
    assert "there is nothing to send" in sync(req, "--to", "github", code=1).err


def test_a_bucket_and_github_in_one_go(genstore, hub, bucket, made, sync, synced):
    req = made()
    out = [o for o in sync(req, "--to", "s3,github", "--json").json if o["message_type"] in ("sync", "summary")]
    assert [(o.get("remote"), o.get("state")) for o in out[:2]] == [("s3", "synced"), ("github", "synced")] and out[2]["synced"] == 2
    synced(bucket, req)
    settled(genstore, hub, req)


def test_what_one_remote_lacks_does_not_keep_the_other(genstore, hub, made, sync):
    req = made()
    err = sync(req, "--to", "s3,github", code=1).err
    assert "no bucket is configured" in err
    settled(genstore, hub, req)
    state = state_of(genstore, req)
    assert (state["sync"], state["s3"]["state"]) == ("queued", "queued")
    assert "sync:            queued\nsync to github:  synced, https://github.example" in genstore("show", req).out
    text = genstore("status", req).out.splitlines()
    assert text[0].split()[3:5] == ["REMOTE", "STATE"] and [line.split()[2:4] for line in text[1:]] == [["s3", "queued"], ["github", "synced"]]
    assert len(genstore("status", "--json").json) == 2
    assert [g["sync"] for g in genstore("list", "--json").json] == ["queued"]
    genstore("sync", "--cancel", req)
    assert state_of(genstore, req)["sync"] == "synced"


def test_status_counts_what_is_on_github(genstore, hub, made, sync):
    sync(made(), "--to", "github")
    r = genstore("status")
    assert "github: 1 synced, 0 queued, 0 being sent, 0 failed; the organization is 'acme'" in r.err
    summary = genstore("status", "--json").json[-1]
    assert (summary["github"]["synced"], summary["github"]["organization"]) == (1, "acme")


def test_what_waits_can_be_taken_out_for_one_remote(genstore, hub, bucket, made):
    one, two = made(), made()
    refused = {"GITHUB_API_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    genstore("sync", "--all", "--to", "s3,github", env=refused, code=None)
    genstore("sync", "--cancel", one, "--to", "github")
    assert "github" not in state_of(genstore, one) and state_of(genstore, one)["s3"]["state"] == "queued"
    genstore("sync", "--cancel", one, "--to", "github", code=4)
    genstore("sync", "--cancel", "--all", "--to", "github")
    assert "github" not in state_of(genstore, two) and state_of(genstore, two)["s3"]["state"] == "queued"


def test_without_a_network_it_waits(genstore, hub, made, sync):
    req, other = made(), made()
    r = sync("--all", "--to", "github", code=5, GITHUB_API_URL="http://127.0.0.1:1")
    assert "cannot be reached" in r.err and "it is queued, and 'genstore sync' goes on later" in r.err and r.err.count("\n") == 1
    state = state_of(genstore, req)
    assert (state["sync"], "cannot be reached" in state["github"]["error"]) == ("queued", True)
    sync()
    settled(genstore, hub, req)
    settled(genstore, hub, other)


@pytest.mark.parametrize("plan, code, state, words", [
    ([error(401, "Bad credentials")], 5, "failed", "does not take this token (it says: Bad credentials); set GENSTORE_GIT_TOKEN"),
    ([error(403, "Resource not accessible by personal access token")], 5, "failed", "does not allow that (it says: Resource not accessible"),
    ([None, error(404, "Not Found")], 5, "failed", "there is no organization 'acme' on "),
    ([None, error(422, "Repository creation failed.", "name is too odd")], 5, "failed", "status 422 (it says: Repository creation failed., name is too odd)"),
    ([error(403, "API rate limit exceeded", retry_after=7200)], 5, "queued", "asks to wait until "),
    ([None, error(429, "Too many", retry_after=7200)], 5, "queued", "(it says: Too many); it is queued"),
    ([error(403, "no", x_ratelimit_remaining=0, x_ratelimit_reset=4102444800)], 5, "queued", "asks to wait until 2100-01-01T00:00:01Z"),
    ([(200, {}, b"<html>")], 5, "failed", "is not GitHub's; look at github.api"),
    ([(301, {"Location": "http://127.0.0.1:1/"}, {"message": "Moved Permanently"})], 5, "failed", "status 301 (it says: Moved Permanently)"),
    ([error(404, "x\x1b[31m\ny"), error(404, "x\x1b[31m\ny")], 5, "failed", "it says: x"),
])
def test_what_github_refuses_is_one_clear_line(genstore, made, hub, sync, plan, code, state, words):
    req = made()
    hub.plan.update({i: (lambda p=p: p) for i, p in enumerate(plan)})
    err = sync(req, "--to", "github", code=code).err
    assert words in err and err.count("\n") == 1 and "\x1b" not in err
    assert state_of(genstore, req)["sync"] == state and words in state_of(genstore, req)["github"]["error"]
    hub.plan.clear()
    sync(req, "--to", "github")
    settled(genstore, hub, req)


def test_a_wait_that_is_short_is_waited_for(genstore, made, hub, sync):
    req = made()
    hub.plan[1] = lambda: error(403, "You have exceeded a secondary rate limit", retry_after=1)
    r = sync(req, "--to", "github")
    assert "GitHub asks to wait 1 seconds" in r.err
    settled(genstore, hub, req)


@pytest.mark.parametrize("plan", [
    {0: lambda: error(502, "Bad Gateway")}, {1: lambda: error(500, "Server Error")}, {0: lambda: "drop"}, {1: lambda: "drop"},
    {0: lambda: error(503, "a"), 1: lambda: "drop", 3: lambda: "drop"},
])
def test_trouble_that_passes_makes_nothing_twice(genstore, made, hub, sync, plan):
    req = made()
    hub.plan.update(plan)
    sync(req, "--to", "github")
    settled(genstore, hub, req)
    assert len(hub.made_at) == 1


def test_trouble_that_stays_leaves_it_in_the_queue(genstore, made, hub, sync):
    req = made()
    hub.plan.update({i: (lambda: error(503, "Unicorn!")) for i in range(9)})
    err = sync(req, "--to", "github", code=5).err
    assert "has trouble: status 503 (it says: Unicorn!); it is queued" in err and err.count("\n") == 1
    assert len(hub.log) == 4 and state_of(genstore, req)["sync"] == "queued"


def test_a_name_that_was_taken_meanwhile_is_gone_on_with(genstore, made, hub, sync):
    req = made()
    hub.plan[0] = lambda: (hub.add("acme", req), error(404, "Not Found"))[1]
    sync(req, "--to", "github")
    settled(genstore, hub, req)


def test_a_name_that_is_hidden_and_taken_is_told(genstore, made, hub, sync):
    req = made()
    taken = error(422, "Repository creation failed.", "name already exists on this account")
    hub.plan.update({i: (lambda i=i: taken if i % 2 else error(404, "Not Found")) for i in range(20)})
    err = sync(req, "--to", "github", code=5).err
    assert "refuses again and again: status 422 (it says: Repository creation failed., name already exists on this account)" in err


def test_a_repository_that_is_there_empty_is_filled(genstore, made, hub, sync):
    req = made()
    hub.add("acme", req)
    sync(req, "--to", "github")
    settled(genstore, hub, req)
    assert len(hub.log) == 1


def test_a_repository_that_has_another_history_is_left_alone(genstore, made, hub, sync):
    one, two = made(), made()
    sync(one, "--to", "github")
    where = hub.add("acme", two)
    git(where, "fetch", "-q", str(hub.where(one)), "main:main")
    before = git(where, "for-each-ref")
    err = sync(two, "--to", "github", code=1).err
    assert "has another history" in err and git(where, "for-each-ref") == before
    assert state_of(genstore, two)["sync"] == "failed"


def test_a_public_repository_is_not_pushed_to_unless_that_is_said(genstore, made, hub, sync):
    req, other = made(), made()
    where = hub.add("acme", req, private=False)
    assert "is a public repository, and github.private is not 'no'" in sync(req, "--to", "github", code=1).err
    assert git(where, "for-each-ref") == ""
    genstore("config", "set", "github.private", "no")
    sync(req, other, "--to", "github")
    settled(genstore, hub, req)
    assert hub.repos["acme"][other]["private"] is False


def test_a_repository_that_has_another_name_now_is_not_pushed_to(made, hub, sync):
    hub.full_name = lambda org, name: f"{org}/else"
    assert "is now called 'acme/else'" in sync(made(), "--to", "github", code=1).err


def test_the_token_goes_to_the_server_of_the_api_only(made, hub, sync):
    hub.clone_base = "https://elsewhere.invalid"
    assert "sends elsewhere, to 'https://elsewhere.invalid/acme/" in sync(made(), "--to", "github", code=5).err


def test_githubs_token_goes_to_github_only(made, hub, sync):
    assert "wants a token (it says: Requires authentication)" in sync(made(), "--to", "github", code=5, GENSTORE_GIT_TOKEN=None, GH_TOKEN=TOKEN).err


def test_without_a_token_gits_credential_helper_is_asked(genstore, made, hub, sync):
    helper = genstore.home / "helper"
    helper.write_text(f'#!/bin/sh\n[ "$1" != get ] || printf "username={USER}\\npassword={TOKEN}\\n"\n')
    helper.chmod(0o755)
    (genstore.home / ".gitconfig").write_text(f"[credential]\n\thelper = {helper}\n")
    req = made()
    sync(req, "--to", "github", GENSTORE_GIT_TOKEN=None)
    settled(genstore, hub, req)


def test_a_push_that_is_refused_is_told_in_githubs_words(genstore, made, hub, sync):
    req = made()
    hook = hub.add("acme", req) / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho 'GH013: Repository rule violations found' >&2\nexit 1\n")
    hook.chmod(0o755)
    err = sync(req, "--to", "github", code=5).err
    assert "GH013: Repository rule violations found" in err and "the repository has rules" in err and err.count("\n") == 1
    assert state_of(genstore, req)["sync"] == "failed"
    hook.unlink()
    sync(req, "--to", "github")
    settled(genstore, hub, req)


def test_any_git_host_by_a_template(genstore, made, bare, sync, git_host):
    req = made()
    where = git_host.repository(f"other/{req}.git")
    genstore("config", "set", "git.remote_template", f"{git_host.url}/other/{{request_id}}.git")
    url = f"{git_host.url}/other/{req}.git"
    assert sync(req, "--to", "github").out == f"{req}  {url}\n"
    assert git(where, "rev-parse", "main").strip() == state_of(genstore, req)["github"]["commit"]
    assert bare.log == [] and genstore("show", req, "--json").json[0]["github_url"] == url
    other = made()
    assert f"there is no repository '{git_host.url}/other/{other}.git'" in sync(other, "--to", "github", code=None).err
    assert "the git host is" in genstore("status").err


@pytest.mark.parametrize("point", ["asked", "made", "pushed"])
def test_a_killed_sync_is_gone_on_with(genstore, made, hub, sync, wait_for, running, point):
    req = made(3 << 20)
    held = hub.git.top / f"held-{req}"
    held.touch()
    if point == "asked":
        hub.plan[0] = lambda: wait_for(lambda: not held.exists(), "the kill") and "drop"
    if point == "made":
        hub.on_made = lambda _: wait_for(lambda: not held.exists(), "the kill")
    if point == "pushed":
        hook = hub.add("acme", req) / "hooks/pre-receive"
        hook.write_text(f"#!/bin/sh\ntouch {held}.here\nwhile [ -e {held} ]; do sleep 0.02; done\n")
        hook.chmod(0o755)
    process = genstore.start("sync", req, "--to", "github")
    running(process)
    ready = {"asked": lambda: hub.log, "made": lambda: hub.repos["acme"].get(req), "pushed": pathlib.Path(f"{held}.here").exists}
    wait_for(ready[point], "the sync to be there")
    process.kill()
    process.wait()
    assert state_of(genstore, req)["sync"] == "queued"
    held.unlink()
    hub.plan.clear()
    hub.on_made = None
    sync()
    settled(genstore, hub, req)
    assert len(hub.made_at) <= 1


def test_ctrl_c_ends_a_wait_and_leaves_it_queued(genstore, made, hub, wait_for, running):
    req = made()
    hub.plan[0] = lambda: error(403, "slow", retry_after=60)
    process = genstore.start("sync", req, "--to", "github")
    running(process)
    wait_for(lambda: hub.log, "the request")
    process.send_signal(2)
    err = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 130 and "1 still wait to be sent" in err
    assert state_of(genstore, req)["sync"] == "queued"


def test_one_that_is_cancelled_on_its_way_is_not_told(genstore, made, hub, wait_for, running):
    req = made()
    hub.plan[0] = lambda: error(403, "slow", retry_after=30)
    process = genstore.start("sync", req, "--to", "github")
    running(process)
    wait_for(lambda: hub.log, "the request")
    genstore("sync", "--cancel", req)
    out = process.communicate(timeout=60)[0].decode()
    assert out == "" and state_of(genstore, req)["sync"] == "local" and req not in hub.repos["acme"]


def test_watch_tries_again_when_it_was_asked_to(genstore, made, hub, wait_for, running):
    req = made()
    hub.plan.update({i: (lambda: error(503, "later")) for i in range(4)})
    process = genstore.start("sync", "--watch", "--all", "--to", "github")
    running(process)
    wait_for(lambda: state_of(genstore, req)["sync"] == "synced", "the retry")
    process.send_signal(15)
    process.communicate(timeout=60)
    settled(genstore, hub, req)


def test_an_attribute_of_the_mount_has_it_sent(genstore, hub, made, mounted, wait_for):
    req = made()
    with mounted() as top:
        here = top / "generations" / req
        os.setxattr(here, "user.genstore.sync", b"github")
        wait_for(lambda: os.getxattr(here, "user.genstore.sync") == b"synced", "the sync")
        assert os.getxattr(here, "user.genstore.github").startswith(f"synced https://github.example/acme/{req} ".encode())
    settled(genstore, hub, req)
