"""generate --resume: the next generation of an app, on a tree that is there."""

import json
import shutil
import signal

import pytest

LEAVES_OUT = "echo $ITERATION >> f; mkdir -p node_modules; echo x > node_modules/m; echo k > .env"


def resume(genstore, rev, script, *args, code=0, **options):
    r = genstore("generate", "--resume", rev, *args, "--", "sh", "-c", script, code=code, **options)
    return r, max(genstore("list", "--json").json, key=lambda g: g["id"])


def test_a_resumed_generation_is_the_next_one_of_its_app_on_the_parents_tree(generate, genstore):
    first = generate("echo $ITERATION >> f", "--app-name", "app", "--prompt", "begin", "--max-iterations", "2")
    _, g = resume(genstore, "app", "echo more >> f")
    assert (g["app_name"], g["generation_number"], g["generation_type"], g["parent_request_id"], g["current_iteration"]) == (
        "app", 2, "resume", first, 1)
    assert (g["status"], g["prompt"], g["initial_prompt"]) == ("completed", "begin", "begin")
    assert genstore("cat", "app:f").out == "1\n2\nmore\n"
    assert genstore("cat", f"{first}:f").out == "1\n2\n"


def test_the_prompt_can_be_another_and_the_initial_one_is_carried_over(generate, genstore):
    generate("echo x > f", "--app-name", "app", "--prompt", "begin")
    resume(genstore, "app", "echo $PROMPT > f", "--prompt", "go on")
    _, g = resume(genstore, "app", "echo $PROMPT > f", "--prompt", "and on", "--app-name", "app")
    assert (g["prompt"], g["initial_prompt"], g["generation_number"]) == ("and on", "begin", 3)
    assert genstore("cat", "app:f").out == "and on\n"


@pytest.mark.parametrize("rev, text", [("app@1", "1\n"), ("app@2", "1\n2\n"), ("app/1@3", "1\n2\n3\n"), ("-", "1\n2\n3\n"), ("app/1", "1\n2\n3\n")])
def test_any_revision_can_be_resumed(generate, genstore, rev, text):
    generate("echo $ITERATION >> f", "--app-name", "app", "--max-iterations", "3")
    resume(genstore, rev, "cp f seen; echo now >> f")
    assert (genstore("cat", "app:seen").out, genstore("cat", "app:f").out) == (text, text + "now\n")


def test_what_it_begins_with_is_a_checkpoint_and_its_first_iteration_says_what_changed(generate, genstore):
    generate("echo a > a; echo b > b", "--app-name", "app")
    resume(genstore, "app", "echo c > b")
    shots = genstore("snapshots", "app", "--json").json
    assert [(s["iteration_number"], s["snapshot_type"]) for s in shots] == [(0, "checkpoint"), (1, "automatic")]
    assert shots[1]["metadata"]["changed_files"] == {"names": ["M b"], "added": 0, "modified": 1, "removed": 0}


def test_a_kept_workspace_is_taken_over_with_what_snapshots_leave_out_and_what_was_not_finished(generate, genstore, workspaces):
    first = generate("test -e g && { mkdir node_modules; echo n > node_modules/x; echo half > h; exit 1; }; echo x > g",
                     "--app-name", "app", "--max-iterations", "2", code=1)
    r, g = resume(genstore, "app", "cat node_modules/x > n; echo whole >> h")
    assert "restored" not in r.err and g["parent_request_id"] == first
    assert genstore("cat", "app:n").out == "n\n" and genstore("cat", "app:h").out == "half\nwhole\n"
    assert workspaces() == []  # it has moved, and went with the generation that completed


def test_what_was_in_no_iteration_of_the_parent_is_a_snapshot_of_it(generate, genstore):
    first = generate("test -e g && { echo half > h; exit 1; }; echo x > g", "--app-name", "app", "--max-iterations", "2", code=1)
    resume(genstore, "app", "rm h")
    [kept] = [s for s in genstore("snapshots", first, "--json").json if s["snapshot_type"] == "checkpoint"]
    assert kept["metadata"]["label"] == "before resume"
    assert genstore("cat", f"{first}@s{kept['id']}:h").out == "half\n"


