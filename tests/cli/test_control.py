"""pause, continue, cancel, answer, say, snapshot: from another process, on a generation in any state."""

import json
import re
import shutil
import signal
import time

import pytest

# Writes a line to f again and again; ends when there is ../end. Its group is stopped by pause.
TICKS = "echo $ITERATION >> g; while test ! -e ../end; do echo x >> f; sleep 0.01; done; rm ../end"

# A generator that does what it is told, and notes what it hears.
OBEDIENT = """
begin()
write("a", "1")
iteration(1, session_id="s1")
heard = open("../heard", "a")
while (order := hear()):
    print(json.dumps(order), file=heard, flush=True)
    if order.get("command") == "cancel":
        write("late", "put in order")
        complete(1, "user_cancelled")
    elif order.get("command") == "stop_request":
        write("b", "2")
        iteration(2)
        complete(2, "user_done")
    elif order.get("command") == "prepare_shutdown":
        tell("shutdown_ready")
        sys.exit(0)
"""


@pytest.fixture
def running(genstore, store, workspaces, wait_for):
    """Starts a generation of a shell script in the background, and waits until f grows."""

    def start(script=TICKS, *args):
        before = set(workspaces())
        process = genstore.start("generate", "--app-name", "app", "--prompt", "x", *args, "--", "sh", "-c", script)
        (place,) = wait_for(lambda: set(workspaces()) - before, "a workspace")
        wait_for(lambda: (place / "app/f").exists(), "the command to run")
        process.place = place
        return process

    return start


@pytest.fixture(params=["lines", pytest.param("websocket", marks=pytest.mark.threads)])
def obedient(request, generator, workspaces, wait_for):
    """Over each transport."""

    def start(*args, code=OBEDIENT, **options):
        process = generator(request.param)(code, *args, start=True, **options)
        (place,) = wait_for(workspaces, "a workspace")
        process.place = place
        process.heard = lambda: [json.loads(line) for line in (place / "heard").read_text().splitlines()]
        wait_for(lambda: (place / "heard").exists(), "the first iteration")
        return process

    return start


