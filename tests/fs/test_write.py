"""Archives that are written through the mount: whole or not at all, whoever writes them, and whatever happens meanwhile."""

import concurrent.futures
import contextlib
import errno
import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from attack_archives import CASES, GOOD, file, tgz  # noqa: E402

LARGE = tgz(file(b"noise", random.Random(7).randbytes(24 << 20)))
ANSWERS = {errno.EINVAL, errno.EFBIG, errno.EOPNOTSUPP}


@pytest.fixture
def top(mounted):
    with mounted() as top:
        yield top


def folder(top, name):
    path = top / "generations" / name
    path.mkdir()
    return path


def write(path, data, mode="wb"):
    with open(path, mode, buffering=0) as out:
        view = memoryview(data)
        while len(view):
            view = view[out.write(view[:1 << 20]):]


def refused(call):
    with pytest.raises(OSError) as error:
        call()
    return error.value.errno


def generations(genstore):
    return {g["request_id"]: g for g in genstore("list", "--json").json if "request_id" in g}


def server_pid(genstore):
    found = [pid for pid in genstore.processes() if b"\0mount\0" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert len(found) == 1
    return found[0]


WRITERS = {
    "cp": 'cp "$src" "$dst/app.tar.gz"',
    "cp -p": 'cp -p "$src" "$dst/app.tar.gz"',
    "cp -a": 'cp -a "$src" "$dst/app.tar.gz"',
    "mv": 'cp "$src" "$src.copy" && mv "$src.copy" "$dst/app.tar.gz"',
    "install": 'install -m 600 "$src" "$dst/app.tar.gz"',
    "rsync": 'rsync -a "$src" "$dst/app.tar.gz"',
    "rsync --inplace": 'rsync -a --inplace "$src" "$dst/app.tar.gz"',
    "redirect": 'cat "$src" >"$dst/app.tar.gz"',
    "append": 'head -c 100 "$src" >"$dst/app.tar.gz.part"; tail -c +101 "$src" >>"$dst/app.tar.gz.part"; mv "$dst/app.tar.gz.part" "$dst/app.tar.gz"',
    "two commands": '(head -c 1000 "$src"; tail -c +1001 "$src") >"$dst/app.tar.gz"',
    "child in the background": 'exec 3>"$dst/app.tar.gz"; (sleep 0.1; cat "$src" >&3) & exec 3>&-; wait',
    "dd": 'dd if="$src" of="$dst/app.tar.gz" bs=64k conv=fsync status=none',
    "backwards": 'n=$(stat -c %s "$src"); dd if="$src" of="$dst/app.tar.gz.part" bs=4k skip=1 seek=1 conv=notrunc status=none; '
                 'dd if="$src" of="$dst/app.tar.gz.part" bs=4k count=1 conv=notrunc status=none; mv "$dst/app.tar.gz.part" "$dst/app.tar.gz"',
    "hidden name": 'cp "$src" "$dst/.app.tar.gz.Xy12" && mv "$dst/.app.tar.gz.Xy12" "$dst/app.tar.gz"',
}


def test_whatever_writes_it_the_bytes_are_kept(genstore, store, top, tmp_path, wait_for):
    source = tmp_path / "in.tar.gz"
    source.write_bytes(tgz(file(b"noise", random.Random(1).randbytes(300_000))))
    for n, (name, script) in enumerate(WRITERS.items()):
        to = folder(top, f"by-{n}")
        done = subprocess.run(["sh", "-euc", script], env={**os.environ, "src": source, "dst": to}, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), name
        wait_for(lambda to=to: (to / "app.tar.gz").exists(), name)
        assert (to / "app.tar.gz").read_bytes() == source.read_bytes(), name
        assert sorted(os.listdir(to)) == ["app", "app.tar.gz", "iterations", "log.txt", "metadata.json"], name
        assert os.stat(to / "app/noise").st_size == 300_000
    assert set(generations(genstore)) == {f"by-{n}" for n in range(len(WRITERS))}
    assert sorted(os.listdir(top / "generations")) == sorted(generations(genstore))
    genstore("check", "--read-data")


def test_nobody_sees_it_before_it_is_closed_and_everybody_after(genstore, store, top):
    to = folder(top, "slow")
    with open(to / "app.tar.gz", "wb", buffering=0) as out:
        out.write(GOOD[:50])
        os.fsync(out.fileno())
        assert not (to / "app.tar.gz").exists() and os.listdir(to) == []
        assert generations(genstore) == {}
        out.write(GOOD[50:])
        assert os.fstat(out.fileno()).st_size == len(GOOD)
        assert not (to / "app.tar.gz").exists()
        inode = os.stat(to).st_ino
    assert (to / "app.tar.gz").read_bytes() == GOOD
    assert os.stat(to).st_ino == inode
    assert generations(genstore)["slow"]["status"] == "completed"
    with sqlite3.connect(store) as db:
        assert db.execute("SELECT initial_prompt, app_name FROM generation_requests").fetchall() == [(None, "slow")]


def test_what_is_broken_or_means_harm_is_refused_at_close_with_a_reason(genstore, store, top):
    for n, (name, (case, reason)) in enumerate(CASES.items()):
        data = case() if callable(case) else case
        if not data:
            continue  # a file that was opened and closed again: nothing was written
        to = folder(top, f"bad-{n}")
        out = os.open(to / "app.tar.gz", os.O_WRONLY | os.O_CREAT)
        view = memoryview(data)
        while len(view):
            view = view[os.write(out, view):]
        assert refused(lambda fd=out: os.close(fd)) in ANSWERS, name
        assert reason[:200] in os.getxattr(to, "user.genstore.refused").decode(), name
        assert os.listxattr(to) == ["user.genstore.refused"]
        assert not (to / "app.tar.gz").exists() and os.listdir(to) == [], name
        write(to / "app.tar.gz", GOOD)
        assert refused(lambda at=to: os.getxattr(at, "user.genstore.refused")) == errno.ENODATA, name
    assert all(g["status"] == "completed" for g in generations(genstore).values())
    genstore("check")


def test_of_two_who_write_one_archive_the_first_that_is_whole_is_kept(genstore, store, top):
    to = folder(top, "two")
    other = tgz(file(b"other", b"x" * 1000))
    first, second = (os.open(to / "app.tar.gz", os.O_WRONLY | os.O_CREAT | os.O_TRUNC) for _ in range(2))
    for n in range(0, max(len(GOOD), len(other)), 64):
        os.write(first, GOOD[n:n + 64])
        os.write(second, other[n:n + 64])
    assert refused(lambda: os.open(to / "app.tar.gz", os.O_WRONLY | os.O_CREAT | os.O_EXCL)) == errno.EEXIST
    os.close(second)
    assert refused(lambda: os.close(first)) == errno.EPERM
    assert (to / "app.tar.gz").read_bytes() == other
    assert "never replaced" in os.getxattr(to, "user.genstore.refused").decode()
    assert refused(lambda: write(to / "app.tar.gz", GOOD)) == errno.EPERM


def test_many_write_at_once(genstore, store, top):
    archives = {f"many-{n}": tgz(file(b"noise", random.Random(n).randbytes(500_000 + n))) for n in range(12)}
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda item: write(folder(top, item[0]) / "app.tar.gz", item[1]), archives.items()))
    for name, data in archives.items():
        assert (top / "generations" / name / "app.tar.gz").read_bytes() == data
    assert set(generations(genstore)) == set(archives)


