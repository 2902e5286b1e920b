"""What every call that would change something answers for every kind of node: the table of fs/DESIGN.md, cell by cell."""

import contextlib
import ctypes
import errno
import itertools
import os
import pathlib
import re
import sqlite3
import stat

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOCAL_USER = "00000000-0000-4000-8000-000000000001"
libc = ctypes.CDLL(None, use_errno=True)


def table():
    """{row: {column: answer}} of the one table in fs/DESIGN.md whose head begins with "call"."""
    lines = (ROOT / "fs/DESIGN.md").read_text().splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("| on |"))
    cells = [[cell.strip().strip("`") for cell in line.strip("|").split("|")]
             for line in itertools.takewhile(lambda line: line.startswith("|"), lines[at:])]
    return {name.strip(" `"): dict(zip(cells[0][1:], row[1:], strict=True)) for row in cells[2:] for name in row[0].split(",")}


def open_close(path, flags):
    os.close(os.open(path, flags, 0o644))


def fallocate(path):
    """Through a handle that may write; where there cannot be one, that open's answer is the answer."""
    fd = os.open(path, os.O_WRONLY)
    try:
        # posix_fallocate() would do it with writes where the file system cannot.
        if libc.fallocate(fd, 0, ctypes.c_long(0), ctypes.c_long(1)):
            raise OSError(ctypes.get_errno(), "")
    finally:
        os.close(fd)


def rename_onto(path, own, flags=0):
    """A draft of the same kind is renamed to it, from the same folder where it can be there."""
    other = own.folder() if path.is_dir() and not path.is_symlink() else own.archive(path.parent if "own-" in str(path) else None)
    if libc.renameat2(-100, os.fsencode(other), -100, os.fsencode(path), flags):
        raise OSError(ctypes.get_errno(), "")


CALLS = {
    "open": lambda path, own: open_close(path, os.O_WRONLY),
    "truncate": lambda path, own: os.truncate(path, 1),
    "fallocate": lambda path, own: fallocate(path),
    "chmod": lambda path, own: os.chmod(path, 0o640),
    "chown": lambda path, own: os.chown(path, os.getuid(), os.getgid(), follow_symlinks=False),
    "utimes": lambda path, own: os.utime(path, (1, 1), follow_symlinks=False),
    "setxattr": lambda path, own: os.setxattr(path, "user.genstore.status", b"x"),
    "removexattr": lambda path, own: os.removexattr(path, "user.genstore.status"),
    "unlink": lambda path, own: os.unlink(path),
    "rmdir": lambda path, own: os.rmdir(path),
    "rename": lambda path, own: os.rename(path, path.parent / "app.tar.gz.new"),
    "link": lambda path, own: os.link(path, path.parent / "app.tar.gz.link", follow_symlinks=False),
    "create": lambda path, own: open_close(path / "app.tar.gz", os.O_WRONLY | os.O_CREAT | os.O_EXCL),
    "create other": lambda path, own: open_close(path / "notes.txt", os.O_WRONLY | os.O_CREAT | os.O_EXCL),
    "mkdir": lambda path, own: os.mkdir(path / "app-new"),
    "mknod": lambda path, own: os.mknod(path / "app.tar.gz.fifo", stat.S_IFIFO | 0o644),
    "symlink": lambda path, own: os.symlink("app", path / "app.tar.gz.symlink"),
}


class Own:
    """Things of ours in the mount, a new one for each cell that may use it up."""

    def __init__(self, top):
        self.top, self.numbers = top, itertools.count()

    def folder(self):
        path = self.top / f"generations/own-{next(self.numbers)}"
        path.mkdir()
        return path

    def archive(self, folder=None):
        path = (folder or self.folder()) / f"app.tar.gz.{next(self.numbers)}"
        path.write_bytes(b"x")
        return path


