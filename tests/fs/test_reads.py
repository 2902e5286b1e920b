"""Random reads of the mount, in every way there is to read, are those of the file. Seeded: GENSTORE_TEST_SEED says how."""

import concurrent.futures
import mmap
import os
import pathlib
import random
import subprocess

import pytest

SEED = int(os.environ.get("GENSTORE_TEST_SEED", "20261126"))
PAGE = 4096


def pread(fd, size, offset, n, r):
    return os.pread(fd, n, offset)


def readv(fd, size, offset, n, r):
    """Into several buffers of odd sizes."""
    cuts = sorted(r.randrange(n + 1) for _ in range(3))
    parts = [bytearray(b - a) for a, b in zip([0, *cuts], [*cuts, n])]
    got = os.preadv(fd, parts, offset)
    return b"".join(parts)[:got]


def mapped(fd, size, offset, n, r):
    """A mapping of the pages around it; what is behind the end of the file but in its page is zeros."""
    first = offset // PAGE * PAGE
    if first >= size:
        return b""
    with mmap.mmap(fd, min(size, offset + n) - first, mmap.MAP_PRIVATE if r.random() < 0.5 else mmap.MAP_SHARED, mmap.PROT_READ,
                   offset=first) as m:
        return m[offset - first:]


def direct(fd, size, offset, n, r):
    """O_DIRECT, through another descriptor, in whole pages."""
    at = offset // PAGE * PAGE
    length = -(-(offset + n - at) // PAGE) * PAGE
    other = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_DIRECT)
    try:
        with mmap.mmap(-1, length) as buffer:
            got = os.preadv(other, [buffer], at)
            return buffer[offset - at:min(got, offset - at + n)]
    finally:
        os.close(other)


def streamed(fd, size, offset, n, r):
    """A file of its own, from there on, as the kernel reads ahead."""
    with open(f"/proc/self/fd/{fd}", "rb", buffering=0) as f:
        f.seek(offset)
        got = b""
        while len(got) < n and (more := f.read(r.choice((1 << 10, 1 << 17, n)))):
            got += more
        return got[:n]


def spliced(fd, size, offset, n, r):
    """sendfile(2): the pages go to another file without passing through here."""
    with open(os.memfd_create("x"), "w+b", buffering=0) as out:
        done = 0
        while done < n and (more := os.sendfile(out.fileno(), fd, offset + done, n - done)):
            done += more
        return os.pread(out.fileno(), n, 0)


WAYS = (pread, pread, readv, mapped, direct, streamed, spliced)
SIZES = (1, 2, 511, 512, PAGE, PAGE + 1, 3 * PAGE, 65_536, 131_072, 700_001, (1 << 20) + 1)


def read_at_random(path, want, seed, count):
    r = random.Random(seed)
    fd = os.open(path, os.O_RDONLY)
    try:
        size = os.fstat(fd).st_size
        assert size == len(want)
        for _ in range(count):
            way, n = r.choice(WAYS), r.choice(SIZES)
            offset = r.choice((0, max(0, size - n), size - 1, size, size + 5, r.randrange(size), r.randrange(size) // PAGE * PAGE))
            if r.random() < 0.3:
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            got = way(fd, size, offset, n, r)
            expected = want[offset:offset + n]
            if got != expected and not (way is pread and expected.startswith(got) and got):
                return f"seed {seed}: {way.__name__} of {n} at {offset} of {path}"
    finally:
        os.close(fd)
    return None


@pytest.fixture
def files(genstore, store, tree, tmp_path):
    """{path below the mount: its bytes}: sealed and foreign archives, large and small files of trees, a log, metadata."""
    r = random.Random(SEED)
    source = tree.real(tmp_path / "src", 80)
    tree.write(source, {"mixed": b"".join(r.choice((bytes(r.randrange(9000)), r.randbytes(r.randrange(9000)))) for _ in range(500)),
                        "noise": r.randbytes(1_500_001), "one": "x", "page": r.randbytes(PAGE), "zeros": bytes(900_000)})
    subprocess.run(["tar", "czf", tmp_path / "foreign.tar.gz", "-C", source, "."], check=True)
    genstore("import", source, "--app-name", "own")
    genstore("import", tmp_path / "foreign.tar.gz", "--app-name", "foreign")
    genstore("get", "own", "-o", tmp_path / "own.tar.gz")
    found = {}
    for g in genstore("list", "--json").json:
        here = pathlib.Path("generations") / g["request_id"]
        found[here / "app.tar.gz"] = (tmp_path / f"{g['app_name']}.tar.gz").read_bytes()
        for name in ("mixed", "noise", "one", "page", "zeros"):
            found[here / "app" / name] = (source / name).read_bytes()
            found[here / "iterations/1" / name] = (source / name).read_bytes()
    return found


@pytest.mark.parametrize("how", [(), ("-o", "ro")], ids=["writable", "read-only"])
def test_random_reads_of_several_readers_are_those_of_the_file(files, mounted, how, san):
    count = 15 if san else 60
    with mounted(*how) as top, concurrent.futures.ThreadPoolExecutor(6) as pool:
        work = [(top / path, want, SEED + 1000 * n + i, count) for n in range(2) for i, (path, want) in enumerate(files.items())]
        wrong = [w for w in pool.map(lambda w: read_at_random(*w), work) if w]
    assert wrong == []


def test_reads_stay_right_while_archives_are_written_beside_them(files, mounted, san, tmp_path):
    incoming = tmp_path / "foreign.tar.gz"
    with mounted() as top, concurrent.futures.ThreadPoolExecutor(4) as pool:
        work = [pool.submit(read_at_random, top / path, want, SEED + i, 15 if san else 40) for i, (path, want) in enumerate(files.items())]
        for n in range(4):
            (top / f"generations/new-{n}").mkdir()
            subprocess.run(["cp", incoming, top / f"generations/new-{n}/app.tar.gz"], check=True)
        assert [w for w in (job.result() for job in work) if w] == []
        for n in range(4):
            assert (top / f"generations/new-{n}/app.tar.gz").read_bytes() == incoming.read_bytes()
