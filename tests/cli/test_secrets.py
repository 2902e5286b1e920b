"""Secrets: sealed in the file, shown only when asked for, and nowhere else. The judges read the file, its journal, output and a core dump."""

import os
import pathlib
import pty
import resource
import signal
import sqlite3
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("GENSTORE", str(ROOT / "build" / "genstore"))
VALUE = "gho_Plain7Value9That1Nobody3Sees5"
PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def key(genstore, store, tmp_path):
    """A store with a key, in a file that the environment names."""
    assert store.exists()
    path = tmp_path / "key"
    path.write_bytes(os.urandom(31) + b"k")
    path.chmod(0o600)
    genstore.env["GENSTORE_KEY_FILE"] = str(path)
    genstore("key", "init")
    return path


def put(genstore, provider="github", value=VALUE, *args, **more):
    return genstore("secret", "set", provider, *args, input=value, **more)


def get(genstore, provider="github", *args, **more):
    return genstore("secret", "get", provider, "--reveal", *args, **more)


def nowhere(genstore, *values):
    """None of them is in the file, what lies beside it, or the temporary folders of the test."""
    for path in [*genstore.store.parent.glob(genstore.store.name + "*"), *genstore.home.rglob("*")]:
        if path.is_file():
            data = path.read_bytes()
            for value in values:
                assert value.encode() not in data and value.encode().hex().encode() not in data, path


def test_a_secret_comes_back_as_it_was_and_is_in_no_file(genstore, key):
    told = put(genstore)
    assert told.out == "" and VALUE not in told.err
    assert get(genstore).out == VALUE
    nowhere(genstore, VALUE)
    put(genstore, "github", VALUE + "2\n")  # a line break at the end is of echo, not of the secret
    assert get(genstore).out == VALUE + "2"
    for value in ("x", "\u00fc \n in between", "y" * 65536):
        put(genstore, "odd", value)
        assert get(genstore, "odd").out == value
    put(genstore, "file", None, "--file", genstore.home / "none", code=1)


def test_it_is_listed_without_its_value_and_removed(genstore, key):
    put(genstore)
    put(genstore, "fly", "other", "--expires", "2099-01-31")
    shown = genstore("secret", "list")
    assert [line.split()[:2] for line in shown.out.splitlines()[1:]] == [["local", "fly"], ["local", "github"]] and "2099-01-31T00:00:00Z" in shown.out
    rows = genstore("secret", "list", "--json")
    assert [(r["provider"], r["expired"]) for r in rows.json] == [("fly", False), ("github", False)]
    assert VALUE not in shown.out + rows.out and "gs1:" not in rows.out
    genstore("secret", "rm", "fly")
    genstore("secret", "rm", "fly", code=4)
    get(genstore, "fly", code=4)
    assert [r["provider"] for r in genstore("secret", "list", "--json", env={"GENSTORE_KEY_FILE": None}).json] == ["github"]


def test_it_is_of_one_user(genstore, key):
    with sqlite3.connect(genstore.store) as db:
        db.execute("INSERT INTO users (id, name) VALUES ('0f0e0d0c-0b0a-4908-8706-050403020100', 'ann')")
    put(genstore, "github", "hers", "--user", "ann")
    put(genstore)
    assert get(genstore, "github", "--user", "ann").out == "hers" and get(genstore).out == VALUE
    put(genstore, "github", "x", "--user", "bob", code=4)
    assert len(genstore("secret", "list", "--json", "--user", "ann").json) == 1


def test_one_whose_time_is_over_is_not_given(genstore, key):
    put(genstore, "github", VALUE, "--expires", "2001-01-01")
    r = get(genstore, code=4)
    assert VALUE not in r.out and "good until 2001-01-01T00:00:00Z" in r.err
    assert genstore("secret", "list", "--json").json[0]["expired"] is True
    assert "--expires takes" in put(genstore, "x", "v", "--expires", "soon", code=2).err


