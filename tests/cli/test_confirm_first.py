"""Mode confirm_first: questions on a terminal, from another one, in time or not."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import sys
import termios

import pytest

# Asks after each iteration; notes all it hears in ../heard, and shows its prompts as a hostile generator would.
ASKS = """
begin()
heard = open("../heard", "a")
def order():
    m = hear()
    print(json.dumps(m), file=heard, flush=True)
    if m is None:
        sys.exit(0)
    return m
n = 0
while True:
    n += 1
    write(f"f{n}", "x")
    iteration(n, session_id="s1")
    tell("decision_prompt", id=f"d{n}", prompt="Go on\\x1b[31m?\\nReally?", suggested_task="tests", allow_editor=True, options=["yes", "done"])
    while True:
        m = order()
        if m.get("command") == "prepare_shutdown":
            tell("task_interrupted", app_path=os.getcwd(), session_id="s1")
            tell("shutdown_ready")
            sys.exit(0)
        if m.get("choice") == "/context":
            tell("context_display", app_path=os.getcwd(), session_id="s1", last_action="painted it")
        elif m.get("choice") in ("add", "redirect") and "input" not in m:
            tell("decision_follow_up", id=f"f{n}", parent_id=m["id"], prompt="What then?", action=m["choice"])
        elif m.get("type") == "decision_response":
            break
    if m["choice"] == "done":
        complete(n, "user_done")
        farewell()
        sys.exit(0)
