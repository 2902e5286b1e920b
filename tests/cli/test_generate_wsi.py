"""genstore generate with generators that speak WSI: the same over both transports, JSON lines and WebSocket."""

import json
import pathlib

import pytest

pytestmark = pytest.mark.threads


@pytest.fixture(params=["lines", "websocket"])
def wsi(request, generator):
    """Both: what is said is the same, and so is what comes of it."""
    return generator(request.param)


@pytest.fixture
def lines_wsi(generator):
    return generator("lines")


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


def test_task_interrupted_pauses(wsi, last, workspaces):
    r = wsi("begin(); write('a', '1'); iteration(1); tell('task_interrupted', app_path='.'); farewell()", expect=1)
    assert last()["status"] == "paused"
    assert len(workspaces()) == 1 and str(workspaces()[0]) in r.err


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


def test_messages_that_are_unknown_broken_or_incomplete_are_log_and_harmless(lines_wsi, last, lines):
    lines_wsi("""
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


def test_a_generator_that_closed_its_stdin_can_still_complete(lines_wsi, last):
    lines_wsi("""
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