def test_without_reveal_or_as_json_it_is_refused(genstore, key):
    put(genstore)
    assert "--reveal" in genstore("secret", "get", "github", code=2).err
    r = genstore("secret", "get", "github", "--reveal", "--json", code=2)
    assert VALUE not in r.out
    for provider in ("", "Git", "a b", "x" * 101, "../x"):
        assert "cannot be a provider" in put(genstore, provider, code=2).err
    assert "empty" in put(genstore, "github", "", code=2).err
    assert "64 KiB" in put(genstore, "github", "y" * 65537, code=1).err
    assert get(genstore).out == VALUE


WRONG = {
    "another key": {"GENSTORE_KEY_FILE": "other"},
    "no such file": {"GENSTORE_KEY_FILE": "none"},
    "a passphrase": {"GENSTORE_KEY_FILE": None, "GENSTORE_PASSPHRASE_FILE": "other"},
    "a command that fails": {"GENSTORE_KEY_FILE": None, "GENSTORE_KEY_COMMAND": "exit 3"},
    "a command that says nothing": {"GENSTORE_KEY_FILE": None, "GENSTORE_KEY_COMMAND": "true"},
    "nothing": {"GENSTORE_KEY_FILE": None},
    "two at once": {"GENSTORE_KEY_COMMAND": "true"},
}


@pytest.mark.parametrize("how", WRONG)
def test_with_a_wrong_key_nothing_happens(genstore, key, how):
    put(genstore)
    (genstore.home / "other").write_bytes(b"o" * 32)
    before = genstore.store.read_bytes()
    env = WRONG[how]
    for args in (["secret", "get", "github", "--reveal"], ["secret", "set", "github"], ["key", "rotate"]):
        done = subprocess.run([PROGRAM, *args], env=genstore.environment(env), cwd=genstore.home, input=b"new", capture_output=True,
                              start_new_session=True, check=False)
        assert done.returncode == 12, (args, done.stderr)
        assert done.stdout == b"" and VALUE.encode() not in done.stderr and done.stderr.count(b"genstore: ") == 1
    assert genstore.store.read_bytes() == before
    assert get(genstore).out == VALUE


def test_keys_come_from_a_file_a_command_or_a_passphrase(genstore, store, tmp_path):
    (tmp_path / "p").write_text(PASSPHRASE + "\n")
    (tmp_path / "k").write_bytes(bytes(range(32)))
    for name in ("p", "k"):
        (tmp_path / name).chmod(0o600)
    ways = [{"GENSTORE_PASSPHRASE_FILE": str(tmp_path / "p")}, {"GENSTORE_KEY_FILE": str(tmp_path / "k")}, {"GENSTORE_KEY_COMMAND": f"cat {tmp_path}/k"}]
    assert "no key yet" in put(genstore, code=12, env=ways[0]).err
    genstore("key", "init", env=ways[0])
    assert "already" in genstore("key", "init", env=ways[0], code=1).err
    assert genstore("key", "show").out == "the store's key is under a passphrase\n"
    put(genstore, env=ways[0])
    assert genstore("key", "rotate", "--new-key-file", tmp_path / "k", "--json", env=ways[0]).json[0]["values"] == 1
    assert get(genstore, env=ways[1]).out == get(genstore, env=ways[2]).out == VALUE  # the same bytes, whoever brings them
    get(genstore, env=ways[0], code=12)
    genstore("key", "rotate", "--new-passphrase-file", tmp_path / "p", env=ways[2])
    assert get(genstore, env=ways[0]).out == VALUE
    nowhere(genstore, VALUE, PASSPHRASE)
    assert genstore("audit", "--action", "key", "--json").json[-1]["details"] is None
    (tmp_path / "short").write_text("1234567")
    assert "at least 8" in genstore("key", "rotate", "--new-passphrase-file", tmp_path / "short", env=ways[0], code=2).err
    assert "at least 32" in genstore("key", "rotate", "--new-key-file", tmp_path / "short", env=ways[0], code=2).err
    assert get(genstore, env=ways[0]).out == VALUE


def typed(genstore, args, *lines):
    """Runs it on a terminal of its own, types the lines as they are asked for; (exit code, what the terminal showed)."""
    pid, terminal = pty.fork()
    if not pid:
        os.execve(PROGRAM, ["genstore", *args], {k: str(v) for k, v in genstore.environment({}).items()})
    shown = b""
    for line in lines:
        while not shown.rstrip().endswith(b":"):
            shown += os.read(terminal, 4096)
        time.sleep(0.2)  # the terminal is told not to echo after the question is written
        os.write(terminal, line.encode() + b"\n")
        shown += b"|"
    try:
        while more := os.read(terminal, 4096):
            shown += more
    except OSError:
        pass
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


