"""genstore generate, from outside: plain commands, generators that speak WSI as JSON lines, signals, bad input."""

import contextlib
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys

import pytest

# A generator in Python. tell() sends a message, hear() waits for one, write() makes a file of the app.
WSI = """
import json, os, pathlib, sys, time
def tell(type, **fields):
    print(json.dumps({"type": type, **fields}), flush=True)
def hear():
    line = sys.stdin.readline()
    return json.loads(line) if line else None
def write(path, text):
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(path).write_text(text)
def begin():
    tell("ready")
    start = hear()
    assert start["type"] == "start_generation", start
    return start
def iteration(n, **more):
    tell("iteration_complete", iteration=n, app_path=os.getcwd(), **more)
def settle():  # messages are handled in order: when this is answered, the snapshot before it is taken
    tell("decision_prompt", id="settle", prompt="taken?")
    hear()
def complete(n, reason="completed", **more):
    tell("all_work_complete", completion_reason=reason, app_path=os.getcwd(), total_iterations=n, **more)
def farewell():
    while (order := hear()) and order.get("command") != "prepare_shutdown":
        pass
    tell("shutdown_ready")
"""


@pytest.fixture
def wsi(genstore, store, tmp_path):
    """Runs a generator that speaks WSI; its code begins where WSI ends."""

    def run(code, *args, expect=0, start=False, **options):
        script = tmp_path / f"generator{len(list(tmp_path.glob('generator*')))}.py"
        script.write_text(WSI + code)
        argv = ["generate", "--app-name", "app", "--prompt", "make it so", *args, "--", sys.executable, script]
        return genstore.start(*argv, **options) if start else genstore(*argv, code=expect, **options)

    return run


@pytest.fixture
def last(genstore):
    """The newest generation, as `list --json` has it."""
    return lambda: max(genstore("list", "--json").json, key=lambda g: g["id"])


@pytest.fixture
def rows(genstore):
    """Rows of the store, by SQL, each a list."""

    def run(sql):
        with contextlib.closing(sqlite3.connect(genstore.store)) as db:
            return [list(row) for row in db.execute(sql)]

    return run


@pytest.fixture
def lines(rows):
    """[(level, line)] of all that was logged."""
    return lambda: [tuple(row) for row in rows("SELECT level, line FROM generation_events ORDER BY id")]

NODE_GENERATOR = pathlib.Path(__file__).resolve().parents[2] / "examples/generators/node-generator.mjs"


def workspaces(genstore):
    return sorted((genstore.home / ".state" / "genstore" / "workspaces").glob("leo-workspace-*"))


# Plain commands

def test_a_command_that_exits_with_0_is_a_completed_generation(generate, genstore, last):
    req = generate("echo hello > index.html; mkdir src; echo x > src/a")
    assert last()["status"] == "completed"
    assert (last()["mode"], last()["max_iterations"], last()["current_iteration"]) == ("single-shot", 1, 1)
    assert genstore("cat", f"{req}:index.html").out == "hello\n"
    assert not workspaces(genstore)


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


def test_a_failure_keeps_and_seals_what_was_finished(generate, genstore, last, tmp_path):
    script = 'echo $ITERATION > f; test "$ITERATION" -lt 3 || { echo "out of luck" >&2; exit 7; }'
    req = generate(script, "--mode", "autonomous", code=1)
    assert (last()["status"], last()["current_iteration"]) == ("failed", 2)
    assert "exit code 7" in last()["error_message"] and "out of luck" in last()["error_message"]
    assert genstore("cat", f"{req}:f").out == "2\n"
    genstore("get", req, "-o", tmp_path / "app.tar.gz")
    (kept,) = workspaces(genstore)
    assert (kept / "app" / "f").read_text() == "3\n"


def test_a_failure_says_why_and_what_to_do_in_one_line(genstore, store):
    r = genstore("generate", "--app-name", "a", "--prompt", "x", "--", "sh", "-c", "echo no key; exit 3", code=1)
    said = r.err.splitlines()
    assert said[0].startswith("genstore: generation 'req_") and "failed: the command ended with exit code 3: no key" in said[0]
    assert "genstore log req_" in said[0]
    assert any("--env NAME" in line for line in said[1:])
    assert any(str(workspaces(genstore)[0]) in line for line in said[1:])


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


