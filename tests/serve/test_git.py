"""git clone and git fetch from a server: git is the judge of what it gets."""

import gzip
import http.client
import os
import signal
import subprocess

import pytest

pytestmark = pytest.mark.threads


@pytest.fixture
def git(genstore, tmp_path):
    """git("clone", ...): with nothing of this machine's settings; every object is checked."""
    home = tmp_path / "git home"
    home.mkdir()
    (home / ".gitconfig").write_text("[transfer]\n\tfsckObjects = true\n[core]\n\tautocrlf = false\n[http]\n\tpostBuffer = 65536\n")
    env = {**os.environ, "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", "XDG_CONFIG_HOME": str(home)}

    def run(*args, code=0, **more):
        done = subprocess.run(["git", *map(str, args)], cwd=tmp_path, env={**env, **more}, capture_output=True, text=True, timeout=120, check=False)
        genstore.check_sanitizers()
        assert code is None or done.returncode == code, done.stderr
        return done

    return run


def address(server, req, user=""):
    return f"http://{user}127.0.0.1:{server.port}/leo-generated/{req}.git"


def test_a_clone_has_the_iterations_and_the_ids_of_the_store(genstore, generate, server, git, tree, tmp_path):
    req = generate("echo $ITERATION >n; mkdir -p bin; head -c 300000 /dev/urandom >bin/$ITERATION; chmod +x bin/$ITERATION", "--mode", "autonomous",
                   "--max-iterations", "3")
    git("clone", "-q", address(server, req), "clone")
    git("-C", "clone", "fsck", "--strict", "--full")
    assert len(git("-C", "clone", "log", "--format=%H").stdout.split()) == 3
    assert git("-C", "clone", "tag").stdout.split() == ["iteration-1", "iteration-2", "iteration-3"]
    genstore("restore", req, tmp_path / "restored")
    assert [d for d in tree.differences(tmp_path / "clone", tmp_path / "restored") if not d.startswith(".git")] == []
    git("clone", "-q", address(server, req).removesuffix(".git"), "without suffix")
    assert git("-C", "without suffix", "rev-parse", "main").stdout == git("-C", "clone", "rev-parse", "main").stdout


def test_a_fetch_brings_what_is_new_and_no_more(genstore, generate, server, git):
    first = generate("echo 1 >x; head -c 2000000 /dev/urandom >big", "--app-name", "app")
    git("clone", "-q", address(server, first), "clone")
    second = generate("echo 2 >x", "--app-name", "app", "--resume", first)
    before = git("-C", "clone", "count-objects", "-v").stdout
    git("-C", "clone", "fetch", "-q", address(server, second), "main:second")
    assert git("-C", "clone", "show", "second:x").stdout == "2\n"
    assert git("-C", "clone", "merge-base", "main", "second").stdout == git("-C", "clone", "rev-parse", "main").stdout
    sizes = [int(line.split()[1]) for text in (before, git("-C", "clone", "count-objects", "-v").stdout) for line in text.splitlines()
             if line.startswith("size-pack")]
    assert sizes[1] - sizes[0] < 100
    git("-C", "clone", "fsck", "--strict", "--full")


def test_a_shallow_clone_is_one_commit_and_can_be_deepened(generate, server, git):
    req = generate("echo $ITERATION >n", "--mode", "autonomous", "--max-iterations", "4")
    git("clone", "-q", "--depth", "1", address(server, req), "clone")
    assert len(git("-C", "clone", "log", "--format=%H").stdout.split()) == 1
    git("-C", "clone", "fetch", "-q", "--depth", "3")
    assert len(git("-C", "clone", "log", "--format=%H").stdout.split()) == 3
    git("-C", "clone", "fetch", "-q", "--unshallow")
    assert len(git("-C", "clone", "log", "--format=%H").stdout.split()) == 4
    git("-C", "clone", "fsck", "--strict", "--full")