"""


class Terminal:
    """The program on a terminal of its own."""

    def __init__(self, process, fd, wait_for):
        self.process, self.fd, self.wait_for = process, fd, wait_for
        self.text = ""

    def read(self):
        while select.select([self.fd], [], [], 0.01)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                break
            if not data:
                break
            self.text += data.decode(errors="replace")
        return self.text

    def sees(self, words, times=1):
        self.wait_for(lambda: self.read().count(words) >= times, f"{words!r} on the terminal")

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        self.wait_for(lambda: self.read() is not None and self.process.poll() is not None, "the program to end")
        self.read()
        return self.process.returncode


@pytest.fixture
def terminal(genstore, wait_for):
    opened = []

    def start(*args, **env):
        fd, theirs = pty.openpty()
        process = genstore.start(*args, stdin=theirs, stdout=theirs, stderr=theirs, env={"TERM": "xterm", **env},
                                 preexec_fn=lambda: (os.setsid(), fcntl.ioctl(0, termios.TIOCSCTTY, 0)))
        os.close(theirs)
        opened.append((process, fd))
        return Terminal(process, fd, wait_for)

    yield start
    for process, fd in opened:
        process.kill()
        process.wait()
        os.close(fd)


@pytest.fixture(params=["lines", pytest.param("websocket", marks=pytest.mark.threads)])
def asked(request, terminal, store, scripted, workspaces):
    """A generation that asks on a terminal, over each transport, seen up to its first question."""

    def start(*args, code=ASKS, **env):
        script = scripted(request.param, code)
        t = terminal("generate", "--app-name", "app", "--prompt", "x", "--mode", "confirm_first", *args, "--", sys.executable, script, **env)
        t.sees("  > ")
        t.place = workspaces()[-1]
        t.heard = lambda: [json.loads(line) for line in (t.place / "heard").read_text().splitlines()]
        return t

    return start


def choices(heard):
    return [(m["choice"], m.get("input")) for m in heard if m["type"] == "decision_response"]


def test_a_question_is_shown_whole_and_harmless_and_answers_reach_the_generator(asked, genstore):
    t = asked()
    shown = t.read()
    assert "? Go on\\x1b[31m?\r\n" in shown and "    Really?\r\n" in shown
    assert "suggested: tests" in shown and "options: yes, done" in shown and "[e]dit" in shown
    t.type("/context\n")
    t.sees("context of session s1: painted it")
    t.type("add\n")
    t.sees("? What then?")
    t.type("a button\n")
    t.sees("? Go on", 2)
    t.type("redirect all over\n")
    t.sees("? Go on", 3)
    t.type("\n   \n/nothing\n")
    t.sees("there is /context, /save and /clear")
    t.type("a blue one\n")
    t.sees("? Go on", 4)
    assert choices(t.heard()) == [("/context", None), ("add", None), ("add", "a button"), ("redirect", "all over"), ("a blue one", None)]
    follow_up = t.heard()[2]
    assert (follow_up["id"], follow_up["parent_id"]) == ("f1", "d1")
    t.type("d\n")
    assert t.end() == 0
    assert "Generation Complete!" in t.text
    assert genstore("list", "--json").json[0]["current_iteration"] == 4


def test_an_answer_from_elsewhere_is_first_and_the_terminal_says_so(asked, genstore):
    t = asked()
    t.type("half an ans")
    (shown,) = genstore("show", "app", "--json").json
    assert (shown["question"]["decision_id"], shown["question"]["suggested_task"]) == ("d1", "tests")
    assert "Really?" in genstore("show", "app").out
    genstore("answer", "app", "--choice", "add", "--input", "from afar")
    t.sees("answered 'add' by 'genstore answer'")
    t.sees("? Go on", 2)
    # What was typed before belongs to no question any more.
    t.type("done\n")
    assert t.end() == 0
    assert "question" not in genstore("show", "app", "--json").json[0]


def test_ctrl_c_at_the_question_pauses_and_continue_asks_again(asked, terminal, genstore):
    t = asked()
    t.type("words\x03")
    assert t.end() == 130
    assert "genstore continue" in t.text
    assert genstore("list", "--json").json[0]["status"] == "paused"
    again = terminal("continue", "app")
    again.sees("  > ")
    again.type("d\n")
    assert again.end() == 0
    assert genstore("list", "--json").json[0]["current_iteration"] == 2


def test_ctrl_d_leaves_the_question_to_others(asked, genstore):
    t = asked()
    t.type("\x04")
    t.sees("no answer from here")
    genstore("answer", "app", "--choice", "done")
    assert t.end() == 0


def test_ctrl_z_and_a_new_size_change_nothing(asked, wait_for):
    t = asked()
    os.kill(t.process.pid, signal.SIGWINCH)
    os.kill(t.process.pid, signal.SIGSTOP)
    wait_for(lambda: open(f"/proc/{t.process.pid}/stat", encoding="ascii").read().split()[2] == "T", "it to stop")
    os.kill(t.process.pid, signal.SIGCONT)
    t.sees("  > ", 2)
    t.type("done\n")
    assert t.end() == 0


def test_a_long_answer_is_written_in_the_editor(asked, tmp_path):
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\ngrep -q tests \"$1\" && printf 'first line\\nsecond line\\n' > \"$1\"\n")
    editor.chmod(0o755)
    t = asked(EDITOR=str(editor))
    t.type("edit\n")
    t.sees("? Go on", 2)
    assert choices(t.heard()) == [("first line\nsecond line", None)]
    t.type("d\n")
    assert t.end() == 0


def test_an_answer_from_elsewhere_ends_the_editor(asked, genstore, tmp_path, wait_for):
    editor = tmp_path / "editor"
    editor.write_text(f"#!/bin/sh\ntouch {tmp_path}/open; exec sleep 1000\n")
    editor.chmod(0o755)
    t = asked(VISUAL=str(editor))
    t.type("e\n")
    wait_for((tmp_path / "open").exists, "the editor")
    genstore("answer", "app", "--choice", "yes")
    t.sees("answered 'yes'")
    t.sees("? Go on", 2)
    t.type("d\n")
    assert t.end() == 0


def test_what_comes_while_an_answer_is_typed_leaves_the_prompt_behind(asked, genstore):
    t = asked()
    genstore("pause", "app")
    t.sees("paused from elsewhere")
    assert re.search(r"paused from elsewhere[^\n]*\r\n  > $", t.read())
    genstore("continue", "app")
    t.type("d\n")
    assert t.end() == 0


@pytest.mark.threads
@pytest.mark.parametrize("transport", ["lines", "websocket"])
def test_nobody_answers_in_time_and_it_is_paused_to_be_continued(genstore, generator, last, transport):
    r = generator(transport)(ASKS, "--mode", "confirm_first", "--decision-timeout", "1", expect=1)
    assert "nobody has answered in time" in r.err and f"genstore continue {last()['request_id']}" in r.err
    assert (last()["status"], last()["current_iteration"], last()["last_session_id"]) == ("paused", 1, "s1")


@pytest.mark.parametrize("args", [[], ["--no-input"], ["--json"]])
def test_where_nobody_can_answer_it_fails_at_once_and_says_what_to_do(genstore, store, args, workspaces):
    r = genstore("generate", "--app-name", "a", "--prompt", "x", "--mode", "confirm_first", *args, "--", "true", code=2)
    assert "--decision-timeout" in r.err + r.out and "genstore answer" in r.err + r.out
    assert genstore("list", "--json").json == [] and workspaces() == []


def test_without_a_terminal_answers_come_from_elsewhere(genstore, wsi, wait_for):
    process = wsi(ASKS, "--mode", "confirm_first", "--decision-timeout", "1h", start=True)
    asks = lambda: genstore("show", "app", "--json", code=None).json[0].get("question")
    assert wait_for(asks, "the question")["options"] == ["yes", "done"]
    genstore("answer", "app", "--choice", "yes")
    wait_for(lambda: (asks() or {}).get("decision_id") == "d2", "the second question")
    genstore("answer", "app", "--choice", "done")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "asks: Go on" in err.decode() and "answer with: genstore" in err.decode()


@pytest.mark.threads
def test_an_answer_that_comes_while_nobody_is_connected_is_told_at_the_next_connection(ws, genstore, workspaces, wait_for):
    process = ws("""