def test_passphrase_and_secret_are_typed_without_an_echo(genstore, store):
    code, shown = typed(genstore, ["key", "init"], PASSPHRASE, PASSPHRASE)
    assert code == 0 and PASSPHRASE not in shown
    code, shown = typed(genstore, ["secret", "set", "github"], PASSPHRASE, VALUE)
    assert code == 0 and PASSPHRASE not in shown and VALUE not in shown
    code, shown = typed(genstore, ["secret", "get", "github", "--reveal"], PASSPHRASE)
    assert code == 0 and VALUE in shown and PASSPHRASE not in shown
    code, shown = typed(genstore, ["secret", "get", "github", "--reveal"], "something else")
    assert code == 12 and VALUE not in shown


def test_a_ciphertext_opens_in_its_own_row_only(genstore, key):
    put(genstore)
    put(genstore, "fly", "other")
    with sqlite3.connect(genstore.store) as db:
        one, two = (db.execute("SELECT encrypted_token FROM user_secrets WHERE provider = ?", [p]).fetchone()[0] for p in ("github", "fly"))
        db.execute("UPDATE user_secrets SET encrypted_token = ? WHERE provider = 'fly'", [one])
    r = get(genstore, "fly", code=13)
    assert VALUE not in r.out + r.err and "was changed, or is damaged" in r.err
    assert get(genstore).out == VALUE
    before = genstore.store.read_bytes()
    assert "secret rm" in genstore("key", "rotate", code=13).err
    assert genstore.store.read_bytes() == before
    for at in range(4, len(two), 17):
        with sqlite3.connect(genstore.store) as db:
            db.execute("UPDATE user_secrets SET encrypted_token = ? WHERE provider = 'fly'", [two[:at] + ("A" if two[at] != "A" else "B") + two[at + 1:]])
        get(genstore, "fly", code=13)
    for text in ("", "gs1:", "gs1:AAAA", "gs1:" + "A" * 200000, "plain", two[:-4]):
        with sqlite3.connect(genstore.store) as db:
            db.execute("UPDATE user_secrets SET encrypted_token = ? WHERE provider = 'fly'", [text])
        get(genstore, "fly", code=13)


def test_rotating_killed_at_any_moment_leaves_one_whole_key(genstore, key, tmp_path):
    for i in range(20):
        put(genstore, f"p{i}", f"value-{i}")
    other = tmp_path / "other"
    other.write_bytes(os.urandom(31) + b"k")
    other.chmod(0o600)
    now, new = key, other
    for i in range(25):
        process = genstore.start("key", "rotate", "--new-key-file", new, env={"GENSTORE_KEY_FILE": str(now)})
        try:
            process.wait(timeout=0.001 * i)
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        works = [k for k in (now, new) if get(genstore, "p7", env={"GENSTORE_KEY_FILE": str(k)}, code=None).out == "value-7"]
        assert len(works) == 1
        if works == [new]:
            now, new = new, now
    assert all(get(genstore, f"p{i}", env={"GENSTORE_KEY_FILE": str(now)}).out == f"value-{i}" for i in range(20))
    genstore("check")


def test_what_wrapped_the_old_key_is_not_left_in_the_file(genstore, key):
    put(genstore)
    with sqlite3.connect(genstore.store) as db:
        wrapped, sealed = db.execute("SELECT (SELECT wrapped FROM store_keys), encrypted_token FROM user_secrets").fetchone()
    assert wrapped in genstore.store.read_bytes()
    genstore("key", "rotate")
    data = genstore.store.read_bytes()
    assert wrapped not in data and sealed.encode()[:60] not in data


