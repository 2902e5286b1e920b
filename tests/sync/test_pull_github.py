"""Generations back from the repositories that sync made of them, into another store."""

import os
import pathlib
import signal
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from githttp import TOKEN  # noqa: E402
from github import error  # noqa: E402


def git(where, *args):
    return subprocess.run(["git", *args], cwd=where, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def other(genstore, tmp_path):
    """other(...): the program on a second store, that of a new laptop."""
    path = tmp_path / "other" / "other.genstore"
    path.parent.mkdir()
    genstore("--store", path, "init")
    genstore("--store", path, "config", "set", "github.organization", "acme")

    def run(*args, **options):
        done = genstore("--store", path, *args, **options)
        assert TOKEN not in done.out + done.err
        return done

    run.path = path
    return run


@pytest.fixture
def gone(genstore, tmp_path):
    """No folder of a clone is left over."""
    folders = tmp_path / "folders"
    folders.mkdir()
    genstore.env["TMPDIR"] = str(folders)
    yield
    assert list(folders.iterdir()) == []


pytestmark = pytest.mark.usefixtures("gone")
PROGRAM = pathlib.Path(os.environ.get("GENSTORE", "build/genstore")).resolve()
SCRIPT = ("echo hello $ITERATION; echo $ITERATION >n; mkdir -p bin sub/deep; printf '#!/bin/sh\\r\\n' >bin/run; chmod +x bin/run; ln -sf ../n sub/link;"
          " printf '\\0\\377' >sub/deep/bin; echo '* text=auto eol=crlf' >.gitattributes; echo '$Id$' >id; echo '*.id ident' >>.gitattributes")


def test_it_comes_back_with_its_iterations_their_times_and_the_same_archive(genstore, generate, hub, sync, other, tree, tmp_path):
    req = generate(SCRIPT, "--mode", "autonomous", "--max-iterations", "3", "--app-name", "my app")
    sync(req, "--to", "github")
    got = other("pull", req)
    assert got.out == f"{req}\n" and "its archive is the one that was sealed, byte for byte" in got.err
    here, there = genstore("show", req, "--json").json[0], other("show", req, "--json").json[0]
    for key in ("app_name", "app_id", "generation_number", "created_at", "status", "archive_sha256", "archive_size", "github_url", "github_commit",
                "artifacts_github_url", "current_iteration", "mode", "last_session_id"):
        assert here[key] == there[key], key
    rows = [[(r["iteration_number"], r["timestamp"], r["files"], r["bytes"]) for r in run("snapshots", req, "--json").json
             if r["message_type"] == "snapshot"] for run in (genstore, other)]
    assert rows[0] == rows[1] and len(rows[0]) == 3
    genstore("restore", f"{req}@2", tmp_path / "a")
    other("restore", f"{req}@2", tmp_path / "b")
    assert tree.differences(tmp_path / "a", tmp_path / "b") == []
    assert other("status", req, "--json").json[0]["github"]["state"] == "synced"
    other("check", "--read-data")
    # The same commits again: what a push from there would find in place.
    git(tmp_path, "clone", "-q", str(hub.where(req)), "clone")
    env = {**os.environ, **genstore.env, "GENSTORE_STORE": str(other.path), "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}"}
    refs = subprocess.run(["git", "ls-remote", f"genstore::{req}", "refs/heads/main"], env=env, capture_output=True, text=True, check=True).stdout
    assert refs.split()[0] == here["github_commit"]
    again = other("pull", req)
    assert "is in this store already" in again.err and len(other("list", "--json").json) == 1


def test_a_resumed_one_keeps_its_parent_and_only_its_own_iterations(genstore, generate, hub, sync, other):
    first = generate("echo 1 >x")
    second = generate("echo 2 >y", "--resume", first)
    sync("--all", "--to", "github")
    other("pull", second, first)
    shown = {g["request_id"]: g for g in other("list", "--json").json}
    assert shown[second]["parent_request_id"] == first and shown[second]["generation_type"] == "resume"
    assert other("ls", second).out == genstore("ls", second).out
    assert len([r for r in other("snapshots", second, "--json").json if r["message_type"] == "snapshot"]) == 1


def test_prompts_come_back_where_they_were_allowed_to_leave(genstore, generate, hub, sync, other):
    genstore("config", "set", "git.prompts", "yes")
    req = generate("echo 1 >x", "--prompt", "words of mine\n\nand more")
    sync(req, "--to", "github")
    other("pull", req)
    assert other("show", req, "--json").json[0]["prompt"] == "words of mine\n\nand more"


def test_empty_folders_are_said_to_be_missing(genstore, generate, hub, sync, other):
    req = generate("echo hello; mkdir empty; echo 1 >x")
    sync(req, "--to", "github")
    err = other("pull", req).err
    assert "git has no empty folders" in err and other("ls", req).out == "x\n"


def test_without_the_repository_of_its_state_the_commits_say_enough(genstore, generate, hub, sync, other):
    req = generate("echo hello; echo 1 >x", "--app-name", "generation 9, iteration 3")
    sync(req, "--to", "github")
    del hub.repos["acme"][f"{req}-artifacts"]
    assert "neither is when it was asked for" in other("pull", "--from", "github", req).err
    shown, = other("show", req, "--json").json
    assert (shown["app_name"], shown["generation_number"], shown["artifacts_github_url"]) == ("generation 9, iteration 3", 1, None)


def test_any_git_host_will_do(genstore, generate, bare, git_host, sync, other):
    genstore("config", "set", "git.remote_template", f"{git_host.url}/any/{{request_id}}.git")
    req = generate("echo 1 >x")
    git_host.repository(f"any/{req}.git")
    sync(req, "--to", "github")
    other("config", "rm", "github.organization")
    other("config", "set", "git.remote_template", f"{git_host.url}/any/{{request_id}}.git")
    assert other("pull", req).out == f"{req}\n" and other("cat", f"{req}:x").out == "1\n"
    assert other("show", req, "--json").json[0]["github_url"] == f"{git_host.url}/any/{req}.git"


@pytest.mark.parametrize(("env", "code", "words"), [
    ({}, 4, "there is no repository 'acme/req_none' for this token"), ({"GENSTORE_GIT_TOKEN": "wrong"}, 5, "token"),
    ({"GITHUB_API_URL": "http://127.0.0.1:1"}, 5, "127.0.0.1:1"),
])
def test_what_is_not_there_is_told_in_one_line(hub, other, env, code, words):
    err = other("pull", "req_none", code=code, env=env).err
    assert words in err and err.count("\n") == 1
    assert other("list", "--json").json == []


def test_a_repository_of_somebody_else_is_no_generation(generate, hub, sync, other, tmp_path):
    req = generate("echo 1 >x")
    sync(req, "--to", "github")
    where = hub.add("acme", "req_others")
    for name in ("strange", "mixed"):
        work = tmp_path / name
        work.mkdir()
        git(work, "init", "-q", "-b", "main")
        (work / "f").write_text("x")
        git(work, "add", "f")
        git(work, "-c", "user.name=x", "-c", "user.email=x@x", "commit", "-q", "-m", "hello" if name == "strange" else
            "app: generation 1, iteration 1\n\nGenstore-Request: req_others\n")
        if name == "mixed":
            git(work, "-c", "user.name=x", "-c", "user.email=x@x", "commit", "-q", "--allow-empty", "-m", "mine")
        git(work, "push", "-q", "-f", str(where), "main")
        err = other("pull", "req_others", code=1).err
        assert "genstore did not make them" in err and err.count("\n") == 1
    assert other("list", "--json").json == []
    other("check", "--read-data")


def test_a_damaged_repository_is_not_taken(generate, hub, sync, other):
    req = generate("head -c 100000 /dev/urandom >x")
    sync(req, "--to", "github")
    where = hub.where(req)
    git(where, "repack", "-adq")
    pack, = (where / "objects/pack").glob("*.pack")
    pack.chmod(0o644)
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.write_bytes(data)
    assert other("pull", req, code=None).code != 0
    assert other("list", "--json").json == []


def test_a_signal_leaves_nothing_behind(genstore, generate, hub, sync, other, wait_for, tmp_path):
    req = generate("echo 1 >x")
    sync(req, "--to", "github")
    folders, held = tmp_path / "folders", tmp_path / "held"
    held.touch()
    hub.plan[len(hub.log) + 1] = lambda: (wait_for(lambda: not held.exists(), "the signal"), error(404, "Not Found"))[1]
    process = genstore.start("--store", other.path, "pull", req)
    wait_for(lambda: any(folders.iterdir()) and hub.log[-1].endswith("-artifacts"), "a clone")
    process.send_signal(signal.SIGTERM)
    held.unlink()
    err = process.communicate(timeout=60)[1]
    assert process.returncode in (130, -signal.SIGTERM) and list(folders.iterdir()) == [], err
    assert other("list", "--json").json == []
    other("pull", req)
    assert other("cat", f"{req}:x").out == "1\n"


def test_only_the_two_remotes_are_known(other):
    assert "--from takes s3 or github, not 'ftp'" in other("pull", "--from", "ftp", "req_x", code=2).err
