"""Generations steered over HTTP, and the worker of a server."""

import json
import os
import signal
import sys

import pytest

pytestmark = pytest.mark.threads

# Asks once, and notes what it hears in the file that is named.
ASKS = """
import json, os, sys
heard = open(sys.argv[1], "a")
def tell(type, **fields):
    print(json.dumps({"type": type, **fields}), flush=True)
tell("ready")
json.loads(sys.stdin.readline())
open("f", "w").write("1")
tell("iteration_complete", iteration=1, app_path=os.getcwd())
tell("decision_prompt", id="d1", prompt="Go on?", options=["yes", "done"])
for line in sys.stdin:
    order = json.loads(line)
    print(json.dumps(order), file=heard, flush=True)
    if order.get("type") == "decision_response":
        tell("all_work_complete", completion_reason="user_done", app_path=os.getcwd(), total_iterations=1)
    if order.get("command") == "prepare_shutdown":
        tell("shutdown_ready")
        break
"""
TICKS = "echo x >f; while test ! -e ../end; do sleep 0.02; done"


@pytest.fixture
def post(server):
    """post(request_id, status, action="pause", ...) -> the answer's JSON."""
    def send(request, status, on=None, headers=None, **wish):
        return (on or server)("POST", f"/api/generations/{request}/control", json.dumps(wish), headers, status=status).json

    return send


@pytest.fixture
def running(genstore, store, wait_for):
    """Starts a generation that ends when there is ../end; its request id, process and folder."""
    started = []

    def start(script=TICKS, *args):
        process = genstore.start("generate", "--app-name", "app", "--prompt", "x", *args, "--", "sh", "-c", script)
        started.append(process)
        request = wait_for(lambda: [g["request_id"] for g in genstore("list", "--json").json if g["status"] == "generating"], "it to run")[0]
        return request, process

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def status(genstore, request):
    return genstore("show", request, "--json").json[0]["status"]


def test_a_running_one_is_paused_goes_on_is_kept_and_is_cancelled(genstore, running, post):
    request, process = running()
    assert post(request, 200, action="pause")["status"] == "paused" == status(genstore, request)
    assert post(request, 200, action="pause")["status"] == "paused"
    assert post(request, 200, action="continue")["status"] == "generating" == status(genstore, request)
    assert post(request, 200, action="snapshot", label="here")["request_id"] == request
    labels = [row["metadata"].get("label") for row in genstore("snapshots", request, "--json").json if row["snapshot_type"] == "manual"]
    assert labels == ["here"]
    assert post(request, 200, action="cancel")["status"] == "cancelled" == status(genstore, request)
    assert process.wait(60) != 0
    assert f"'{request}' is cancelled already" in post(request, 409, action="cancel")["detail"]


def test_a_question_is_seen_and_answered(genstore, store, serving, post, wait_for, tmp_path):
    script, heard = tmp_path / "asks.py", tmp_path / "heard"
    script.write_text(ASKS)
    server = serving("--generator", f"exec {sys.executable} {script} {heard}")
    wish = json.dumps({"app_name": "app", "prompt": "x", "mode": "confirm_first"})
    request = server("POST", "/api/generations", wish, status=201).json["request_id"]
    question = wait_for(lambda: server("GET", f"/api/generations/{request}", status=200).json.get("question"), "the question")
    assert question["question"] == "Go on?" and question["options"] == ["yes", "done"]
    assert post(request, 200, on=server, action="answer", choice="done")["request_id"] == request
    wait_for(lambda: status(genstore, request) == "completed", "its end")
    orders = [json.loads(line) for line in heard.read_text().splitlines()]
    assert [(o["id"], o["choice"]) for o in orders if o["type"] == "decision_response"] == [("d1", "done")]
    assert "nobody listens any more" in post(request, 409, on=server, action="answer", choice="yes")["detail"]


def test_who_asks_nothing_is_not_answered_and_a_plain_command_is_not_told_anything(running, post):
    request, _ = running()
    assert "asks nothing" in post(request, 409, action="answer", choice="yes")["detail"]
    assert "cannot be told anything" in post(request, 409, action="say", input="hello")["detail"]


def test_what_is_queued_can_only_be_cancelled(genstore, store, post):
    request = genstore("generate", "--queue", "--app-name", "q", "--prompt", "x").out.strip()
    for action in ("pause", "continue", "snapshot"):
        assert f"'{request}' is queued: " in post(request, 409, action=action)["detail"]
    assert post(request, 200, action="stop")["status"] == "cancelled"


