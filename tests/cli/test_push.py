"""genstore push, against git's own server behind lighttpd, with TLS and a password."""

import http.server
import os
import pathlib
import re
import socket
import sqlite3
import subprocess
import sys
import threading

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from githttp import BACKEND, LIGHTTPD, TOKEN, USER, git_server  # noqa: E402


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if not LIGHTTPD or not BACKEND.exists():
        pytest.fail("lighttpd and git's http-backend have to be installed: tools/install-deps")
    with git_server(tmp_path_factory.mktemp("githttp")) as running:
        yield running


@pytest.fixture
def repository(server, request):
    """A repository for this test alone: its folder and its address."""
    name = re.sub(r"\W", "-", request.node.name)[-60:] + ".git"
    def make(**config):
        return server.repository(name, **config), f"{server.url}/{name}"
    return make


@pytest.fixture
def push(genstore, store, server):
    def run(*args, code=0, token=TOKEN, **env):
        done = genstore("push", *args, code=code, env={"GIT_SSL_CAINFO": server.ca, "GENSTORE_GIT_TOKEN": token, "GIT_CONFIG_NOSYSTEM": "1",
                                                        "GIT_TERMINAL_PROMPT": "0", **env})
        assert TOKEN not in done.out + done.err
        return done
    return run


def git(where, *args):
    return subprocess.run(["git", *args], cwd=where, check=True, capture_output=True, text=True).stdout


def test_a_generation_arrives_with_its_history_and_tags(genstore, generate, push, repository, tree, tmp_path):
    req = generate("echo $ITERATION >n; mkdir -p bin; echo x >bin/x; chmod +x bin/x", "--mode", "autonomous", "--max-iterations", "3")
    where, url = repository()
    done = push(req, url)
    assert done.out == f"{git(where, 'rev-parse', 'main').strip()} {url}\n"
    git(where, "fsck", "--strict", "--full")
    assert git(where, "tag").split() == ["iteration-1", "iteration-2", "iteration-3"]
    git(tmp_path, "clone", "-q", str(where), "clone")
    genstore("restore", req, tmp_path / "restored")
    assert [d for d in tree.differences(tmp_path / "clone", tmp_path / "restored") if not d.startswith(".git")] == []


def test_what_is_pushed_has_the_ids_of_what_is_cloned(genstore, generate, push, repository):
    req = generate("echo x >x")
    where, url = repository()
    push(req, url)
    program = pathlib.Path(os.environ.get("GENSTORE", pathlib.Path(__file__).resolve().parents[2] / "build/genstore"))
    listed = subprocess.run(["git", "ls-remote", f"genstore::{req}"], check=True, capture_output=True, text=True,
                            env={**genstore.env, "PATH": f"{program.parent}:{os.environ['PATH']}"}).stdout
    assert listed == git(where.parent, "ls-remote", str(where))


def test_a_second_push_has_nothing_to_do(generate, push, repository):
    req = generate("echo x >x")
    _, url = repository()
    push(req, url)
    said = push(req, url, "--json").json[-1]
    assert (said["message_type"], said["request_id"], said["url"], said["was_there"], said["bytes"]) == ("summary", req, url, True, 0)


def test_a_resumed_generation_is_pushed_onto_its_parents_history_and_sends_only_what_is_new(genstore, generate, push, repository, tree, tmp_path):
    genstore("import", tree.real(tmp_path / "app", 40), "--app-name", "app")
    where, url = repository()
    first = push("app", url, "--json").json[-1]
    req = generate("echo new >new", "--resume", "app")
    second = push(req, url, "--json").json[-1]
    assert first["objects"] > 40 and second["objects"] == 3 and second["tags_kept"] == 1
    assert git(where, "log", "--format=%H", "main").split() == [second["commit"], first["commit"]]
    assert git(where, "rev-parse", "iteration-1").strip() == first["commit"]


def test_a_history_that_does_not_lead_here_is_never_replaced(generate, push, repository):
    one, two = generate("echo 1 >x"), generate("echo 2 >x")
    where, url = repository()
    push(one, url)
    before = git(where, "for-each-ref")
    err = push(two, url, code=1).err
    assert err.startswith(f"genstore: '{url}' has another history: its refs/heads/main is ") and err.count("\n") == 1
    assert git(where, "for-each-ref") == before


