"""What a mount can be asked for, and where it may be."""

import errno
import json
import os
import subprocess
import time

import pytest

LOCAL_USER = "00000000-0000-4000-8000-000000000001"


def text(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


@pytest.fixture
def next_second(wait_for):
    """Lets a second begin in which nothing has happened yet, and says which one ended."""
    def wait():
        now = int(time.time())
        wait_for(lambda: time.time() >= now + 1, "the next second")
        return now
    return wait


def test_at_shows_the_store_as_it_was(store, genstore, generate, mounted, next_second, tmp_path, wait_for):
    first = generate("echo 1 >f", "--app-name", "app")
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    run = genstore.start("generate", "--app-name", "slow", "--prompt", "x", "--max-iterations", "2", "--", "/bin/sh", "-c",
                         f"echo line $ITERATION; echo $ITERATION >n; test $ITERATION = 1 || read go <{gate}")
    second, = wait_for(lambda: [g["request_id"] for g in genstore("list", "--json").json if g["app_name"] == "slow"], "the second")
    wait_for(lambda: genstore("snapshots", second, code=None).out.count("\n") > 1, "its first iteration")
    wait_for(lambda: "line 2" in genstore("log", second).out, "a line of the second iteration")
    then = next_second()
    gate.write_text("go\n")
    run.communicate(timeout=60)
    assert run.returncode == 0
    third = generate("echo 3 >f", "--app-name", "app")
    genstore("rm", first, "--force")
    with mounted("-o", f"at={text(then)}") as top:
        assert os.listdir(top / "generations") == [second]  # what was removed since is gone
        here = top / "generations" / second
        assert sorted(os.listdir(here)) == ["iterations", "log.txt"]
        assert os.listdir(here / "iterations") == ["1"] and (here / "iterations/1/n").read_text() == "1\n"
        assert "line 2" in (here / "log.txt").read_text() and "line 3" not in (here / "log.txt").read_text()
        assert os.getxattr(here, "user.genstore.status") == b"generating"
        assert not (top / "generations" / third).exists()
        assert json.loads((top / ".genstore/status.json").read_text())["generations"] == 1
        with pytest.raises(OSError) as error:
            (top / "generations/new").mkdir()
        assert error.value.errno == errno.EROFS
    with mounted("-o", f"at={text(next_second())}") as top:
        assert set(os.listdir(top / "generations")) == {second, third}
        assert sorted(os.listdir(top / "generations" / second / "iterations")) == ["1", "2"]
        assert (top / "apps" / LOCAL_USER / "app/latest/app/f").read_text() == "3\n"
        assert os.getxattr(top / "generations" / second, "user.genstore.status") == b"completed"


@pytest.mark.parametrize(("option", "words"), [
    ("at=yesterday", "'at=yesterday' is not a time"), ("at=2999-01-01T00:00:00Z", "has not come yet"),
    ("rw,at=2020-01-01T00:00:00Z", "'rw' does not go with 'at'"), ("uid=alice", "is not the number of a user"), ("gid=-1", "is not the number"),
])
def test_an_option_that_makes_no_sense_is_wrong_usage(store, genstore, tmp_path, option, words):
    done = genstore("mount", "-o", option, tmp_path, code=2)
    assert words in done.err and done.err.count("\n") == 1


def test_ro_and_noexec_are_the_kernels(generate, mounted):
    request = generate("printf '#!/bin/sh\\necho ran\\n' >run; chmod +x run")
    with mounted() as top:
        assert subprocess.run([top / "generations" / request / "app/run"], capture_output=True, check=True).stdout == b"ran\n"
        assert not os.statvfs(top).f_flag & (os.ST_RDONLY | os.ST_NOEXEC)
    with mounted("-o", "ro,noexec") as top:
        assert os.statvfs(top).f_flag & os.ST_RDONLY and os.statvfs(top).f_flag & os.ST_NOSUID
        with pytest.raises(PermissionError):
            subprocess.run([top / "generations" / request / "app/run"], check=True)


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to become somebody else")
def test_others_may_look_only_with_allow_other(generate, mounted):
    request = generate("echo x >f")
    for options, seen in ((("-o", "rw"), b""), (("-o", "allow_other"), b"x\n")):
        with mounted(*options) as top:
            # The way to it is closed to others in a test's folder: they come by a second mount of it.
            there = f"/tmp/genstore-other-{os.getpid()}"
            script = 'mkdir "$2" && mount --bind "$1" "$2" && setpriv --reuid 65534 --regid 65534 --clear-groups cat "$2/generations/$3/app/f"'
            done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", top, there, request], capture_output=True, check=False)
            os.rmdir(there)
            assert done.stdout == seen, done.stderr


def test_a_folder_with_something_in_it_is_hidden_only_when_that_is_asked_for(genstore, store, mounted, tmp_path):
    (tmp_path / "mnt").mkdir()
    (tmp_path / "mnt/own").write_text("mine")
    done = genstore("mount", tmp_path / "mnt", code=1)
    assert "is not empty" in done.err and "nonempty" in done.err
    with mounted("-o", "nonempty") as top:
        assert not (top / "own").exists()
    assert (tmp_path / "mnt/own").read_text() == "mine"


@pytest.mark.skipif(os.getuid() != 0, reason="needs root for a bind mount")
def test_a_folder_that_holds_the_store_under_another_name_is_refused(genstore, store, tmp_path):
    """A bind mount gives the folder a second name."""
    (tmp_path / "second").mkdir()
    script = 'mount --bind "$1" "$2" && exec "$3" mount "$2" -o nonempty'
    program = os.environ.get("GENSTORE", "build/genstore")
    done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", store.parent, tmp_path / "second", program], capture_output=True, text=True,
                          env=genstore.env, check=False)
    assert done.returncode == 1
    assert "is inside of" in done.stderr or "another file system is mounted" in done.stderr
