"""Looking at what is there, and bytes in and out: list show log snapshots diff ls cat get restore fork import rm."""

import base64
import hashlib
import json
import os
import pty
import shutil
import signal
import sqlite3
import subprocess
import tarfile

import pytest

from_shell = 'mkdir -p src; echo "iteration $ITERATION" >src/main.txt; echo "n$ITERATION" >"only-$ITERATION"; echo working'


@pytest.fixture
def three(generate):
    """A generation of three iterations, each with a file of its own."""
    return generate(from_shell, "--app-name", "todo", "--max-iterations", "3")


@pytest.fixture
def imported(genstore, store, tree, tmp_path):
    """A folder of real files, changed once: app 'lib' with two generations; the folder as it is now."""
    folder = tree.real(tmp_path / "lib", 120)
    genstore("import", folder, "--app-name", "lib", "--prompt", "a library")
    tree.change(folder, 3)
    (folder / "gone.txt").write_text("gone\n")
    genstore("import", folder, "--app-name", "lib")
    (folder / "gone.txt").unlink()
    (folder / "new.bin").write_bytes(b"\xff\x00\xfe")
    (folder / "hollow").mkdir()
    genstore("import", folder, "--app-name", "lib")
    return folder


def paths_of(folder):
    return {str(p.relative_to(folder)) + ("/" if p.is_dir() and not p.is_symlink() else "") for p in folder.rglob("*")}


def generation(genstore, rev):
    return genstore("show", rev, "--json").json[0]


# import, restore, get

def test_what_is_imported_is_restored_byte_for_byte(genstore, store, tree, tmp_path):
    folder = tree.odd(tmp_path / "odd")
    genstore("import", folder, "--app-name", "odd")
    genstore("restore", "odd", tmp_path / "back")
    assert tree.differences(folder, tmp_path / "back") == []


def test_import_prints_the_request_id_alone_and_talks_on_stderr(genstore, store, tree, tmp_path):
    r = genstore("import", tree.real(tmp_path / "x", 10), "--app-name", "x")
    assert r.out == generation(genstore, "x")["request_id"] + "\n"
    assert "'x/1' has 10 files" in r.err


def test_import_makes_a_completed_generation_with_one_manual_iteration(genstore, imported):
    g = generation(genstore, "lib/1")
    assert (g["status"], g["mode"], g["generation_type"], g["prompt"]) == ("completed", "single-shot", "new", "a library")
    assert (g["current_iteration"], g["generation_number"]) == (1, 1)
    snapshot, = genstore("snapshots", "lib/1", "--json").json
    assert (snapshot["snapshot_type"], snapshot["files"], snapshot["prompt_used"]) == ("manual", 120, "a library")
    assert generation(genstore, "lib")["generation_number"] == 3


def test_import_says_what_it_left_out_and_show_says_it_later(genstore, store, tree, tmp_path):
    folder = tree.write(tmp_path / "x", {"a": "a", ".env": "KEY=1", "node_modules/x.js": "", ".git/HEAD": ""})
    r = genstore("import", folder, "--app-name", "x")
    assert "left out: 2 ignored, 1 secret" in r.err and ".env" in r.err
    assert generation(genstore, "x")["left_out"]["names"] == [".env", ".git", "node_modules"]
    assert "left out:        2 ignored, 1 secret: .env, .git, node_modules" in genstore("show", "x").out
    assert genstore("ls", "x").out == "a\n"


def test_a_second_import_is_read_from_the_stat_cache_and_finds_every_change(genstore, imported, tree, tmp_path):
    caches = list((genstore.home / ".cache" / "genstore").iterdir())
    assert [c.name.startswith("stat-") for c in caches] == [True]
    tree.change(imported, 7)
    genstore("import", imported, "--app-name", "lib")
    genstore("restore", "lib", tmp_path / "back")
    assert tree.differences(imported, tmp_path / "back") == []


def test_an_empty_folder_is_imported_and_restored(genstore, store, tmp_path):
    (tmp_path / "empty").mkdir()
    genstore("import", tmp_path / "empty", "--app-name", "empty")
    genstore("restore", "empty", tmp_path / "back")
    assert list((tmp_path / "back").iterdir()) == []
    assert genstore("get", "empty", "-o", "-").stdout[:2] == b"\x1f\x8b"


