"""generate --queue and work: each queued generation is taken once, by whoever comes first."""

import collections
import json
import re
import signal

import pytest


@pytest.fixture
def queue(genstore, store):
    def put(name, script="echo $APP_NAME > f", *args):
        command = ["--", "sh", "-c", script] if script else []
        r = genstore("generate", "--queue", "--app-name", name, "--prompt", "p", *args, *command)
        assert "'genstore work' takes it" in r.err
        return r.out.strip()

    return put


def statuses(genstore):
    return {g["app_name"]: g["status"] for g in genstore("list", "--json").json}


def test_two_workers_take_twenty_queued_generations_each_once(genstore, queue, tmp_path):
    ran = tmp_path / "ran"
    ids = [queue(f"app{i}", f"echo $REQUEST_ID >> {ran}; echo x > f") for i in range(20)]
    workers = [genstore.start("work", "-j", "3", "--once") for _ in range(2)]
    said = [w.communicate(timeout=120) for w in workers]
    assert [w.returncode for w in workers] == [0, 0], said
    assert sorted(ran.read_text().split()) == sorted(ids)
    assert collections.Counter(statuses(genstore).values()) == {"completed": 20}
    lines = "".join(out.decode() for out, _ in said).splitlines()
    assert collections.Counter(re.sub(r"^req_\w+ app\d+/1: (\w+).*", r"\1", line) for line in lines) == {"started": 20, "completed": 20}
    genstore("check")


def test_the_oldest_is_taken_first(genstore, queue, tmp_path):
    for name in "abc":
        queue(name, f"echo $APP_NAME >> {tmp_path}/order; echo x > f")
    genstore("work", "--once")
    assert (tmp_path / "order").read_text() == "a\nb\nc\n"


def test_a_queued_one_keeps_all_that_was_asked_for(genstore, store):
    genstore("generate", "--queue", "--app-name", "a", "--prompt", "p", "-n", "2", "--env", "KEY", "--", "sh", "-c",
             'echo "$ITERATION $MODE $KEY" >> f', env={"KEY": "hunter2000"})
    assert b"hunter2000" not in store.read_bytes()
    genstore("work", "--once", env={"KEY": "hunter2000"})
    assert genstore("cat", "a:f").out == "1 autonomous hunter2000\n2 autonomous hunter2000\n"


def test_the_workers_command_is_for_those_that_have_none(genstore, queue):
    queue("own")
    queue("none", None)
    genstore("work", "--once", "--", "sh", "-c", "echo the worker > f")
    assert (genstore("cat", "own:f").out, genstore("cat", "none:f").out) == ("own\n", "the worker\n")
    queue("example", None)
    genstore("work", "--once")
    assert "package.json" in genstore("ls", "example").out


def test_what_fails_says_so_in_one_line_and_the_others_go_on(genstore, queue):
    queue("bad", "echo why >&2; exit 3")
    queue("good")
    r = genstore("work", "--once", code=3)
    assert re.search(r"bad/1: failed after 0 iterations, .*: the command ended with exit code 3: why\n", r.out)
    assert statuses(genstore) == {"bad": "failed", "good": "completed"}


def test_what_needs_a_variable_waits_for_a_worker_that_has_it_and_the_others_go_on(genstore, queue):
    key = {"KEY": "hunter2000"}
    waits = genstore("generate", "--queue", "--app-name", "a", "--prompt", "p", "--env", "KEY", "--", "sh", "-c", "echo $KEY > f", env=key).out.strip()
    queue("good")
    r = genstore("work", "--once", code=3)
    assert r.err == f"'{waits}' stays in the queue: it needs --env KEY, and there is no such variable here\n"
    assert statuses(genstore) == {"a": "queued", "good": "completed"}
    assert genstore("show", "a", "--json").json[0]["env"] == ["KEY"]
    assert re.search("^variables: +KEY$", genstore("show", "a").out, re.M)
    genstore("work", "--once", code=1)  # nothing was done, and something is left
    genstore("work", "--once", env=key)
    assert (statuses(genstore)["a"], genstore("cat", "a:f").out) == ("completed", "hunter2000\n")


def test_a_worker_says_once_what_waits_and_takes_what_comes_later(genstore, queue, wait_for):
    genstore("generate", "--queue", "--app-name", "a", "--prompt", "p", "--env", "KEY", "--", "true", env={"KEY": "hunter2000"})
    worker = genstore.start("work")
    for name in "bcd":
        queue(name)
        wait_for(lambda: statuses(genstore)[name] == "completed", "the worker to take it")
    worker.send_signal(signal.SIGINT)
    assert worker.communicate(timeout=60)[1].count(b"stays in the queue") == 1


