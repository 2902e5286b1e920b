"""genstore generate, from outside: plain commands, the environment, bad input, and what is left on the disk."""

import json
import os
import pathlib
import re
import subprocess

import pytest

NODE_GENERATOR = pathlib.Path(__file__).resolve().parents[2] / "examples/generators/node-generator.mjs"


# Plain commands

def test_a_command_that_exits_with_0_is_a_completed_generation(generate, genstore, last, workspaces):
    req = generate("echo hello > index.html; mkdir src; echo x > src/a")
    assert last()["status"] == "completed"
    assert (last()["mode"], last()["max_iterations"], last()["current_iteration"]) == ("single-shot", 1, 1)
    assert genstore("cat", f"{req}:index.html").out == "hello\n"
    assert not workspaces()


def test_start_and_end_print_the_artifact_references(genstore, store):
    out = genstore("generate", "--app-name", "todo-app", "--prompt", "x", "--", "sh", "-c", "echo x > a").out
    rule = "═" * 60
    req = out.split("Request ID: ")[1].split("\n")[0]
    assert out.startswith(f"{rule}\n  genstore - App Generator\n{rule}\n\n  Request ID: {req}\n  App Name: todo-app\n\n"
                          "  Artifacts (on completion):\n"
                          f"  - S3: s3://leo-saas-generated-apps-{{account}}/generations/{req}/\n"
                          f"  - GitHub: github.com/leo-generated/{req}\n"
                          f"  - Local: /generations/{req}/app.tar.gz\n")
    assert f"\n{rule}\n  Generation Complete!\n{rule}\n\n  Download: genstore get {req} -o app.tar.gz\n" in out
    assert "Clone:" not in out


def test_the_banner_names_the_mount_of_this_store_only(genstore, mounted, tmp_path):
    other = tmp_path / "other.genstore"
    genstore("--store", other, "init")
    argv = ("generate", "--app-name", "a", "--prompt", "x", "--", "sh", "-c", "echo x > a")
    with mounted(at=tmp_path / "mount point") as top:
        assert f"/app.tar.gz (mounted at {top})\n" in genstore(*argv).out
        assert "mounted at" not in genstore("--store", other, *argv).out


def test_the_download_line_works_as_it_is_printed(genstore, tmp_path):
    other = tmp_path / "another store's.genstore"
    genstore("--store", other, "init")
    out = genstore("--store", other, "generate", "--app-name", "a", "--prompt", "x", "--", "sh", "-c", "echo x > a").out
    command = out.split("Download: genstore ")[1].split("\n")[0]
    argv = subprocess.run(["sh", "-c", f'printf "%s\\n" {command}'], capture_output=True, text=True, check=True).stdout
    genstore(*argv.splitlines(), cwd=tmp_path)
    listing = subprocess.run(["tar", "tzf", tmp_path / "app.tar.gz"], capture_output=True, text=True, check=True)
    assert listing.stdout == "app/\napp/a\n"


def test_an_autonomous_command_runs_once_an_iteration_on_the_tree_the_last_left(generate, genstore, last):
    req = generate("echo $ITERATION >> count", "--max-iterations", "3")
    assert (last()["mode"], last()["current_iteration"]) == ("autonomous", 3)
    assert genstore("cat", f"{req}@2:count").out == "1\n2\n"
    assert genstore("cat", f"{req}:count").out == "1\n2\n3\n"


def test_an_autonomous_command_stops_early_when_it_changed_nothing(generate, last):
    generate('test "$ITERATION" -gt 2 || echo $ITERATION > f', "--max-iterations", "9")
    assert (last()["status"], last()["current_iteration"]) == ("completed", 2)


def test_a_failure_keeps_and_seals_what_was_finished(generate, genstore, last, tmp_path, workspaces):
    script = 'echo $ITERATION > f; test "$ITERATION" -lt 3 || { echo "out of luck" >&2; exit 7; }'
    req = generate(script, "--mode", "autonomous", code=1)
    assert (last()["status"], last()["current_iteration"]) == ("failed", 2)
    assert "exit code 7" in last()["error_message"] and "out of luck" in last()["error_message"]
    assert genstore("cat", f"{req}:f").out == "2\n"
    genstore("get", req, "-o", tmp_path / "app.tar.gz")
    (kept,) = workspaces()
    assert (kept / "app" / "f").read_text() == "3\n"


