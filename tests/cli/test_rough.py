"""The program in rough surroundings: a store that is locked, a disk that is full, a generator that exaggerates, no HOME."""

import contextlib
import json
import os
import pathlib
import pwd
import resource
import signal
import sqlite3
import subprocess

import pytest

SECRET = "sk-0123456789-secret"


@contextlib.contextmanager
def locked(store):
    holder = sqlite3.connect(store, isolation_level=None, timeout=30)
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


@pytest.fixture
def tiny():
    """A folder on a file system of 3 MB."""
    top = pathlib.Path("/tmp") / f"genstore-tiny-{os.getpid()}"
    top.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(top)], capture_output=True, check=False).returncode:
        top.rmdir()
        pytest.skip("only root can mount a small file system")
    yield top
    subprocess.run(["umount", str(top)], check=True)
    top.rmdir()


def say(*messages):
    """A shell script that says these messages, each a JSON line."""
    return "".join(f"printf '%s\\n' '{json.dumps(m)}'\n" for m in messages)


READY = {"type": "ready"}
DONE = {"type": "all_work_complete", "completion_reason": "completed", "app_path": ".", "total_iterations": 1}


def lines_until(stream, words):
    for line in stream:
        if words in line:
            return
    pytest.fail(f"no line with {words!r}")


# A locked store

def test_a_store_that_stays_locked_is_waited_for_and_no_iteration_is_lost(genstore, store, tmp_path, wait_for):
    go = tmp_path / "go"
    script = f"while [ ! -e {go} ]; do sleep 0.02; done; echo one; echo $ITERATION > f"
    p = genstore.start("generate", "--app-name", "a", "--prompt", "x", "-n", "2", "--", "sh", "-c", script, stdout=subprocess.DEVNULL)
    wait_for(lambda: "generating" in genstore("list").out, "the generation")
    with locked(store):
        go.write_text("")
        lines_until(p.stderr, b"the store is locked by another process")
    p.communicate(timeout=60)
    assert p.returncode == 0
    assert [s["iteration_number"] for s in genstore("snapshots", "a", "--json").json] == [1, 2]
    assert "one" in genstore("log", "a").out


def test_ctrl_c_twice_gives_up_waiting_for_a_locked_store_and_the_next_start_pauses_it(genstore, store, tmp_path, wait_for):
    go = tmp_path / "go"
    script = f"while [ ! -e {go} ]; do sleep 0.02; done; echo one"
    p = genstore.start("generate", "--app-name", "a", "--prompt", "x", "--", "sh", "-c", script, stdout=subprocess.DEVNULL)
    wait_for(lambda: "generating" in genstore("list").out, "the generation")
    with locked(store):
        go.write_text("")
        lines_until(p.stderr, b"the store is locked by another process")
        p.send_signal(signal.SIGINT)
        lines_until(p.stderr, b"stopping")
        p.send_signal(signal.SIGINT)
        err = p.stderr.read()
        p.wait(timeout=60)
    p.stderr.close()
    assert p.returncode == 11 and b"database is locked; genstore pauses this generation at its next start\n" in err
    r = genstore("gc")
    assert "is paused now" in r.err and "paused" in genstore("list").out


# A full disk

def test_a_disk_that_fills_up_ends_the_generation_with_a_line_and_keeps_what_was_finished(genstore, tiny):
    store = tiny / "s.genstore"
    genstore("--store", store, "init")
    argv = ("--store", store, "generate", "--app-name", "a", "--prompt", "x", "-n", "5", "--", "sh", "-c",
            "head -c 700000 /dev/urandom > f$ITERATION")
    r = genstore(*argv, code=1)
    said = [line for line in r.err.splitlines() if line.startswith("genstore: ")]
    assert len(said) == 1 and "disk is full" in said[0]
    kept = [s["iteration_number"] for s in genstore("--store", store, "snapshots", "a", "--json").json]
    assert kept and kept == list(range(1, len(kept) + 1))
    (tiny / "fill").write_bytes(b"")
    with contextlib.suppress(OSError), open(tiny / "fill", "wb", buffering=0) as fill:
        while True:
            fill.write(bytes(4096))
    assert "full" in genstore(*argv, code=1).err
    (tiny / "fill").unlink()
    genstore("--store", store, "check", "--read-data")
    genstore("--store", store, "generate", "--app-name", "a", "--prompt", "x", "--", "sh", "-c", "echo x > f")


# Generators that exaggerate