# Generators that speak WSI

def test_ready_is_answered_with_the_order(wsi, genstore, last):
    wsi("""
start = begin()
write("start.json", json.dumps(start))
complete(0)
farewell()
""", "--max-iterations", "4")
    start = json.loads(genstore("cat", "app:start.json").out)
    assert (start["prompt"], start["mode"], start["max_iterations"], start["app_name"]) == ("make it so", "autonomous", 4, "app")
    assert (start["app_id"], start["user_id"]) == (last()["app_id"], last()["user_id"])


def test_each_iteration_complete_is_a_snapshot_with_tokens_cost_and_duration(wsi, genstore, rows):
    wsi("""
begin()
for n in (1, 2):
    write("n", str(n))
    tell("conversation_log", timestamp="t", entry_type="assistant", agent="a", cost_usd=0.5, input_tokens=10, output_tokens=n)
    iteration(n, duration=n * 1000, session_id="s1")
    settle()
complete(2)
farewell()
""", "--max-iterations", "2")
    assert genstore("cat", "app@1:n").out == "1"
    meta = [s["metadata"] for s in genstore("snapshots", "app", "--json").json]
    assert [m["tokens"] for m in meta] == [{"input": 10, "output": 1}, {"input": 10, "output": 2}]
    assert [(m["duration"], m["cost"], m["session_id"]) for m in meta] == [(1000, 0.5, "s1"), (2000, 0.5, "s1")]
    assert rows("SELECT iteration_number, input_tokens, output_tokens, duration_ms, cost_usd FROM generation_costs ORDER BY 1") == [
        [1, 10, 1, 1000, 0.5], [2, 10, 2, 2000, 0.5]]


def test_tokens_and_cost_of_the_message_go_before_those_of_the_conversation(wsi, genstore):
    wsi("""
begin()
tell("conversation_log", timestamp="t", entry_type="assistant", agent="a", cost_usd=0.5, input_tokens=10, output_tokens=20)
iteration(1, iteration_cost=0.75, stats={"input_tokens": 7, "output_tokens": 8})
complete(1)
farewell()
""")
    (snapshot,) = genstore("snapshots", "app", "--json").json
    assert snapshot["metadata"]["tokens"] == {"input": 7, "output": 8} and snapshot["metadata"]["cost"] == 0.75


def test_what_was_spent_beside_the_iterations_is_a_cost_of_the_whole(wsi, rows):
    wsi("""
begin()
write("a", "1")
iteration(1, iteration_cost=0.5)
complete(1, total_cost=0.75)
farewell()
""")
    assert rows("SELECT iteration_number, cost_usd FROM generation_costs ORDER BY id") == [[1, 0.5], [0, 0.25]]


def test_completion_writes_the_columns_of_the_clean_up_plan(wsi, last):
    wsi("""
begin()
write("a", "x")
complete(0, github_url="https://github.com/o/r/", github_commit="c0ffee", flyio_url="https://a.fly.dev", session_id="s9",
         download_url="https://nowhere")
farewell()
""")
    g = last()
    assert g["github_url"] == "https://github.com/o/r/"
    assert g["artifacts_github_url"] == "https://github.com/o/r-artifacts"
    assert (g["github_commit"], g["deployment_url"], g["last_session_id"]) == ("c0ffee", "https://a.fly.dev", "s9")
    assert g["completed_at"] and "download_url" not in g


def test_what_changed_after_the_last_iteration_gets_a_snapshot_of_its_own(wsi, genstore, last):
    wsi("""
begin()
write("a", "1")
iteration(1)
settle()
write("a", "2")
complete(1)
farewell()
""")
    assert last()["current_iteration"] == 2
    assert genstore("cat", "app:a").out == "2"


def test_a_completion_without_changes_adds_no_snapshot(wsi, last):
    wsi("begin(); write('a', '1'); iteration(1); complete(1); farewell()")
    assert last()["current_iteration"] == 1


@pytest.mark.parametrize("reason, status, code", [
    ("autonomous_complete", "completed", 0), ("max_iterations", "completed", 0), ("user_done", "completed", 0),
    ("user_cancelled", "cancelled", 1), ("error", "failed", 1)])