def test_a_failure_says_why_and_what_to_do_in_one_line(genstore, store, workspaces):
    r = genstore("generate", "--app-name", "a", "--prompt", "x", "--", "sh", "-c", "echo no key; exit 3", code=1)
    said = r.err.splitlines()
    assert said[0].startswith("genstore: generation 'req_") and "failed: the command ended with exit code 3: no key" in said[0]
    assert "genstore log req_" in said[0]
    assert any("--env NAME" in line for line in said[1:])
    assert any(str(workspaces()[0]) in line for line in said[1:])


def test_a_command_that_was_ended_by_a_signal_says_which(generate, last):
    generate("kill -9 $$", code=1)
    assert "signal 9" in last()["error_message"]


def test_output_is_the_log_and_errors_are_warnings(generate, lines):
    generate("echo out; echo err >&2; printf 'no newline'; printf '10%%\\r20%%\\r100%%\\n' >&2; printf '\\033[31mred\\033[0m\\n'")
    assert {("info", "out"), ("warn", "err"), ("warn", "100%"), ("info", "no newlinered")} <= set(lines())


def test_json_that_is_said_before_ready_is_log(generate, lines, last):
    generate("""echo '{"type":"all_work_complete"}'; echo '{"type":"error","message":"m"}'; echo x > a""")
    assert last()["status"] == "completed"
    assert ("info", '{"type":"all_work_complete"}') in lines()


def test_metadata_of_a_snapshot_names_what_changed_and_what_was_left_out(generate, genstore):
    req = generate("mkdir -p node_modules; echo K=V > .env; echo $ITERATION > f; echo $ITERATION > f$ITERATION; "
                   "echo x > node_modules/x; rm -f f1.tmp; test $ITERATION = 2 || echo > f1.tmp", "--max-iterations", "2")
    second = genstore("snapshots", req, "--json").json[1]
    assert second["prompt_used"] == "make it so"
    meta = second["metadata"]
    assert meta["changed_files"] == {"names": ["M f", "D f1.tmp", "A f2"], "added": 1, "modified": 1, "removed": 1}
    assert (meta["left_out"]["ignored"], meta["left_out"]["secrets"]) == (1, 1)
    assert sorted(meta["left_out"]["names"]) == [".env", "node_modules"]
    assert meta["tokens"] == {"input": 0, "output": 0} and meta["duration"] >= 0


def test_what_was_left_out_is_told_at_the_end(genstore, store):
    r = genstore("generate", "--app-name", "a", "--prompt", "x", "--", "sh", "-c", "echo K=V > .env; echo x > a")
    assert "Left out: 0 ignored, 1 secret (.env)" in r.out


def test_json_prints_a_generation_its_progress_and_a_summary(genstore, store):
    r = genstore("--json", "generate", "--app-name", "a", "--prompt", "x", "--", "sh", "-c", "echo x > a")
    assert [o["message_type"] for o in r.json] == ["generation", "progress", "summary"]
    assert r.json[0]["status"] == "generating" or r.json[0]["request_id"] == r.json[2]["request_id"]
    assert (r.json[2]["status"], r.json[2]["iterations"], r.json[2]["files"]) == ("completed", 1, 1)


def test_quiet_prints_the_request_id_alone(genstore, store, last):
    r = genstore("-q", "generate", "--app-name", "a", "--prompt", "x", "--", "sh", "-c", "echo x > a")
    assert r.out == last()["request_id"] + "\n" and not r.err


def test_a_tree_that_cannot_be_kept_fails_the_generation_but_not_what_was_finished(generate, genstore, last):
    req = generate("echo $ITERATION > f; test $ITERATION = 1 || mkfifo pipe", "--max-iterations", "2", code=1)
    assert (last()["status"], last()["current_iteration"]) == ("failed", 1)
    assert "pipe" in last()["error_message"]
    assert genstore("cat", f"{req}:f").out == "1\n"


def test_a_tree_over_the_size_limit_fails_the_generation(generate, last):
    generate("head -c 3000000 /dev/zero > f", "--max-size", "2M", code=1)
    assert last()["status"] == "failed" and "limit" in last()["error_message"]


def test_silence_beyond_the_limit_fails_the_generation(generate, last):
    generate("exec sleep 1000", "--timeout", "1s", code=1)
    assert "said nothing for 1 s" in last()["error_message"]


