"""A mount whose process dies while an archive is written into it: what close() acknowledged is there, anything else is whole or not there."""

import contextlib
import os
import pathlib
import random
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from attack_archives import file, tgz  # noqa: E402

SEED = int(os.environ.get("GENSTORE_TEST_SEED", "20261126"))
ARCHIVE = tgz(file(b"noise", random.Random(9).randbytes(11 << 20)), file(b"small", b"x"))
METADATA = b'{"app_name": "todo"}\n'


def upload(top):
    """Writes both files; which of them were acknowledged."""
    done = []
    with contextlib.suppress(OSError):
        (top / "generations/up").mkdir()
        for name, data in (("metadata.json", METADATA), ("app.tar.gz", ARCHIVE)):
            fd = os.open(top / "generations/up" / name, os.O_WRONLY | os.O_CREAT)
            try:
                for n in range(0, len(data), 1 << 20):
                    os.write(fd, data[n:n + (1 << 20)])
            except OSError:
                with contextlib.suppress(OSError):
                    os.close(fd)
                raise
            os.close(fd)
            done.append(name)
    return done


@pytest.fixture
def serve(genstore, store, fault, wait_for, tmp_path):
    top = tmp_path / "mnt"
    top.mkdir()

    @contextlib.contextmanager
    def run(**how):
        server = genstore.start("mount", "-f", top, env=fault.env(store, **how))
        wait_for(lambda: os.path.ismount(top) or server.poll() is not None, "the mount")
        try:
            yield top
        finally:
            subprocess.run(["fusermount3", "-u", "-z", top], stderr=subprocess.DEVNULL, check=False)
            server.communicate(timeout=60)
    return run


@pytest.mark.mount
def test_a_process_that_dies_at_any_write_leaves_all_or_nothing(genstore, store, serve, fault, shown, tmp_path):
    empty = store.read_bytes()
    with serve() as top:
        assert upload(top) == ["metadata.json", "app.tar.gz"]
    most, r = fault.calls(), random.Random(SEED)
    ends = {"acknowledged": 0, "there": 0, "nothing": 0}
    for n in range(14):
        for left in store.parent.glob(f"{store.name}*"):
            left.unlink()
        store.write_bytes(empty)
        how = {"do": ("kill", "torn", "power")[n % 3], "at": r.randint(1, most), "seed": r.randrange(1 << 30)}
        with serve(**how) as top:
            done = upload(top)
        seen = shown()
        listed = seen.list()
        assert listed or "app.tar.gz" not in done, how
        if listed:
            assert seen.archive("up") == ARCHIVE and list(listed) == ["up"], how
            assert listed["up"]["app_name"] == "todo" and listed["up"]["status"] == "completed", how
        ends["acknowledged" if "app.tar.gz" in done else "there" if listed else "nothing"] += 1
        seen.check("--read-data")
        genstore("gc")
        genstore("check")
    assert ends["nothing"], ends