def ended(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, out.decode(), err.decode()


def end(process):
    (process.place / "end").touch()
    return ended(process)


def size(path):
    return path.stat().st_size


def statuses(genstore, code=0):
    return [g["status"] for g in genstore("list", "--json", code=code).json]


COMMANDS = {
    "pause": ["pause", "app"], "continue": ["continue", "app"], "answer": ["answer", "app", "--choice", "yes"],
    "say": ["say", "app", "hello"], "snapshot": ["snapshot", "app"], "cancel": ["cancel", "app"],
}


def states(genstore, running, which):
    """Brings the app into a state; what has to be ended afterwards."""
    if which == "queued":
        genstore("generate", "--queue", "--app-name", "app", "--prompt", "x", "--", "sh", "-c", "echo x > f")
    elif which in ("generating", "held"):
        process = running()
        if which == "held":
            genstore("pause", "app")
        return process
    elif which == "left":
        process = running()
        process.send_signal(signal.SIGINT)
        assert ended(process)[0] == 130
    elif which == "cancelled":
        process = running()
        genstore("cancel", "app")
        ended(process)
    else:
        script = "echo x > f" if which == "completed" else "exit 1"
        genstore("generate", "--app-name", "app", "--prompt", "x", "--", "sh", "-c", script, code=None)
    return None


# Each command's exit code and words, in this order, in each state. A status behind > is what it leaves.
MATRIX = {
    "queued": {"pause": "1 nothing to pause yet", "continue": "1 'genstore work' takes it", "answer": "1 nobody listens yet",
               "say": "1 nobody listens yet", "snapshot": "1 no workspace yet", "cancel": "0 is cancelled>cancelled"},
    "generating": {"answer": "1 asks nothing", "say": "1 cannot be told anything", "snapshot": "0 >generating",
                   "continue": "0 is generating", "pause": "0 is paused>paused", "cancel": "0 is cancelled>cancelled"},
    "held": {"answer": "1 asks nothing", "say": "1 cannot be told anything", "snapshot": "0 >paused", "pause": "0 is paused>paused",
             "continue": "0 is generating>generating", "cancel": "0 is cancelled>cancelled"},
    "left": {"pause": "0 is paused>paused", "answer": "1 no process of it is left", "say": "1 no process of it is left",
             "snapshot": "0 >paused", "cancel": "0 is cancelled>cancelled"},
    **{state: {"pause": "1 nothing to pause", "continue": "1 generate --resume", "answer": "1 nobody listens any more",
               "say": "1 nobody listens any more", "snapshot": "1 its iterations are what there is", "cancel": f"1 is {state} already"}
       for state in ("completed", "failed", "cancelled")},
}


@pytest.mark.parametrize("state", MATRIX)
def test_each_command_does_in_each_state_what_is_written(genstore, store, running, state):
    process = states(genstore, running, state)
    for command, expected in MATRIX[state].items():
        told, _, after = expected.partition(">")
        code, _, words = told.partition(" ")
        r = genstore(*COMMANDS[command], code=int(code))
        assert words in r.err and (r.err.count("\n") == 1 or command == "snapshot"), (command, r.err)
        assert not after or statuses(genstore) == [after], command
    if process:
        assert ended(process)[0] == 1
    genstore("check")


def test_pause_stops_a_plain_command_where_it_stands_and_continue_lets_it_go_on(genstore, running, wait_for, lines):
    process = running()
    f = process.place / "app/f"
    genstore("pause", "app")
    stopped = size(f)
    for _ in range(5):
        genstore("list")
    assert size(f) == stopped
    genstore("continue", "app")
    wait_for(lambda: size(f) > stopped, "it to go on")
    code, _, err = end(process)
    assert code == 0, err
    assert "paused from elsewhere" in err
    assert [line for _, line in lines()] == ["paused", "continued"]


def test_a_pause_is_no_silence(genstore, running, wait_for):
    process = running(f"{TICKS.replace('echo x >> f;', 'echo x >> f; echo y;')}", "--timeout", "1")
    genstore("pause", "app")
    end_of_limit = time.monotonic() + 1.3
    wait_for(lambda: time.monotonic() > end_of_limit, "the limit of silence to go by")
    assert statuses(genstore) == ["paused"]
    genstore("continue", "app")
    assert end(process)[0] == 0


def test_a_generator_is_told_to_pause_to_go_on_and_what_is_said(genstore, obedient, wait_for):
    process = obedient()
    genstore("pause", "app")
    assert statuses(genstore) == ["paused"]
    genstore("say", "app", "blue, not red")
    genstore("continue", "app")
    wait_for(lambda: len(process.heard()) == 3, "three orders")
    assert process.heard() == [{"type": "control_command", "command": "pause"}, {"type": "user_input", "content": "blue, not red"},
                               {"type": "control_command", "command": "resume"}]
    genstore("cancel", "app")
    code, _, err = ended(process)
    assert code == 1 and "is cancelled" in err
    assert [m["command"] for m in process.heard()[3:]] == ["cancel", "prepare_shutdown"]
    # What it put in order before its end is kept, in a snapshot beside its iterations; the archive has its last iteration.
    (row,) = [s for s in genstore("snapshots", "app", "--json").json if s["snapshot_type"] == "checkpoint"]
    assert row["metadata"]["label"] == "before cancel"
    assert genstore("cat", f"app@s{row['id']}:late").out == "put in order"
    genstore("cat", "app:late", code=4)


def test_cancel_stop_lets_a_generator_finish_its_iteration(genstore, obedient):
    process = obedient()
    r = genstore("cancel", "app", "--stop")
    assert "is completed" in r.err
    assert ended(process)[0] == 0
    assert genstore("cat", "app@2:b").out == "2"


def test_cancel_stop_lets_a_plain_command_finish_its_run(genstore, running, wait_for):
    process = running(TICKS, "--max-iterations", "5")
    stop = genstore.start("cancel", "app", "--stop")
    wait_for(lambda: "asked to stop" in genstore("log", "app").out, "the request")
    code, _, err = end(process)
    assert code == 0, err
    assert ended(stop)[0] == 0
    assert statuses(genstore) == ["completed"]
    assert genstore("cat", "app:g").out == "1\n"


def test_what_is_wanted_while_nobody_is_connected_is_told_at_the_next_connection(ws, genstore, workspaces, wait_for):
    process = ws("""
begin()
drop()
write("../dropped", "")
while not pathlib.Path("../go").exists():
    time.sleep(0.01)
connect()
told = [hear(), hear(), hear()]
write("told.json", json.dumps(told))
iteration(1)
complete(1)
farewell()
""", start=True)
    (place,) = wait_for(workspaces, "a workspace")
    wait_for((place / "dropped").exists, "the connection to break")
    genstore("pause", "app")
    genstore("say", "app", "blue")
    genstore("continue", "app")
    (place / "go").touch()
    assert ended(process)[0] == 0
    told = json.loads(genstore("cat", "app:told.json").out)
    assert [m.get("command", m.get("content")) for m in told] == ["pause", "blue", "resume"]


@pytest.mark.threads
def test_a_command_is_stopped_before_it_has_connected_and_connects_when_it_goes_on(ws, genstore, workspaces, wait_for):
    process = ws("""
write("../here", "")
while not pathlib.Path("../go").exists():
    time.sleep(0.01)
begin()
write("a", "1")
iteration(1)
complete(1)
farewell()
""", start=True)
    (place,) = wait_for(workspaces, "a workspace")
    wait_for((place / "here").exists, "it to begin")
    genstore("pause", "app")
    (place / "go").touch()
    assert statuses(genstore) == ["paused"]
    genstore("continue", "app")
    assert ended(process)[0] == 0
    assert genstore("cat", "app:a").out == "1"


@pytest.mark.threads
@pytest.mark.parametrize("how", ["cancel", "stop"])
def test_the_client_of_node_is_paused_continued_and_ended(node, genstore, workspaces, wait_for, how):
    process = node("""
	await connect();
	tell(ws, 'ready');
	await next();
	fs.writeFileSync('a', '1');
	tell(ws, 'iteration_complete', { iteration: 1, app_path: process.cwd() });
	for (;;) {
		const order = await next();
		fs.appendFileSync('../heard', order.command + '\\n');
		if (order.command === 'cancel')
			complete(1, 'user_cancelled');
		if (order.command === 'stop_request')
			complete(1, 'user_done');
		if (order.command === 'prepare_shutdown')
			break;
	}
	tell(ws, 'shutdown_ready');
	await closed();
""", start=True)
    wait_for(lambda: [g for g in genstore("list", "--json").json if g["current_iteration"]], "its iteration")
    (place,) = workspaces()
    genstore("pause", "app")
    genstore("continue", "app")
    wait_for(lambda: (place / "heard").exists() and (place / "heard").read_text() == "pause\nresume\n", "both orders")
    genstore("cancel", "app", *(["--stop"] if how == "stop" else []))
    assert ended(process)[0] == (0 if how == "stop" else 1)
    assert statuses(genstore) == ["completed" if how == "stop" else "cancelled"]
    assert genstore("cat", "app:a").out == "1"


def test_of_two_that_continue_what_is_left_one_runs_it_and_the_other_says_who_has_it(genstore, running, wait_for):
    first = running("echo $ITERATION >> g; test -e ../again && exit 0; touch ../again; " + TICKS)
    first.send_signal(signal.SIGINT)
    ended(first)
    both = [genstore.start("continue", "app") for _ in range(2)]
    said = [ended(p) for p in both]
    codes = sorted(code for code, _, _ in said)
    # The second is refused, lets what runs go on (which it does), or comes when it is complete.
    assert codes in ([0, 0], [0, 1]), said
    for code, _, err in said:
        assert code == 0 or re.search("in the hand of another genstore|is completed|generate --resume", err), err
    assert statuses(genstore) == ["completed"]
    assert genstore("cat", "app:g").out.count("\n") in (2, 3)
    genstore("check")


def test_two_that_continue_what_is_held_both_see_it_go_on(genstore, running):
    process = running()
    genstore("pause", "app")
    both = [genstore.start("continue", "app") for _ in range(2)]
    assert [ended(p)[0] for p in both] == [0, 0]
    assert end(process)[0] == 0
    assert genstore("log", "app").out.count("continued") == 1


def test_a_generator_that_does_not_listen_is_ended_all_the_same(genstore, wsi, workspaces, wait_for):
    process = wsi("begin(); write('../here', ''); time.sleep(1000)", start=True)
    wait_for(lambda: [w for w in workspaces() if (w / "here").exists()], "it to begin")
    first = genstore.start("cancel", "app")
    wait_for(lambda: "cancelled by command" in genstore("log", "app").out, "the cancel")
    genstore("cancel", "app", code=None)
    assert ended(first)[0] == 0 and ended(process)[0] == 1
    assert statuses(genstore) == ["cancelled"]


def test_a_paused_generator_that_does_not_listen_is_cancelled_all_the_same(genstore, wsi, workspaces, wait_for):
    process = wsi("begin(); write('../here', ''); time.sleep(1000)", start=True)
    wait_for(lambda: [w for w in workspaces() if (w / "here").exists()], "it to begin")
    genstore("pause", "app")
    assert "it can be removed when it has ended" in genstore("rm", "app", "--force", code=1).err
    first = genstore.start("cancel", "app")
    wait_for(lambda: "cancelled by command" in genstore("log", "app").out, "the cancel")
    genstore("cancel", "app", code=None)
    assert ended(first)[0] == 0 and ended(process)[0] == 1


def test_what_people_say_is_redacted_as_the_log_is(genstore, obedient):
    process = obedient("--env", "KEY", env={"KEY": "hunter2000"})
    genstore("say", "app", "the key is hunter2000")
    genstore("cancel", "app")
    ended(process)
    assert "told: the key is ***" in genstore("log", "app").out


def test_a_snapshot_by_command_has_the_tree_of_that_moment_and_a_name_for_every_command(genstore, running, tmp_path):
    process = running()
    name = genstore("snapshot", "app", "--label", "halfway").out.strip()
    genstore("restore", name, tmp_path / "there")
    assert size(tmp_path / "there/f") > 0
    (row,) = genstore("snapshots", name, "--json").json
    assert (row["snapshot_type"], row["metadata"]["label"], row["metadata"]["after_iteration"]) == ("manual", "halfway", 0)
    assert end(process)[0] == 0
    assert "f" in genstore("diff", name, "app").out
    assert [s["iteration_number"] for s in genstore("snapshots", "app", "--json").json] == [0, 1]
    genstore("ls", "app@s999", code=4)
    genstore("ls", "app@sx", code=2)


def test_a_snapshot_that_cannot_be_taken_is_refused_and_the_generation_goes_on(genstore, running):
    process = running(f"mkfifo pipe; {TICKS}; rm pipe")
    assert "pipe" in genstore("snapshot", "app", code=1).err
    assert end(process)[0] == 0


def test_an_answer_to_nothing_and_an_empty_one_are_refused(genstore, running):
    process = running()
    assert genstore("answer", "app", code=2).err.startswith("genstore: say --choice")
    assert "empty" in genstore("answer", "app", "--choice", "", code=2).err
    assert "empty" in genstore("say", "app", "", code=2).err
    assert "over 65536 bytes" in genstore("say", "app", "x" * 65537, code=1).err
    assert end(process)[0] == 0


def test_commands_tell_programs_the_generation(genstore, running):
    process = running()
    (told,) = genstore("pause", "app", "--json").json
    assert (told["message_type"], told["status"]) == ("generation", "paused")
    (told,) = genstore("snapshot", "app", "--json").json
    assert (told["message_type"], told["snapshot_type"]) == ("snapshot", "manual")
    (told,) = genstore("say", "app", "x", "--json", code=1).json
    assert told["message_type"] == "error"
    genstore("cancel", "app", "--json")
    ended(process)


def test_a_command_says_when_the_genstore_that_has_it_in_hand_is_killed_meanwhile(genstore, running):
    process = running()
    process.send_signal(signal.SIGSTOP)
    pause = genstore.start("cancel", "app")
    process.kill()
    process.send_signal(signal.SIGCONT)
    ended(process)
    code, _, err = ended(pause)
    # Killed before or behind the message: either way the next one finds it paused.
    assert code in (0, 1), err
    assert statuses(genstore)[0] in ("paused", "cancelled")
    genstore("cancel", "app", code=None)
    assert statuses(genstore) == ["cancelled"]


def test_a_paused_one_whose_process_is_gone_is_continued_with_its_session_and_counts_on(genstore, wsi, last, workspaces, wait_for):
    process = wsi("""
start = begin()
write("start.json", json.dumps(start))
n = int(os.environ["ITERATION"])
write(f"f{n}", "x")
iteration(n, session_id="s1", credentials=[{"key": "MADE_URL", "value": "very-secret-value"}])
settle()
print(os.environ.get("MADE_URL", "none given"), flush=True)
if "resume_session_id" not in start:
    write("../here", "")
    hear()
    sys.exit(0)
complete(1)
farewell()
""", "--max-iterations", "3", start=True)
    (place,) = wait_for(workspaces, "a workspace")
    wait_for(lambda: (place / "here").exists(), "its first iteration")
    process.send_signal(signal.SIGINT)
    assert f"genstore continue {last()['request_id']}" in ended(process)[2]
    assert (place / "credentials.json").stat().st_mode & 0o777 == 0o600
    genstore("continue", "app")
    start = json.loads(genstore("cat", "app:start.json").out)
    assert (start["resume_session_id"], start["max_iterations"]) == ("s1", 2)
    assert start["app_path"] == str(place / "app")
    assert (last()["status"], last()["current_iteration"]) == ("completed", 2)
    log = genstore("log", "app").out
    # Given back through the environment, and in no log.
    assert "none given" in log and "***" in log and "very-secret-value" not in log
    assert b"very-secret-value" not in genstore.store.read_bytes()
    assert "it is kept as" not in log


def test_continue_takes_another_command_and_goes_on_from_the_last_iteration(genstore, running, wait_for):
    process = running("echo $ITERATION >> g; echo x > f; test $ITERATION = 1 || sleep 1000", "--max-iterations", "3")
    wait_for(lambda: genstore("list", "--json").json[0]["current_iteration"] == 1, "the first iteration")
    process.send_signal(signal.SIGTERM)
    ended(process)
    genstore("continue", "app", "--", "sh", "-c", "echo c$ITERATION >> g")
    assert genstore("cat", "app:g").out.splitlines()[-2:] == ["c2", "c3"]
    genstore("continue", "app", "echo", code=2)


def test_a_command_line_with_a_secret_is_not_kept_and_continue_asks_for_it(genstore, store, workspaces, wait_for):
    process = genstore.start("generate", "--app-name", "app", "--prompt", "x", "--env", "KEY", "--", "sh", "-c",
                             "touch ../here; sleep 1000", "hunter2000", env={"KEY": "hunter2000"})
    wait_for(lambda: [w for w in workspaces() if (w / "here").exists()], "it to begin")
    process.send_signal(signal.SIGINT)
    ended(process)
    assert b"hunter2000" not in store.read_bytes()
    assert "no such variable here" in genstore("continue", "app", code=2).err
    assert "is not kept" in genstore("continue", "app", code=2, env={"KEY": "hunter2000"}).err
    genstore("continue", "app", "--", "sh", "-c", "test -n \"$KEY\" && echo x > f", env={"KEY": "hunter2000"})


def test_a_workspace_that_is_gone_is_restored_from_the_last_iteration(genstore, running, workspaces, wait_for, tree):
    process = running("mkdir -p node_modules; echo $ITERATION >> node_modules/m; echo $ITERATION >> g; echo x > f; "
                      "test $ITERATION = 1 || sleep 1000", "--max-iterations", "2")
    wait_for(lambda: genstore("list", "--json").json[0]["current_iteration"] == 1, "the first iteration")
    process.send_signal(signal.SIGINT)
    ended(process)
    shutil.rmtree(process.place)
    r = genstore("continue", "app", "--", "sh", "-c", "cat g; test ! -e node_modules && echo 2 >> g")
    assert "lacks what snapshots leave out: node_modules" in r.err
    assert genstore("cat", "app:g").out == "1\n2\n"


def test_what_is_paused_by_a_kill_after_its_last_iteration_is_complete_without_another_run(genstore, wsi, last, workspaces, wait_for):
    process = wsi("begin(); write('a', '1'); iteration(1); settle(); write('../here', ''); hear()", start=True)
    wait_for(lambda: [w for w in workspaces() if (w / "here").exists()], "its iteration")
    process.kill()
    ended(process)
    genstore("continue", "app")
    assert (last()["status"], last()["current_iteration"]) == ("completed", 1)
    assert genstore("cat", "app:a").out == "1"