def test_lines_of_several_at_once_stay_whole_however_long_they_are(genstore, queue):
    for i in range(12):
        genstore("generate", "--queue", "--app-name", f"a{i}", "--prompt", "long " * 20_000, "--", "sh", "-c", "echo x > f")
    out = genstore("work", "-j", "6", "--once", "--json").out.splitlines()
    assert collections.Counter(json.loads(line)["message_type"] for line in out) == {"generation": 12, "summary": 13}


def test_a_cancelled_one_is_not_taken(genstore, queue):
    queue("a")
    genstore("cancel", "a")
    genstore("work", "--once")
    assert statuses(genstore) == {"a": "cancelled"}


def test_a_worker_waits_for_more_and_ends_when_there_is_none_for_long(genstore, queue, wait_for):
    worker = genstore.start("work", "--idle-exit", "1s")
    queue("a")
    wait_for(lambda: statuses(genstore) == {"a": "completed"}, "the worker to take it")
    queue("b")
    worker.communicate(timeout=60)
    assert worker.returncode == 0
    assert statuses(genstore) == {"a": "completed", "b": "completed"}


def test_ctrl_c_pauses_what_a_worker_runs_and_leaves_the_rest_in_the_queue(genstore, queue, workspaces, wait_for):
    for name in "abc":
        queue(name, "touch ../here; sleep 1000")
    worker = genstore.start("work", "-j", "2")
    wait_for(lambda: len([w for w in workspaces() if (w / "here").exists()]) == 2, "two to run")
    worker.send_signal(signal.SIGINT)
    _, err = worker.communicate(timeout=60)
    assert worker.returncode == 130
    assert b"stopping 2 generations; once more cancels them" in err
    assert statuses(genstore) == {"a": "paused", "b": "paused", "c": "queued"}


def test_ctrl_c_twice_cancels_what_a_worker_runs(genstore, queue, workspaces, wait_for):
    queue("a", "trap 'touch ../asked' TERM; touch ../here; while :; do sleep 0.05; done")
    worker = genstore.start("work")
    wait_for(lambda: [w for w in workspaces() if (w / "here").exists()], "it to run")
    worker.send_signal(signal.SIGINT)
    wait_for(lambda: [w for w in workspaces() if (w / "asked").exists()], "the first signal to arrive")
    worker.send_signal(signal.SIGINT)
    worker.communicate(timeout=60)
    assert statuses(genstore) == {"a": "cancelled"}


def test_a_killed_worker_takes_its_generations_along_and_they_can_be_continued(genstore, queue, workspaces, wait_for):
    queue("a", "echo $ITERATION >> f; test -e ../again || { touch ../again; sleep 1000; }")
    worker = genstore.start("work")
    wait_for(lambda: [w for w in workspaces() if (w / "again").exists()], "it to run")
    worker.kill()
    worker.communicate(timeout=60)
    wait_for(lambda: not genstore("gc").out and statuses(genstore) == {"a": "paused"}, "it to be paused")
    genstore("continue", "a")
    assert genstore("cat", "a:f").out == "1\n1\n"


def test_programs_get_objects(genstore, queue):
    (request,) = genstore("generate", "--queue", "--app-name", "a", "--prompt", "p", "--json", "--", "sh", "-c", "echo x > f").json
    assert (request["message_type"], request["status"]) == ("generation", "queued")
    objects = [json.loads(line) for line in genstore("work", "--once", "--json").out.splitlines()]
    assert [o["message_type"] for o in objects] == ["generation", "summary", "summary"]
    assert objects[1]["status"] == "completed" and objects[2] == {"message_type": "summary", "done": 1, "failed": 0}


@pytest.mark.parametrize("args, words", [
    (["-j", "0"], "from 1 to 64"), (["-j", "65"], "from 1 to 64"), (["--once", "--idle-exit", "1s"], "either"),
    (["--idle-exit", "soon"], "takes a time"), (["--", "no-such-command"], "cannot run"), (["x"], "behind --")])
def test_wrong_usage_is_one_line(genstore, store, args, words):
    r = genstore("work", *args, code=2)
    assert words in r.err and r.err.count("\n") == 1


def test_a_command_line_that_cannot_be_kept_is_not_queued(genstore, store):
    r = genstore("generate", "--queue", "--app-name", "a", "--prompt", "p", "--env", "KEY", "--", "echo", "hunter2000", code=2,
                 env={"KEY": "hunter2000"})
    assert "cannot be kept" in r.err
    assert genstore("list", "--json").json == []