def test_what_the_server_refuses_is_told_in_its_own_words(generate, push, repository):
    req = generate("echo x >x")
    where, url = repository()
    hook = where / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho 'GH013: Repository rule violations found' >&2\nprintf 'Push cannot contain\\033[31m secrets\\n' >&2\nexit 1\n")
    hook.chmod(0o755)
    err = push(req, url, code=1).err
    assert err == ("genstore: the server did not take it: refs/heads/main pre-receive hook declined"
                   " (it says: GH013: Repository rule violations found Push cannot contain [31m secrets);"
                   " the repository has rules; the server says which, and where a secret can be removed or allowed\n")
    assert git(where, "for-each-ref") == ""
    hook.unlink()
    push(req, url)


def test_a_pack_that_is_too_large_for_the_server_is_told(generate, push, repository):
    req = generate("head -c 300000 /dev/urandom >noise")
    where, url = repository(receive_maxInputSize="1000")
    err = push(req, url, code=1).err
    assert "the server did not take it" in err and "exceeds maximum allowed size" in err and "receive.maxInputSize" in err
    assert git(where, "for-each-ref") == ""


def test_a_wrong_token_is_told_and_not_shown(generate, push, repository):
    req = generate("echo x >x")
    _, url = repository()
    err = push(req, url, code=1, token="wrong-token").err
    assert "does not take this token or password; set GENSTORE_GIT_TOKEN" in err and "wrong-token" not in err


def test_without_a_token_gits_credential_helper_is_asked_and_told_what_came_of_it(genstore, generate, push, repository):
    req = generate("echo x >x")
    _, url = repository()
    assert "wants a token or a password" in push(req, url, code=1, token=None).err
    notes = genstore.home / "notes"
    helper = genstore.home / "helper"
    helper.write_text(f'#!/bin/sh\necho "$1" >>{notes}; cat >>{notes}\n[ "$1" != get ] || echo "username={USER}" "password=$(cat {genstore.home}/pw)" | tr " " "\\n"\n')
    helper.chmod(0o755)
    (genstore.home / ".gitconfig").write_text(f"[credential]\n\thelper = {helper}\n\tuseHttpPath = true\n")
    (genstore.home / "pw").write_text("wrong")
    assert "does not take this token or password" in push(req, url, code=1, token=None).err
    assert "erase\n" in notes.read_text() and "store\n" not in notes.read_text()
    (genstore.home / "pw").write_text(TOKEN)
    push(req, url, token=None)
    assert "store\n" in notes.read_text() and f"path={url.rsplit('/', 1)[1]}\n" in notes.read_text()


def test_githubs_token_goes_to_github_only(generate, push, repository):
    req = generate("echo x >x")
    _, url = repository()
    assert "wants a token or a password" in push(req, url, code=1, token=None, GH_TOKEN=TOKEN, GITHUB_TOKEN=TOKEN).err


def test_a_certificate_of_nobody_known_ends_it(generate, push, repository):
    req = generate("echo x >x")
    _, url = repository()
    assert "certificate" in push(req, url, code=5, GIT_SSL_CAINFO=None).err


@pytest.mark.parametrize("url, words", [
    ("https://me:secret@localhost/x", "there is a password in the address"),
    ("http://example.org/x", "the address is not https://, and a token would be sent in the clear"),
    ("ssh://localhost/x", "the address does not begin with https://"),
    ("https://localhost/", "the address names no repository"),
    ("https:///x", "the address has no server"),
    ("https://localhost/a b", "the address has a character that none can have"),
])
def test_an_address_that_cannot_be_is_refused_before_anything_is_sent(generate, push, url, words):
    generate("echo x >x")
    err = push("-", url, code=2).err
    assert words in err and err.count("\n") == 1 and "secret" not in err.replace("secret@", "")


def test_what_is_not_there_is_told(generate, push, server):
    generate("echo x >x")
    assert f"there is no repository '{server.url}/nowhere.git'" in push("-", f"{server.url}/nowhere.git", code=4).err
    assert "cannot be reached" in push("-", "https://localhost:1/x", code=5).err
    assert "cannot be reached" in push("-", "https://no-such-host.invalid/x", code=5).err


def test_a_generation_without_an_iteration_is_not_pushed(generate, push, repository):
    req = generate("exit 1", code=1)
    _, url = repository()
    assert push(req, url, code=4).err == f"genstore: '{req}' has no finished iteration yet\n"
    assert "not an iteration" in push(f"{req}@1", url, code=2).err