def test_the_completion_reason_decides_the_status(wsi, last, reason, status, code):
    wsi(f"begin(); write('a', '1'); iteration(1); complete(1, '{reason}'); farewell()", expect=code)
    assert last()["status"] == status
    assert last()["archive_size"] > 0


def test_a_fatal_error_fails_and_another_is_logged(wsi, last, lines):
    wsi("""
begin()
tell("error", message="a hiccup", fatal=False)
write("a", "1")
iteration(1)
tell("error", message="the end")
farewell()
""", expect=1)
    assert (last()["status"], last()["error_message"]) == ("failed", "the end")
    assert ("warn", "a hiccup") in lines()
    assert last()["archive_size"] > 0


@pytest.mark.parametrize("way", ["sys.exit(0)", "sys.exit(3)", "os.kill(os.getpid(), 11)"])
def test_an_end_without_completion_is_a_failure(wsi, last, way):
    wsi(f"begin(); write('a', '1'); iteration(1); {way}", expect=1)
    assert last()["status"] == "failed" and "before its work was complete" in last()["error_message"]


def test_task_interrupted_pauses(wsi, last, genstore):
    r = wsi("begin(); write('a', '1'); iteration(1); tell('task_interrupted', app_path='.'); farewell()", expect=1)
    assert last()["status"] == "paused"
    assert len(workspaces(genstore)) == 1 and str(workspaces(genstore)[0]) in r.err


def test_iterations_out_of_order_are_counted_on_with_a_warning(wsi, genstore, lines):
    wsi("""
begin()
for n in (1, 5, 5):
    write("n", str(time.time_ns()))
    iteration(n)
complete(3)
farewell()
""", "--max-iterations", "5")
    assert [s["iteration_number"] for s in genstore("snapshots", "app", "--json").json] == [1, 2, 3]
    assert sum(level == "warn" and "calls this iteration 5" in line for level, line in lines()) == 2


def test_messages_that_are_unknown_broken_or_incomplete_are_log_and_harmless(wsi, last, lines):
    wsi("""
begin()
tell("telepathy", x=1)
tell("iteration_complete")
tell("log")
print('{"type": "log", "line": ', flush=True)
print("[1, 2]", flush=True)
print('{"type": "log", "line": "deep", "x": ' + "[" * 1500 + "]" * 1500 + "}", flush=True)
tell("log", line="bell \\x07 and null \\x00 and newline \\n.", level="debug", more={"fields": None})
write("a", "1")
complete(0)
farewell()
""")
    assert last()["status"] == "completed"
    found = lines()
    assert ("debug", "message of unknown type 'telepathy'") in found
    assert any(level == "warn" and "'iteration_complete' without" in line for level, line in found)
    assert ("info", "[1, 2]") in found and ("info", "deep") in found
    assert any(level == "debug" and line.startswith("bell ") for level, line in found)


def test_every_type_of_message_is_an_event_of_that_type(wsi, rows):
    wsi("""
begin()
tell("log", line="l")
tell("conversation_log", timestamp="t", entry_type="e", agent="a")
tell("progress", stage="s", percentage=5)
tell("session_loaded", session_id="s", app_path=".")
tell("session_saved", session_id="s", app_path=".")
tell("session_cleared", app_path=".")
tell("context_display", app_path=".")
tell("screenshot", timestamp="t", image_base64="data:image/png;base64,SECRETIMAGE", filename="a.png")
tell("summary_update")
tell("process_monitor")
tell("friendly_log", message="m", category="done", timestamp="t")
write("a", "1")
iteration(1)
complete(1)
farewell()
""")
    types = [row[0] for row in rows("SELECT type FROM generation_events WHERE type <> 'log' OR line = 'l' ORDER BY id")]
    assert types == ["ready", "log", "conversation_log", "progress", "session_loaded", "session_saved", "session_cleared",
                     "context_display", "screenshot", "summary_update", "process_monitor", "friendly_log",
                     "iteration_complete", "all_work_complete", "shutdown_ready"]
    assert rows("SELECT count(*) FROM generation_events WHERE data LIKE '%SECRETIMAGE%'") == [[0]]


def test_a_decision_is_answered_for_an_autonomous_generator(wsi, genstore):
    wsi("""
begin()
tell("decision_prompt", id="d1", prompt="go on?")
write("answer.json", json.dumps(hear()))
complete(0)
farewell()
""")
    assert json.loads(genstore("cat", "app:answer.json").out) == {"type": "decision_response", "id": "d1", "choice": "yes"}


