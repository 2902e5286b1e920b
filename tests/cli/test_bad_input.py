"""What is wrong from the start: one clear line, the right exit code, and the store as it was."""

import contextlib
import hashlib
import os
import pathlib
import shutil
import socket
import sqlite3
import subprocess
import tempfile

import pytest

PROGRAM = os.environ.get("GENSTORE") or str(pathlib.Path(__file__).resolve().parents[2] / "build/genstore")

MILLION = 200_001  # one more than a tree can have: MANIFEST_ENTRIES_MAX


def content(store):
    """The whole of what is in a store, whatever its pages look like."""
    db = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    digest = hashlib.sha256()
    for line in db.iterdump():
        digest.update(line.encode("utf-8", "surrogateescape"))
    db.close()
    return digest.hexdigest()


def one_line(r):
    assert r.err.startswith("genstore: ") and r.err.count("\n") == 1 and r.out == "", r
    return r.err


@pytest.fixture
def full(genstore, store, tree, tmp_path):
    """A store that holds something, checked to be as it was at the end."""
    genstore("import", tree.real(tmp_path / "lib", 20), "--app-name", "lib")
    before = content(store)
    yield store
    assert content(store) == before
    assert not os.path.exists(f"{store}-journal") or os.path.getsize(f"{store}-journal") == 0


@contextlib.contextmanager
def small_disk(where, size):
    where.mkdir()
    if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", where],
                                          capture_output=True, check=False).returncode:
        pytest.skip("needs to mount a tmpfs")
    try:
        yield where
    finally:
        subprocess.run(["umount", where], check=True)


# folders

