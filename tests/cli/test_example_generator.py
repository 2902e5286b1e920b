"""The generators that come with genstore: the built-in example and the ones in examples/."""

import hashlib
import json
import os
import pathlib
import re
import select
import shutil
import socket
import subprocess
import time
import tomllib
import urllib.error
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
GENSTORE = os.environ.get("GENSTORE", str(ROOT / "build" / "genstore"))
EXAMPLES = ROOT / "examples" / "generators"
NODE = shutil.which("node")
DEADLINE = 60

COMMANDS = {
    "built-in": [GENSTORE, "example-generator"],
    "node": [NODE, str(EXAMPLES / "node-generator.mjs")],
}
HOSTILE = {
    "markup": ("<script>alert('x')</script>", 'say "hi"\n```\n</code>\n# not a heading'),
    "quotes": ("a\"b\\c\nd\t{{title|html}} ${x} `y`", "{{level}} \x1b[31m \u2028 ]]> */ --"),
    "other scripts": ("Übergrößen – 日本語 🍣", "naïve\r\nlines\rof three kinds\u0000end"),
    "a path": ("../../etc/passwd", "-- ; rm -rf / $(touch pwned) `touch pwned`"),
    "nothing": ("", ""),
    "a long prompt": ("---", "x" * 200_000),
    "a long name": ("é" * 5000, "'"),
}

SPEAKABLE = {key: pair for key, pair in HOSTILE.items() if "\0" not in pair[1] and len(pair[1]) < 100_000}

needs_node = pytest.mark.skipif(not NODE, reason="node is not installed")


@pytest.fixture(params=["built-in", pytest.param("node", marks=needs_node)])
def command(request):
    return COMMANDS[request.param]


class Generator:
    """A generator under test: JSON lines both ways, each read with a deadline."""

    def __init__(self, command, workspace):
        self.process = subprocess.Popen(
            command, cwd=workspace, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        )
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            pipe.close()

    def send(self, type_, **fields):
        data = (json.dumps({"type": type_, **fields}) + "\n").encode()
        while data:
            data = data[self.process.stdin.write(data):]

    def control(self, name):
        self.send("control_command", command=name)

    def start(self, name="My App", prompt="a todo app", iterations=3, **more):
        assert self.read()["type"] == "ready"
        self.send("start_generation", prompt=prompt, app_name=name, mode="autonomous", max_iterations=iterations, **more)

    def read(self):
        until = time.monotonic() + DEADLINE
        while b"\n" not in self.buffer:
            assert select.select([self.process.stdout], [], [], max(0, until - time.monotonic()))[0], "silence"
            data = self.process.stdout.read(1 << 16)
            assert data, "it ended: " + self.process.stderr.read().decode()
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def read_until(self, type_):
        seen = [self.read()]
        while seen[-1]["type"] != type_:
            seen.append(self.read())
        return seen

    def shut_down(self):
        self.control("prepare_shutdown")
        assert self.read_until("shutdown_ready")
        assert self.process.wait(DEADLINE) == 0