def test_a_generator_that_goes_on_after_its_limit_is_told_to_stop(wsi, last):
    wsi("""
begin()
for n in (1, 2):
    write("n", str(n))
    iteration(n)
order = hear()
assert order["command"] == "stop_request", order
complete(2, "user_done")
farewell()
""")
    assert (last()["status"], last()["current_iteration"]) == ("completed", 2)


def test_a_generator_that_closed_its_stdin_can_still_complete(wsi, last):
    wsi("""
os.close(0)
tell("ready")
write("a", "1")
complete(0)
""")
    assert last()["status"] == "completed"


def test_a_generator_that_ignores_every_farewell_is_ended(wsi, last, tmp_path):
    wsi(f"""
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
begin()
write("a", "1")
complete(0)
tell("shutdown_failed", reason="busy")
pathlib.Path({str(tmp_path / "pid")!r}).write_text(str(os.getpid()))
while True:
    time.sleep(1)
""")
    assert last()["status"] == "completed"
    assert not pathlib.Path("/proc/" + (tmp_path / "pid").read_text()).exists()


def test_large_messages_in_both_directions_pass(wsi, genstore, tmp_path):
    prompt = tmp_path / "prompt"
    prompt.write_text("grün " * 21000)
    wsi("""
start = begin()
tell("screenshot", timestamp="t", image_base64="x" * 12000000, filename="big.png")
write("length", str(len(start["prompt"])))
complete(0)
farewell()
""".replace('"make it so"', ""), "--max-iterations", "2")
    genstore("generate", "--app-name", "long", "--prompt-file", prompt, "--", "sh", "-c", "printf %s \"$PROMPT\" > prompt")
    assert genstore("cat", "long:prompt").out == prompt.read_text()


# Signals and sudden deaths

SLOW = """
begin()
write("a", "1")
iteration(1)
pathlib.Path("../here").write_text("")
while (order := hear()):
    pathlib.Path("../heard").write_text(json.dumps(order))
    if order.get("command") == "prepare_shutdown":
        sys.exit(0)
"""


def here(genstore, name="here"):
    return lambda: [w / name for w in workspaces(genstore) if (w / name).exists()]


def test_ctrl_c_pauses_and_says_how_to_go_on(wsi, genstore, wait_for, last):
    process = wsi(SLOW, start=True)
    wait_for(here(genstore), "the first iteration")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    req = last()["request_id"]
    assert process.returncode == 130
    assert last()["status"] == "paused"
    assert f"genstore restore {req}@1 DIR" in err.decode() and f"genstore fork {req}" in err.decode()
    heard = json.loads(here(genstore, "heard")()[0].read_text())
    assert heard == {"type": "control_command", "command": "prepare_shutdown", "reason": "interrupted"}
    assert genstore("cat", "app@1:a").out == "1"


def test_ctrl_c_ends_a_plain_command_and_keeps_its_finished_iterations(genstore, store, wait_for, last):
    script = "echo $ITERATION > f; test $ITERATION = 1 || { touch ../here; exec sleep 1000; }"
    process = genstore.start("generate", "--app-name", "app", "--prompt", "x", "--max-iterations", "5", "--", "sh", "-c", script)
    wait_for(here(genstore), "the second iteration")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert (last()["status"], last()["current_iteration"]) == ("paused", 1)


def test_ctrl_c_twice_cancels_and_seals_what_was_finished(genstore, store, wait_for, last, tmp_path):
    script = "echo $ITERATION > f; test $ITERATION = 1 || { trap 'touch ../asked' TERM; touch ../here; while :; do sleep 0.05; done; }"
    process = genstore.start("generate", "--app-name", "app", "--prompt", "x", "--max-iterations", "5", "--", "sh", "-c", script)
    wait_for(here(genstore), "the second iteration")
    process.send_signal(signal.SIGINT)
    wait_for(here(genstore, "asked"), "the first signal to arrive")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert (last()["status"], last()["current_iteration"]) == ("cancelled", 1)
    genstore("get", "app", "-o", tmp_path / "app.tar.gz")