def test_a_daemon_that_is_left_behind_is_ended_with_its_generation(generate, tmp_path):
    pid = tmp_path / "pid"
    generate(f"setsid sh -c 'trap \"\" TERM HUP; echo $$ > {pid}; exec >/dev/null 2>&1 <&-; while :; do sleep 1; done' & "
             f"while ! test -s {pid}; do :; done; echo x > a")
    assert not pathlib.Path(f"/proc/{int(pid.read_text())}").exists()


def test_a_daemon_that_holds_the_output_does_not_hold_up_the_end(generate, last):
    generate("setsid yes & echo x > a")
    assert last()["status"] == "completed"


def test_a_flood_of_lines_is_all_kept(generate, rows):
    generate("seq 100000; echo x > a")
    assert rows("SELECT count(*), max(CAST(line AS INTEGER)) FROM generation_events WHERE level = 'info'") == [[100000, 100000]]


def test_a_line_without_end_is_cut_and_the_next_one_is_whole(generate, lines):
    generate("head -c 20000000 /dev/zero | tr '\\0' x; echo; echo next")
    found = [line for _, line in lines()]
    assert found[0].startswith("xxxx") and len(found[0]) < 70000
    assert found[1] == "next"


# The environment

SEEN = ("REQUEST_ID", "APP_NAME", "PROMPT", "MODE", "MAX_ITERATIONS", "WORKSPACE", "ITERATION")


def test_the_environment_is_what_the_generator_is_told_and_little_else(generate, genstore):
    more = {"SECRET_OF_MINE": "never", "https_proxy": "http://proxy", "LC_TIME": "C", "TERM": "dumb", "GENSTORE_X": "1"}
    req = generate("env -0 > ../env; cp ../env env.bin", "--app-name", "todo app", "--prompt", "line\nbreak", env=more)
    env = dict(item.split("=", 1) for item in genstore("cat", f"{req}:env.bin").out.split("\0") if item)
    assert {name: env.pop(name) for name in SEEN} == {
        "REQUEST_ID": req, "APP_NAME": "todo app", "PROMPT": "line\nbreak", "MODE": "single-shot", "MAX_ITERATIONS": "1",
        "WORKSPACE": str(genstore.home / ".state/genstore/workspaces" / f"leo-workspace-{req}"), "ITERATION": "1"}
    assert re.fullmatch(rf"ws://127\.0\.0\.1:[0-9]+/wsi/{req}", env.pop("WS_URL"))
    for name in ("PWD", "OLDPWD", "SHLVL", "_"):  # of the shell itself
        env.pop(name, None)
    assert set(env) <= {"PATH", "HOME", "LANG", "TERM", "TMPDIR", "USER", "SHELL", "LC_ALL", "LC_TIME", "https_proxy"}
    assert env["https_proxy"] == "http://proxy" and env["HOME"] == str(genstore.home)


def test_the_generator_begins_in_the_app_folder_of_a_private_workspace(generate, genstore):
    req = generate("pwd > where; stat -c %a .. > mode")
    assert genstore("cat", f"{req}:where").out.rstrip() == \
        str(genstore.home / ".state/genstore/workspaces" / f"leo-workspace-{req}" / "app")
    assert genstore("cat", f"{req}:mode").out == "700\n"


def test_GENSTORE_WORKSPACES_says_where_workspaces_are(generate, genstore, tmp_path):
    req = generate("pwd > where", env={"GENSTORE_WORKSPACES": tmp_path / "w"})
    assert genstore("cat", f"{req}:where").out.rstrip() == str(tmp_path / "w" / f"leo-workspace-{req}" / "app")


SECRET = 's3cr3t"\\käy'


def test_a_value_passed_by_env_reaches_the_generator_and_nothing_else(genstore, wsi, lines):
    r = wsi("""
begin()
key = os.environ["API_KEY"]
write("length", str(len(key)))
print("plain", key, flush=True)
print(json.dumps({"no type": key}), flush=True)
print(key, file=sys.stderr, flush=True)
tell("log", line="wsi " + key)
tell("log", line="other", **{key: "value of a key"})
iteration(1, stats={"k": [key]})
tell("error", message="broken by " + key)
farewell()
""", "--env", "API_KEY", "--json", "-v", expect=1, env={"API_KEY": SECRET})
    said = r.stdout + r.stderr + genstore.store.read_bytes()
    for form in (SECRET, json.dumps(SECRET)[1:-1], json.dumps(SECRET, ensure_ascii=False)[1:-1]):
        assert form.encode() not in said
    assert ("info", "wsi ***") in lines() and ("warn", "***") in lines()
    assert genstore("cat", "app:length").out == str(len(SECRET))