def test_what_its_process_left_paused_is_cancelled_with_its_tree_or_goes_on_by_command(genstore, running, post, wait_for):
    request, process = running()
    wait_for(lambda: list((genstore.home).rglob("app/f")) or list(genstore.store.parent.rglob("app/f")), "its file")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert "'genstore continue' goes on with it" in post(request, 409, action="continue")["detail"]
    assert post(request, 200, action="cancel")["status"] == "cancelled"
    kept, = [row for row in genstore("snapshots", request, "--json").json if row.get("snapshot_type") == "checkpoint"]
    assert genstore("cat", f"{request}@s{kept['id']}:f").out == "x\n"


@pytest.mark.parametrize(("body", "words"), [
    ("", "whose action is"), ("[]", "whose action is"), ('{"action":"explode"}', "whose action is"), ('{"action":"pause","action":"stop"}', "whose action"),
    ('{"action":"pause","input":"x"}', "does not take"), ('{"action":"answer"}', "has a choice"), ('{"action":"say"}', "has an input"),
    ('{"action":"say","input":""}', "not empty"), ('{"action":"say","input":7}', "are text"), ('{"action":"say","input":"a\\u0000b"}', "whose action"),
    (json.dumps({"action": "say", "input": "x" * 65537}), "65536"), (json.dumps({"action": "snapshot", "label": "x" * 201}), "200"),
])
def test_a_body_that_says_nothing_is_refused_with_its_reason(server, body, words):
    answer = server("POST", "/api/generations/req_none/control", body, status=422)
    assert words in answer.json["detail"] and answer.headers["content-type"] == "application/problem+json"


def test_who_is_not_there_is_not_there_for_a_stranger_either(genstore, running, post, serving):
    post("req_none", 404, action="pause")
    request, _ = running()
    genstore("user", "add", "eve")
    token = genstore("-q", "token", "add", "--user", "eve").out.strip()
    post(request, 404, headers={"Authorization": f"Bearer {token}"}, action="cancel")
    assert status(genstore, request) == "generating"
    guarded = serving("--require-token")
    guarded("POST", f"/api/generations/{request}/control", '{"action":"cancel"}', status=401)
    assert status(genstore, request) == "generating"


def test_the_server_runs_what_is_asked_for(genstore, store, serving, wait_for):
    server = serving("--generator", "echo $APP_NAME >name", "--jobs", "2")
    asked = [server("POST", "/api/generations", json.dumps({"app_name": f"app{i}", "prompt": "x"}), status=201).json["request_id"] for i in range(3)]
    wait_for(lambda: all(server("GET", f"/api/generations/{r}").json["status"] == "completed" for r in asked), "all three")
    assert [genstore("cat", f"{r}:name").out for r in asked] == ["app0\n", "app1\n", "app2\n"]


def test_its_end_pauses_what_runs_and_a_server_later_does_not_lose_it(genstore, store, serving, wait_for, post):
    server = serving("--generator", TICKS)
    request = server("POST", "/api/generations", '{"app_name":"a","prompt":"x"}', status=201).json["request_id"]
    wait_for(lambda: status(genstore, request) == "generating", "it to run")
    server.stop()
    assert status(genstore, request) == "paused"
    assert post(request, 200, action="cancel")["status"] == "cancelled"


def test_a_killed_server_takes_its_worker_along(genstore, store, wait_for):
    process = genstore.start("serve", "--listen", "0", "--generator", TICKS)
    request = genstore("generate", "--queue", "--app-name", "a", "--prompt", "x").out.strip()
    wait_for(lambda: status(genstore, request) == "generating", "it to run")
    process.kill()
    process.wait(60)
    wait_for(lambda: status(genstore, request) == "paused", "its pause")


def test_a_worker_that_ends_by_itself_ends_the_server_with_the_reason(genstore, store, wait_for):
    process = genstore.start("serve", "--listen", "0", "--json", "--jobs", "1")
    assert process.stdout.readline()
    def workers():
        return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and is_worker(pid, process.pid)]
    def is_worker(pid, parent):
        try:
            with open(f"/proc/{pid}/stat") as f, open(f"/proc/{pid}/cmdline") as c:
                return f.read().rpartition(")")[2].split()[1] == str(parent) and "\0work\0" in c.read()
        except OSError:
            return False
    worker, = wait_for(workers, "the worker")
    os.kill(worker, signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1 and b"the worker ended" in out + err


@pytest.mark.parametrize(("options", "words"), [
    (("--jobs", "0"), "--jobs is from 1 to 64"), (("--jobs", "65"), "--jobs is from 1 to 64"), (("--generator", " "), "--generator is empty"),
])
def test_a_worker_that_makes_no_sense_is_wrong_usage(genstore, store, options, words):
    assert words in genstore("serve", "--listen", "0", *options, code=2).err