def tree(root):
    """Path to content, mode or target of all that is below root."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = ("link", os.readlink(path))
        elif path.is_file():
            found[name] = (path.stat().st_mode & 0o111, hashlib.sha256(path.read_bytes()).hexdigest())
    return found


def changed(before, after):
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def build(command, workspace, name="My App", prompt="a todo app", iterations=3, **more):
    with Generator(command, workspace) as generator:
        generator.start(name, prompt, iterations, **more)
        messages = generator.read_until("all_work_complete")
        generator.shut_down()
    return messages


def build_and_copy(command, workspace, copies, iterations):
    """Builds, one iteration at a time so that each tree can be copied while nothing writes."""
    for n in range(1, iterations + 1):
        build(command, workspace, iterations=1)
        shutil.copytree(workspace, copies / str(n), symlinks=True)


def free_environment(**more):
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **more}


def own_tests_pass(app):
    done = subprocess.run([NODE, "--test"], cwd=app, env=free_environment(), capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"^. pass (\d+)$", done.stdout, re.M)[1]) > 0


class Running:
    """The app's own server, started by its bin/start."""

    def __init__(self, app, tmp_path):
        self.app = app
        self.env = free_environment(DATA_FILE=str(tmp_path / "data.json"), PORT=str(free_port()))
        self.base = f"http://127.0.0.1:{self.env['PORT']}"

    def __enter__(self):
        self.process = subprocess.Popen([self.app / "bin" / "start"], env=self.env, stdout=subprocess.DEVNULL)
        until = time.monotonic() + DEADLINE
        while True:
            try:
                self.get("/")
                return self
            except (ConnectionError, urllib.error.URLError):
                assert self.process.poll() is None and time.monotonic() < until
                time.sleep(0.01)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(DEADLINE)

    def get(self, path):
        with urllib.request.urlopen(self.base + path, timeout=DEADLINE) as answer:
            return answer.read().decode()

    def post(self, path, value):
        request = urllib.request.Request(
            self.base + path, json.dumps(value).encode(), {"content-type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            return json.load(answer)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_the_messages_come_in_the_order_of_a_generation(command, tmp_path):
    messages = build(command, tmp_path)
    ends = [m for m in messages if m["type"] == "iteration_complete"]
    last = messages[-1]

    assert [m["iteration"] for m in ends] == [1, 2, 3]
    for message in ends:
        assert message["app_path"] == str(tmp_path.resolve())
        assert message["duration"] >= 0 and message["iteration_cost"] >= 0
        assert {"input_tokens", "output_tokens"} <= message["stats"].keys()
    assert last["completion_reason"] == "max_iterations"
    assert last["total_iterations"] == 3
    assert {m["session_id"] for m in ends} == {last["session_id"]}
    assert last["total_cost"] == pytest.approx(sum(m["iteration_cost"] for m in ends))
    assert [m["type"] for m in messages].count("all_work_complete") == 1


def test_the_built_in_example_reports_what_people_and_accounts_need(tmp_path):
    messages = build(COMMANDS["built-in"], tmp_path)
    by_type = {m["type"]: m for m in messages}
    talk = by_type["conversation_log"]
    spent = [m["iteration_cost"] for m in messages if m["type"] == "iteration_complete"]

    assert {"log", "progress", "friendly_log", "conversation_log"} <= by_type.keys()
    assert by_type["log"]["line"]
    assert by_type["friendly_log"]["category"] in {"setup", "building"}
    assert {"timestamp", "entry_type", "agent"} <= talk.keys()
    assert talk["input_tokens"] > 0 and talk["output_tokens"] > 0 and talk["cost_usd"] > 0
    assert all(cost > 0 for cost in spent)
    percentages = [m["percentage"] for m in messages if m["type"] == "progress"]
    assert percentages == sorted(percentages) and percentages[-1] == 100


@needs_node
def test_after_each_iteration_the_app_differs_runs_and_passes_its_own_tests(command, tmp_path):
    workspace, before = tmp_path / "app", {}
    workspace.mkdir()
    build_and_copy(command, workspace, tmp_path, 5)
    for n in range(1, 6):
        app = tmp_path / str(n)
        after = tree(app)
        assert len(changed(before, after)) >= 3, n
        before = after
        own_tests_pass(app)
        with Running(app, tmp_path) as running:
            assert "My App" in running.get("/")


def test_a_resumed_tree_is_continued_as_if_it_had_never_ended(command, tmp_path):
    once, twice = tmp_path / "once", tmp_path / "twice"
    once.mkdir()
    twice.mkdir()
    build(command, once, iterations=4)
    build(command, twice, iterations=2)
    messages = build(command, twice, iterations=2, resume_session_id="earlier", app_path=str(twice))

    assert tree(once) == tree(twice)
    assert [m["iteration"] for m in messages if m["type"] == "iteration_complete"] == [1, 2]
    assert messages[-1]["session_id"] == "earlier"


@needs_node
def test_the_built_in_app_keeps_todos(tmp_path):
    app = tmp_path / "app"
    app.mkdir()
    build(COMMANDS["built-in"], app, iterations=5)
    with Running(app, tmp_path) as running:
        running.post("/api/todos", {"title": "water the plants", "tags": ["home"]})
        assert json.loads(running.get("/api/stats"))["tags"] == [["home", 1]]
    with Running(app, tmp_path) as running:
        assert [todo["title"] for todo in json.loads(running.get("/api/todos"))] == ["water the plants"]


def test_every_iteration_changes_several_files_far_beyond_the_features(tmp_path):
    before = {}
    for n in range(1, 41):
        build(COMMANDS["built-in"], tmp_path, iterations=1)
        after = tree(tmp_path)
        assert len(changed(before, after)) >= 3, n
        before = after
    names = re.findall(r"name: '(.*)'", (tmp_path / "public/themes/index.js").read_text())
    assert len(set(names)) == len(names) == 31
    assert os.readlink(tmp_path / "notes/latest.md") == "0040.md"
    assert not list(tmp_path.rglob("*.part"))
    if NODE:
        own_tests_pass(tmp_path)


def test_the_thousandth_level_is_the_last(tmp_path):
    messages = build(COMMANDS["built-in"], tmp_path, iterations=10)
    package = tmp_path / "package.json"
    package.write_text(package.read_text().replace('"exampleLevel": 10', '"exampleLevel": 998'))
    messages = build(COMMANDS["built-in"], tmp_path, iterations=10)

    assert messages[-1]["completion_reason"] == "autonomous_complete"
    assert messages[-1]["total_iterations"] == 2
    themes = re.findall(r"name: '(.*)'", (tmp_path / "public/themes/index.js").read_text())
    assert len(set(themes)) == len(themes) == 991


@pytest.mark.parametrize("name, prompt", HOSTILE.values(), ids=HOSTILE)
@needs_node
def test_hostile_names_and_prompts_stay_text(command, tmp_path, name, prompt):
    app = tmp_path / "app"
    app.mkdir()
    build(command, app, name, prompt, 3)

    own_tests_pass(app)
    with Running(app, tmp_path) as running:
        page = running.get("/")
    assert "<script>alert" not in page
    assert json.loads((app / "package.json").read_text())["version"] == "0.3.0"
    assert {path.name for path in tmp_path.iterdir()} <= {"app", "data.json"}
    assert not list(app.rglob("pwned"))


@pytest.mark.parametrize("name, prompt", HOSTILE.values(), ids=HOSTILE)
def test_the_built_in_app_carries_names_unharmed(tmp_path, name, prompt):
    build(COMMANDS["built-in"], tmp_path, name, prompt, 3)
    fly = tomllib.loads((tmp_path / "fly.toml").read_text())
    package = json.loads((tmp_path / "package.json").read_text())
    expected = name.replace("\n", " ").replace("\t", " ").strip() or "Untitled app"

    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", fly["app"])
    assert fly["app"] == package["name"]
    assert fly["env"]["APP_TITLE"] == package["description"]
    assert package["description"] == expected.encode()[:200].decode(errors="ignore")


def test_the_prompt_is_quoted_in_the_readme_and_stands_nowhere_else(tmp_path):
    prompt = "first <b>line</b>\n\n# third line \x1b[31m"
    build(COMMANDS["built-in"], tmp_path, "app", prompt, 12)
    readme = (tmp_path / "README.md").read_text()

    assert "\n    first <b>line</b>\n\n    # third line \ufffd[31m\n" in readme
    assert [path.name for path in tmp_path.rglob("*") if path.is_file() and b"third line" in path.read_bytes()] == ["README.md"]


def test_the_colour_comes_from_the_prompt(tmp_path):
    seen = set()
    for n, prompt in enumerate(["a", "b", "a"]):
        app = tmp_path / str(n)
        app.mkdir()
        build(COMMANDS["built-in"], app, "app", prompt, 1)
        seen.add((prompt, (app / "public/theme.css").read_text(), (app / "public/icon.png").read_bytes()))
    assert len(seen) == 2
    assert len({theme for _, theme, _ in seen}) == 2


def test_cancel_ends_the_work(command, tmp_path):
    with Generator(command, tmp_path) as generator:
        generator.start(iterations=1000)
        generator.read_until("iteration_complete")
        generator.control("cancel")
        last = generator.read_until("all_work_complete")[-1]
        assert last["completion_reason"] == "user_cancelled"
        assert 1 <= last["total_iterations"] < 1000
        generator.shut_down()


def test_stop_finishes_the_iteration_and_ends(command, tmp_path):
    with Generator(command, tmp_path) as generator:
        generator.start(iterations=1000)
        generator.read_until("iteration_complete")
        generator.control("stop_request")
        assert generator.read_until("all_work_complete")[-1]["completion_reason"] == "user_done"
        generator.shut_down()


def test_a_paused_generator_falls_silent_until_told_to_go_on(command, tmp_path):
    with Generator(command, tmp_path) as generator:
        generator.start(iterations=1000)
        generator.read_until("iteration_complete")
        generator.control("pause")
        while b"\n" in generator.buffer or select.select([generator.process.stdout], [], [], 0.3)[0]:
            assert generator.read()["type"] != "all_work_complete"
        generator.control("resume")
        generator.read_until("iteration_complete")
        generator.control("cancel")
        generator.read_until("all_work_complete")
        generator.shut_down()


def test_prepare_shutdown_is_obeyed_before_any_work(command, tmp_path):
    with Generator(command, tmp_path) as generator:
        assert generator.read()["type"] == "ready"
        generator.shut_down()
    assert not list(tmp_path.iterdir())


def test_the_end_of_the_input_after_the_work_is_a_shutdown(command, tmp_path):
    with Generator(command, tmp_path) as generator:
        generator.start(iterations=2)
        generator.process.stdin.close()
        assert generator.read_until("shutdown_ready")[-2]["type"] == "all_work_complete"
        assert generator.process.wait(DEADLINE) == 0


def test_lines_that_are_no_messages_are_skipped(command, tmp_path):
    with Generator(command, tmp_path) as generator:
        generator.process.stdin.write(b'not json\n[1]\n"text"\n\n{"type":"from_the_future"}\n{"no":"type"}\n')
        generator.start(iterations=1)
        generator.read_until("all_work_complete")
        generator.shut_down()


def test_the_example_leaves_an_app_of_another_program_alone(tmp_path):
    (tmp_path / "package.json").write_text('{"name": "mine"}')
    with Generator(COMMANDS["built-in"], tmp_path) as generator:
        generator.start()
        error = generator.read_until("error")[-1]
        assert error["fatal"] is True
        assert error["recovery_hint"]
        assert generator.process.wait(DEADLINE) == 1
    assert tree(tmp_path).keys() == {"package.json"}


def test_an_example_that_cannot_write_says_so(tmp_path):
    (tmp_path / "lib").write_text("in the way")
    with Generator(COMMANDS["built-in"], tmp_path) as generator:
        generator.start()
        assert "cannot write" in generator.read_until("error")[-1]["message"]
        assert generator.process.wait(DEADLINE) == 1


def test_the_example_run_on_a_terminal_explains_itself():
    ours, its = os.openpty()
    try:
        done = subprocess.run(COMMANDS["built-in"], stdin=its, capture_output=True, text=True, timeout=DEADLINE)
    finally:
        os.close(ours)
        os.close(its)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and "genstore generate" in done.stderr


def run_shell(workspace, iteration, name="My App", prompt="a page"):
    env = free_environment(APP_NAME=name, PROMPT=prompt, ITERATION=str(iteration))
    script = [str(EXAMPLES / "shell-generator.sh")]
    subprocess.run(script, cwd=workspace, env=env, check=True, capture_output=True, timeout=DEADLINE)
    return tree(workspace)


def test_the_shell_generator_works_three_times_and_then_changes_nothing(tmp_path):
    trees = [run_shell(tmp_path, n) for n in range(1, 6)]

    assert len({json.dumps(t) for t in trees[:3]}) == 3
    assert trees[2] == trees[3] == trees[4]
    assert trees[2]["bin/start"][0]


@pytest.mark.parametrize("name, prompt", SPEAKABLE.values(), ids=SPEAKABLE)
def test_the_shell_generator_escapes_names_and_prompts(tmp_path, name, prompt):
    run_shell(tmp_path, 1, name, prompt)
    page = (tmp_path / "index.html").read_text()

    assert "<script>alert" not in page and "</code>" not in page
    assert not list(tmp_path.rglob("pwned"))