@pytest.mark.skipif(not os.access("/proc/sys/kernel/core_pattern", os.R_OK), reason="no core dumps are to be seen here")
def test_a_core_dump_has_neither_secret_nor_passphrase(genstore, store, tmp_path, wait_for, san):
    if san:
        pytest.skip("a core of a sanitized program is as large as the address space")
    if pathlib.Path("/proc/sys/kernel/core_pattern").read_text().startswith(("|", "/")):
        pytest.skip("cores go elsewhere here")
    (tmp_path / "p").write_text(PASSPHRASE)
    (tmp_path / "p").chmod(0o600)
    env = {"GENSTORE_PASSPHRASE_FILE": str(tmp_path / "p")}
    genstore("key", "init", env=env)
    put(genstore, "github", VALUE * 1500, env=env)  # more than a pipe holds: it waits with the secret in its hand
    where = tmp_path / "core-here"
    where.mkdir()
    process = subprocess.Popen([PROGRAM, "secret", "get", "github", "--reveal"], env=genstore.environment(env), cwd=where, stdout=subprocess.PIPE, pipesize=4096,
                               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)))
    first = os.read(process.stdout.fileno(), 32)
    assert first.decode() == VALUE[:32]
    time.sleep(0.1)
    process.send_signal(signal.SIGABRT)
    process.stdout.close()
    process.wait(60)
    cores = [p for p in where.iterdir() if p.name.startswith("core")]
    assert len(cores) == 1, "no core was written"
    data = cores[0].read_bytes()
    assert len(data) > 100_000 and b"GENSTORE_PASSPHRASE_FILE" in data
    assert VALUE.encode() not in data and PASSPHRASE.encode() not in data


REPORTING = '''
start = begin()
write("given", os.environ.get("MADE_URL", "none"))
iteration(1, session_id="s1", credentials=[{"key": "MADE_URL", "value": "%s"}, {"key": "bad name", "value": "x"}])
settle()
complete(1)
farewell()
'''


def test_credentials_of_a_generator_are_sealed_per_app_and_given_to_those_that_resume_it(genstore, key, wsi, workspaces):
    wsi(REPORTING % VALUE, "--mode", "autonomous")
    [row] = genstore("secret", "list", "--json").json
    assert row["provider"].startswith("app.") and row["user"] == "local"
    assert get(genstore, row["provider"]).out == '{"MADE_URL":"%s"}' % VALUE
    nowhere(genstore, VALUE)
    assert VALUE not in genstore("log", "app").out and not [place for place in workspaces() if (place / "credentials.json").exists()]
    # A generation that stands in its place is given nothing, one that builds on it is, and reports another value.
    wsi(REPORTING % (VALUE + "2"), "--mode", "autonomous")
    assert genstore("cat", "app/2:given").out == "none"
    wsi(REPORTING % (VALUE + "3"), "--mode", "autonomous", "--resume", "app")
    # What it was given is a secret of its log, but its own business in its tree.
    assert genstore("cat", "app/3:given").out == VALUE + "2"
    assert get(genstore, row["provider"]).out == '{"MADE_URL":"%s"}' % (VALUE + "3")
    genstore("key", "rotate")
    assert get(genstore, row["provider"]).out == '{"MADE_URL":"%s"}' % (VALUE + "3")
    for number in (1, 2, 3):
        assert len(genstore("secret", "list", "--json").json) == 1
        genstore("rm", f"app/{number}", "--force")
    assert genstore("secret", "list", "--json").json == []


def test_without_the_key_at_hand_credentials_stay_in_the_workspace(genstore, key, wsi, tmp_path):
    none = {"GENSTORE_KEY_FILE": None}
    kept = genstore.env.pop("GENSTORE_KEY_FILE")
    wsi(REPORTING % VALUE, "--mode", "autonomous")
    assert genstore("secret", "list", "--json", env=none).json == []
    genstore.env["GENSTORE_KEY_FILE"] = str(tmp_path / "other")
    (tmp_path / "other").write_bytes(os.urandom(31) + b"k")
    (tmp_path / "other").chmod(0o600)
    before = len(genstore("list", "--json").json)
    told = genstore("generate", "--app-name", "x", "--prompt", "p", "--", "/bin/true", code=12)
    assert "is not the one of this store" in told.err and len(genstore("list", "--json").json) == before
    genstore.env["GENSTORE_KEY_FILE"] = kept
