"""The mount, seen by its users: what is there, what it says, and what happens while others change the store."""

import contextlib
import errno
import hashlib
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import stat
import subprocess
import threading

import pytest

LOCAL_USER = "00000000-0000-4000-8000-000000000001"


def is_mounted(path):
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        return any(line.split(" ")[4] == str(path) for line in mounts)


def server_of(genstore):
    """The process in the background."""
    found = [pid for pid in genstore.processes()
             if b"\0mount\0" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert len(found) == 1
    return found[0]


def add_rows(store, count, prefix="req_row"):
    """Generations as rows only, in one app: for listings."""
    with contextlib.closing(sqlite3.connect(store, timeout=30)) as db, db:
        db.execute("INSERT OR IGNORE INTO apps (id, app_name) VALUES ('aaaaaaaa-0000-4000-8000-000000000001', 'rows')")
        first = db.execute("SELECT coalesce(max(generation_number), 0) + 1 FROM generation_requests"
                           " WHERE app_name = 'rows'").fetchone()[0]
        names = [f"{prefix}{n:06}" for n in range(first, first + count)]
        db.executemany("INSERT INTO generation_requests (request_id, app_id, app_name, generation_number)"
                       " VALUES (?, 'aaaaaaaa-0000-4000-8000-000000000001', 'rows', ?)",
                       zip(names, range(first, first + count)))
    return names


@pytest.fixture
def imported(genstore, store, tree, tmp_path):
    """One generation of an odd tree: (request id, the folder it came from)."""
    source = tree.odd(tmp_path / "odd")
    genstore("import", source, "--app-name", "todo")
    return genstore("list", "--json").json[0]["request_id"], source


def test_the_layout_is_that_of_the_interface(imported, mounted):
    request, _ = imported
    with mounted() as top:
        assert sorted(os.listdir(top)) == [".genstore", "apps", "generations", "organizations"]
        assert os.listdir(top / "generations") == [request]
        assert sorted(os.listdir(top / "generations" / request)) == ["app", "app.tar.gz", "iterations", "log.txt", "metadata.json"]
        assert os.listdir(top / "generations" / request / "iterations") == ["1"]
        assert os.listdir(top / "organizations") == []
        apps = top / "apps" / LOCAL_USER / "todo"
        assert sorted(os.listdir(apps)) == ["1", "latest"]
        for name in ("1", "latest"):
            assert os.readlink(apps / name) == f"../../../generations/{request}"
            assert (apps / name / "app.tar.gz").exists()


def test_the_tree_under_app_and_iterations_is_what_was_imported(imported, mounted, tree):
    request, source = imported
    with mounted() as top:
        assert tree.differences(source, top / "generations" / request / "app") == []
        assert tree.differences(source, top / "generations" / request / "iterations/1") == []


def test_the_archive_is_byte_for_byte_that_of_get(imported, mounted, genstore, tmp_path, tree):
    request, source = imported
    genstore("get", request, "-o", tmp_path / "got.tar.gz")
    with mounted() as top:
        archive = top / "generations" / request / "app.tar.gz"
        assert archive.read_bytes() == (tmp_path / "got.tar.gz").read_bytes()
        (tmp_path / "out").mkdir()
        subprocess.run(["tar", "xzf", archive, "-C", tmp_path / "out"], check=True)
    assert tree.differences(source, tmp_path / "out" / "app") == []


def test_sizes_modes_owners_links_and_times_are_true(imported, mounted, genstore):
    request, source = imported
    created = genstore("list", "--json").json[0]["created_at"]
    with mounted() as top:
        here = top / "generations" / request
        for path in [top, *top.rglob("*")]:
            status = path.lstat()
            assert (status.st_uid, status.st_gid) == (os.getuid(), os.getgid()), path
            if stat.S_ISDIR(status.st_mode):
                folders = sum(1 for entry in os.scandir(path) if entry.is_dir(follow_symlinks=False))
                # Folders of artifacts are not counted: 1 says so, as on other file systems.
                links = 1 if "organizations" in path.parts else 2 + folders
                assert (stat.S_IMODE(status.st_mode), status.st_nlink) == (0o755, links), path
            elif stat.S_ISLNK(status.st_mode):
                assert status.st_size == len(os.readlink(os.fsencode(path))), path
            else:
                assert status.st_blocks == (status.st_size + 511) // 512, path
                assert status.st_size == len(path.read_bytes()), path
                assert stat.S_IMODE(status.st_mode) == (0o755 if path.name == "run.sh" else 0o644), path
        for name in ("app.tar.gz", "metadata.json", "app", "app/run.sh"):
            done = subprocess.run(["date", "-u", "-r", here / name, "+%FT%TZ"], capture_output=True, text=True, check=True)
            assert done.stdout.strip() == created, name


def test_two_directories_never_share_an_inode(imported, mounted):
    with mounted() as top:
        inodes = [path.stat().st_ino for path in top.rglob("*") if path.is_dir() and not path.is_symlink()]
        links = [path.lstat().st_ino for path in top.rglob("*") if path.is_symlink()]
        assert len(inodes + links) == len(set(inodes + links))


def test_uid_and_gid_are_those_that_were_asked_for(imported, mounted):
    with mounted("-o", "uid=1234,gid=2345") as top:
        status = (top / "generations").stat()
        assert (status.st_uid, status.st_gid) == (1234, 2345)


def test_noviews_shows_what_s3_has(imported, mounted):
    request, _ = imported
    with mounted("-o", "noviews") as top:
        assert sorted(os.listdir(top)) == ["generations", "organizations"]
        assert sorted(os.listdir(top / "generations" / request)) == ["app.tar.gz", "metadata.json"]
        for name in ("apps", ".genstore", f"generations/{request}/app", f"generations/{request}/log.txt"):
            assert not (top / name).exists()
        assert (top / "generations" / request).stat().st_nlink == 2


def test_extended_attributes_tell_hash_and_state(imported, mounted):
    request, source = imported
    with mounted() as top:
        here = top / "generations" / request
        hashes = {name: hashlib.sha256((here / name).read_bytes()).hexdigest() for name in ("app.tar.gz", "metadata.json", "app/run.sh")}
        for name, value in hashes.items():
            assert os.getxattr(here / name, "user.genstore.sha256").decode() == value
        for name in (".", "app.tar.gz", "app/run.sh", "iterations/1"):
            assert os.getxattr(here / name, "user.genstore.status") == b"completed"
        assert sorted(os.listxattr(here / "app.tar.gz")) == [
            f"user.genstore.{name}" for name in ("github", "s3", "sha256", "status", "sync")]
        for name in ("sync", "s3", "github"):
            assert os.getxattr(here, f"user.genstore.{name}") == b"local"
        assert os.listxattr(top) == []
        with pytest.raises(OSError) as error:
            os.getxattr(here, "user.genstore.sha256")
        assert error.value.errno == errno.ENODATA


def test_writing_is_refused_as_a_read_only_file_system(imported, mounted):
    request, _ = imported
    with mounted("-o", "ro") as top:
        here = top / "generations" / request
        for attempt in (lambda: (top / "generations/new").mkdir(), lambda: (here / "app.tar.gz").unlink(),
                        lambda: open(here / "app.tar.gz", "wb"), lambda: os.truncate(here / "log.txt", 0),
                        lambda: os.rename(here, top / "generations/x"), lambda: os.chmod(here / "app.tar.gz", 0o600),
                        lambda: os.setxattr(here, "user.genstore.sync", b"s3")):
            with pytest.raises(OSError) as error:
                attempt()
            assert error.value.errno == errno.EROFS


def test_what_is_not_there_is_enoent(imported, mounted):
    request, _ = imported
    with mounted() as top:
        here = top / "generations" / request
        for name in ("generations/nope", "apps/nope", f"apps/{LOCAL_USER}/nope", f"apps/{LOCAL_USER}/todo/2",
                     f"apps/{LOCAL_USER}/todo/01", ".genstore/nope", "organizations/nope"):
            assert not os.path.lexists(top / name), name
        for name in ("nope", "app/nope", "app/folder/nope", "iterations/2", "iterations/01", "iterations/-1"):
            assert not os.path.lexists(here / name), name
        with pytest.raises(NotADirectoryError):
            os.listdir(here / "app.tar.gz")
        with pytest.raises(OSError) as error:
            (top / "generations" / ("x" * 256)).stat()
        assert error.value.errno == errno.ENAMETOOLONG


def test_status_json_counts_generations_by_status(imported, mounted, store, wait_for):
    with mounted() as top:
        status = json.loads((top / ".genstore/status.json").read_text())
        assert (status["generations"], status["completed"], status["pending_syncs"]) == (1, 1, 0)
        add_rows(store, 3)
        wait_for(lambda: json.loads((top / ".genstore/status.json").read_text())["queued"] == 3, "the new count")


def test_statfs_shows_the_stores_size_and_the_hosts_free_space(imported, mounted, store):
    with mounted() as top:
        there, host = os.statvfs(top), os.statvfs(store.parent)
        used = (there.f_blocks - there.f_bfree) * there.f_frsize
        assert 0 <= used - store.stat().st_size < there.f_frsize
        assert there.f_frsize == host.f_frsize and there.f_bavail > 0


def test_a_listing_of_thousands_is_that_of_the_store(store, mounted):
    names = add_rows(store, 5000)
    with mounted() as top:
        assert os.listdir(top / "generations") == names
        assert os.listdir(top / "generations") == names  # the kernel's own copy
        assert [entry.name for entry in os.scandir(top / "generations") if entry.stat().st_nlink == 3] == names
        assert (top / "generations").stat().st_nlink == 2 + len(names)
        numbers = os.listdir(top / "apps" / LOCAL_USER / "rows")
        assert numbers == ["latest", *(str(n) for n in range(1, 5001))]


def test_many_apps_are_listed_each_once(store, mounted):
    with contextlib.closing(sqlite3.connect(store)) as db, db:
        db.executemany("INSERT INTO apps (id, app_name) VALUES (?, ?)",
                       ((f"bbbbbbbb-0000-4000-8000-{n:012}", f"app {n}") for n in range(3000)))
    with mounted() as top:
        assert sorted(os.listdir(top / "apps" / LOCAL_USER)) == sorted(f"app {n}" for n in range(3000))


def test_a_listing_stays_right_while_generations_come_and_go(store, mounted):
    names = add_rows(store, 4000)
    with mounted() as top, os.scandir(top / "generations") as entries:
        seen = [next(entries).name]
        with contextlib.closing(sqlite3.connect(store, timeout=30)) as db, db:
            db.execute("DELETE FROM generation_requests WHERE id % 2 = 0 AND id < 3000")
        add_rows(store, 10, "req_late")
        seen += [entry.name for entry in entries]
        assert len(seen) == len(set(seen))
        assert set(names[::2]) <= set(seen)


def test_a_generation_that_another_process_makes_and_removes_comes_and_goes(imported, mounted, genstore, tree, tmp_path, wait_for):
    first, _ = imported
    with mounted() as top:
        apps = top / "apps" / LOCAL_USER / "todo"
        assert os.listdir(top / "generations") == [first]
        assert sorted(os.listdir(apps)) == ["1", "latest"]
        genstore("import", tree.write(tmp_path / "second", {"a": "b"}), "--app-name", "todo")
        second = next(g["request_id"] for g in genstore("list", "--json").json if g["request_id"] != first)
        wait_for(lambda: os.listdir(top / "generations") == [first, second], "the new generation")
        wait_for(lambda: sorted(os.listdir(apps)) == ["1", "2", "latest"], "its number")
        wait_for(lambda: os.readlink(apps / "latest").endswith(second), "latest")
        assert (top / "generations" / second / "app/a").read_text() == "b"
        genstore("rm", second, "--force")
        wait_for(lambda: os.listdir(top / "generations") == [first], "its end")
        wait_for(lambda: not (top / "generations" / second).exists(), "its name's end")
        wait_for(lambda: os.readlink(apps / "latest").endswith(first), "latest")


def test_log_and_iterations_grow_while_a_generation_runs(store, genstore, mounted, tmp_path, wait_for):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    script = f'echo line $ITERATION; echo $ITERATION >n; read go <{gate}; echo after $ITERATION'
    with mounted() as top:
        run = genstore.start("generate", "--app-name", "slow", "--prompt", "x", "--max-iterations", "2", "--", "/bin/sh", "-c", script)
        request, = wait_for(lambda: os.listdir(top / "generations"), "the generation")
        here = top / "generations" / request
        wait_for(lambda: "line 1\n" in (here / "log.txt").read_text(), "the first line")
        assert sorted(os.listdir(here)) == ["iterations", "log.txt"]
        assert not (here / "app.tar.gz").exists()
        with open(here / "log.txt", "rb", buffering=0) as follow:
            before = follow.read()
            gate.write_text("go\n")
            wait_for(lambda: "line 2\n" in (here / "log.txt").read_text(), "the second iteration's line")
            after = follow.read()
            assert b"\0" not in before + after
            assert (before + after).startswith(before)
        wait_for(lambda: os.listdir(here / "iterations") == ["1"], "the first iteration")
        assert (here / "iterations/1/n").read_text() == "1\n"
        gate.write_text("go\n")
        run.communicate(timeout=60)
        assert run.returncode == 0
        wait_for(lambda: sorted(os.listdir(here)) == ["app", "app.tar.gz", "iterations", "log.txt", "metadata.json"], "the seal")
        wait_for(lambda: (here / "log.txt").read_text().count("after") == 2, "the whole log")
        assert sorted(os.listdir(here / "iterations")) == ["1", "2"]
        assert (here / "app/n").read_text() == "2\n"
        assert (here / "log.txt").stat().st_size == len((here / "log.txt").read_bytes())
        assert "\0" not in (here / "log.txt").read_text()


def test_a_log_never_shows_bytes_that_it_does_not_have(store, mounted, wait_for):
    add_rows(store, 1)
    size = 0

    def append(db, text):
        nonlocal size
        with db:
            db.execute("INSERT INTO generation_events (generation_request_id, position, at, type, level, line) VALUES"
                       " (1, ?, '2025-12-11T20:30:00Z', 'log', 'info', ?)", (size, text))
        size += 23 + len(text)

    with contextlib.closing(sqlite3.connect(store, timeout=30)) as db, mounted() as top:
        log = top / "generations/req_row000001/log.txt"
        for n in range(30):
            append(db, f"{n} " + "x" * 777)
            seen = log.read_bytes()
            assert b"\0" not in seen and seen[-2:] in (b"", b"x\n"), n
            if n % 3 == 0:
                wait_for(lambda: len(log.read_bytes()) == size, f"line {n}")


def test_a_killed_server_is_replaced_at_once(imported, mounted, genstore, wait_for):
    request, _ = imported
    with mounted() as top:
        os.kill(server_of(genstore), signal.SIGKILL)

        def is_dead():
            try:
                os.listdir(top)
            except OSError as error:
                return error.errno == errno.ENOTCONN
            return False

        wait_for(is_dead, "its end")
        genstore("mount", top)
        assert os.listdir(top / "generations") == [request]
        with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
            assert sum(line.split(" ")[4] == str(top) for line in mounts) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_unmounts(store, mounted, genstore, wait_for, number):
    with mounted() as top:
        os.kill(server_of(genstore), number)
        wait_for(lambda: not is_mounted(top), "the end of the mount")


def test_mount_in_the_foreground_ends_with_umount(imported, mounted, genstore):
    with mounted(foreground=True) as top:
        assert os.listdir(top / "generations")
        genstore("umount", top)
        assert not is_mounted(top)


def test_umount_names_a_mount_that_is_busy_and_lazy_ends_it(imported, mounted, genstore):
    request, _ = imported
    with mounted() as top:
        with open(top / "generations" / request / "metadata.json", encoding="utf-8") as held:
            done = genstore("umount", top, code=1)
            assert f"'{top}' is in use" in done.err and "--lazy" in done.err
            genstore("umount", "--lazy", top)
            assert not is_mounted(top)
            assert json.load(held)["request_id"] == request


def test_umount_of_what_is_not_mounted_is_told(store, genstore, tmp_path):
    done = genstore("umount", tmp_path, code=4)
    assert f"'{tmp_path}' is not a mount of genstore" in done.err


def test_bare_mount_lists_the_mounts(store, mounted, genstore):
    with mounted() as top:
        assert f"{store} on {top}\n" in genstore("mount").out
        assert {"message_type": "mount", "mountpoint": str(top), "store": str(store)}.items() <= \
            next(m for m in genstore("mount", "--json").json if m["mountpoint"] == str(top)).items()


def test_the_default_mountpoint_is_made_in_the_runtime_directory(store, genstore):
    top = pathlib.Path(genstore.env["XDG_RUNTIME_DIR"]) / "genstore"
    done = genstore("mount", "-o", "ro")
    assert str(top) in done.err and is_mounted(top)
    genstore("umount", top)


@pytest.mark.parametrize(("place", "words"), [
    ("..", "is inside of"), ("file", "is not a directory"), ("nowhere", "No such file"), ("mnt", "already is a mount"),
])
def test_a_place_that_cannot_be_a_mountpoint_is_refused(store, mounted, genstore, tmp_path, place, words):
    (tmp_path / "file").write_text("x")
    with mounted() as top:
        where = {"..": store.parent, "mnt": top}.get(place, tmp_path / place)
        done = genstore("mount", where, code=1)
        assert words in done.err and done.err.count("\n") == 1


def test_an_unknown_option_is_wrong_usage(store, genstore, tmp_path):
    done = genstore("mount", "-o", "noviews,sparkle", tmp_path, code=2)
    assert "'sparkle'" in done.err


def test_no_store_is_told_before_anything_is_mounted(genstore, tmp_path):
    genstore("mount", tmp_path, code=10)
    assert not is_mounted(tmp_path)


def test_a_path_with_commas_and_spaces_can_be_mounted(genstore, store, tmp_path, mounted):
    odd = tmp_path / "a, b\\c"
    odd.mkdir()
    moved = odd / "x,y z.genstore"
    shutil.move(store, moved)
    (odd / "mnt").mkdir()
    genstore.env["GENSTORE_STORE"] = str(moved)
    genstore("mount", odd / "mnt")
    try:
        assert f"{moved} on {odd / 'mnt'}\n" in genstore("mount").out
    finally:
        genstore("umount", odd / "mnt")


def test_a_store_that_is_replaced_is_estale(imported, mounted, store, wait_for, genstore, tmp_path):
    request, _ = imported
    with mounted() as top:
        archive = top / "generations" / request / "app.tar.gz"
        assert archive.exists()
        genstore("--store", tmp_path / "other.genstore", "init")
        os.replace(tmp_path / "other.genstore", store)

        def is_stale():
            try:
                os.getxattr(archive, "user.genstore.status")
            except OSError as error:
                return error.errno == errno.ESTALE
            return False

        wait_for(is_stale, "ESTALE")


def test_damaged_bytes_are_ebadmsg_and_told_once(store, genstore, tree, tmp_path, wait_for):
    genstore("import", tree.write(tmp_path / "t", {"noise": os.urandom(300_000)}), "--app-name", "x")
    with contextlib.closing(sqlite3.connect(store)) as db, db:
        biggest = db.execute("SELECT id FROM piece_data ORDER BY length(bytes) DESC LIMIT 1").fetchone()[0]
        db.execute("UPDATE piece_data SET bytes = zeroblob(length(bytes)) WHERE id = ?", (biggest,))
    request = genstore("list", "--json").json[0]["request_id"]
    (tmp_path / "mnt").mkdir()
    server = genstore.start("mount", "-f", tmp_path / "mnt")
    wait_for(lambda: is_mounted(tmp_path / "mnt"), "the mount")
    for _ in range(2):
        with pytest.raises(OSError) as error:
            (tmp_path / "mnt/generations" / request / "app/noise").read_bytes()
        assert error.value.errno == errno.EBADMSG
    genstore("umount", tmp_path / "mnt")
    told = server.communicate(timeout=60)[1].decode()
    assert told.count("genstore check") == 1


def test_sixteen_readers_see_whole_archives_while_generations_are_made(imported, mounted, genstore, tree, tmp_path, san):
    request, _ = imported
    source = tree.real(tmp_path / "real", 60)
    genstore("import", source, "--app-name", "real")
    stop = threading.Event()
    wrong = []

    def read(top, n):
        while not stop.is_set() and not wrong:
            for name in os.listdir(top / "generations"):
                here = top / "generations" / name
                try:
                    data = (here / "app.tar.gz").read_bytes()
                    hash_ = os.getxattr(here / "app.tar.gz", "user.genstore.sha256").decode()
                except FileNotFoundError:
                    continue  # not sealed yet
                if hashlib.sha256(data).hexdigest() != hash_:
                    wrong.append((n, name))

    with mounted() as top:
        threads = [threading.Thread(target=read, args=(top, n)) for n in range(16)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(2 if san else 5):
                tree.change(source)
                genstore("import", source, "--app-name", "real")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert wrong == []
        assert tree.differences(source, top / "apps" / LOCAL_USER / "real/latest/app") == []


def test_bytes_stay_right_while_the_store_is_collected_and_compacted_below_them(store, mounted, genstore, tree, tmp_path):
    noise = tmp_path / "noise"
    stop = threading.Event()
    wrong, reads = [], []

    def read(path, right):
        while not stop.is_set() and not wrong:
            with open(path, "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # asks the server again
                if file.read() != right:
                    wrong.append(path)
            reads.append(path)

    # What is there before, and goes, leaves the room that what is read moves into.
    for name in "first", "second":
        tree.write(noise, {f"{n}.bin": os.urandom(200_000) for n in range(10)})
        genstore("import", noise, "--app-name", name)
    request = genstore("list", "--json").json[0]["request_id"]
    genstore("get", request, "-o", tmp_path / "right")
    right = (tmp_path / "right").read_bytes()
    with mounted() as top:
        threads = [threading.Thread(target=read, args=(top / "generations" / request / "app.tar.gz", right)) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            genstore("rm", "-f", "first")
            for name in "third", "fourth":
                genstore("gc", "--compact")
                tree.write(noise, {f"{n}.bin": os.urandom(200_000) for n in range(10)})
                genstore("import", noise, "--app-name", name)
                genstore("rm", "-f", name)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert wrong == []
        assert reads


def test_the_servers_memory_stays_small(store, genstore, mounted, tree, tmp_path, san):
    if san:
        pytest.skip("a sanitizer needs memory of its own")
    add_rows(store, 20000)
    genstore("import", tree.real(tmp_path / "real", 500), "--app-name", "real")
    with mounted() as top:
        for path in top.rglob("*"):
            if path.is_file():
                path.read_bytes()
        status = pathlib.Path(f"/proc/{server_of(genstore)}/status").read_text()
        peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
        assert peak < 64 * 1024


@pytest.mark.skipif(os.getuid() != 0, reason="needs root for a /dev of its own")
def test_a_machine_without_fuse_is_told_what_to_do_instead(store, genstore, tmp_path):
    (tmp_path / "mnt").mkdir()
    program = os.environ.get("GENSTORE", "build/genstore")
    script = 'mount -t tmpfs none /dev && exec "$0" mount "$1"'
    done = subprocess.run(["unshare", "-m", "sh", "-c", script, program, tmp_path / "mnt"], capture_output=True, text=True,
                          env=genstore.env, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert "/dev/fuse" in done.stderr and "'genstore get'" in done.stderr and done.stderr.count("\n") == 1