def test_a_clone_with_much_of_its_own_negotiates_in_packed_requests(generate, server, git):
    req = generate("echo 1 >x")
    git("init", "-q", "-b", "mine", "clone")
    for i in range(300):
        git("-C", "clone", "-c", "user.name=x", "-c", "user.email=x@x", "commit", "-q", "--allow-empty", "-m", str(i))
    git("-C", "clone", "fetch", "-q", address(server, req), "main:theirs")
    assert git("-C", "clone", "show", "theirs:x").stdout == "1\n"


def test_what_is_not_there_or_not_spoken_is_told(genstore, generate, server, git):
    req = generate("echo 1 >x")
    assert "not found" in git("clone", address(server, "req_none"), "clone", code=128).stderr.lower()
    git("clone", "-q", address(server, req), "clone")
    git("-C", "clone", "-c", "user.name=x", "-c", "user.email=x@x", "commit", "-q", "--allow-empty", "-m", "mine")
    assert "403" in git("-C", "clone", "push", "origin", "HEAD:main", code=128).stderr
    where = f"/leo-generated/{req}.git"
    assert server("GET", f"{where}/info/refs", status=400).json["detail"] == "only git's smart protocol is spoken here"
    server("GET", f"{where}/HEAD", status=404)
    for body, headers in ((b"not packed", {"Content-Encoding": "gzip"}), (b"x", {"Content-Encoding": "br"}), (gzip.compress(b"x" * 100)[:-9], {"Content-Encoding": "gzip"})):
        server("POST", f"{where}/git-upload-pack", body, headers, status=400)
    server("POST", f"{where}/git-upload-pack", gzip.compress(bytes(9 << 20)), {"Content-Encoding": "gzip"}, status=413)
    for body in (b"", b"0000", b"zzzz", b"0032want " + b"0" * 40 + b"\n0000", b"0004", b"ffff"):
        assert server("POST", f"{where}/git-upload-pack", body, status=200).body[4:8] in (b"", b"ERR ")
    git("clone", "-q", address(server, req), "again")


def test_whose_it_is_not_for_those_it_is_not_there(genstore, generate, serving, git):
    req = generate("echo 1 >x")
    genstore("user", "add", "eve")
    tokens = {who: genstore("-q", "token", "add", "--user", who).out.strip() for who in ("local", "eve")}
    server = serving("--require-token")
    answer = server("GET", f"/leo-generated/{req}.git/info/refs?service=git-upload-pack", status=401)
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert server("GET", "/api/generations", status=401).headers["www-authenticate"] == "Bearer"
    git("clone", "-q", address(server, req), "nobody", code=128)
    assert "not found" in git("clone", address(server, req, f"x:{tokens['eve']}@"), "eve", code=128).stderr.lower()
    git("clone", "-q", address(server, req, f"x:{tokens['local']}@"), "local")
    for wrong in ("Basic", "Basic !!!!", "Basic eDp4", "Basic " + "QUFB" * 2900):
        server("GET", f"/leo-generated/{req}.git/info/refs?service=git-upload-pack", headers={"Authorization": wrong}, status=401)


def test_a_git_that_leaves_in_the_middle_takes_nobody_along(generate, server, git):
    req = generate("head -c 60000000 /dev/urandom >big")
    head = git("ls-remote", address(server, req), "refs/heads/main").stdout.split()[0]
    body = f"0032want {head}\n00000009done\n".encode()
    for _ in range(40):  # more than there are handles
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("POST", f"/leo-generated/{req}.git/git-upload-pack", body)
        assert connection.getresponse().read(1000)
        connection.close()
    git("clone", "-q", address(server, req), "clone")


def test_the_end_of_the_server_lets_a_clone_end(genstore, generate, serving, git, tmp_path, wait_for):
    req = generate("head -c 30000000 /dev/urandom >big")
    server = serving()
    head = git("ls-remote", address(server, req), "refs/heads/main").stdout.split()[0]
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST", f"/leo-generated/{req}.git/git-upload-pack", f"0032want {head}\n00000009done\n".encode())
    answer = connection.getresponse()
    first = answer.read(100)
    server.process.send_signal(signal.SIGTERM)
    rest = answer.read()
    connection.close()
    assert len(first + rest) > 30000000 and (first + rest)[8:12] == b"PACK"
    server.stop()
