"""genstore generate with generators that speak over WebSocket: connections that break and come back, processes that leave their client
behind, the client of Node, and recorded sessions, which must come to the same over each transport."""

import asyncio
import json
import os
import pathlib

import pytest
import websockets

pytestmark = pytest.mark.threads

SESSIONS = sorted((pathlib.Path(__file__).parent / "sessions").glob("*.jsonl"), key=lambda path: path.stem)


# Connections

def test_a_generation_goes_on_over_one_connection_after_the_other(ws, genstore, last, lines):
    ws("""
begin()
for n in (1, 2, 3):
    write("n", str(n))
    drop()
    connect()
    tell("ready")
    iteration(n)
    drop()
    connect()  # this time without a word
    settle()
complete(3)
order = hear()
assert order["command"] == "prepare_shutdown", order  # and no second start_generation before it
tell("shutdown_ready")
""", "--max-iterations", "3")
    assert [genstore("cat", f"app@{n}:n").out for n in (1, 2, 3)] == ["1", "2", "3"]
    assert last()["status"] == "completed"
    # One that says nothing and breaks off can be overtaken by the next between its handshake and its turn: it is told, and nothing is lost.
    assert sum(line.startswith(("connected over WebSocket", "WebSocket: a connection was overtaken")) for _, line in lines()) == 7


def test_what_it_is_told_while_nobody_is_connected_is_told_at_the_next_connection(ws, wait_for, lines, workspaces):
    process = ws("""
begin()
write("n", "1")
iteration(1)
settle()
write("n", "2")
iteration(2)  # more than it was asked for: it will be told to stop
drop()
while not pathlib.Path("../go").exists():
    time.sleep(0.01)
connect()
order = hear()
assert order["command"] == "stop_request", order
complete(2, "user_done")
farewell()
""", start=True)
    wait_for(lambda: ("warn", "the generator goes on after its 1 iterations: told to stop") in lines(), "the order")
    (workspaces()[0] / "go").touch()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err.decode()


LEAVE = 'setsid "$@" & while [ ! -e ../connected ]; do sleep 0.01; done'


def test_a_process_that_leaves_its_client_behind_counts_as_long_as_that_lives(ws, last, lines):
    ws("""
begin()
pathlib.Path("../connected").touch()
while os.getppid() != os.getsid(0) and pathlib.Path(f"/proc/{os.getppid()}/comm").read_text() == "sh\\n":
    time.sleep(0.01)
tell("log", line="alone")
drop()
connect()
write("a", "1")
iteration(1)
complete(1)
farewell()
""", through=LEAVE)
    assert last()["status"] == "completed" and last()["current_iteration"] == 1
    assert ("info", "alone") in lines()


def test_when_no_process_is_left_nobody_is_waited_for(ws, last):
    ws("""
begin()
pathlib.Path("../connected").touch()
write("a", "1")
iteration(1)
sys.exit(0)
""", through=LEAVE, expect=1)
    assert last()["status"] == "failed" and "before its work was complete" in last()["error_message"]
    assert last()["archive_size"] > 0


def test_who_stays_but_does_not_connect_again_is_waited_for_no_longer_than_for_silence(ws, last):
    ws("""
begin()
drop()
pathlib.Path("../connected").touch()
time.sleep(1000)
""", "--timeout", "1s", through=LEAVE, expect=1)
    assert last()["status"] == "failed"


def test_all_that_was_said_before_a_sudden_end_is_heard(ws, last, rows):
    ws("""
begin()
write("a", "1")
for n in range(2000):
    tell("log", line=f"line {n}")
iteration(1)
complete(1)
os._exit(0)
""")
    assert last()["status"] == "completed"
    assert rows("SELECT count(*) FROM generation_events WHERE line LIKE 'line %'") == [[2000]]


def test_who_has_connected_has_its_output_for_the_log(ws, last, lines):
    ws("""
begin()
print('{"type": "all_work_complete", "completion_reason": "error", "app_path": ".", "total_iterations": 0}', flush=True)
write("a", "1")
complete(0)
farewell()
""")
    assert last()["status"] == "completed"
    assert any(line.startswith('{"type": "all_work_complete"') for _, line in lines())


def test_who_speaks_JSON_lines_is_not_taken_over_by_a_WebSocket(wsi, last, lines):
    wsi("""
import asyncio, websockets
begin()
async def other():
    async with websockets.connect(os.environ["WS_URL"]) as ws:
        try:
            await ws.send('{"type": "all_work_complete", "completion_reason": "error", "app_path": ".", "total_iterations": 0}')
        except websockets.ConnectionClosed:
            pass
        await ws.wait_closed()
        return ws.close_code
assert asyncio.run(other()) == 1008
write("a", "1")
complete(0)
farewell()
""")
    assert last()["status"] == "completed"
    assert ("warn", "a WebSocket was refused: the generator speaks JSON lines") in lines()


def test_ready_after_all_is_complete_offers_the_connection_again_and_harms_nothing(ws, last):
    ws("""
begin()
write("a", "1")
iteration(1)
complete(1)
tell("ready")
farewell()
""")
    assert (last()["status"], last()["current_iteration"]) == ("completed", 1)