def test_the_address_can_come_from_a_template(genstore, generate, push, server, sql_set):
    req = generate("echo x >x")
    assert "no git host is configured" in push(req, code=2).err
    sql_set("git.remote_template", f"{server.url}/fixed.git")
    assert "it takes an address like https://host/{request_id}" in push(req, code=2).err
    server.repository(f"{req}.git")
    genstore("config", "set", "git.remote_template", f"{server.url}/{{request_id}}.git")
    assert push(req).out.endswith(f" {server.url}/{req}.git\n")
    assert push(req, code=4, GENSTORE_GIT_REMOTE_TEMPLATE=f"{server.url}/other-{{request_id}}").err


@pytest.mark.parametrize("key, value", [
    ("git.remote_template", "https://host/fixed"), ("git.remote_template", "http://host/{request_id}"), ("git.remote_template", "{request_id}"),
    ("git.author", "nobody"), ("git.prompts", "maybe"),
])
def test_a_setting_of_git_that_cannot_be_is_refused(genstore, store, key, value):
    genstore("config", "set", key, value, code=2)
    assert genstore("config", "list", "--json").json == []


@pytest.fixture
def sql_set(store):
    def write(key, value):
        with sqlite3.connect(store) as db:
            db.execute("INSERT OR REPLACE INTO deployment_config (key, value) VALUES (?, ?)", (key, value))
        db.close()
    return write


def test_a_redirect_is_followed_on_the_same_server_only(generate, push, repository, server):
    req = generate("echo x >x")
    _, url = repository()
    name = url.rsplit("/", 1)[1]
    assert push(req, f"{server.url}/moved/{name}").out.endswith(f" {url}\n")
    assert "cannot be reached" in push(req, f"{server.url}/gone/{name}", code=5).err


def test_http_is_for_this_machine(generate, push, repository, server):
    req = generate("echo x >x")
    _, url = repository()
    push(req, url.replace(server.url, server.http))


def pkt(text):
    return b"%04x%s" % (len(text) + 4, text)


def refs(first, *more, caps=b"report-status side-band-64k"):
    return pkt(b"# service=git-receive-pack\n") + b"0000" + pkt(first + b"\0" + caps) + b"".join(map(pkt, more)) + b"0000"


EMPTY = refs(b"0" * 40 + b" capabilities^{}")