def test_what_a_restored_tree_lacks_is_said(generate, genstore):
    generate(LEAVES_OUT, "--app-name", "app")
    r, _ = resume(genstore, "app", "ls -A > listing")
    assert genstore("cat", "app:listing").out == "f\nlisting\n"
    assert "it lacks what snapshots leave out: " in r.err and "node_modules" in r.err and ".env" in r.err


def test_an_iteration_that_is_named_is_restored_whatever_the_workspace_holds(generate, genstore, workspaces):
    first = generate("test -e g && { echo half > h; exit 1; }; echo x > g", "--app-name", "app", "--max-iterations", "2", code=1)
    r, _ = resume(genstore, f"{first}@1", "ls > list")
    assert "restored" in r.err and genstore("cat", "app:list").out == "g\nlist\n"
    assert [w.name for w in workspaces()] == [f"leo-workspace-{first}"]


def test_a_snapshot_that_is_named_is_restored_whatever_the_workspace_holds(generate, genstore, rows, workspaces):
    generate("echo x > g", "--app-name", "app")
    _, g = resume(genstore, "app", "echo half > h; exit 1", code=1)
    [[snapshot]] = rows("SELECT id FROM iteration_snapshots WHERE snapshot_type = 'checkpoint'")
    r, _ = resume(genstore, f"app@s{snapshot}", "ls > list")
    assert "restored" in r.err and genstore("cat", "app:list").out == "g\nlist\n"
    assert [w.name for w in workspaces()] == [f"leo-workspace-{g['request_id']}"]


def test_a_generation_without_a_finished_iteration_is_resumed_while_its_workspace_is_kept(generate, genstore, workspaces):
    generate("echo half > h; exit 1", "--app-name", "app", code=1)
    _, g = resume(genstore, "app", "echo whole >> h")
    assert (g["status"], genstore("cat", "app:h").out) == ("completed", "half\nwhole\n")
    generate("exit 1", "--app-name", "other", code=1)
    shutil.rmtree(workspaces()[0])
    r, _ = resume(genstore, "other", "true", code=4)
    assert "no finished iteration" in r.err and len(r.err.splitlines()) == 1


def test_a_resumed_generation_that_fails_at_once_is_not_sealed_and_keeps_its_workspace(generate, genstore, workspaces):
    generate("echo x > f", "--app-name", "app")
    _, g = resume(genstore, "app", "echo y > f; exit 3", code=1)
    assert (g["status"], g["current_iteration"], g.get("archive_size")) == ("failed", 0, None)
    assert (workspaces()[0] / "app" / "f").read_text() == "y\n"
    _, g = resume(genstore, "app", "cat f > seen")  # and so on from there
    assert genstore("cat", "app:seen").out == "y\n" and g["generation_number"] == 3


def test_a_wsi_generator_is_told_where_the_app_is_and_which_session_to_resume(wsi, genstore, rows):
    wsi("begin(); write('f', '1'); iteration(1, session_id='sess-7'); complete(1, session_id='sess-7'); farewell()")
    wsi("""
start = begin()
write("start.json", json.dumps(start)); write("cwd", os.getcwd())
iteration(1); complete(1); farewell()
""", "--resume", "app")
    start = json.loads(genstore("cat", "app:start.json").out)
    assert start["resume_session_id"] == "sess-7"
    assert start["app_path"] == genstore("cat", "app:cwd").out
    assert genstore("cat", "app:f").out == "1"


def test_a_new_generation_is_told_of_no_session(wsi, genstore):
    wsi("write('start.json', json.dumps(begin())); iteration(1); complete(1); farewell()")
    assert not {"app_path", "resume_session_id"} & set(json.loads(genstore("cat", "app:start.json").out))


