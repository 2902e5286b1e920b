"""Generations in every stage of their life, and genstore, the generator or both killed at any point of it.

Whatever dies, the next start finds the generation, says so, keeps what was finished, and it can be continued and resumed.
GENSTORE_TEST_KILLS says at how many points (default 12); GENSTORE_TEST_SEED which.
"""

import os
import random
import shutil
import signal
import sys

import pytest

SEED = int(os.environ.get("GENSTORE_TEST_SEED", "20261126"))
KILLS = int(os.environ.get("GENSTORE_TEST_KILLS", "12"))

PLAIN = "echo $$ > ../pid; echo begins $ITERATION; sleep 0.04; echo $ITERATION >> all; seq $ITERATION 300 > f$ITERATION; echo said $ITERATION"

# Makes the same tree, by WSI; goes on with what is there.
WSI = """
import json, os, pathlib, sys, time
LINES = not sys.argv[1:]
if LINES:
    def send(text):
        print(text, flush=True)
    hear = sys.stdin.readline
else:
    import asyncio, threading, websockets
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    def do(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result()
    async def connect():
        return await websockets.connect(os.environ["WS_URL"])
    try:
        ws = do(connect())
    except OSError:
        sys.exit(0)
    def send(text):
        do(ws.send(text))
    def hear():
        try:
            return do(ws.recv())
        except websockets.ConnectionClosed:
            return ""
def tell(type, **fields):
    send(json.dumps({"type": type, **fields}))
pathlib.Path("../pid").write_text(str(os.getpid()))
tell("ready", acknowledge_iterations=True)
start = json.loads(hear() or sys.exit(0))
done = len(list(pathlib.Path(".").glob("f*")))
for n in range(done + 1, done + start["max_iterations"] + 1):
    with open("all", "a") as out:
        out.write(f"{n}\\n")
    pathlib.Path(f"f{n}").write_text("".join(f"{i}\\n" for i in range(n, 301)))
    tell("log", line=f"said {n}")
    time.sleep(0.04)
    tell("iteration_complete", iteration=n, app_path=os.getcwd(), session_id="s1", credentials=[{"key": "MADE", "value": "secret-made"}])
    if n < done + start["max_iterations"] and '"resume"' not in hear():
        sys.exit(0)
tell("all_work_complete", completion_reason="max_iterations", app_path=os.getcwd(), total_iterations=3)
while (line := hear()) and "prepare_shutdown" not in line:
    pass
tell("shutdown_ready")
"""


class Flow:
    def __init__(self, genstore, workspaces, contents, shown, tmp_path, random):
        self.genstore, self.workspaces, self.contents, self.shown = genstore, workspaces, contents, shown()
        self.random, self.top = random, tmp_path
        self.script = tmp_path / "generator.py"
        self.script.write_text(WSI)

    def command(self, kind):
        return {"plain": ["sh", "-c", PLAIN], "wsi": [sys.executable, self.script],
                "websocket": [sys.executable, self.script, "websocket"]}[kind]

    def begin(self, way, kind):
        """A process that runs a generation of three iterations, and the processes that do things to it."""
        args = ["--app-name", "app", "--prompt", "p", "-n", "3"]
        if way == "queue":
            self.genstore("generate", "--queue", *args, "--", *self.command(kind))
            return self.genstore.start("work", "--once")
        if way == "resume":
            self.genstore("generate", *args[:4], "--", "sh", "-c", "echo old > old; exit 1", code=1)
            return self.genstore.start("generate", "--resume", "app", "-n", "3", "--", *self.command(kind))
        return self.genstore.start("generate", *args, "--", *self.command(kind))

    def generator(self):
        for place in self.workspaces():
            try:
                return int((place / "pid").read_text())
            except (OSError, ValueError):
                continue
        return None

    def kill(self, process, what):
        if what in ("generator", "both"):
            pid = self.generator()
            if pid:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        if what in ("genstore", "both"):
            process.kill()
        out, err = process.communicate(timeout=60)
        return (out + err).decode(errors="replace")

    def newest(self):
        return max(self.genstore("list", "--json").json, key=lambda g: g["id"], default=None)

    def settled(self):
        """The newest generation when nobody runs it any more; "nothing" when it had not been written yet."""
        self.genstore("gc")
        g = self.newest()
        return g if g and g["status"] != "generating" else None if g else "nothing"

    def check_iterations(self, g, old):
        for n in range(1, g["current_iteration"] + 1):
            to = self.top / f"restored-{g['id']}-{n}"
            self.genstore("restore", f"{g['request_id']}@{n}", to)
            # An iteration that was killed halfway can have left a line of its own before it ran again.
            assert sorted(set((to / "all").read_text().split())) == [str(i) for i in range(1, n + 1)]
            for i in range(1, n + 1):
                assert (to / f"f{i}").read_text() == "".join(f"{k}\n" for k in range(i, 301))
            assert (to / "old").exists() == old


