"""What a generator may take: the room of its workspace, the log that is kept, the time of a silence."""

import sys

import pytest

pytestmark = pytest.mark.threads  # a thread watches the workspace


def test_one_file_over_the_limit_ends_the_generator_while_it_writes(generate, last, workspaces):
    generate("echo 1 > a; exec head -c 10G /dev/zero > huge", "--max-size", "8M", code=1)
    assert last()["status"] == "failed" and "--max-size" in last()["error_message"]
    assert (workspaces()[0] / "app" / "huge").stat().st_size <= 8 << 20


def test_a_command_that_survives_the_limit_of_a_file_meets_it_at_the_snapshot(generate, last):
    code = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nfor name in 'ab':\n try: open(name, 'wb').write(bytes(9 << 20))\n except OSError as e: print(e.strerror)"
    generate(f"exec {sys.executable} -c \"{code}\"", "--max-size", "8M", code=1)
    assert last()["status"] == "failed" and "limit" in last()["error_message"]


def test_many_files_over_the_limit_end_the_generator_long_before_its_iteration_does(generate, last):
    generate("i=0; while :; do i=$((i + 1)); head -c 1M /dev/zero > f$i; done", "--max-size", "20M", code=1)
    assert "the workspace takes more than 20971520 bytes" in last()["error_message"]


def test_what_snapshots_leave_out_counts_for_the_room_of_a_workspace(generate, last):
    generate("mkdir node_modules; i=0; while :; do i=$((i + 1)); head -c 1M /dev/zero > node_modules/f$i; done",
             "--max-size", "20M", code=1)
    assert "the workspace takes more than" in last()["error_message"]


def test_an_iteration_before_the_workspace_grew_too_large_is_kept(generate, genstore, last):
    req = generate("test $ITERATION = 1 && echo one > f && exit; while :; do head -c 1M /dev/zero >> g$ITERATION; cp g* h; done",
                   "--max-size", "20M", "--max-iterations", "2", code=1)
    assert (last()["status"], last()["current_iteration"]) == ("failed", 1)
    assert genstore("cat", f"{req}:f").out == "one\n"


def test_no_limit_is_no_limit(generate, last):
    generate("head -c 3000000 /dev/urandom > f; seq 1000", "--max-size", "0", "--max-log", "0")
    assert last()["status"] == "completed"


def test_a_flood_of_the_log_is_kept_to_its_limit_and_the_rest_is_counted(genstore, store, rows, last):
    r = genstore("generate", "--app-name", "x", "--prompt", "p", "--max-log", "1M", "--", "sh", "-c", "seq -w 1000000; echo x > a")
    assert last()["status"] == "completed"
    kept = rows("SELECT count(*), max(CAST(line AS INTEGER)) FROM generation_events WHERE level = 'info'")[0]
    assert kept[0] == kept[1] and 10000 < kept[0] < 20000
    warnings = [line for line, in rows("SELECT line FROM generation_events WHERE level = 'warn' ORDER BY id")]
    assert "limit of 1 MiB" in warnings[0]
    assert warnings[1] == f"left out of the log: {1000000 - kept[0]} lines, {7 * (1000000 - kept[0])} bytes"
    assert f"{1000000 - kept[0]} lines" in r.err and "--max-log" in r.err


def test_a_full_log_keeps_no_message_from_doing_what_it_says(wsi, last, rows):
    wsi("""
begin()
for i in range(3000):
    tell("log", line="x" * 1000)
write("f", "1")
iteration(1)
complete(1)
farewell()
""", "--max-log", "1M", "--mode", "autonomous")
    assert (last()["status"], last()["current_iteration"]) == ("completed", 1)
    assert rows("SELECT count(*) FROM generation_events")[0][0] < 1100


def test_the_error_of_a_command_is_told_though_the_log_is_full(generate, last):
    generate("seq 300000; echo this is why; exit 3", "--max-log", "1M", code=1)
    assert "this is why" in last()["error_message"]


def test_a_flood_that_is_read_slowly_is_no_silence_and_loses_nothing(generate, rows):
    # A line counts 64 bytes more than it has: the burst of 32 MiB is spent before the end, and the rest waits in the pipe.
    generate("yes 0123456789012345678901234567890123456789012345678901234567890123456789 | head -c 20000000; echo x > a",
             "--timeout", "2s")
    assert rows("SELECT count(*) FROM generation_events WHERE line LIKE '01234567%'")[0][0] == -(-20000000 // 71)


@pytest.mark.parametrize("option, value", [("--max-size", "ten"), ("--max-log", "-1"), ("--max-log", "1X"), ("--max-size", "9999999T")])
def test_a_limit_that_is_no_size_is_refused(genstore, store, option, value):
    r = genstore("generate", "--app-name", "x", "--prompt", "p", option, value, "--", "true", code=2)
    assert option in r.err and len(r.err.splitlines()) == 1
    assert not genstore("list", "--json").out


def test_a_tree_that_somebody_goes_on_changing_is_kept_as_it_was_read(wsi, genstore, last, tmp_path):
    """A process outside of the generator's group is not held during the snapshot. It ends by itself: a slow reader would never catch up with it."""
    done = wsi("""
import subprocess
begin()
for i in range(1, 10):
    write(f"f{i}", "".join(f"{n}\\n" for n in range(1, 20001)))
subprocess.Popen(["setsid", "sh", "-c", "for round in $(seq 100); do for i in 1 2 3 4 5 6 7 8 9; do seq 20000 >> f$i; "
                  ": > n$i; mv n$i g$i; echo > begun; done; done"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
while not os.path.exists("begun"):
    time.sleep(0.01)
iteration(1)
settle()
complete(1)
farewell()
""", expect=None)
    assert (done.code, last()["status"]) in ((0, "completed"), (1, "failed"))
    genstore("check", "--read-data")
    if done.code:
        assert "cannot keep iteration" in last()["error_message"]
        return
    genstore("restore", "app@1", tmp_path / "out")
    once = "".join(f"{n}\n" for n in range(1, 20001))
    for number in range(1, 10):
        text = (tmp_path / "out" / f"f{number}").read_text()
        assert text and (once * (len(text) // len(once) + 1)).startswith(text)
