"""`export --format files`: what the mount shows, as ordinary folders and files."""

import contextlib
import filecmp
import json
import os
import pathlib
import signal
import sqlite3
import stat
import subprocess

import pytest


def export(genstore, folder, **options):
    return genstore("export", "--format", "files", folder, "--json", **options).json[-1]


def everything(top):
    """{path: (type, executable, mtime, size or target, bytes)} of all below, the top's own time included."""
    found = {}
    for path in [top, *sorted(pathlib.Path(top).rglob("*"))]:
        status = path.lstat()
        kind = stat.S_IFMT(status.st_mode)
        data = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[str(path.relative_to(top))] = (kind, bool(status.st_mode & 0o100) or path.is_symlink(), int(status.st_mtime), data)
    return found


def changes(top):
    """{path: ctime} of all files: what was written anew has another one."""
    return {str(p.relative_to(top)): p.lstat().st_ctime_ns for p in pathlib.Path(top).rglob("*")}


@pytest.fixture
def filled(genstore, store, generate, tree, tmp_path):
    """Generations of all kinds: imported, foreign, with iterations, failed."""
    source = tree.odd(tmp_path / "odd")
    genstore("import", source, "--app-name", "todo")
    subprocess.run(["tar", "czf", tmp_path / "in.tar.gz", "-C", source, "."], check=True)
    genstore("import", tmp_path / "in.tar.gz", "--app-name", "todo")
    generate("echo line; echo $ITERATION >n", "--app-name", "many", "--max-iterations", "3")
    generate("echo broken; exit 1", "--app-name", "bad", code=1)
    return store


def test_it_is_what_the_mount_shows(genstore, filled, mounted, tmp_path):
    done = export(genstore, tmp_path / "out")
    assert (done["generations"], done["failed"], done["unchanged"]) == (4, 0, 0)
    with mounted("-o", "ro") as top:
        there, here = everything(top), everything(tmp_path / "out")
    assert set(there) == set(here)
    for path, value in there.items():
        assert here[path] == value, path


def test_again_it_writes_nothing_and_later_what_came_since(genstore, filled, generate, tmp_path):
    out = tmp_path / "out"
    first = export(genstore, out)
    before = changes(out)
    again = export(genstore, out)
    assert (again["written"], again["bytes"], again["unchanged"]) == (0, 0, first["written"])
    assert changes(out) == before
    request = generate("echo x >new", "--app-name", "todo")
    later = export(genstore, out)
    new = {path for path in changes(out) if path not in before}
    assert {path.split("/")[1] for path in new if path.startswith("generations")} == {request}
    assert later["unchanged"] >= first["written"] - 2 and later["generations"] == 5
    user = next((out / "apps").iterdir())
    assert os.readlink(user / "todo/latest") == f"../../../generations/{request}"


def test_what_was_changed_there_is_put_right(genstore, filled, tmp_path, generate):
    out = tmp_path / "out"
    export(genstore, out)
    want = everything(out)
    archive = next(out.glob("generations/*/app.tar.gz"))
    tree_file = next(p for p in archive.parent.glob("app/**/*") if p.is_file() and not p.is_symlink())
    archive.write_bytes(b"changed")
    tree_file.write_text("changed")
    (archive.parent / "app/added").write_text("x")
    (archive.parent / "metadata.json").unlink()
    (archive.parent / "iterations/1").rename(archive.parent / "iterations/old")
    (archive.parent / "iterations/1").write_text("no folder")
    export(genstore, out)
    got = {path: value for path, value in everything(out).items() if "iterations/old" not in path}
    assert got == want


def test_a_link_in_the_folder_leads_nowhere(genstore, filled, tmp_path):
    out, outside = tmp_path / "out", tmp_path / "outside"
    export(genstore, out)
    outside.mkdir()
    here = next(p for p in out.glob("generations/*") if (p / "app").exists())
    for name in ("app", "app.tar.gz", "log.txt"):
        path = here / name
        path.rename(tmp_path / f"was-{name}")
        path.symlink_to(outside / "victim")
    export(genstore, out)
    assert list(outside.iterdir()) == []
    assert (here / "app").is_dir() and not (here / "app").is_symlink() and not (here / "log.txt").is_symlink()
    (out / "apps").rename(tmp_path / "apps")
    (out / "apps").symlink_to(outside)
    done = genstore("export", "--format", "files", out, code=1)
    assert "'apps'" in done.err and list(outside.iterdir()) == []