@pytest.fixture
def places(genstore, store, generate, mounted, tree, tmp_path):
    """{row: path}: a generation that is done, one that is not, one that was received, and drafts."""
    done = generate("echo hello; mkdir d; echo x >d/file; echo y >file; ln -s file link")
    with contextlib.closing(sqlite3.connect(store)) as db, db:
        db.execute("INSERT INTO apps (id, app_name) VALUES ('aaaaaaaa-0000-4000-8000-000000000001', 'rows')")
        db.execute("INSERT INTO generation_requests (request_id, app_id, app_name, generation_number)"
                   " VALUES ('req_runs', 'aaaaaaaa-0000-4000-8000-000000000001', 'rows', 1)")
    tree.write(tmp_path / "src", {"a": "b"})
    genstore("get", done, "-o", tmp_path / "app.tar.gz")
    tree.write(tmp_path / "typed", {"a": "b"})
    genstore("artifact", "put", "--session", "s", "--org", "o", "--type", "terraform", tmp_path / "typed")
    with mounted() as top:
        own = Own(top)
        organization, = (top / "organizations").iterdir()
        session, = (organization / "sessions").iterdir()
        received = top / "generations/received"
        received.mkdir()
        (received / "app.tar.gz").write_bytes((tmp_path / "app.tar.gz").read_bytes())
        here, app = top / "generations" / done, top / "apps" / LOCAL_USER / "app"
        yield own, {
            "/": top, "generations/": top / "generations", "organizations/": top / "organizations",
            "organizations/<org>/": organization, "sessions/": session.parent, "sessions/<session>/": session,
            "artifacts/": session / "artifacts", "artifacts/<type>/": session / "artifacts/terraform",
            "artifacts/<type>/<name>": session / "artifacts/terraform/a", "artifacts/bundle.zip": session / "artifacts/bundle.zip",
            "apps/": top / "apps",
            "apps/<user>/": app.parent, "apps/<user>/<app>/": app, "apps/<user>/<app>/<n>": app / "1",
            "apps/<user>/<app>/latest": app / "latest", ".genstore/": top / ".genstore", ".genstore/status.json": top / ".genstore/status.json",
            "generations/<id>/": here, "generations/<running>/": top / "generations/req_runs",
            "app.tar.gz": here / "app.tar.gz", "metadata.json": here / "metadata.json", "log.txt": here / "log.txt",
            "app/": here / "app", "app/<folder>/": here / "app/d", "app/<file>": here / "app/file", "app/<link>": here / "app/link",
            "iterations/": here / "iterations", "iterations/<n>/": here / "iterations/1", "iterations/<n>/<file>": here / "iterations/1/file",
            "received app.tar.gz": received / "app.tar.gz", "received metadata.json": received / "metadata.json",
            "draft/": own.folder, "draft/app.tar.gz.part": own.archive,
        }


def answer(call):
    try:
        call()
    except OSError as error:
        return errno.errorcode[error.errno].replace("ENOTSUP", "EOPNOTSUPP")  # one number, two names
    return "ok"


def test_every_call_answers_for_every_node_what_the_table_says(places):
    own, paths = places
    rows = table()
    assert set(rows) == set(paths)
    wrong, rendered = [], []
    for row, expected in rows.items():
        assert set(expected) == {*CALLS, "rename onto"}
        line = [row]
        for column, said in expected.items():
            path = paths[row]() if callable(paths[row]) else paths[row]
            call = CALLS.get(column) or rename_onto
            got = answer(lambda: call(path, own))
            line.append(got)
            if got != said:
                wrong.append(f"{column} of {row}: {got}, the table says {said}")
        rendered.append("| " + " | ".join(f"`{cell}`" for cell in line) + " |")
    assert not wrong, "\n".join([*wrong, *rendered])


def test_a_mount_that_is_read_only_answers_erofs_everywhere(genstore, generate, mounted):
    request = generate("echo y >file; ln -s file link")
    with mounted("-o", "ro") as top:
        own = Own(top)
        here = top / "generations" / request
        said = {}
        for path in (top, top / "generations", here, here / "app.tar.gz", here / "log.txt", here / "app", here / "app/file"):
            for name, call in CALLS.items():
                inside = name in ("create", "create other", "mkdir", "mknod", "symlink")
                if inside and not path.is_dir() or path.is_dir() and name in ("open", "truncate", "fallocate", "unlink", "link"):
                    continue
                if name == "rmdir" and not path.is_dir() or name == "create" and path == here:
                    continue  # it is there: EEXIST
                said[f"{name} of {path}"] = answer(lambda: call(path, own))
        assert set(said.values()) <= {"EROFS", "EBUSY"}, said  # EBUSY: the mountpoint itself is not removed or renamed
