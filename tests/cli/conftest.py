"""What the tests of a generation share, beside what all tests that run the program do.

Fixtures
  wsi         wsi(code, "--max-iterations", "2", ...): generate with a generator that speaks WSI, which is the code
              after the helpers of WSI below; expect= is the exit code, start=True starts it in the background
  ws          the same with a generator that speaks over WebSocket: the helpers are those of WS, with the client of
              python3-websockets
  node        node(code, ...): the same with the client of Node
  scripted    scripted(transport, code): only the file of such a generator, for "lines" or "websocket"
  stage       with stage("--max-iterations", "2") as play: a generation whose process only waits: the test itself is the generator.
              play.url is its WS_URL; play.leave() ends that process; play.wait() waits for the end of it all, and returns the exit code
  last        last(): the newest generation, as `list --json` has it
  rows        rows(sql): rows of the store, each a list
  lines       lines(): [(level, line)] of all that was logged
  workspaces  workspaces(): the folders of generations that are there
"""

import contextlib
import os
import pathlib
import sqlite3
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

# The same over WebSocket. The client lives on a thread of its own, so that it answers pings whatever the generator does.
WS = WSI + """
import asyncio, threading, websockets
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
ws = None
def do(coroutine):
    return asyncio.run_coroutine_threadsafe(coroutine, loop).result()
def connect():
    global ws
    async def open():
        return await websockets.connect(os.environ["WS_URL"], max_size=None)
    ws = do(open())
def drop():  # without a word of goodbye
    loop.call_soon_threadsafe(ws.transport.abort)
    do(ws.wait_closed())
def tell(type, **fields):
    if not ws:
        connect()
    do(ws.send(json.dumps({"type": type, **fields})))
def hear():
    try:
        return json.loads(do(ws.recv()))
    except websockets.ConnectionClosed:
        return None
"""

HELPERS = {"lines": WSI, "websocket": WS}

# The client of Node, with the package ws. tell() sends a message, next() waits for the next order.
NODE = """
const { createRequire } = require('node:module');
const WebSocket = createRequire(process.argv[2] + '/')('ws');
const fs = require('node:fs');
const tell = (ws, type, fields = {}) => ws.send(JSON.stringify({ type, ...fields }));
const orders = [];
let ws, woken = () => {}, read = 0;
const connect = () => new Promise((done, fail) => {
	ws = new WebSocket(process.env.WS_URL, { maxPayload: 64 << 20 });
	ws.on('message', (data) => { orders.push(JSON.parse(data)); onorder(orders.at(-1)); woken(); });
	ws.on('open', () => done(ws)).on('error', fail);
});
let onorder = () => {};
const until = async (condition) => { while (!condition()) await new Promise((done) => (woken = done)); };
const next = async () => { await until(() => orders.length > read); return orders[read++]; };
const closed = () => new Promise((done) => ws.on('close', (code, reason) => done([code, String(reason)])));
const complete = (n, reason = 'completed') =>
	tell(ws, 'all_work_complete', { completion_reason: reason, app_path: '.', total_iterations: n });
(async () => {
%s
})().catch((error) => { console.error(error); process.exit(1); });
"""
NODE_MODULES = pathlib.Path(os.environ.get("GENSTORE_NODE_MODULES", "build/node/node_modules"))


@pytest.fixture
def scripted(tmp_path):
    """scripted(transport, code): the file of a generator in Python, whose code begins where the helpers of that transport end."""

    def write(transport, code):
        script = tmp_path / f"generator{len(list(tmp_path.glob('generator*')))}.py"
        script.write_text(HELPERS[transport] + code)
        return script

    return write


@pytest.fixture
def node(genstore, store, tmp_path):
    """node(code, "--max-iterations", "2", ...): generate with a generator that uses the client of Node; the code begins where NODE has its %s."""

    def run(code, *args, expect=0, start=False):
        script = tmp_path / "generator.cjs"
        script.write_text(NODE % code)
        argv = ["generate", "--app-name", "app", "--prompt", "make it so", *args, "--", "node", script, NODE_MODULES.resolve()]
        return genstore.start(*argv) if start else genstore(*argv, code=expect)

    return run


@pytest.fixture
def generator(genstore, store, scripted):
    """
    generator(transport): runs generators in Python whose code begins where the helpers of that transport end. through= is
    a shell script that starts it, as "$@".
    """

    def prepare(transport):
        def run(code, *args, expect=0, start=False, through=None, **options):
            script = scripted(transport, code)
            argv = ["generate", "--app-name", "app", "--prompt", "make it so", *args, "--"]
            argv += ["/bin/sh", "-c", through, "sh", sys.executable, script] if through else [sys.executable, script]
            return genstore.start(*argv, **options) if start else genstore(*argv, code=expect, **options)

        return run

    return prepare


@pytest.fixture
def wsi(generator):
    """Runs a generator that speaks WSI; its code begins where WSI ends."""
    return generator("lines")


@pytest.fixture
def ws(generator):
    """The same over WebSocket."""
    return generator("websocket")


class Play:
    """A generation that waits for the test to be its generator."""

    def __init__(self, genstore, process, url, leave):
        self.genstore, self.process, self.url, self.leave = genstore, process, url, leave
        self.address = ("127.0.0.1", int(url.split(":")[2].split("/")[0]))
        self.path = "/wsi/" + url.rsplit("/", 1)[1]

    def wait(self):
        self.out, self.err = (text.decode() for text in self.process.communicate(timeout=60))
        return self.process.returncode


@pytest.fixture
def stage(genstore, store, tmp_path, wait_for):
    @contextlib.contextmanager
    def open_stage(*args):
        told = tmp_path / "url"
        script = f'printf %s "$WS_URL" >{told}.new; mv {told}.new {told}; while [ -e {told} ]; do sleep 0.01; done'
        process = genstore.start("generate", "--app-name", "app", "--prompt", "make it so", *args, "--", "/bin/sh", "-c", script)
        try:
            wait_for(told.exists, "WS_URL")
            yield Play(genstore, process, told.read_text(), told.unlink)
        finally:
            told.unlink(missing_ok=True)
            if process.poll() is None:
                process.terminate()
                process.terminate()
                process.communicate(timeout=60)

    return open_stage


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


@pytest.fixture
def workspaces(genstore):
    """The folders of generations that are there, of those that run and those that were kept."""
    return lambda: sorted((genstore.home / ".state" / "genstore" / "workspaces").glob("leo-workspace-*"))