def test_what_is_being_generated_is_resumed_from_its_finished_iterations(wsi, generate, genstore, wait_for, workspaces):
    process = wsi("begin(); write('f', 'one'); iteration(1); settle(); write('f', 'two'); write('../ready', ''); time.sleep(1000)", start=True)
    wait_for(lambda: any((w / "ready").exists() for w in workspaces()), "the first iteration")
    resume(genstore, "app", "cp f seen")
    assert genstore("cat", "app:seen").out == "one"
    process.kill()
    process.communicate(timeout=60)


def test_what_another_genstore_has_paused_is_resumed_from_its_finished_iterations_too(wsi, generate, genstore, wait_for, workspaces):
    process = wsi("begin(); write('f', 'one'); iteration(1); settle(); write('f', 'two'); write('../ready', ''); time.sleep(1000)", start=True)
    wait_for(lambda: any((w / "ready").exists() for w in workspaces()), "the first iteration")
    genstore("pause", "app")
    r, _ = resume(genstore, "app", "cp f seen")
    assert genstore("cat", "app:seen").out == "one" and "restored" in r.err
    assert genstore("show", "app/1", "--json").json[0]["status"] == "paused"
    process.kill()
    process.communicate(timeout=60)


def test_what_has_no_tree_yet_is_not_resumed(genstore, store, workspaces, wait_for):
    genstore("generate", "--queue", "--app-name", "app", "--prompt", "x", "--", "sh", "-c", "touch ../here; sleep 1000")
    assert "is queued" in resume(genstore, "app", "true", code=4)[0].err
    worker = genstore.start("work")
    wait_for(lambda: [w for w in workspaces() if (w / "here").exists()], "it to run")
    assert "is generating" in resume(genstore, "app", "true", code=4)[0].err
    genstore("pause", "app")
    assert "is paused" in resume(genstore, "app", "true", code=4)[0].err
    assert len(genstore("list", "--json").json) == 1
    worker.send_signal(signal.SIGINT)
    worker.communicate(timeout=60)
    _, g = resume(genstore, "app", "echo x > f")
    assert g["status"] == "completed"


def test_the_command_is_the_parents_where_none_is_named(generate, genstore):
    generate("echo $ITERATION >> f", "--app-name", "app", "--max-iterations", "3")
    genstore("generate", "--resume", "app")
    assert genstore("cat", "app:f").out == "1\n2\n3\n1\n"


def test_a_resumed_one_can_wait_in_the_queue(generate, genstore):
    generate("echo $ITERATION >> f", "--app-name", "app", "--max-iterations", "3")
    genstore("generate", "--resume", "app@2", "--queue", "--", "sh", "-c", "echo more >> f")
    genstore("work", "--once")
    assert genstore("cat", "app/2:f").out == "1\n2\nmore\n"


def test_a_parent_that_is_removed_meanwhile_leaves_a_clear_line(generate, genstore):
    generate("echo x > f", "--app-name", "app")
    genstore("generate", "--resume", "app@1", "--queue", "--", "true")
    genstore("rm", "app/1", "--force")
    assert "which it resumes, is gone" in genstore("work", "--once", code=1).err
    assert genstore("show", "app", "--json").json[0]["status"] == "paused"


def test_a_fork_and_an_imported_archive_can_be_resumed(generate, genstore, tmp_path):
    generate("echo x > f", "--app-name", "app")
    genstore("fork", "app", "--app-name", "other")
    resume(genstore, "other", "echo more >> f")
    assert genstore("cat", "other:f").out == "x\nmore\n"
    genstore("get", "app", "-o", tmp_path / "a.tar.gz")
    genstore("import", tmp_path / "a.tar.gz", "--app-name", "in")
    resume(genstore, "in", "echo more >> f", "--prompt", "go on")
    assert genstore("cat", "in:f").out == "x\nmore\n"
    assert genstore("check", "--read-data").err.endswith("no problems\n")


def test_the_example_generator_goes_on_with_its_own_app(genstore, store):
    genstore("generate", "--app-name", "app", "--prompt", "a shop", "-n", "2")
    genstore("generate", "--resume", "app@1")
    assert genstore("diff", "app/1@2", "app/2@1").out == ""