@pytest.fixture
def flow(genstore, store, contents, shown, tmp_path):
    def workspaces():
        return sorted((genstore.home / ".state" / "genstore" / "workspaces").glob("leo-workspace-*"))

    print(f"seed {SEED}")
    return Flow(genstore, workspaces, contents, shown, tmp_path, random.Random(SEED))


@pytest.mark.slow
def test_whatever_is_killed_whenever_the_generation_is_found_and_goes_on(flow, wait_for, genstore):
    outcomes = {}
    for point in range(KILLS):
        way = flow.random.choice(("generate", "queue", "resume"))
        kind = flow.random.choice(("plain", "wsi", "websocket"))
        what = flow.random.choice(("genstore", "generator", "both"))
        line = flow.random.randrange(0, 8)
        said = f"{way} {kind}, {what} at {line} (point {point})"
        process = flow.begin(way, kind)

        # A point in its life is a number of events that the store has, not a time.
        def far_enough(process=process, line=line):
            if process.poll() is not None:
                return True
            shown = genstore("log", "app", code=None).out
            return len(shown.splitlines()) >= line

        wait_for(far_enough, said)
        flow.kill(process, what)
        g = wait_for(flow.settled, said)
        if g == "nothing":
            # Killed before the request was written. Its empty workspace can be there; several stores share the place, so nobody tidies it up.
            for place in flow.workspaces():
                shutil.rmtree(place)
            continue
        outcomes[g["status"]] = outcomes.get(g["status"], 0) + 1
        assert g["status"] in ("queued", "paused", "failed", "completed"), said
        flow.check_iterations(g, way == "resume")
        if g["status"] == "queued":
            genstore("work", "--once")
        elif g["status"] == "paused":
            genstore("continue", g["request_id"], "--", *flow.command(kind))
        elif g["status"] == "failed":
            genstore("generate", "--resume", g["request_id"], "-n", str(3), "--", *flow.command(kind))
        done = flow.newest()
        assert done["status"] == "completed", said
        assert len(genstore("ls", done["request_id"]).out.split()) >= 4, said
        assert genstore("list", "--status", "generating", "--json").json == []
        genstore("check")
        genstore("rm", "--app", "app", "--keep-last", "0", "--force")
        assert flow.workspaces() == [], said
    print(outcomes)
    assert b"secret-made" not in genstore.store.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("operation", ["pause", "cancel", "snapshot", "continue", "generate --queue", "generate --resume"])
def test_a_command_that_is_killed_at_any_call_leaves_a_store_that_goes_on(genstore, store, fault, wait_for, tmp_path, operation):
    """At each of a few of its calls into the store the command dies; then the same command does what it says."""
    step = max(1, 40 // max(1, KILLS))
    for at in range(1, 40, 8 * step):
        place = tmp_path / f"here-{at}"
        wait = f"touch {place}; while test -e {place}; do sleep 0.02; done; echo x > f"
        process = None
        if operation in ("pause", "cancel", "snapshot", "continue"):
            process = genstore.start("generate", "--app-name", "app", "--prompt", "p", "--", "sh", "-c", wait)
            wait_for(place.exists, "it to run")
        else:
            genstore("generate", "--app-name", "app", "--prompt", "p", "--", "sh", "-c", "echo x > f")
        if operation == "continue":
            genstore("pause", "app")
        args = {"generate --queue": ["generate", "--queue", "--app-name", "app", "--prompt", "q", "--", "true"],
                "generate --resume": ["generate", "--resume", "app", "--", "sh", "-c", "echo y >> f"]}.get(operation, [operation, "app"])
        killed = genstore(*args, code=None, env=fault.env(store, "kill", at)).returncode == -9
        if process:
            after = genstore(*args, code=None)
            assert after.returncode == 0 or "already" in after.err, after.err
            if operation == "pause":
                genstore("continue", "app")
            place.unlink()
            process.communicate(timeout=60)
            expected = "cancelled" if operation == "cancel" else "completed"
            assert genstore("list", "--json").json[0]["status"] == expected
        else:
            genstore("gc")
            for g in genstore("list", "--json").json:
                if g["status"] == "paused":
                    genstore("continue", g["request_id"])
            genstore("work", "--once", code=None)
            assert {g["status"] for g in genstore("list", "--json").json} <= {"completed", "failed"}
        genstore("check")
        genstore("rm", "--app", "app", "--keep-last", "0", "--force")
        if not killed:
            break