def bad_entry(kind, folder):
    path = os.path.join(os.fsencode(folder), b"sub", b"odd")
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        here = os.getcwd()
        os.chdir(os.path.dirname(path))
        with socket.socket(socket.AF_UNIX) as s:
            s.bind("odd")
        os.chdir(here)
    elif kind == "device":
        try:
            os.mknod(path, 0o20644, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("needs root to make a device")
    elif kind == "name":
        with open(os.path.join(os.path.dirname(path), b"caf\xe9"), "w"):
            pass


@pytest.mark.parametrize("kind, words", [("fifo", "it is a fifo"), ("socket", "it is a socket"), ("device", "it is a device"),
                                         ("name", "is not UTF-8")])
def test_what_cannot_be_kept_is_named_with_its_path(genstore, full, tree, tmp_path, kind, words):
    folder = tree.write(tmp_path / "x", {"a": "a", "sub/b": "b", "z": "z"})
    bad_entry(kind, folder)
    said = one_line(genstore("import", folder, "--app-name", "x", code=1))
    assert words in said and ("sub/odd" in said or "sub/caf\\xe9" in said)


@pytest.mark.slow
def test_a_folder_with_too_many_files_is_refused(genstore, full, tmp_path):
    base = pathlib.Path("/dev/shm" if os.access("/dev/shm", os.W_OK) else tmp_path)
    folder = pathlib.Path(tempfile.mkdtemp(dir=base))
    try:
        for i in range(MILLION):
            if i % 10_000 == 0:
                fd = os.open(folder, os.O_DIRECTORY) if i == 0 else fd
            os.close(os.open(f"f{i}", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
        os.close(fd)
        said = one_line(genstore("import", folder, "--app-name", "x", code=1, timeout=300))
        assert "more than 200000 entries" in said
    finally:
        shutil.rmtree(folder)


def test_a_file_that_grows_while_it_is_read_is_kept_as_read(genstore, store, tmp_path):
    folder = tmp_path / "x"
    folder.mkdir()
    growing = folder / "growing.log"
    growing.write_bytes(b"line\n" * 1000)
    writer = subprocess.Popen(["/bin/sh", "-c", "while :; do echo line; done >>growing.log"], cwd=folder)
    try:
        genstore("import", folder, "--app-name", "x", code=None)
    finally:
        writer.kill()
        writer.wait()
    r = genstore("list", "--json").json
    if r:
        data = genstore("cat", "x:growing.log").stdout
        assert growing.read_bytes().startswith(data) and len(data) >= 5000
    genstore("check", "--read-data")


@pytest.mark.parametrize("what, code, words", [
    ("none", 4, "cannot import '"), ("file", 1, "it is not gzip"),
    ("store", 1, "; keep it elsewhere"),
])
def test_what_is_no_folder_to_import_is_refused(genstore, full, tmp_path, what, code, words):
    (tmp_path / "file").write_text("x")
    path = {"none": tmp_path / "none", "file": tmp_path / "file", "store": genstore.store.parent}[what]
    assert words in one_line(genstore("import", path, "--app-name", "x", code=code))


@pytest.mark.parametrize("name", ["", "a/b", "a:b", "a@b", "req_x", "..", "x" * 201, "a\nb", "a\x1b[31m", b"caf\xe9"])
def test_an_app_name_that_cannot_be_one_is_refused_before_any_work(genstore, full, tmp_path, name):
    (tmp_path / "x").mkdir(exist_ok=True)
    name = os.fsdecode(name)
    said = one_line(genstore("import", tmp_path / "x", "--app-name", name, code=2))
    assert "cannot be an app name" in said and "\x1b" not in said
    one_line(genstore("fork", "lib", "--app-name", name, code=2))


def test_import_wants_a_name_and_a_prompt_that_is_text(genstore, full, tmp_path):
    assert "needs --app-name" in one_line(genstore("import", tmp_path, code=2))
    assert "not UTF-8" in one_line(genstore("import", tmp_path, "--app-name", "x", "--prompt", os.fsdecode(b"\xff"), code=2))


def test_a_folder_that_cannot_be_read_is_named(genstore, full, tree, tmp_path):
    if os.getuid() == 0:
        pytest.skip("root reads everything")
    folder = tree.write(tmp_path / "x", {"a": "a", "sub/b": "b"})
    (folder / "sub").chmod(0)
    said = one_line(genstore("import", folder, "--app-name", "x", code=1))
    (folder / "sub").chmod(0o755)
    assert "'sub'" in said and "Permission denied" in said


# unknown things

@pytest.mark.parametrize("args", [
    ["show", "nope"], ["log", "nope"], ["snapshots", "nope"], ["diff", "nope", "lib"], ["diff", "lib", "nope"], ["ls", "nope"],
    ["cat", "nope:x"], ["get", "nope"], ["restore", "nope", "out"], ["fork", "nope", "--app-name", "y"],
    ["rm", "nope", "--force"], ["rm", "--app", "nope", "--keep-last", "1", "--force"], ["show", "req_zzzzzzzzzzzz"],
    ["show", "lib/9"], ["ls", "lib@7"], ["cat", "lib:nope"], ["ls", "lib:nope"], ["list", "--before", "nope"],
])
def test_what_there_is_not_is_said_and_exits_with_4(genstore, full, args):
    one_line(genstore(*args, code=4))
    r = genstore(*args, "--json", code=4)
    assert r.json[-1]["code"] == "not_found" and r.err == ""


@pytest.mark.parametrize("args", [
    ["nope"], ["show"], ["show", "a", "b"], ["--nope", "list"], ["diff", "lib"], ["cat"], ["ls", "lib", "--nope"], ["migrate", "x"],
    ["show", "lib/x"], ["show", "lib/0"], ["show", "lib@0"], ["ls", "lib@1.5:x"], ["get", "lib", "-o"], ["import"],
    ["snapshots", "lib", "--files"], ["diff", "lib", "lib", "--stat", "--patch"],
])
def test_wrong_usage_is_one_line_and_exits_with_2(genstore, full, args):
    one_line(genstore(*args, code=2))


def test_control_characters_of_an_argument_do_not_reach_the_terminal(genstore, full):
    said = one_line(genstore("show", "no\x1b[2Jpe\r", code=4))
    assert "\x1b" not in said and "\r" not in said and "\\x1b[2J" in said


def test_what_another_program_wrote_into_the_store_steers_no_terminal_and_breaks_no_line(genstore, generate):
    made = generate("echo said; echo x >x", "--app-name", "plain")
    db = sqlite3.connect(genstore.store)
    db.execute("UPDATE generation_requests SET app_name = 'evil' || char(27) || '[2J', prompt = 'a' || char(27) || char(10) || 'b'")
    db.execute("UPDATE generation_events SET line = 'x' || char(27, 13), data = '{' || char(10) || '\"a\": 1}'")
    db.execute("UPDATE iteration_snapshots SET metadata = '{' || char(10) || '\"a\": ' || char(13, 10) || '1}'")
    db.commit()
    db.close()
    for args in (["list"], ["show", made], ["log", made], ["snapshots", made], ["rm", made, "--dry-run"]):
        r = genstore(*args)
        assert "\x1b" not in r.out + r.err and "\r" not in r.out + r.err, args
        genstore(*args, "--json").json
    assert genstore("snapshots", made, "--json").json[0]["metadata"] == {"a": 1}
    assert genstore("log", made, "--json").json[0]["data"] == {"a": 1}


# stores

READERS = [["list"], ["show", "lib"], ["cat", "lib:x"], ["check"], ["stats"]]
WRITERS = [["rm", "lib", "--force"], ["gc"], ["migrate"], ["import", ".", "--app-name", "x"]]


def spoil(how, store, tmp_path):
    bad = tmp_path / "bad"
    data = store.read_bytes()
    if how == "text":
        bad.write_text("this is no store\n" * 100)
    elif how == "empty":
        bad.write_bytes(b"")
    elif how == "short":
        bad.write_bytes(data[:50])
    elif how == "truncated":
        bad.write_bytes(data[: len(data) // 2])
    elif how == "half a page":
        bad.write_bytes(data[:-5000])
    elif how == "folder":
        bad.mkdir()
    elif how == "other database":
        db = sqlite3.connect(bad)
        db.execute("CREATE TABLE x (y)")
        db.commit()
        db.close()
    elif how == "newer":
        bad.write_bytes(data)
        db = sqlite3.connect(bad)
        db.execute("PRAGMA user_version = 999")
        db.commit()
        db.close()
    elif how == "zeros":
        bad.write_bytes(data[:100] + bytes(len(data) - 100))
    return bad


@pytest.mark.parametrize("how, code, words", [
    ("text", 13, "is not a genstore store"), ("empty", 13, "is not a genstore store"), ("short", 13, "is not a genstore store"),
    ("truncated", 13, "is cut off"), ("half a page", 13, "is cut off"), ("folder", 13, "is not a file"),
    ("other database", 13, "is a database, but not a genstore store"), ("newer", 14, "was written by a newer genstore"),
    ("zeros", 13, ""),
])
def test_a_file_that_is_no_usable_store_is_refused_by_every_command_and_left_as_it_is(genstore, full, tmp_path, how, code, words):
    bad = spoil(how, full, tmp_path)
    before = bad.read_bytes() if bad.is_file() else None
    (tmp_path / "cwd").mkdir()
    for args in READERS + WRITERS + [["backup", tmp_path / "copy"]]:
        r = genstore("--store", bad, *args, code=code, cwd=tmp_path / "cwd")
        assert words in one_line(r), args
    assert (bad.read_bytes() if bad.is_file() else None) == before
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(("bad-", "bad.", "copy"))] == []


def test_a_fifo_as_store_is_refused_and_not_waited_for(genstore, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    assert "is not a file" in one_line(genstore("--store", tmp_path / "fifo", "list", code=13))


def test_a_store_that_one_may_only_read_is_read_and_not_written(genstore, full):
    top = pathlib.Path(tempfile.mkdtemp(prefix="genstore-", dir="/tmp"))
    try:
        top.chmod(0o755)
        store, program = top / "store", top / "genstore"
        shutil.copy(full, store)
        shutil.copy(PROGRAM, program)
        program.chmod(0o755)
        (top / "x").mkdir()
        store.chmod(0o444)
        who = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.getuid() == 0 else []
        if not who:
            top.chmod(0o555)

        def run(*args):
            return subprocess.run([*who, program, "--store", store, *args], capture_output=True, text=True, check=False,
                                  env={**genstore.env, "HOME": "/nonexistent"}, cwd=top, timeout=120)

        assert "lib/1" in run("list").stdout and run("check", "--read-data").returncode == 0
        for args in (["import", "x", "--app-name", "y"], ["rm", "lib", "--force"], ["fork", "lib", "--app-name", "y"]):
            r = run(*args)
            assert r.returncode == 1 and r.stderr.startswith("genstore: ") and r.stderr.count("\n") == 1, r
            assert "read" in r.stderr or "ermission" in r.stderr, r
        assert content(store) == content(full)
    finally:
        top.chmod(0o755)
        shutil.rmtree(top)


@pytest.mark.slow
def test_a_store_that_another_program_holds_locked_is_exit_11_after_a_while(genstore, full, tmp_path):
    (tmp_path / "x").mkdir()
    holder = sqlite3.connect(full, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    started = [genstore.start(*args) for args in (["list"], ["rm", "lib", "--force"], ["import", tmp_path / "x", "--app-name", "x"])]
    for p in started:
        _, err = p.communicate(timeout=120)
        assert p.returncode == 11 and err.startswith(b"genstore: ") and err.count(b"\n") == 1, err
    holder.execute("ROLLBACK")
    holder.close()
    genstore("list")


def test_a_store_that_is_locked_for_a_moment_is_waited_for(genstore, full):
    holder = sqlite3.connect(full, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    p = genstore.start("list", "--json")
    with pytest.raises(subprocess.TimeoutExpired):
        p.wait(timeout=0.3)
    holder.execute("ROLLBACK")
    holder.close()
    out, _ = p.communicate(timeout=60)
    assert p.returncode == 0 and b"lib" in out


# disks

def test_a_full_disk_under_the_store_undoes_an_import(genstore, tree, tmp_path):
    with small_disk(tmp_path / "small", "3m") as small:
        store = small / "s"
        genstore("--store", store, "init")
        genstore("--store", store, "import", tree.real(tmp_path / "lib", 20), "--app-name", "lib")
        before = genstore("--store", store, "list", "--json").out
        big = tmp_path / "big"
        big.mkdir()
        (big / "random").write_bytes(os.urandom(6 << 20))
        said = one_line(genstore("--store", store, "import", big, "--app-name", "big", code=1))
        assert "full" in said or "No space left" in said
        assert genstore("--store", store, "list", "--json").out == before
        genstore("--store", store, "check", "--read-data")
        genstore("--store", store, "restore", "lib", tmp_path / "back")
        assert tree.differences(tmp_path / "lib", tmp_path / "back") == []


def test_a_full_disk_under_the_output_leaves_no_half_file(genstore, full, tmp_path):
    with small_disk(tmp_path / "small", "16k") as small:
        for args in (["get", "lib", "-o", small / "app.tar.gz"], ["backup", small / "copy"]):
            said = one_line(genstore(*args, code=1))
            assert "No space left" in said or "full" in said, said
        assert list(small.iterdir()) == []
        r = genstore("restore", "lib", small / "out", code=1)
        assert "No space left" in one_line(r)


def test_a_full_disk_behind_stdout_is_an_error(genstore, full):
    for args in (["cat", f"lib:{genstore('ls', '-R', 'lib').out.splitlines()[-1]}"], ["list"], ["list", "--json"], ["help"],
                 ["get", "lib", "-o", "-"]):
        with open("/dev/full", "wb") as out:
            p = genstore.start(*args, stdout=out)
            _, err = p.communicate(timeout=60)
        assert p.returncode == 1 and b"No space left on device" in err, args


@pytest.mark.parametrize("where", ["none/app.tar.gz", "file/app.tar.gz", "folder"])
def test_an_output_that_cannot_be_written_is_named(genstore, full, tmp_path, where):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    path = tmp_path / where
    assert f"cannot write '{path}'" in one_line(genstore("get", "lib", "-o", path, code=1))
    if where != "folder":
        one_line(genstore("restore", "lib", path, code=1))
        one_line(genstore("backup", path, code=1))


def test_a_store_with_a_strange_trigger_is_not_believed_when_it_is_untrusted(genstore, store):
    with contextlib.closing(sqlite3.connect(store)) as db:
        db.execute("CREATE TRIGGER strange AFTER INSERT ON apps BEGIN DELETE FROM users; END")
    genstore("list")
    assert "'strange'" in one_line(genstore("--untrusted", "list", code=13))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_store_of_another_owner_is_untrusted(genstore, store):
    with contextlib.closing(sqlite3.connect(store)) as db:
        db.execute("CREATE TRIGGER strange AFTER INSERT ON apps BEGIN DELETE FROM users; END")
    os.chown(store, 65534, 65534)
    assert "'strange'" in one_line(genstore("list", code=13))