@pytest.mark.parametrize("way", ["continue", "resume"])
def test_the_generator_of_a_killed_genstore_has_ended_before_another_one_begins_on_its_tree(genstore, store, workspaces, wait_for, way):
    # It says nothing: nobody is left to read it, and SIGPIPE would end it.
    goes_on = "exec 2> /dev/null; trap 'touch ../asked' TERM; touch ../here; while :; do echo x >> f; sleep 0.01; done"
    process = genstore.start("generate", "--app-name", "app", "--prompt", "x", "--", "sh", "-c", goes_on)
    wait_for(lambda: [w for w in workspaces() if (w / "here").exists()], "it to run")
    process.kill()
    process.communicate(timeout=60)
    wait_for(lambda: [w for w in workspaces() if (w / "asked").exists()], "its keeper to ask it to end")
    args = ["continue", "app"] if way == "continue" else ["generate", "--resume", "app"]
    genstore(*args, "--", "sh", "-c", "cp f once; sleep 0.2; cp f twice")
    assert genstore("cat", "app:once").out == genstore("cat", "app:twice").out != ""


@pytest.mark.parametrize("named", [False, True])
def test_what_a_killed_genstore_left_is_resumed_with_its_workspace_or_from_its_iteration(genstore, store, workspaces, wait_for, named):
    script = "echo $ITERATION >> f; test $ITERATION = 1 || { touch ../here; exec sleep 1000; }"
    process = genstore.start("generate", "--app-name", "app", "--prompt", "x", "--max-iterations", "3", "--", "sh", "-c", script)
    wait_for(lambda: [w for w in workspaces() if (w / "here").exists()], "the second iteration")
    process.kill()
    process.communicate(timeout=60)
    r, g = resume(genstore, "app@1" if named else "app", "echo more >> f")
    assert "paused" in r.err
    assert (g["status"], genstore("cat", "app:f").out) == ("completed", "1\nmore\n" if named else "1\n2\nmore\n")
    assert [g["status"] for g in genstore("list", "--json").json] == ["completed", "paused"]
    assert len(workspaces()) == named


@pytest.mark.parametrize("args, code, words", [
    (("--resume", "nope"), 4, "nope"),
    (("--resume", "app@9"), 4, "no iteration 9"),
    (("--resume", "app", "--app-name", "other"), 2, "genstore fork"),
    (("--resume", "app", "--user", "local"), 2, "--user"),
    (("--resume", "app", "--prompt", " "), 2, "empty"),
])
def test_what_cannot_be_resumed_is_one_clear_line_and_nothing_is_written(generate, genstore, args, code, words):
    generate("echo x > f", "--app-name", "app")
    before = genstore("list", "--json").out
    r = genstore("generate", *args, "--", "true", code=code)
    assert words in r.err and len(r.err.splitlines()) == 1
    assert genstore("list", "--json").out == before


def test_a_tree_that_was_imported_without_a_prompt_asks_for_one(genstore, store, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "f").write_text("x")
    genstore("import", tmp_path / "in", "--app-name", "app")
    r = genstore("generate", "--resume", "app", "--", "true", code=2)
    assert "--prompt" in r.err
    _, g = resume(genstore, "app", "echo y >> f", "--prompt", "why")
    assert (g["prompt"], g["initial_prompt"], genstore("cat", "app:f").out) == ("why", "why", "xy\n")


def test_the_mount_shows_a_resumed_generation_and_not_its_checkpoint(generate, genstore, mounted):
    generate("echo x > f", "--app-name", "app")
    _, g = resume(genstore, "app", "echo y > f")
    with mounted() as top:
        folder = top / "generations" / g["request_id"] / "iterations"
        assert [p.name for p in folder.iterdir()] == ["1"]
        assert (folder / "1" / "f").read_text() == "y\n" and not (folder / "0").exists()


def test_a_store_with_checkpoints_is_sound(generate, genstore):
    generate("echo x > f", "--app-name", "app")
    resume(genstore, "app", "exit 1", code=1)
    resume(genstore, "app/1", "echo y > f")
    assert genstore("check", "--read-data").err.endswith("no problems\n")
    genstore("gc")
    assert genstore("cat", "app:f").out == "y\n"