def test_numbers_that_no_generation_can_have_are_brought_into_range(generate, genstore):
    huge, cost = 2**63 - 1, 1e308
    talk = {"type": "conversation_log", "timestamp": "t", "entry_type": "e", "agent": "a", "input_tokens": huge,
            "output_tokens": huge, "cost_usd": cost}
    step = {"type": "iteration_complete", "iteration": 1, "app_path": ".", "duration": huge, "iteration_cost": -1,
            "stats": {"input_tokens": huge}}
    generate(say(READY, talk, talk, step, {**step, "iteration": 2, "iteration_cost": 0.5}, {**DONE, "total_cost": -cost}), "-n", "2")
    shown = genstore("show", "app", "--json").json[0]
    assert shown["status"] == "completed" and shown["current_iteration"] == 2
    assert 0.5 <= shown["costs"]["cost_usd"] < 1e15 and 0 < shown["costs"]["input_tokens"] < 2**62
    assert all(s["metadata"]["cost"] >= 0 for s in genstore("snapshots", "app", "--json").json)


def test_the_error_of_a_failed_command_is_whole_characters_of_a_bounded_length(generate, genstore):
    generate("i=0; while [ $i -lt 400 ]; do printf ü; i=$((i+1)); done; printf '\\nbad \\377\\n'; exit 3", code=1)
    error = genstore("show", "app", "--json").json[0]["error_message"]
    assert error.endswith("ü\nbad \\xff") and len(error) < 400
    generate(say(READY, {"type": "error", "message": "é" * 9000}), code=1)
    error = genstore("show", "app", "--json").json[0]["error_message"]
    assert error.endswith("é...") and len(error) < 4000


def test_a_flood_without_a_line_end_is_one_line_cut(generate, genstore):
    generate("head -c 3000000 /dev/zero | tr '\\0' x >&2; echo >&2; echo after >&2; echo x > f")
    first, second = genstore("log", "app", "--json").json
    assert 60_000 < len(first["line"]) < 70_000 and first["line"].endswith("x ... (cut)") and second["line"] == "after"


@pytest.mark.parametrize("message", [
    {"type": "log", "line": "A" * 16_000_000}, {"type": "screenshot", "timestamp": "t", "filename": "f", "image_base64": "A" * 16_000_000},
    {"type": "other", "list": [0] * 4_000_000}], ids=["log", "screenshot", "list"])
def test_a_message_of_16_mb_stays_within_64_mib(genstore, store, tmp_path, wait_for, san, message):
    said, go = tmp_path / "said", tmp_path / "go"
    said.write_text("\n".join(json.dumps(m, separators=(",", ":")) for m in (READY, message, {"type": "log", "line": "mark"})) + "\n")
    script = f"cat {said}; while [ ! -e {go} ]; do sleep 0.02; done; {say(DONE)}"
    p = genstore.start("generate", "--app-name", "a", "--prompt", "x", "--", "sh", "-c", script)
    wait_for(lambda: " mark\n" in genstore("log", "a", code=None).out, "the line after it")
    status = pathlib.Path(f"/proc/{p.pid}/status").read_text()
    go.write_text("")
    p.communicate(timeout=60)
    assert p.returncode == 0
    assert san or int(status.split("VmHWM:")[1].split()[0]) < 64 << 10


def test_progress_without_a_line_end_is_no_silence(generate, genstore):
    generate("for i in 1 2 3 4 5 6 7 8; do printf \"$i%%\\r\"; sleep 0.4; done; echo x > f", "--timeout", "2s")
    assert genstore("show", "app", "--json").json[0]["status"] == "completed"


def test_a_command_that_reads_its_stdin_to_the_end_gets_an_end(generate, genstore):
    generate("cat > f; echo read", "--timeout", "2s")
    assert "read" in genstore("log", "app").out
    assert genstore("show", "app", "--json").json[0]["status"] == "completed"


def test_a_core_file_does_not_carry_a_secret_into_the_store(genstore, store):
    before = resource.getrlimit(resource.RLIMIT_CORE)
    if before[1] == 0:
        pytest.skip("core files are switched off for good here")
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
        script = "echo x > f; sh -c 'kill -SEGV $$'; ulimit -c > limit; true"
        genstore("generate", "--app-name", "a", "--prompt", "x", "--env", "KEY", "--", "sh", "-c", script, env={"KEY": SECRET})
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)
    assert genstore("cat", "a:limit").out == "0\n"
    assert not [line for line in genstore("ls", "a").out.splitlines() if line.startswith("core")]


# The command line and its surroundings

def test_json_before_what_is_wrong_makes_the_error_an_object(genstore):
    for args in (["--json", "list", "--bad"], ["list", "--json", "--bad"], ["--json", "--bad"]):
        assert genstore(*args, code=2).json[0]["message"] == "no such option: --bad"