def test_metadata_is_kept_verbatim_whichever_comes_first(genstore, store, top, wait_for):
    text = b'{ "app_name": "todo",  "extra": [1] }'
    before, after = folder(top, "before"), folder(top, "after")
    write(before / "metadata.json", text)
    assert (before / "metadata.json").read_bytes() == text and os.listdir(before) == ["metadata.json"]
    assert generations(genstore) == {}
    write(before / "app.tar.gz", GOOD)
    write(after / "app.tar.gz", GOOD)
    assert json.loads((after / "metadata.json").read_bytes())["app_name"] == "after"
    with open(after / "metadata.json", "wb", buffering=0) as out:
        out.write(text)
        assert json.loads((after / "metadata.json").read_bytes())["app_name"] == "after"
    for here in (before, after):
        wait_for(lambda here=here: (here / "metadata.json").read_bytes() == text, "the bytes")
        assert os.stat(here / "metadata.json").st_size == len(text)
        assert refused(lambda here=here: write(here / "metadata.json", b"{}")) == errno.EPERM
    assert {g["app_name"] for g in generations(genstore).values()} == {"todo"}
    apps = top / "apps/00000000-0000-4000-8000-000000000001"
    wait_for(lambda: os.listdir(apps) == ["todo"] and sorted(os.listdir(apps / "todo")) == ["1", "2", "latest"], "the app")