begin()
write("a", "1")
iteration(1)
tell("decision_prompt", id="d1", prompt="Go on?")
while not pathlib.Path("../drop").exists():
    time.sleep(0.01)
drop()
write("../dropped", "")
while not pathlib.Path("../go").exists():
    time.sleep(0.01)
connect()
write("answer.json", json.dumps(hear()))
complete(1, "user_done")
farewell()
""", "--mode", "confirm_first", "--decision-timeout", "1h", start=True)
    wait_for(lambda: "question" in genstore("show", "app", "--json", code=None).json[0], "the question")
    (place,) = workspaces()
    (place / "drop").touch()
    wait_for((place / "dropped").exists, "the connection to break")
    genstore("answer", "app", "--choice", "add", "--input", "a button")
    (place / "go").touch()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert json.loads(genstore("cat", "app:answer.json").out) == {
        "type": "decision_response", "id": "d1", "choice": "add", "input": "a button"}


@pytest.mark.threads
def test_the_client_of_node_asks_follows_up_and_is_answered_from_elsewhere(node, genstore, wait_for):
    process = node("""
	await connect();
	tell(ws, 'ready');
	const start = await next();
	const heard = [start.mode];
	for (let n = 1; ; n++) {
		fs.writeFileSync('heard', heard.join(' '));
		tell(ws, 'iteration_complete', { iteration: n, app_path: process.cwd() });
		tell(ws, 'decision_prompt', { id: 'd' + n, prompt: 'Go on?', iteration: n, options: ['yes', 'done'] });
		let answer = await next();
		heard.push(answer.id, answer.choice);
		if (answer.choice === 'redirect' && !answer.input) {
			tell(ws, 'decision_follow_up', { id: 'f' + n, parent_id: answer.id, prompt: 'Where to?', action: 'redirect' });
			answer = await next();
			heard.push(answer.id, answer.parent_id, answer.choice, answer.input);
		}
		if (answer.choice === 'done')
			break;
	}
	complete(3, 'user_done');
	await next();
	tell(ws, 'shutdown_ready');
	await closed();