def test_a_killed_genstore_takes_its_generator_along_and_the_next_start_pauses_what_it_left(genstore, store, wait_for, last):
    script = "echo x > f; test $ITERATION = 1 || { echo $$ > ../here; exec sleep 1000; }"
    process = genstore.start("generate", "--app-name", "app", "--prompt", "x", "--max-iterations", "5", "--", "sh", "-c",
                             f"{script}; echo y > g")
    (pid,) = wait_for(here(genstore), "the second iteration")
    wait_for(lambda: pid.read_text(), "its process id")
    generator = pathlib.Path(f"/proc/{int(pid.read_text())}")
    process.kill()
    process.communicate(timeout=60)
    wait_for(lambda: not generator.exists(), "the generator to end")
    left = last()
    assert left["status"] == "generating"
    r = genstore("generate", "--app-name", "next", "--prompt", "x", "--", "sh", "-c", "echo x > a")
    assert left["request_id"] in r.err
    found = {g["app_name"]: g["status"] for g in genstore("list", "--json").json}
    assert found == {"app": "paused", "next": "completed"}
    assert genstore("cat", "app@1:f").out == "x\n"


def test_a_generation_in_another_process_is_no_orphan(wsi, genstore, wait_for):
    process = wsi(SLOW, start=True)
    wait_for(here(genstore), "the first iteration")
    genstore("generate", "--app-name", "next", "--prompt", "x", "--", "sh", "-c", "echo x > a")
    found = {g["app_name"]: g["status"] for g in genstore("list", "--json").json}
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert found == {"app": "generating", "next": "completed"}


def test_two_generations_at_once_on_one_store_both_complete(genstore, store):
    script = "seq 2000; for i in 1 2 3 4 5 6 7 8; do head -c 20000 /dev/urandom > $APP_NAME.$ITERATION.$i; done"
    both = [genstore.start("generate", "--app-name", name, "--prompt", "x", "--max-iterations", "3", "--", "sh", "-c", script)
            for name in ("one", "two")]
    for process in both:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert [(g["status"], g["current_iteration"]) for g in genstore("list", "--json").json] == [("completed", 3)] * 2


# Bad input

BASE = ("generate", "--app-name", "a")
TRUE = ("--", "true")


@pytest.mark.parametrize("args, words", [
    ((*BASE, "--prompt", "x", "--mode", "wild", *TRUE), "'wild' is no mode"),
    ((*BASE, "--prompt", "x", "--mode", "confirm_first", *TRUE), "not in this version"),
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
    ((*BASE, "--prompt", "x", "--resume", "b", *TRUE), "not in this version"),
    ((*BASE, "--prompt", "x", "--image", "b", *TRUE), "not in this version"),
    ((*BASE, "--prompt", "x", "--to", "s3", *TRUE), "not in this version"),
])
def test_bad_input_is_one_clear_line_and_leaves_the_store_alone(genstore, store, args, words):
    before = store.read_bytes()
    argv = [os.fsdecode(a) if isinstance(a, bytes) else a for a in args]
    r = genstore(*argv, code=2)
    assert words in r.err and len(r.err.splitlines()) == 1 and not r.out
    assert store.read_bytes() == before
    assert not workspaces(genstore)


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


def test_an_unknown_user_is_no_such_thing(genstore, store):
    before = store.read_bytes()
    r = genstore("generate", "--app-name", "a", "--prompt", "x", "--user", "nobody-here", "--", "true", code=4)
    assert "nobody-here" in r.err
    assert store.read_bytes() == before
    assert not workspaces(genstore)


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

def test_a_tree_that_resists_is_removed_all_the_same(generate, genstore):
    generate("mkdir -p locked/in; echo x > locked/in/f; chmod 0 locked/in; chmod 500 locked; chmod 700 locked; "
             "ln -s / link; mkdir .genstore-rm-1; i=0; while [ $i -lt 300 ]; do mkdir d; cd d; i=$((i+1)); done; "
             "cd \"$WORKSPACE/app\"; chmod 700 locked/in; rm -r d", "--prompt", "x")
    assert not workspaces(genstore)


def test_removing_a_workspace_follows_no_link(generate, genstore, tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("x")
    generate(f"ln -s {tmp_path}/precious link; mkdir deep; ln -s {tmp_path}/precious deep/link")
    assert not workspaces(genstore)
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