def test_each_run_of_an_autonomous_command_has_connections_of_its_own(ws, genstore, last):
    ws("""
if os.environ["ITERATION"] == "1":
    write("n", "plain")  # a plain command, the first time
else:
    begin()
    write("n", "connected")
    iteration(1)
    complete(1)
    farewell()
""", "--max-iterations", "2")
    assert last()["status"] == "completed" and genstore("cat", "app:n").out == "connected"


def test_a_secret_is_kept_out_of_what_is_said_over_WebSocket_too(ws, genstore, rows):
    ws("""
start = begin()
secret = os.environ["MY_KEY"]
tell("log", line=f"the key is {secret}")
do(ws.send(f"no message: {secret}"))
do(ws.send(json.dumps({"type": "x", "deep": [{"key": secret}], secret: 1})))
write("a", "1")
complete(0)
farewell()
""", "--env", "MY_KEY", env={"MY_KEY": "sekrit-4711"})
    said = rows("SELECT line, data FROM generation_events")
    assert not [row for row in said if "sekrit-4711" in str(row)]
    assert "the key is ***" in [row[0] for row in said]
    assert b"sekrit-4711" not in pathlib.Path(genstore.store).read_bytes()


def test_a_generator_that_changes_its_tree_all_the_time_is_held_while_it_is_taken(ws, genstore):
    ws("""
begin()
def churn():
    for n in range(10**9):
        write("a", str(n))
        write("b", str(n))
threading.Thread(target=churn, daemon=True).start()
for n in range(1, 6):
    write("n", str(n))
    iteration(n)
    settle()
complete(5)
farewell()
""", "--max-iterations", "5")
    for n in range(1, 6):
        a, b = (genstore("cat", f"app@{n}:{name}").out for name in ("a", "b"))
        assert a == "" or b == "" or int(a) - int(b) in (0, 1)