def test_an_env_that_is_not_set_or_given_with_its_value_is_refused_without_showing_it(genstore, store):
    base = ("generate", "--app-name", "a", "--prompt", "x")
    assert "no such variable" in genstore(*base, "--env", "NOT_SET", code=2).err
    said = genstore(*base, "--env", "API_KEY=hidden", code=2).err
    assert "API_KEY" in said and "hidden" not in said
    assert "set for the generator" in genstore(*base, "--env", "PROMPT", code=2).err


# Bad input

BASE = ("generate", "--app-name", "a")
TRUE = ("--", "true")


@pytest.mark.parametrize("args, words", [
    ((*BASE, "--prompt", "x", "--mode", "wild", *TRUE), "'wild' is no mode"),
    ((*BASE, "--prompt", "x", "--mode", "confirm_first", *TRUE), "nobody can answer here"),
    ((*BASE, "--prompt", "x", "--max-iterations", "0", *TRUE), "from 1 to 1000"),
    ((*BASE, "--prompt", "x", "--max-iterations", "-3", *TRUE), "from 1 to 1000"),
    ((*BASE, "--prompt", "x", "--max-iterations", "1001", *TRUE), "from 1 to 1000"),
    ((*BASE, "--prompt", "x", "--max-iterations", "many", *TRUE), "whole number"),
    ((*BASE, "--prompt", "x", "--mode", "single-shot", "--max-iterations", "2", *TRUE), "one iteration"),
    ((*BASE, "--prompt", "", *TRUE), "empty"),
    ((*BASE, "--prompt", " \n\t", *TRUE), "empty"),
    ((*BASE, "--prompt", b"caf\xe9", *TRUE), "not UTF-8"),
    ((*BASE, *TRUE), "--prompt"),
    ((*BASE, "--prompt", "x", "--prompt-file", "y", *TRUE), "either"),
    ((*BASE, "--prompt-file", "/does/not/exist", *TRUE), "/does/not/exist"),
    (("generate", "--prompt", "x", *TRUE), "--app-name"),
    (("generate", "--app-name", "a/b", "--prompt", "x", *TRUE), "'a/b' cannot be an app name"),
    (("generate", "--app-name", "req_1", "--prompt", "x", *TRUE), "cannot be an app name"),
    ((*BASE, "--prompt", "make", "it", "so"), "what is 'it'"),
    ((*BASE, "--prompt", "x", "--", "no-such-command-here"), "cannot run 'no-such-command-here'"),
    ((*BASE, "--prompt", "x", "--", "/etc/passwd"), "cannot run '/etc/passwd': Permission denied"),
    ((*BASE, "--prompt", "x", "--", "/etc"), "cannot run '/etc'"),
    ((*BASE, "--prompt", "x", "--", ""), "cannot run ''"),
    ((*BASE, "--prompt", "x", "--timeout", "soon", *TRUE), "--timeout"),
    ((*BASE, "--prompt", "x", "--max-size", "10X", *TRUE), "--max-size"),
    ((*BASE, "--prompt", "x", "--image", "b", *TRUE), "not in this version"),
    ((*BASE, "--prompt", "x", "--to", "s3,", *TRUE), "'s3,' is no remote: s3, github or s3,github"),
    ((*BASE, "--prompt", "x", "--to", "ftp", *TRUE), "'ftp' is no remote"),
])
def test_bad_input_is_one_clear_line_and_leaves_the_store_alone(genstore, store, args, words, workspaces):
    before = store.read_bytes()
    argv = [os.fsdecode(a) if isinstance(a, bytes) else a for a in args]
    r = genstore(*argv, code=2)
    assert words in r.err and len(r.err.splitlines()) == 1 and not r.out
    assert store.read_bytes() == before
    assert not workspaces()


@pytest.mark.parametrize("content, words", [
    (b"x" * 1_000_000, "over 131000 bytes"), (b"x" * 131_001, "over 131000 bytes"), (b"", "empty"), (b"\xff\xfe", "not UTF-8"),
    (b"a\0b", "not UTF-8")])
def test_a_prompt_file_that_cannot_be_a_prompt_is_refused(genstore, store, tmp_path, content, words):
    (tmp_path / "prompt").write_bytes(content)
    for source in ({"args": str(tmp_path / "prompt")}, {"args": "-", "input": content}):
        r = genstore("generate", "--app-name", "a", "--prompt-file", source["args"], "--", "true", code=2,
                     input=source.get("input"))
        assert words in r.err and len(r.err.splitlines()) == 1