@pytest.mark.parametrize(("text", "answer", "words"), [
    (b"[1]", errno.EINVAL, "not a JSON object"), (b"{", errno.EINVAL, "not a JSON object"),
    (b'{"a": "' + b"x" * (1 << 20) + b'"}', errno.EFBIG, "more than 1048576 bytes"),
])
def test_metadata_that_is_none_is_refused(genstore, store, top, text, answer, words):
    to = folder(top, "meta")
    assert refused(lambda: write(to / "metadata.json", text)) == answer
    assert words in os.getxattr(to, "user.genstore.refused").decode()
    assert os.listdir(to) == []


def test_an_archive_for_a_generation_that_runs_is_its_archive(genstore, store, top, tmp_path, wait_for):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    run = genstore.start("generate", "--app-name", "up", "--prompt", "x", "--", "/bin/sh", "-c", f"echo own >own; read go <{gate}")
    request, = wait_for(lambda: os.listdir(top / "generations"), "the generation")
    here = top / "generations" / request
    write(here / "app.tar.gz", GOOD)
    wait_for(lambda: (here / "app.tar.gz").exists(), "the archive")
    gate.write_text("go\n")
    run.communicate(timeout=60)
    assert run.returncode == 0
    wait_for(lambda: generations(genstore)[request]["status"] == "completed", "its end")
    assert (here / "app.tar.gz").read_bytes() == GOOD
    assert refused(lambda: write(here / "app.tar.gz", GOOD)) == errno.EPERM


def test_other_names_and_ids_are_refused_at_once(genstore, store, top):
    to = folder(top, "names")
    for name in ("notes.txt", "app.tar", "4913", ".git"):
        assert refused(lambda name=name: open(to / name, "wb")) == errno.EROFS, name
    for name in ("x" * 91, "with space", "ümlaut", ".."):
        assert refused(lambda name=name: (top / "generations" / name).mkdir()) in (errno.EINVAL, errno.EEXIST), name
    assert refused(lambda: (top / "generations/names").mkdir()) == errno.EEXIST
    to.rmdir()
    assert os.listdir(top / "generations") == []


def test_fsync_is_no_end(genstore, store, top):
    to = folder(top, "sync")
    with open(to / "app.tar.gz", "wb", buffering=0) as out:
        for n in range(0, len(LARGE), 5 << 20):
            out.write(LARGE[n:n + (5 << 20)])
            os.fsync(out.fileno())
    assert (to / "app.tar.gz").read_bytes() == LARGE