@pytest.mark.parametrize("option, named", [("-ü", "-ü"), (b"-q\xff", "-q\\xff"), ("-qx", "-x"), ("--json=x", "--json"),
                                           (f"--envv=KEY={SECRET}", "--envv"), ("--nope", "--nope")])
def test_an_option_that_there_is_not_is_named_and_its_value_is_not(genstore, option, named):
    r = genstore("list", os.fsdecode(option), code=2)
    assert r.err == f"genstore: no such option: {named}; see 'genstore help list'\n"


def test_without_home_the_one_of_the_user_counts_and_not_anybody_elses(genstore):
    home = pwd.getpwuid(os.getuid()).pw_dir
    r = genstore("list", code=None, env={"HOME": None, "XDG_DATA_HOME": "relative", "GENSTORE_STORE": None})
    assert r.code in (0, 10) and (r.code == 0 or f"'{home}/.local/share/genstore/default.genstore'" in r.err)


def test_several_that_begin_at_once_without_a_store_share_the_one_that_is_made(genstore):
    ps = [genstore.start("generate", "--app-name", f"a{i}", "--prompt", "x", "--", "true", env={"GENSTORE_STORE": None}) for i in range(6)]
    said = [p.communicate(timeout=60)[1] for p in ps]
    assert [p.returncode for p in ps] == [0] * 6, said
    assert sum(b"made the store" in err for err in said) == 1
    assert len(genstore("list", "--json", env={"GENSTORE_STORE": None}).json) == 6


def test_a_relative_folder_for_workspaces_is_refused(genstore, store):
    r = genstore("generate", "--app-name", "a", "--prompt", "x", "--", "true", code=1, env={"GENSTORE_WORKSPACES": "here"})
    assert r.err.startswith("genstore: cannot make a workspace: GENSTORE_WORKSPACES is a relative path; ") and r.err.count("\n") == 1
    r = genstore("generate", "--app-name", "a", "--prompt", "x", "--", "true", code=1, env={"GENSTORE_WORKSPACES": "/proc/none/x"})
    assert r.err.count("\n") == 1 and genstore("list").out == ""


def test_a_patch_whose_reader_leaves_is_no_error(genstore, store, tmp_path):
    for text in ("a\n", "b\n"):
        for name in ("x", "y", "z"):
            (tmp_path / "t").mkdir(exist_ok=True)
            (tmp_path / "t" / name).write_text(text * 100_000)
        genstore("import", tmp_path / "t", "--app-name", "t")
    p = genstore.start("diff", "-p", "t/1", "t/2")
    p.stdout.readline()
    p.stdout.close()
    assert p.stderr.read() == b""
    p.stderr.close()
    assert p.wait(timeout=60) == 0


def test_a_long_list_has_its_titles_once(genstore, generate):
    generate("echo x > f")
    with contextlib.closing(sqlite3.connect(genstore.store)) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f'DROP TRIGGER "{name}"')
        columns = [row[1] for row in db.execute("PRAGMA table_info(generation_requests)")]
        kept = ", ".join("'req_' || n" if c == "request_id" else "n + 1" if c == "generation_number" else
                         "NULL" if c == "id" else "printf('%08x-0000-4000-8000-000000000000', n)" if c == "uuid" else c for c in columns)
        db.execute(f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1200) "
                   f"INSERT INTO generation_requests SELECT {kept} FROM generation_requests, c")
        db.commit()
    out = genstore("list", "--all").out
    assert out.count("REQUEST ID") == 1 and out.count("\n") == 1202


def test_following_a_generation_that_is_paused_ends(genstore, store, wait_for):
    p = genstore.start("generate", "--app-name", "a", "--prompt", "x", "--", "sh", "-c", "echo one; sleep 60")
    wait_for(lambda: "one" in genstore("log", "a", code=None).out, "the first line")
    p.send_signal(signal.SIGINT)
    p.communicate(timeout=60)
    r = genstore("log", "a", "-f")
    assert "one" in r.out and "is paused" in r.err


def test_the_help_says_what_stands_for_a_generation(genstore):
    assert "app's name (its newest generation)" in genstore("show", "--help").out
    assert "@3" in genstore("cat", "--help").out and "@3" not in genstore("show", "--help").out
    assert "Without\nCOMMAND the built-in example generator runs" in genstore("generate", "--help").out


def test_removing_a_generation_removes_the_workspace_it_had_left(generate, genstore):
    generate("echo x >f; exit 3", code=1)
    (kept,) = (genstore.home / ".state/genstore/workspaces").iterdir()
    assert (kept / "app/f").read_text() == "x\n"
    genstore("rm", "--force", "-")
    assert not kept.exists()