def test_the_longest_prompt_reaches_the_generator(genstore, store, tmp_path):
    (tmp_path / "prompt").write_bytes(b"x" * 131_000)
    genstore("generate", "--app-name", "a", "--prompt-file", tmp_path / "prompt", "--", "sh", "-c", "printf %s \"$PROMPT\" > p")
    assert len(genstore("cat", "a:p").out) == 131_000


def test_a_command_given_by_a_relative_path_is_taken_from_here(genstore, store, tmp_path):
    script = tmp_path / "gen.sh"
    script.write_text("#!/bin/sh\necho x > a\n")
    script.chmod(0o755)
    genstore("generate", "--app-name", "a", "--prompt", "x", "--", "./gen.sh", cwd=tmp_path)


def test_a_script_without_its_interpreter_fails_with_the_reason(genstore, store, tmp_path, last):
    script = tmp_path / "gen.sh"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    genstore("generate", "--app-name", "a", "--prompt", "x", "--", script, code=1)
    assert last()["status"] == "failed" and "cannot run" in last()["error_message"]


def test_an_unknown_user_is_no_such_thing(genstore, store, workspaces):
    before = store.read_bytes()
    r = genstore("generate", "--app-name", "a", "--prompt", "x", "--user", "nobody-here", "--", "true", code=4)
    assert "nobody-here" in r.err
    assert store.read_bytes() == before
    assert not workspaces()


def test_a_workspace_that_cannot_be_made_leaves_the_store_alone(genstore, store, tmp_path):
    before = store.read_bytes()
    (tmp_path / "file").write_text("")
    r = genstore("generate", "--app-name", "a", "--prompt", "x", "--", "true", code=1, env={"GENSTORE_WORKSPACES": tmp_path / "file"})
    assert "cannot make a workspace" in r.err
    assert store.read_bytes() == before


def test_the_default_store_is_made_at_first_use(genstore):
    r = genstore("generate", "--app-name", "a", "--prompt", "x", "--", "sh", "-c", "echo x > a", env={"GENSTORE_STORE": None})
    path = genstore.home / ".data" / "genstore" / "default.genstore"
    assert path.exists() and f"made the store '{path}'" in r.err


def test_a_store_that_is_named_and_missing_is_not_made(genstore):
    genstore("generate", "--app-name", "a", "--prompt", "x", "--", "true", code=10)
    assert not genstore.store.exists()


# What is left on the disk

def test_a_tree_that_resists_is_removed_all_the_same(generate, workspaces):
    generate("mkdir -p locked/in; echo x > locked/in/f; chmod 0 locked/in; chmod 500 locked; chmod 700 locked; "
             "ln -s / link; mkdir .genstore-rm-1; i=0; while [ $i -lt 300 ]; do mkdir d; cd d; i=$((i+1)); done; "
             "cd \"$WORKSPACE/app\"; chmod 700 locked/in; rm -r d", "--prompt", "x")
    assert not workspaces()


def test_removing_a_workspace_follows_no_link(generate, tmp_path, workspaces):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("x")
    generate(f"ln -s {tmp_path}/precious link; mkdir deep; ln -s {tmp_path}/precious deep/link")
    assert not workspaces()
    assert (tmp_path / "precious" / "file").read_text() == "x"


def test_the_built_in_example_generator_runs_when_no_command_is_given(genstore, store, last):
    genstore("generate", "--app-name", "a", "--prompt", "a todo list", "--max-iterations", "2")
    assert (last()["status"], last()["current_iteration"]) == ("completed", 2)
    assert "package.json" in genstore("ls", "a").out


@pytest.mark.parametrize("command", [(), ("--", "node", str(NODE_GENERATOR))], ids=["built-in", "node"])
def test_an_iteration_is_the_tree_of_its_moment_for_a_generator_that_waits_for_the_word(genstore, store, command):
    seen = set()
    for _ in range(8):
        genstore("generate", "--app-name", "a", "--prompt", "x", "--max-iterations", "3", *command)
        seen.add(tuple(s["files"] for s in genstore("snapshots", "a", "--json").json if s["message_type"] == "snapshot"))
    assert len(seen) == 1 and len(set(seen.pop())) == 3