def test_what_is_written_can_be_read_and_cut_before_it_is_closed(genstore, store, top):
    to = folder(top, "edit")
    with open(to / "app.tar.gz.part", "w+b", buffering=0) as out:
        out.write(b"garbage")
        out.truncate(0)
        out.seek(0)
        out.write(GOOD + b"tail")
        assert os.pread(out.fileno(), 20, len(GOOD) - 16) == GOOD[-16:] + b"tail"
        out.truncate(len(GOOD))
        assert os.stat(to / "app.tar.gz.part").st_size == len(GOOD)
    assert (to / "app.tar.gz.part").read_bytes() == GOOD
    os.rename(to / "app.tar.gz.part", to / "app.tar.gz")
    assert (to / "app.tar.gz").read_bytes() == GOOD and not (to / "app.tar.gz.part").exists()


def test_a_writer_that_is_killed_leaves_nothing(genstore, store, top, wait_for):
    to = folder(top, "killed")
    script = "import sys, time; f = open(sys.argv[1], 'wb', 0); f.write(open(sys.argv[2], 'rb').read()); print('written', flush=True); time.sleep(60)"
    source = genstore.home / "good"
    source.write_bytes(GOOD)
    writer = subprocess.Popen([sys.executable, "-c", script, to / "app.tar.gz", source], stdout=subprocess.PIPE)
    assert writer.stdout.readline() == b"written\n"
    writer.kill()
    writer.communicate()
    assert not (to / "app.tar.gz").exists() and generations(genstore) == {}
    write(to / "app.tar.gz", GOOD)
    assert (to / "app.tar.gz").read_bytes() == GOOD


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 1])
def test_a_daemon_that_is_killed_halfway_leaves_nothing_that_is_seen(genstore, store, mounted, wait_for, part):
    with mounted() as top:
        to = folder(top, "halfway")
        out = os.open(to / "app.tar.gz", os.O_WRONLY | os.O_CREAT)
        os.write(out, LARGE[:int(len(LARGE) * part)])
        os.kill(server_pid(genstore), signal.SIGKILL)
        assert refused(lambda: (os.write(out, b"x"), os.fsync(out))) in (errno.ENOTCONN, errno.ECONNABORTED, errno.EIO)
        with contextlib.suppress(OSError):
            os.close(out)
        wait_for(lambda: not genstore.processes(), "its end")
        genstore("mount", top)
        assert os.listdir(top / "generations") == [] and generations(genstore) == {}
        genstore("gc")
        genstore("check", "--read-data")
        to = folder(top, "halfway")
        write(to / "app.tar.gz", LARGE)
        assert (to / "app.tar.gz").read_bytes() == LARGE


@pytest.mark.skipif(os.getuid() != 0, reason="needs root for a small file system")
def test_a_full_disk_is_told_to_the_writer(genstore, mounted, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", small], check=True)
    try:
        genstore.env["GENSTORE_STORE"] = str(small / "s.genstore")
        genstore("init")
        with mounted() as top:
            for name, at in (("order", 0), ("spool", 1)):
                to = folder(top, name)
                out = os.open(to / "app.tar.gz", os.O_WRONLY | os.O_CREAT)
                os.lseek(out, at, os.SEEK_SET)
                told = []
                for call in (lambda: [os.write(out, LARGE[n:n + (1 << 20)]) for n in range(0, len(LARGE), 1 << 20)],
                             lambda: os.fsync(out), lambda: os.close(out)):
                    with contextlib.suppress(OSError):
                        call()
                        continue
                    told.append(1)
                assert told, name
                assert "full" in os.getxattr(to, "user.genstore.refused").decode() or "space" in os.getxattr(
                    to, "user.genstore.refused").decode()
                assert not (to / "app.tar.gz").exists()
                genstore("gc")
            write(to / "app.tar.gz", GOOD)
            assert (to / "app.tar.gz").read_bytes() == GOOD
        genstore("check", "--read-data")
        assert [p.name for p in small.iterdir()] == ["s.genstore"]
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_store_that_is_replaced_takes_nothing_more(genstore, store, mounted, tmp_path, wait_for):
    genstore("--store", tmp_path / "other.genstore", "init")
    with mounted() as top:
        to = folder(top, "stale")
        out = os.open(to / "app.tar.gz", os.O_WRONLY | os.O_CREAT)
        os.write(out, GOOD)
        shutil.copy(store, tmp_path / "old.genstore")
        os.replace(tmp_path / "other.genstore", store)
        assert refused(lambda: os.close(out)) == errno.ESTALE
        assert generations(genstore) == {}
        assert refused(lambda: (top / "generations/more").mkdir()) == errno.ESTALE


def test_memory_does_not_depend_on_sizes(genstore, store, top, san):
    if san:
        pytest.skip("a sanitizer needs memory of its own")
    archive = tgz(file(b"noise", random.Random(3).randbytes(80 << 20)))
    a, b = folder(top, "a"), folder(top, "b")
    with open(a / "app.tar.gz", "wb", buffering=0) as first, open(b / "app.tar.gz", "wb", buffering=0) as second:
        for n in range(0, len(archive), 1 << 20):
            first.write(archive[n:n + (1 << 20)])
            second.write(archive[n:n + (1 << 20)])
    assert (a / "app.tar.gz").read_bytes() == (b / "app.tar.gz").read_bytes() == archive
    status = pathlib.Path(f"/proc/{server_pid(genstore)}/status").read_text()
    assert next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) < 64 * 1024