def test_two_generations_at_once_do_not_meet(ws, genstore, wait_for, rows):
    code = """
begin()
write("who", os.environ["REQUEST_ID"])
pathlib.Path("../../" + os.environ["REQUEST_ID"]).touch()
while len(list(pathlib.Path("../..").glob("req_*"))) < 2:
    time.sleep(0.01)
complete(0)
farewell()
"""
    both = [ws(code, start=True) for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err.decode()
    for (request,) in rows("SELECT request_id FROM generation_requests"):
        assert genstore("cat", f"{request}:who").out == request


# The client of Node

def test_the_client_of_node_makes_a_whole_generation(node, genstore, last):
    node("""
	await connect();
	tell(ws, 'ready', { generator_mode: 'mock' });
	await until(() => orders.length);
	for (let n = 1; n <= orders[0].max_iterations; n++) {
		fs.writeFileSync('n', String(n));
		tell(ws, 'iteration_complete', { iteration: n, app_path: process.cwd() });
		tell(ws, 'decision_prompt', { id: String(n), prompt: 'taken?' });
		await until(() => orders.length > n);
	}
	ws.ping('are you there?');
	await new Promise((done) => ws.once('pong', (data) => String(data) === 'are you there?' && done()));
	ws.send('{"type": "log", "line": ', { fin: false });
	ws.send('"in parts"}', { fin: true });
	complete(3);
	await until(() => orders.at(-1).command === 'prepare_shutdown');
	tell(ws, 'shutdown_ready');
	const [code] = await closed();
	fs.writeFileSync('../code', String(code));
""", "--max-iterations", "3")
    assert last()["status"] == "completed"
    assert [genstore("cat", f"app@{n}:n").out for n in (1, 2, 3)] == ["1", "2", "3"]


def test_the_client_of_node_hears_each_order_once_however_it_comes_back(node, last):
    node("""
	for (let i = 0; i < 5; i++) {
		await connect();
		tell(ws, 'ready');
		if (!i)
			onorder = () => ws.terminate();  // the moment it is read
		const gone = closed();
		await until(() => orders.length);
		onorder = () => {};
		if (i % 2)
			ws.terminate();
		else
			ws.close(4000, 'back in a moment');
		await gone;
	}
	await connect();
	complete(0);
	await until(() => orders.at(-1).command === 'prepare_shutdown');
	if (orders.length !== 2)
		throw new Error(JSON.stringify(orders));
	tell(ws, 'shutdown_ready');
	await closed();
""")
    assert last()["status"] == "completed"


def test_the_client_of_node_gets_the_codes_of_what_it_breaks(node, last):
    node("""
	const breaches = [
		[1003, () => ws.send(Buffer.from([0, 1, 2]))],
		[1007, () => ws.send(Buffer.from([0xc3, 0x28]), { binary: false })],
		[1009, () => ws.send('x'.repeat((16 << 20) + 1))],
	];
	for (const [code, breach] of breaches) {
		await connect();
		const end = closed();
		breach();
		const [got, reason] = await end;
		if (got !== code || !reason)
			throw new Error(`${got} ${reason}, not ${code}`);
	}
	await connect();
	tell(ws, 'ready');
	tell(ws, 'screenshot', { timestamp: 1, filename: 'a.png', image_base64: 'A'.repeat((16 << 20) - 100) });
	await until(() => orders.length);
	complete(0);
	await until(() => orders.at(-1).command === 'prepare_shutdown');
	tell(ws, 'shutdown_ready');
	await closed();
""")
    assert last()["status"] == "completed"


# The example in Python

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "examples/generators/python-generator.py"


def test_the_example_in_python_makes_an_app(genstore, store, last):
    genstore("generate", "--app-name", "<b>", "--prompt", "make it so", "--max-iterations", "3", "--", EXAMPLE)
    assert (last()["status"], last()["current_iteration"]) == ("completed", 3)
    pages = {s["iteration_number"]: sorted(s["files_snapshot"]) for s in genstore("snapshots", "-", "--json", "--files").json}
    assert pages[2] == ["index.html", "page-1.html", "page-2.html"]
    assert "<h1>&lt;b&gt;</h1>" in genstore("cat", "-:index.html").out


def test_the_example_in_python_connects_again_and_answers_pings(tmp_path):
    """Against a server that is not ours."""
    heard, seen = [], asyncio.Event()

    async def serve(socket):
        if not seen.is_set():
            assert json.loads(await socket.recv())["type"] == "ready"
            seen.set()
            socket.transport.abort()
            return
        await (await socket.ping())
        await socket.send('{"type": "of a later protocol"}')
        await socket.send('{"type": "start_generation", "prompt": "p", "mode": "autonomous", "max_iterations": 2, "app_name": "a"}')
        async for text in socket:
            heard.append(json.loads(text)["type"])
            if heard[-1] == "all_work_complete":
                await socket.send('{"type": "control_command", "command": "prepare_shutdown"}')
            if heard[-1] == "shutdown_ready":
                return

    async def run():
        async with websockets.serve(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            process = await asyncio.create_subprocess_exec(
                EXAMPLE, cwd=tmp_path, env={**os.environ, "WS_URL": f"ws://127.0.0.1:{port}/wsi/req_x"})
            assert await asyncio.wait_for(process.wait(), 60) == 0

    asyncio.run(run())
    assert heard[-2:] == ["all_work_complete", "shutdown_ready"] and len(list(tmp_path.glob("page-*.html"))) == 2


def test_without_the_servers_library_all_but_WebSocket_works_and_the_log_says_what_to_install(genstore, store, tmp_path, lines, last):
    (tmp_path / "libmicrohttpd.so.12").write_text("not a library")
    genstore("generate", "--app-name", "app", "--prompt", "p", "--", "/bin/sh", "-c", "echo ${WS_URL-none} >f",
             env={"LD_LIBRARY_PATH": str(tmp_path)})
    assert last()["status"] == "completed" and genstore("cat", "app:f").out == "none\n"
    reason, = [line for level, line in lines() if level == "warn" and line.startswith("no WebSocket: ")]
    assert "libmicrohttpd.so.12" in reason and reason.endswith("; install libmicrohttpd12")


# Recorded sessions

REPLAY = """
for step in map(json.loads, open(SESSION, encoding="utf-8")):
    if step["from"] == "disk":
        for path, text in step["files"].items():
            write(path, text)
    elif step["from"] == "generator":
        tell(**step["message"])
    else:
        order = hear()
        assert {**order, **step["message"]} == order, (order, step)
"""


@pytest.mark.parametrize("session", SESSIONS, ids=lambda path: path.stem)
def test_a_recorded_session_makes_the_same_rows_over_both_transports(session, generator, genstore, last, rows):
    steps = [json.loads(line) for line in session.read_text(encoding="utf-8").splitlines()]
    messages = [step["message"] for step in steps if step["from"] == "generator"]
    (limit,) = [step["message"]["max_iterations"] for step in steps if step.get("message", {}).get("type") == "start_generation"]

    def replay(transport):
        generator(transport)(f"SESSION = {str(session)!r}\n" + REPLAY, "--max-iterations", limit, env={"SOURCE_DATE_EPOCH": "1765485000"})
        g = last()
        of = f"WHERE generation_request_id = {g['id']} ORDER BY id"
        events = rows(f"SELECT type, level, line, data FROM generation_events {of}")
        snapshots = genstore("snapshots", g["request_id"], "--json", "--files").json
        own = ("id", "uuid", "request_id", "generation_number", "duration_ms")
        return {
            "generation": {name: value for name, value in g.items() if name not in own and not name.endswith("_at")},
            "messages": [event for event in events if event[3]], "log": [event[2] for event in events if not event[3]],
            "costs": rows(f"SELECT iteration_number, input_tokens, output_tokens, duration_ms, cost_usd FROM generation_costs {of}"),
            "trees": [(s["iteration_number"], s["files_snapshot"], s["metadata"]["cost"], s["metadata"]["session_id"]) for s in snapshots],
        }

    lines, websocket = replay("lines"), replay("websocket")
    websocket["log"] = [line for line in websocket["log"] if "WebSocket" not in line]
    assert websocket == lines
    assert [event[0] for event in lines["messages"]] == [message["type"] for message in messages]