def test_restore_gives_an_earlier_iteration(genstore, three, tmp_path):
    genstore("restore", "todo@2", tmp_path / "back")
    assert paths_of(tmp_path / "back") == {"src/", "src/main.txt", "only-1", "only-2"}
    assert (tmp_path / "back/src/main.txt").read_text() == "iteration 2\n"


def test_restore_fills_an_empty_folder_and_leaves_another_alone(genstore, three, tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    genstore("restore", "todo", full)
    (full / "only-1").write_text("mine")
    r = genstore("restore", "todo", full, code=1)
    assert r.err == f"genstore: the folder '{full}' is not empty; name a new one\n"
    assert (full / "only-1").read_text() == "mine"


def test_restore_says_how_much_it_wrote(genstore, three, tmp_path):
    summary = genstore("restore", three, tmp_path / "back", "--json").json[-1]
    assert (summary["message_type"], summary["request_id"], summary["files"]) == ("summary", three, 4)


def test_get_writes_the_archive_that_show_tells_the_hash_of(genstore, imported, tree, tmp_path):
    genstore("get", "lib", cwd=tmp_path)
    archive = tmp_path / "app.tar.gz"
    g = generation(genstore, "lib")
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == g["archive_sha256"]
    assert archive.stat().st_size == g["archive_size"]
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "out")
    assert tree.differences(imported, tmp_path / "out" / "app") == []


def test_get_to_stdout_and_to_a_file_are_the_same_bytes(genstore, three, tmp_path):
    genstore("get", three, "-o", tmp_path / "a.tar.gz")
    r = genstore("get", three, "-o", "-")
    assert r.stdout == (tmp_path / "a.tar.gz").read_bytes() and r.err == ""


def test_get_replaces_a_file_only_when_forced(genstore, three, tmp_path):
    mine = tmp_path / "mine"
    mine.write_text("mine")
    r = genstore("get", three, "-o", mine, code=1)
    assert r.err == f"genstore: '{mine}' exists; --force replaces it\n" and mine.read_text() == "mine"
    genstore("get", three, "-o", mine, "--force")
    assert mine.read_bytes()[:2] == b"\x1f\x8b"
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".genstore-")] == []