def test_nothing_is_left_beside_the_store_at_rest(genstore, store, top, wait_for):
    to = folder(top, "rest")
    write(to / "metadata.json", b"{}")
    write(to / "app.tar.gz", GOOD)
    wait_for(lambda: [p.name for p in store.parent.glob("*.genstore*")] == [store.name], "an empty journal to be removed")


def test_of_two_mounts_that_make_one_directory_both_show_what_the_first_one_received(genstore, store, mounted, tmp_path, wait_for):
    with mounted() as top, mounted(at=tmp_path / "other") as other:
        folder(top, "shared")
        folder(other, "shared")
        write(top / "generations/shared/app.tar.gz", GOOD)
        there = other / "generations/shared"
        wait_for(lambda: (there / "app.tar.gz").exists(), "what the other mount received")
        assert sorted(os.listdir(there)) == ["app", "app.tar.gz", "iterations", "log.txt", "metadata.json"]
        assert os.listdir(other / "generations") == ["shared"]
        assert refused(lambda: write(there / "app.tar.gz", GOOD)) == errno.EPERM
        assert refused(there.rmdir) == errno.EPERM
        genstore("rm", "shared", "--force")
        for here in (top, other):
            wait_for(lambda here=here: os.listdir(here / "generations") == [], "its end")
            wait_for(lambda here=here: not (here / "generations/shared").exists(), "its name's end")


def test_why_something_was_refused_is_told_once(genstore, store, tmp_path, wait_for):
    (tmp_path / "mnt").mkdir()
    server = genstore.start("mount", "-f", tmp_path / "mnt")
    wait_for(lambda: os.path.ismount(tmp_path / "mnt"), "the mount")
    to = folder(tmp_path / "mnt", "once")
    assert refused(lambda: write(to / "app.tar.gz", b"no archive")) == errno.EINVAL
    write(to / "app.tar.gz", GOOD)
    genstore("umount", tmp_path / "mnt")
    told = server.communicate(timeout=60)[1].decode()
    assert told.count("refused 'generations/once/app.tar.gz': ") == 1 and "it is not gzip" in told


def test_what_is_removed_as_soon_as_it_was_received_is_gone(genstore, store, top, wait_for):
    for n in range(6):
        to = folder(top, f"short-{n}")
        write(to / "app.tar.gz", GOOD)
        with sqlite3.connect(store, timeout=30) as db:  # faster than a program starts
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("DELETE FROM generation_requests WHERE request_id = ?", (to.name,))
        wait_for(lambda: os.listdir(top / "generations") == [], "its end")
        wait_for(lambda to=to: not to.exists(), "its name's end")
        to.mkdir()
        to.rmdir()