""", "--mode", "confirm_first", "--decision-timeout", "1h", start=True)

    def answer(to, *args):
        wait_for(lambda: (genstore("show", "app", "--json", code=None).json[0].get("question") or {}).get("decision_id") == to, to)
        genstore("answer", "app", *args)

    answer("d1", "--choice", "yes")
    answer("d2", "--choice", "redirect")
    answer("f2", "--choice", "the sea")
    answer("d3", "--choice", "done")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert genstore("cat", "app@3:heard").out == "confirm_first d1 yes d2 redirect f2 d2 redirect the sea"


def test_a_plain_command_is_asked_about_between_its_runs(genstore, store, terminal):
    t = terminal("generate", "--app-name", "app", "--prompt", "first wish", "--mode", "confirm_first", "--", "sh", "-c",
                 'echo "$ITERATION: $PROMPT" >> f')
    t.sees("iteration 1 is kept; run the command again?")
    t.type("add\n")
    t.sees("what is to be added?")
    t.type("second wish\n")
    t.sees("iteration 2 is kept")
    t.type("redirect something else\n")
    t.sees("iteration 3 is kept")
    t.type("y\n")
    t.sees("iteration 4 is kept")
    t.type("d\n")
    assert t.end() == 0
    assert genstore("cat", "app:f").out == ("1: first wish\n2: first wish\nsecond wish\n3: something else\n4: something else\n")
    assert [s["prompt_used"] for s in genstore("snapshots", "app", "--json").json][2] == "something else"


def test_two_answers_to_one_question_are_one_and_a_refusal(genstore, wsi, wait_for):
    process = wsi(ASKS, "--mode", "confirm_first", "--decision-timeout", "1h", start=True)
    wait_for(lambda: "question" in genstore("show", "app", "--json", code=None).json[0], "the question")
    both = [genstore.start("answer", "app", "--choice", "done") for _ in range(2)]
    said = [p.communicate(timeout=60)[1].decode() for p in both]
    assert sorted(p.returncode for p in both) == [0, 1], said
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_the_example_generator_asks_too(genstore, store, terminal):
    t = terminal("generate", "--app-name", "app", "--prompt", "a shop", "--mode", "confirm_first")
    t.sees("  > ")
    assert "? Go on?" in t.read() and "suggested: " in t.read()
    t.type("/context\n")
    t.sees("1 iterations")
    t.type("/save\n")
    t.sees("saved")
    t.type("/clear\n")
    t.sees("cleared")
    t.type("yes\n")
    t.sees("? Go on?", 2)
    t.type("done\n")
    assert t.end() == 0
    assert genstore("list", "--json").json[0]["current_iteration"] == 2


def test_a_generator_that_crashes_at_its_question_takes_the_question_along(asked, genstore):
    t = asked(code=ASKS.replace('tell("context_display"', 'os.kill(os.getpid(), 9), tell("context_display"'))
    t.type("/context\n")
    assert t.end() == 1
    assert "was ended by signal 9" in t.text
    (g,) = genstore("show", "app", "--json").json
    assert (g["status"], g["current_iteration"]) == ("failed", 1) and "question" not in g
    assert "nobody listens any more" in genstore("answer", "app", "--choice", "yes", code=1).err


def test_the_prompt_comes_back_after_a_command_that_nobody_answers(asked):
    t = asked()
    t.type("/save\n")
    t.sees("  > ", 2)
    t.type("/clear\n")
    t.sees("  > ", 3)
    assert choices(t.heard()) == [("/save", None), ("/clear", None)]
    t.type("d\n")
    t.sees("Generation Complete!")
    assert t.end() == 0


def test_where_no_editor_is_allowed_its_word_is_an_answer(asked):
    t = asked(code=ASKS.replace("allow_editor=True", "allow_editor=False"))
    assert "[e]dit" not in t.read()
    t.type("edit\n")
    t.sees("? Go on", 2)
    assert choices(t.heard()) == [("edit", None)]
    t.type("d\n")
    assert t.end() == 0


def test_an_endless_question_is_cut_and_can_be_answered(asked, genstore):
    t = asked(code=ASKS.replace('prompt="Go on\\x1b[31m?\\nReally?"', 'prompt="why? " * 40_000'))
    assert "\r\n    ...\r\n" in t.read() and len(t.read()) < 20_000
    assert len(genstore("show", "app", "--json").json[0]["question"]["question"]) <= 65_536
    t.type("d\n")
    assert t.end() == 0