def test_get_writes_into_a_device_and_does_not_replace_it(genstore, three, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    p = genstore.start("get", three, "-o", fifo)
    assert fifo.read_bytes()[:2] == b"\x1f\x8b"
    p.communicate()
    assert p.returncode == 0 and fifo.is_fifo()
    genstore("get", three, "-o", "/dev/null", "--force")
    assert not os.path.isfile("/dev/null")


# cat and ls

def test_cat_gives_the_bytes_of_a_file_of_any_iteration(genstore, three):
    assert genstore("cat", "todo@1:src/main.txt").out == "iteration 1\n"
    assert genstore("cat", f"{three}:src/main.txt").out == "iteration 3\n"
    assert genstore("cat", "todo@1:only-1", "-:only-3", "-@2:only-2").out == "n1\nn3\nn2\n"


def test_cat_gives_binary_and_large_files_unchanged(genstore, store, tmp_path):
    folder = tmp_path / "x"
    folder.mkdir()
    data = os.urandom(1 << 20) * 3 + b"end"
    (folder / "big").write_bytes(data)
    genstore("import", folder, "--app-name", "x")
    assert genstore("cat", "x:big").stdout == data


@pytest.mark.parametrize("arg, code, words", [
    ("todo:src", 1, "'todo:src' is a directory; 'genstore ls' lists it"),
    ("todo:", 1, "is a directory"),
    ("todo:nope", 4, "no 'nope' in 'req_"),
    ("todo:src/main.txt/x", 4, "no 'src/main.txt/x' in"),
    ("todo:../etc/passwd", 4, "no '../etc/passwd' in"),
    ("todo", 2, "'todo' names no file; write REV:PATH"),
    ("nope:a", 4, "no generation or app 'nope'"),
    ("todo@9:only-1", 4, "has no iteration 9"),
    ("todo@x:only-1", 2, "'@x' is not an iteration"),
    ("todo/7:only-1", 4, "no generation 7 of an app 'todo'"),
])
def test_cat_says_why_there_is_no_such_file(genstore, three, arg, code, words):
    r = genstore("cat", arg, code=code)
    assert words in r.err and r.err.count("\n") == 1 and r.out == ""


def test_cat_names_the_target_of_a_link(genstore, store, tree, tmp_path):
    genstore("import", tree.odd(tmp_path / "odd"), "--app-name", "odd")
    r = genstore("cat", "odd:link", code=1)
    assert r.err == "genstore: 'odd:link' is a symbolic link to 'run.sh'; name that file\n"


def test_ls_lists_what_find_finds(genstore, imported):
    assert set(genstore("ls", "-R", "lib").out.splitlines()) == paths_of(imported)
    top = {name for name in paths_of(imported) if "/" not in name.rstrip("/")}
    assert set(genstore("ls", "lib").out.splitlines()) == top
    folder = sorted(name for name in top if name.endswith("/") and name != "hollow/")[0]
    inside = {p[len(folder):] for p in paths_of(imported) if p.startswith(folder) and p != folder}
    assert set(genstore("ls", "-R", f"lib:{folder}").out.splitlines()) == inside
    assert set(genstore("ls", "-R", f"lib:/{folder[:-1]}").out.splitlines()) == inside


def test_ls_l_has_modes_sizes_and_link_targets(genstore, store, tree, tmp_path):
    genstore("import", tree.odd(tmp_path / "odd"), "--app-name", "odd")
    lines = genstore("ls", "-l", "odd").out.splitlines()
    assert "lrwxrwxrwx     0 link -> run.sh" in lines
    assert "-rwxr-xr-x    17 run.sh" in lines
    assert "drwxr-xr-x     0 folder/" in lines
    assert "-rw-r--r-- 70000 zeros" in lines


def test_a_line_break_in_a_name_stays_out_of_the_terminal_and_in_the_json(genstore, store, tree, tmp_path):
    genstore("import", tree.odd(tmp_path / "odd"), "--app-name", "odd")
    assert "line\\x0abreak" in genstore("ls", "odd").out.splitlines()
    assert "line\nbreak" in [f["path"] for f in genstore("ls", "odd", "--json").json]


def test_ls_json_has_the_sha256_of_each_file(genstore, imported):
    for f in genstore("ls", "-R", "lib", "--json").json:
        path = imported / f["path"]
        assert f["message_type"] == "file"
        if f["type"] == "file":
            assert f["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest() and f["size"] == path.stat().st_size
        else:
            assert f["type"] == "directory" and path.is_dir()


def test_ls_of_a_file_names_that_file(genstore, three):
    assert genstore("ls", "todo:src/main.txt").out == "src/main.txt\n"
    assert genstore("ls", "todo:nope", code=4).err.startswith("genstore: no 'nope' in 'req_")


# list, show, log, snapshots

def test_list_has_the_newest_first_and_all_of_them(genstore, imported, three):
    objects = genstore("list", "--json").json
    assert [(g["app_name"], g["generation_number"]) for g in objects] == [("todo", 1), ("lib", 3), ("lib", 2), ("lib", 1)]
    assert {g["message_type"] for g in objects} == {"generation"}
    rows = genstore("list").out.splitlines()
    assert rows[0].split() == ["REQUEST", "ID", "APP", "STATUS", "ITERATIONS", "ARCHIVE", "CREATED"]
    assert rows[1].split()[:4] == [three, "todo/1", "completed", "3"]


def test_list_is_narrowed_by_app_status_and_limit_and_turns_pages(genstore, imported, three, generate):
    failed = generate("exit 3", code=1)
    ids = [g["request_id"] for g in genstore("list", "--json").json]
    assert [g["generation_number"] for g in genstore("list", "--json", "--app", "lib").json] == [3, 2, 1]
    assert [g["request_id"] for g in genstore("list", "--json", "--status", "failed").json] == [failed]
    assert [g["request_id"] for g in genstore("list", "--json", "--limit", "2").json] == ids[:2]
    assert [g["request_id"] for g in genstore("list", "--json", "--limit", "2", "--before", ids[1]).json] == ids[2:4]
    assert genstore("list", "--app", "nope").out == ""


@pytest.mark.parametrize("args", [["--status", "done"], ["--limit", "0"], ["--limit=-1"], ["--limit", "x"], ["--limit", "3", "--all"],
                                  ["--nope"], ["extra"]])
def test_list_refuses_what_it_does_not_know(genstore, store, args):
    r = genstore("list", *args, code=2)
    assert r.err.count("\n") == 1 and r.err.endswith("; see 'genstore help list'\n") and r.out == ""


def test_an_empty_store_lists_nothing(genstore, store):
    assert genstore("list", "--json").out == ""
    r = genstore("list")
    assert r.out == "" and r.err == "no generations\n"
    assert "the store has no generation yet" in genstore("show", "-", code=4).err


def test_every_way_to_name_a_revision_finds_the_same_generation(genstore, three):
    for rev in (three, three[:12], "todo", "todo/1", "-"):
        assert generation(genstore, rev)["request_id"] == three


def test_a_prefix_that_fits_several_is_refused_with_words(genstore, imported):
    r = genstore("show", "req_", code=2)
    assert r.err == "genstore: 'req_' fits several generations; give more of the request id\n"


def test_commands_that_take_a_generation_refuse_an_iteration(genstore, three):
    for command in ("show", "log", "get", "rm"):
        assert f"'{command}' takes a whole generation" in genstore(command, "todo@1", code=2).err


def test_show_has_the_sum_of_the_costs_and_every_line_of_the_prompt(genstore, store):
    genstore("generate", "--app-name", "x", "--prompt", "one\ntwo \x1b[31mred", "--max-iterations", "2")
    g = generation(genstore, "x")
    assert g["costs"]["input_tokens"] > 0 and g["costs"]["cost_usd"] > 0 and g["log_size"] > 0
    out = genstore("show", "x").out
    assert "prompt:          one\n                 two \\x1b[31mred\n" in out and "\x1b" not in out
    assert f"tokens:          {g['costs']['input_tokens']} in, {g['costs']['output_tokens']} out" in out


def test_log_has_what_the_generator_said_with_time_and_level(genstore, generate):
    generate("echo hello; echo oops >&2; echo 'bell \a'", "--app-name", "talk")
    lines = genstore("log", "talk").out.splitlines()
    hello = [line for line in lines if line.endswith("hello")]
    assert len(hello) == 1 and hello[0][19:22] == "Z  " and hello[0][22:27].strip() in ("debug", "info", "warn", "error")
    assert any("bell \\x07" in line for line in lines)
    events = genstore("log", "talk", "--json").json
    assert {e["message_type"] for e in events} == {"event"} and len(events) == len(lines)
    assert [e["at"][-1] for e in events] == ["Z"] * len(events)


def test_log_level_leaves_out_what_is_less(genstore, three):
    everything = genstore("log", three, "--level", "debug", "--json").json
    some = genstore("log", three, "--level", "warn", "--json").json
    assert some == [e for e in everything if e["level"] in ("warn", "error")]
    assert "no such level" in genstore("log", three, "--level", "loud", code=2).err


def test_log_f_follows_a_generation_until_it_ends(genstore, store, tmp_path, wait_for):
    go = tmp_path / "go"
    script = f"echo before; while [ ! -e {go} ]; do sleep 0.05; done; echo after"
    maker = genstore.start("generate", "--app-name", "slow", "--prompt", "p", "--", "/bin/sh", "-c", script)
    wait_for(lambda: "before" in genstore("log", "slow", code=None).out, "the first line")
    follower = genstore.start("log", "slow", "-f")
    assert follower.poll() is None
    go.write_text("")
    out, _ = follower.communicate(timeout=60)
    maker.communicate(timeout=60)
    assert follower.returncode == 0 and b"before" in out and b"after" in out
    assert out.decode() == genstore("log", "slow").out


def test_log_f_ends_when_its_reader_leaves(genstore, store, tmp_path, wait_for):
    stop = tmp_path / "stop"
    script = f"echo one; while [ ! -e {stop} ]; do sleep 0.05; done"
    maker = genstore.start("generate", "--app-name", "slow", "--prompt", "p", "--", "/bin/sh", "-c", script)
    wait_for(lambda: "one" in genstore("log", "slow", code=None).out, "the first line")
    follower = genstore.start("log", "slow", "-f")
    follower.stdout.readline()
    follower.stdout.close()
    assert follower.wait(timeout=60) == 0 and follower.stderr.read() == b""
    follower.stderr.close()
    stop.write_text("")
    maker.communicate(timeout=60)


def test_snapshots_lists_the_iterations(genstore, three):
    rows = genstore("snapshots", three).out.splitlines()
    assert [row.split()[:3] for row in rows[1:]] == [["1", "automatic", "2"], ["2", "automatic", "3"], ["3", "automatic", "4"]]
    assert [s["iteration_number"] for s in genstore("snapshots", three, "--json").json] == [1, 2, 3]
    assert [s["iteration_number"] for s in genstore("snapshots", "todo@2", "--json").json] == [2]


def test_snapshots_with_files_has_the_content_of_every_file(genstore, imported):
    (imported / "link").symlink_to("new.bin")
    # Characters that a chunk's end cuts through, and a byte that is none behind them.
    (imported / "wide.txt").write_text("é" * 150_000 + "\u20ac" * 100_000 + "\U0001f600" * 70_000)
    (imported / "spoilt.txt").write_bytes(("x" + "é" * 200_000).encode() + b"\xc3")
    genstore("import", imported, "--app-name", "lib")
    snapshot, = genstore("snapshots", "lib", "--json", "--files").json
    files = snapshot["files_snapshot"]
    assert set(files) == {p for p in paths_of(imported) if not p.endswith("/")}
    for name, content in files.items():
        path = imported / name
        if name == "link":
            assert content == {"link": "new.bin"}
        elif isinstance(content, dict):
            assert base64.b64decode(content["base64"], validate=True) == path.read_bytes()
        else:
            assert content.encode() == path.read_bytes()
    assert isinstance(files["new.bin"], dict) and isinstance(files["spoilt.txt"], dict)
    assert isinstance(files["wide.txt"], str)


def test_snapshots_with_files_is_for_programs_only(genstore, three):
    assert "--files needs --json" in genstore("snapshots", three, "--files", code=2).err


# diff

def git_name_status(a, b):
    r = subprocess.run(["git", "diff", "--no-index", "--no-renames", "--name-status", str(a), str(b)],
                       capture_output=True, text=True, check=False)
    said = set()
    for line in r.stdout.splitlines():
        letter, path = line.split("\t", 1)
        said.add((letter, os.path.relpath("/" + path.lstrip("/"), a if letter == "D" else b)
                  if letter != "M" else os.path.relpath("/" + path.lstrip("/"), a)))
    return said


def test_diff_says_what_git_says(genstore, imported, tmp_path):
    genstore("restore", "lib/1", tmp_path / "one")
    genstore("restore", "lib/3", tmp_path / "three")
    if not shutil.which("git"):
        pytest.skip("git is not here")
    ours = {tuple(line.split("\t")) for line in genstore("diff", "lib/1", "lib/3").out.splitlines()}
    assert ours - {("A", "hollow/")} == git_name_status(tmp_path / "one", tmp_path / "three")
    assert ("A", "hollow/") in ours


def test_diff_goes_both_ways_and_knows_equal_trees(genstore, imported):
    there = genstore("diff", "lib/2", "lib/3").out.splitlines()
    back = genstore("diff", "lib/3", "lib/2").out.splitlines()
    assert there == ["D\tgone.txt", "A\thollow/", "A\tnew.bin"]
    assert back == ["A\tgone.txt", "D\thollow/", "D\tnew.bin"]
    assert genstore("diff", "lib", "lib/3", "--exit-code").out == ""
    assert genstore("diff", "lib/2", "lib/3", "--exit-code", code=1).out.splitlines() == there


def test_diff_tells_modes_and_types_apart(genstore, store, tree, tmp_path):
    folder = tree.write(tmp_path / "x", {"run": "#!/bin/sh\n", "thing": "text"})
    genstore("import", folder, "--app-name", "x")
    (folder / "run").chmod(0o755)
    (folder / "thing").unlink()
    (folder / "thing").symlink_to("run")
    genstore("import", folder, "--app-name", "x")
    assert genstore("diff", "x/1", "x/2").out == "P\trun\nT\tthing\n"


def test_diff_stat_and_json_have_sizes_and_sums(genstore, imported):
    assert genstore("diff", "--stat", "lib/2", "lib/3").out.splitlines()[-1].startswith("2 added, 0 modified, 1 removed")
    *changes, summary = genstore("diff", "lib/1", "lib/2", "--json").json
    assert {c["message_type"] for c in changes} == {"change"}
    assert (summary["added"], summary["modified"], summary["removed"]) == (1, 3, 0)
    assert all(c["new_size"] == c["old_size"] + len("# changed\n") for c in changes if c["status"] == "M")


def test_a_patch_turns_the_one_tree_into_the_other(genstore, imported, tmp_path, tree):
    if not shutil.which("patch"):
        pytest.skip("patch is not here")
    genstore("restore", "lib/1", tmp_path / "one")
    genstore("restore", "lib/2", tmp_path / "two")
    patch = genstore("diff", "--patch", "lib/1", "lib/2").stdout
    subprocess.run(["patch", "-p1", "-s", "-d", tmp_path / "one"], input=patch, check=True)
    assert tree.differences(tmp_path / "one", tmp_path / "two") == []


def test_a_patch_names_binary_files_only(genstore, imported):
    assert "Binary files /dev/null and b/new.bin differ\n" in genstore("diff", "-p", "lib/2", "lib/3").out


# fork and rm

def test_a_fork_is_a_new_app_with_the_tree_and_a_parent(genstore, three, tmp_path, tree):
    r = genstore("fork", "todo@2", "--app-name", "todo-two")
    g = generation(genstore, "todo-two")
    assert r.out.strip() == g["request_id"] != three
    assert (g["parent_request_id"], g["generation_number"], g["generation_type"]) == (three, 1, "new")
    assert (g["prompt"], g["status"]) == ("make it so", "completed")
    assert genstore("diff", "todo@2", "todo-two", "--exit-code").out == ""


def test_a_fork_takes_no_name_that_is_taken(genstore, three):
    r = genstore("fork", "todo", "--app-name", "todo", code=1)
    assert r.err == "genstore: there is an app 'todo' already; choose another name\n"
    assert len(genstore("list", "--json").json) == 1


def test_rm_without_a_terminal_needs_force(genstore, three):
    r = genstore("rm", three, code=2)
    assert "add --force" in r.err and r.err.count("\n") == 1
    assert generation(genstore, three)["request_id"] == three
    genstore("rm", three, "--force")
    genstore("show", three, code=4)


@pytest.mark.parametrize("answer, gone", [(b"y\n", True), (b"n\n", False), (b"\n", False)])
def test_rm_asks_on_a_terminal(genstore, three, answer, gone):
    ours, theirs = pty.openpty()
    p = genstore.start("rm", three, stdin=theirs, stderr=theirs)
    os.close(theirs)
    asked = b""
    while b"[y/N]" not in asked:
        asked += os.read(ours, 1000)
    os.write(ours, answer)
    p.communicate()
    os.close(ours)
    assert f"remove '{three}' (todo/1, completed)? [y/N]".encode() in asked
    assert p.returncode == (0 if gone else 1)
    assert (three not in genstore("list", "--json").out) is gone


def test_rm_keeps_the_last_of_an_app_and_never_gives_a_number_again(genstore, imported):
    newest = generation(genstore, "lib")["request_id"]
    dry = genstore("rm", "--app", "lib", "--keep-last", "1", "--dry-run", "--json").json
    assert (dry[-1]["would_remove"], dry[-1]["removed"]) == (2, 0) and len(genstore("list", "--json").json) == 3
    done = genstore("rm", "--app", "lib", "--keep-last", "1", "--force", "--json").json
    assert (done[-1]["message_type"], done[-1]["removed"], done[-1]["failed"]) == ("summary", 2, 0)
    assert [g["request_id"] for g in genstore("list", "--json").json] == [newest]
    genstore("rm", "--app", "lib", "--keep-last", "0", "--force")
    genstore("import", imported, "--app-name", "lib")
    assert generation(genstore, "lib")["generation_number"] == 4


def test_rm_removes_nothing_when_one_of_its_names_is_wrong(genstore, imported):
    genstore("rm", "lib/1", "lib/9", "--force", code=4)
    assert len(genstore("list", "--json").json) == 3


def test_rm_of_one_name_twice_is_one_removal(genstore, imported):
    assert genstore("rm", "lib/3", "lib", "--force", "--json").json[-1]["removed"] == 1


def test_rm_leaves_what_is_running_and_says_so(genstore, store, imported, tmp_path, wait_for):
    stop = tmp_path / "stop"
    script = f"echo one; while [ ! -e {stop} ]; do sleep 0.05; done"
    maker = genstore.start("generate", "--app-name", "slow", "--prompt", "p", "--", "/bin/sh", "-c", script)
    wait_for(lambda: "one" in genstore("log", "slow", code=None).out, "the first line")
    assert "is generating; it can be removed when it has ended" in genstore("rm", "slow", "--force", code=1).err
    r = genstore("rm", "lib/1", "slow", "--force", "--json", code=3)
    assert (r.json[-1]["removed"], r.json[-1]["failed"]) == (1, 1)
    stop.write_text("")
    maker.communicate(timeout=60)


@pytest.mark.parametrize("args", [[], ["--app", "x"], ["--keep-last", "1"], ["x", "--app", "x", "--keep-last", "1"],
                                  ["--app", "x", "--keep-last", "-2"]])
def test_rm_wants_either_names_or_an_app_with_how_many_to_keep(genstore, store, args):
    assert genstore("rm", *args, code=2).err.count("\n") == 1


# all of them

def test_a_reader_that_leaves_early_is_no_error(genstore, imported):
    big = imported / "big"
    big.write_bytes(os.urandom(4 << 20))
    genstore("import", imported, "--app-name", "lib")
    for command in (["cat", "lib:big"], ["ls", "-R", "lib", "--json"], ["snapshots", "lib", "--json", "--files"],
                    ["get", "lib", "-o", "-"]):
        p = genstore.start(*command)
        assert p.stdout.read(1)
        p.stdout.close()
        assert p.stderr.read() == b""
        p.stderr.close()
        assert p.wait() in (0, -signal.SIGPIPE)


def test_json_errors_are_objects_on_stdout(genstore, store):
    r = genstore("show", "nope", "--json", code=4)
    assert r.err == "" and r.json == [{"message_type": "error", "code": "not_found", "exit_code": 4,
                                       "message": "no generation or app 'nope'", "hint": None}]


def test_every_command_has_help_that_exits_with_0(genstore):
    out = genstore("help").out
    commands = [line.split()[0] for line in out.splitlines() if line.startswith("  ") and not line.startswith("  -")
                and not line.startswith("   ")]
    assert len(commands) > 15
    for command in commands:
        assert genstore("help", command).out == genstore(command, "--help").out
        assert genstore("help", command).out.startswith(f"usage: genstore {command}")
    assert "no such command: 'nope'" in genstore("help", "nope", code=2).err


def complete(script, *words):
    line = " ".join(words)
    code = f'{script}\nCOMP_WORDS=({line} "$LAST"); COMP_CWORD={len(words)}; _genstore; printf "%s\\n" "${{COMPREPLY[@]}}"'
    return code


def test_the_shell_completes_commands_and_their_options(genstore):
    script = genstore("completion", "bash").out

    def ask(last, *words):
        r = subprocess.run(["bash", "-c", complete(script, "genstore", *words)], capture_output=True, text=True, check=True,
                           env={**os.environ, "LAST": last})
        return r.stdout.split()

    assert ask("sna") == ["snapshot", "snapshots"]
    assert ask("--pa", "diff") == ["--patch"]
    assert ask("--keep", "--store", "/x", "rm") == ["--keep-last"]
    assert ask("rest", "help") == ["restore"]
    assert "example-generator" not in ask("e")
    assert "no completion for 'fish'" in genstore("completion", "fish", code=2).err


def test_list_objects_are_the_rows_of_the_table(genstore, three):
    row = sqlite3.connect(f"file:{genstore.store}?mode=ro", uri=True)
    row.row_factory = sqlite3.Row
    columns = dict(row.execute("SELECT * FROM generation_requests").fetchone())
    shown = generation(genstore, three)
    columns["schema_snapshot"] = json.loads(columns["schema_snapshot"])  # JSON in a column is JSON in the object
    for name, value in columns.items():
        if name in shown:
            assert shown[name] == value, name
    assert {"request_id", "app_id", "user_id", "prompt", "status", "mode", "created_at", "completed_at"} <= set(shown)
