"""genstore generate: signals, sudden deaths, and several generations at once."""

import json
import pathlib
import signal

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


def here(workspaces, name="here"):
    return lambda: [w / name for w in workspaces() if (w / name).exists()]


def test_ctrl_c_pauses_and_says_how_to_go_on(wsi, genstore, wait_for, last, workspaces):
    process = wsi(SLOW, start=True)
    wait_for(here(workspaces), "the first iteration")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    req = last()["request_id"]
    assert process.returncode == 130
    assert last()["status"] == "paused"
    assert f"genstore restore {req}@1 DIR" in err.decode() and f"genstore fork {req}" in err.decode()
    heard = json.loads(here(workspaces, "heard")()[0].read_text())
    assert heard == {"type": "control_command", "command": "prepare_shutdown", "reason": "interrupted"}
    assert genstore("cat", "app@1:a").out == "1"


def test_ctrl_c_ends_a_plain_command_and_keeps_its_finished_iterations(genstore, store, wait_for, last, workspaces):
    script = "echo $ITERATION > f; test $ITERATION = 1 || { touch ../here; exec sleep 1000; }"
    process = genstore.start("generate", "--app-name", "app", "--prompt", "x", "--max-iterations", "5", "--", "sh", "-c", script)
    wait_for(here(workspaces), "the second iteration")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert (last()["status"], last()["current_iteration"]) == ("paused", 1)


def test_ctrl_c_twice_cancels_and_seals_what_was_finished(genstore, store, wait_for, last, tmp_path, workspaces):
    script = "echo $ITERATION > f; test $ITERATION = 1 || { trap 'touch ../asked' TERM; touch ../here; while :; do sleep 0.05; done; }"
    process = genstore.start("generate", "--app-name", "app", "--prompt", "x", "--max-iterations", "5", "--", "sh", "-c", script)
    wait_for(here(workspaces), "the second iteration")
    process.send_signal(signal.SIGINT)
    wait_for(here(workspaces, "asked"), "the first signal to arrive")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert (last()["status"], last()["current_iteration"]) == ("cancelled", 1)
    genstore("get", "app", "-o", tmp_path / "app.tar.gz")


def test_a_killed_genstore_takes_its_generator_along_and_the_next_start_pauses_what_it_left(
        genstore, store, wait_for, last, workspaces):
    script = "echo x > f; test $ITERATION = 1 || { echo $$ > ../here; exec sleep 1000; }"
    process = genstore.start("generate", "--app-name", "app", "--prompt", "x", "--max-iterations", "5", "--", "sh", "-c",
                             f"{script}; echo y > g")
    (pid,) = wait_for(here(workspaces), "the second iteration")
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


def test_a_generation_in_another_process_is_no_orphan(wsi, genstore, wait_for, workspaces):
    process = wsi(SLOW, start=True)
    wait_for(here(workspaces), "the first iteration")
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


def test_following_a_generation_whose_genstore_was_killed_ends_and_says_so(genstore, store, tmp_path, wait_for):
    process = genstore.start("generate", "--app-name", "app", "--prompt", "p", "--", "/bin/sh", "-c", f"echo said; touch {tmp_path}/up; exec sleep 60")
    wait_for(lambda: (tmp_path / "up").exists() and "said" in genstore("log", "app").out, "the generator's line")
    follower = genstore.start("log", "app", "-f")
    assert b"said" in follower.stdout.readline()
    assert follower.poll() is None
    process.kill()
    process.communicate(timeout=30)
    _, err = follower.communicate(timeout=60)
    assert follower.returncode == 0 and b"by a genstore that is gone" in err
    assert genstore("show", "app", "--json").json[0]["status"] == "generating"  # it only reads
    # One that comes later does not wait, either.
    assert "said" in genstore("log", "app", "-f").out