@pytest.fixture
def odd_server():
    """A server that answers as it is told: how(refs, report, status, type) -> its address."""
    running = []

    def start(refs=EMPTY, report=b"", status=200, kind="application/x-git-receive-pack-advertisement"):
        class Answer(http.server.BaseHTTPRequestHandler):
            def answer(self, status, body, kind):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self.answer(status, refs, kind)

            def do_POST(self):
                assert "Transfer-Encoding" not in self.headers, "what is small has a length"
                self.rfile.read(int(self.headers["Content-Length"]))
                self.answer(200, report, "application/x-git-receive-pack-result")

            def log_message(self, *_):
                pass

        running.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer))
        threading.Thread(target=running[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{running[-1].server_port}/x.git"

    yield start
    for one in running:
        one.shutdown()
        one.server_close()


@pytest.mark.parametrize("answer, code, words", [
    ({"status": 503, "refs": b"come back later\nplease"}, 5, "answers with status 503: come back later\n"),
    ({"status": 403, "refs": b"<html>no</html>"}, 1, "answers with status 403\n"),
    ({"kind": "text/html"}, 5, "there is no git at"),
    ({"refs": b""}, 5, "what the server answers is not git's protocol"),
    ({"refs": EMPTY[:-4]}, 5, "what the server answers is not git's protocol"),
    ({"refs": EMPTY[:70]}, 5, "what the server answers is not git's protocol"),
    ({"refs": b"zzzz" + EMPTY}, 5, "what the server answers is not git's protocol"),
    ({"refs": refs(b"short refs/heads/main")}, 5, "what the server answers is not git's protocol"),
    ({"refs": refs(b"0" * 40 + b" capabilities^{}", caps=b"side-band-64k")}, 5, "does not say what becomes of a push"),
    ({"refs": refs(b"0" * 40 + b" capabilities^{}", caps=b"report-status object-format=sha256")}, 5, "the repository is one of SHA-256"),
    ({"refs": refs(b"0" * 40 + b" capabilities^{}", b"shallow " + b"1" * 40)}, 5, "has only a part of its history"),
    ({"report": b""}, 5, "the server did not say what became of the push; try again"),
    ({"report": b"zzzz"}, 5, "the server did not say what became of the push; try again"),
    ({"report": pkt(b"\3fatal: disk full\n") + b"0000"}, 1, "the server did not take it: it ended early (it says: fatal: disk full)"),
])
def test_a_server_that_answers_oddly_is_told(generate, push, odd_server, answer, code, words):
    generate("echo x >x")
    err = push("-", odd_server(**answer), code=code).err
    assert words in err and err.count("\n") == 1


class Cutter:
    """A proxy that lets so many bytes pass towards the server, then cuts both ways, or lets nothing more pass; or cuts what the server says of a push."""

    def __init__(self, port, limit=1 << 30, hold=False, mute=False):
        self.port, self.limit, self.hold, self.mute = port, limit, hold, mute
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.passed = 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            upstream = socket.create_connection(("127.0.0.1", self.port))
            threading.Thread(target=self.pump, args=(client, upstream, True), daemon=True).start()
            threading.Thread(target=self.pump, args=(upstream, client, False), daemon=True).start()

    def pump(self, source, to, towards):
        try:
            while data := source.recv(4096):
                if towards:
                    self.passed += len(data)
                    if self.passed > self.limit and self.hold:
                        continue
                    if self.passed > self.limit:
                        break
                elif self.mute and b"unpack" in data:
                    break
                to.sendall(data)
        except OSError:
            pass
        for end in (source, to):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.socket.close()


def test_a_push_that_is_cut_off_leaves_nothing_and_succeeds_when_repeated(generate, push, repository, server):
    req = generate("head -c 2400000 /dev/urandom >noise")
    where, url = repository()
    for limit in (10, 1000, 50_000, 2_300_000):
        cutter = Cutter(server.http_port, limit)
        push(req, url.replace(server.url, f"http://localhost:{cutter.socket.getsockname()[1]}"), code=5)
        cutter.close()
        assert git(where, "for-each-ref") == ""
    push(req, url)
    git(where, "fsck", "--strict", "--full")


def test_an_answer_that_is_lost_is_no_harm(generate, push, repository, server):
    req = generate("echo x >x")
    where, url = repository()
    cutter = Cutter(server.http_port, mute=True)
    assert "cannot be reached" in push(req, url.replace(server.url, f"http://localhost:{cutter.socket.getsockname()[1]}"), code=5).err
    cutter.close()
    assert "refs/heads/main" in git(where, "for-each-ref")
    assert push(req, url, "--json").json[-1]["was_there"]


def test_a_push_that_somebody_else_was_faster_with_has_arrived(generate, push, repository):
    req = generate("echo x >x")
    where, url = repository()
    hook = where / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\ncp -r \"$GIT_OBJECT_DIRECTORY/.\" objects/\nunset GIT_QUARANTINE_PATH\n"
                    "while read -r old new ref; do git update-ref \"$ref\" \"$new\"; done\nexit 1\n")
    hook.chmod(0o755)
    assert push(req, url).out.endswith(f" {url}\n")
    git(where, "fsck", "--strict", "--full")


@pytest.mark.parametrize("size", [100_000, 3_000_000])
def test_a_damaged_store_pushes_nothing(genstore, generate, push, repository, size):
    req = generate(f"head -c {size} /dev/urandom >noise")
    where, url = repository()
    with sqlite3.connect(genstore.store) as db:
        db.execute("UPDATE content SET git_blob = x'0123456789012345678901234567890123456789' WHERE size = ?", (size,))
    db.close()
    assert "its name in git is another one" in push(req, url, code=13).err
    assert git(where, "for-each-ref") == ""


def test_a_push_that_is_killed_leaves_nothing(genstore, generate, repository, server, wait_for):
    req = generate("head -c 3000000 /dev/urandom >noise")
    where, url = repository()
    env = {"GENSTORE_GIT_TOKEN": TOKEN}
    cutter = Cutter(server.http_port, 500_000, hold=True)
    process = genstore.start("push", req, url.replace(server.url, f"http://localhost:{cutter.socket.getsockname()[1]}"), env=env)
    wait_for(lambda: cutter.passed > 500_000, "some of the pack")
    process.kill()
    process.communicate()
    cutter.close()
    assert git(where, "for-each-ref") == ""
    genstore("push", req, url, env={**env, "GIT_SSL_CAINFO": server.ca})
    git(where, "fsck", "--strict", "--full")