def test_a_folder_with_something_else_in_it_is_left_alone(genstore, filled, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own/file").write_text("mine")
    done = genstore("export", "--format", "files", tmp_path / "own", code=1)
    assert "no export" in done.err and done.err.count("\n") == 1
    assert os.listdir(tmp_path / "own") == ["file"]
    done = genstore("export", "--format", "files", tmp_path / "own/file", code=1)
    assert "Not a directory" in done.err


@pytest.mark.parametrize(("args", "words"), [((), "--format files"), (("--format", "postscript"), "'postscript'")])
def test_another_format_is_wrong_usage(genstore, store, tmp_path, args, words):
    assert words in genstore("export", *args, tmp_path / "out", code=2).err
    assert not (tmp_path / "out").exists()


def test_one_that_is_killed_goes_on_the_next_time(genstore, store, tree, tmp_path, wait_for):
    for n in range(3):
        genstore("import", tree.real(tmp_path / f"real-{n}", 150), "--app-name", f"app{n}")
    export(genstore, tmp_path / "whole")
    out = tmp_path / "out"
    for _ in range(3):
        run = genstore.start("export", "--format", "files", out)
        with contextlib.suppress(AssertionError):
            wait_for(lambda run=run: run.poll() is not None or list(out.glob("generations/*/.genstore-new-*")), "a file that is not whole")
        run.send_signal(signal.SIGKILL)
        run.communicate()
        for path in out.glob("generations/*/app.tar.gz"):
            assert filecmp.cmp(path, tmp_path / "whole" / path.relative_to(out), shallow=False)
    export(genstore, out)
    assert everything(out) == everything(tmp_path / "whole")
    assert [p for p in out.rglob("*") if p.name.startswith(".genstore-new")] == []


def test_two_at_once_into_one_folder_are_one(genstore, filled, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    holder = subprocess.Popen(["flock", out, "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    holder.stdin.write(b"held\n")
    holder.stdin.flush()
    assert holder.stdout.readline() == b"held\n"
    done = genstore("export", "--format", "files", out, code=1)
    assert "another export is writing there" in done.err
    holder.communicate()
    export(genstore, out)


def test_what_is_damaged_is_left_out_and_the_rest_is_there(genstore, store, tree, tmp_path):
    genstore("import", tree.write(tmp_path / "bad", {"noise": os.urandom(300_000)}), "--app-name", "bad")
    genstore("import", tree.write(tmp_path / "good", {"a": "b"}), "--app-name", "good")
    with contextlib.closing(sqlite3.connect(store)) as db, db:
        biggest = db.execute("SELECT id FROM piece_data ORDER BY length(bytes) DESC LIMIT 1").fetchone()[0]
        db.execute("UPDATE piece_data SET bytes = zeroblob(length(bytes)) WHERE id = ?", (biggest,))
    done = genstore("export", "--format", "files", tmp_path / "out", "--json", code=3)
    summary = done.json[-1]
    assert summary["failed"] == 3  # the archive, app/ and iterations/1
    errors = [line for line in done.out.splitlines() if json.loads(line)["message_type"] == "error"]
    assert len(errors) == 3 and "genstore check" in errors[0]
    good = next(g["request_id"] for g in genstore("list", "--json").json if g["app_name"] == "good")
    assert (tmp_path / "out/generations" / good / "app/a").read_text() == "b"
    assert [p for p in (tmp_path / "out").rglob(".genstore-new*")] == []


@pytest.mark.skipif(os.getuid() != 0, reason="needs root for a small file system")
def test_a_full_disk_is_told_and_leaves_no_half_files(genstore, store, tree, tmp_path):
    genstore("import", tree.write(tmp_path / "big", {"noise": os.urandom(6 << 20)}), "--app-name", "big")
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", small], check=True)
    try:
        done = genstore("export", "--format", "files", small / "out", code=1)
        assert "No space left" in done.err and done.err.count("\n") == 1
        assert not list(small.glob("out/generations/*/app.tar.gz"))
    finally:
        subprocess.run(["umount", small], check=True)
