#!/usr/bin/python3
"""The mount against a folder and against FUSE peers, in interleaved rounds: medians, and ratios to each.

    tools/bench/mount.py [--rounds N] [--quick]        GENSTORE names the program, TMPDIR where it all happens

Peers: bindfs where it is installed; libfuse's example passthrough_ll where its source is (Debian's libfuse3-dev).
Every round mounts anew: `first` is what a fresh mount takes, `again` the same once more. What is below the peers is in the page cache.
"""

import argparse
import contextlib
import os
import pathlib
import random
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
GENSTORE = os.environ.get("GENSTORE", str(ROOT / "build" / "genstore"))
EXAMPLE = pathlib.Path("/usr/share/doc/libfuse3-dev/examples/passthrough_ll.c")


def clock(work, *args):
    start = time.perf_counter()
    work(*args)
    return time.perf_counter() - start


def read_all(path):
    with open(path, "rb", buffering=0) as file:
        buffer = bytearray(1 << 20)
        while file.readinto(buffer):
            pass


def read_random(path, count=2000):
    """The median of single reads of 4 KiB, none of them in the page cache."""
    spots = random.Random(1)
    times = []
    with open(path, "rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
        size = os.fstat(file.fileno()).st_size
        for _ in range(count):
            offset = spots.randrange(size // 4096) * 4096
            start = time.perf_counter()
            os.pread(file.fileno(), 4096, offset)
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def list_names(path):
    with os.scandir(path) as entries:
        for _ in entries:
            pass


def list_and_stat(path):
    with os.scandir(path) as entries:
        for entry in entries:
            entry.stat(follow_symlinks=False)


def read_small(top):
    for folder, _, names in os.walk(top):
        for name in names:
            fd = os.open(os.path.join(folder, name), os.O_RDONLY)
            os.read(fd, 1 << 16)
            os.close(fd)


def run(*args, **options):
    return subprocess.run([str(a) for a in args], check=True, stdout=subprocess.PIPE, **options).stdout.decode()


class Native:
    def __init__(self, top):
        self.top = top

    @contextlib.contextmanager
    def mounted(self, source, _store):
        yield source


class Peer:
    def __init__(self, top, name, command):
        self.at = top / name
        self.at.mkdir()
        self.command = command

    @contextlib.contextmanager
    def mounted(self, source, _store):
        run(*[a.format(source=source, at=self.at) for a in self.command])
        try:
            yield self.at
        finally:
            run("fusermount3", "-u", self.at)


class Genstore:
    def __init__(self, top):
        self.at = top / "genstore"
        self.at.mkdir()

    @contextlib.contextmanager
    def mounted(self, _source, store):
        run(GENSTORE, "--store", store, "-q", "mount", self.at)
        try:
            yield self.at
        finally:
            run(GENSTORE, "umount", self.at)


def systems(top):
    found = {"genstore": Genstore(top), "native": Native(top)}
    if shutil.which("bindfs"):
        found["bindfs"] = Peer(top, "bindfs", ["bindfs", "--no-allow-other", "{source}", "{at}"])
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        flags = run("pkg-config", "--cflags", "--libs", "fuse3").split()
        run("cc", "-O2", "-w", "-o", top / "passthrough_ll", EXAMPLE, *flags, stderr=subprocess.DEVNULL)
        found["passthrough_ll"] = Peer(top, "ll", [str(top / "passthrough_ll"), "-o", "source={source}", "{at}"])
    return found


def make_big(top, mib):
    """One archive of random bytes."""
    store, tree, native = top / "big.genstore", top / "big", top / "big-native"
    tree.mkdir()
    native.mkdir()
    with open(tree / "noise", "wb") as out:
        for _ in range(mib):
            out.write(os.urandom(1 << 20))
    run(GENSTORE, "--store", store, "init")
    request = run(GENSTORE, "--store", store, "import", tree, "--app-name", "big").split()[-1]
    run(GENSTORE, "--store", store, "get", request, "-o", native / "app.tar.gz")
    shutil.rmtree(tree)
    return store, native, {"genstore": f"generations/{request}/app.tar.gz", None: "app.tar.gz"}


def make_many(top, count):
    """Generations as rows; natively as many folders."""
    store, native = top / f"many{count}.genstore", top / f"many{count}"
    run(GENSTORE, "--store", store, "init")
    names = [f"req_{n:012}" for n in range(count)]
    with contextlib.closing(sqlite3.connect(store)) as db, db:
        db.execute("INSERT INTO apps (id, app_name) VALUES ('aaaaaaaa-0000-4000-8000-000000000001', 'rows')")
        db.executemany("INSERT INTO generation_requests (request_id, app_id, app_name, generation_number, prompt) VALUES"
                       " (?, 'aaaaaaaa-0000-4000-8000-000000000001', 'rows', ?, 'a prompt of usual length, ' || hex(randomblob(60)))",
                       zip(names, range(1, count + 1)))
    native.mkdir()
    for name in names:
        (native / name).mkdir()
    return store, native, {"genstore": "generations", None: "."}


def make_small(top, count):
    """A tree of small files."""
    store, tree = top / "small.genstore", top / "small"
    words = random.Random(2)
    for n in range(count):
        folder = tree / f"folder{n // 50}"
        folder.mkdir(parents=True, exist_ok=True)
        text = " ".join(f"word{words.randrange(999)}" for _ in range(words.randrange(50, 600)))
        (folder / f"file{n}.js").write_text(text)
    run(GENSTORE, "--store", store, "init")
    request = run(GENSTORE, "--store", store, "import", tree, "--app-name", "small").split()[-1]
    return store, tree, {"genstore": f"generations/{request}/app", None: "."}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a tenth of the size")
    options = parser.parse_args()
    part = 10 if options.quick else 1
    top = pathlib.Path(tempfile.mkdtemp(prefix="genstore-bench-"))
    times = {}
    try:
        all_systems = systems(top)
        big, many = make_big(top, 256 // part), make_many(top, 100_000 // part)
        some, small = make_many(top, 5_000 // part), make_small(top, 5_000 // part)
        for _ in range(options.rounds):
            for name, system in all_systems.items():
                def note(case, seconds, name=name):
                    times.setdefault(case, {}).setdefault(name, []).append(seconds)

                for (store, native, paths), cases in ((big, "big"), (many, "many"), (some, "some"), (small, "small")):
                    with system.mounted(native, store) as at:
                        path = at / paths.get(name, paths[None])
                        if cases == "big":
                            time.sleep(0.3)  # until the read-ahead is raised
                            note("256 MiB, first", clock(read_all, path))
                            note("256 MiB, again", clock(read_all, path))
                            with open(path, "rb") as file:
                                if name != "native":
                                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                            note("random 4 KiB, p50", read_random(path))
                        if cases == "many":
                            note("list 100,000, first", clock(list_names, path))
                            note("list 100,000, again", clock(list_names, path))
                        if cases == "some":
                            note("readdir + stat 5,000, first", clock(list_and_stat, path))
                            note("readdir + stat 5,000, again", clock(list_and_stat, path))
                        if cases == "small":
                            note("open + read + close 5,000, first", clock(read_small, path))
                            note("open + read + close 5,000, again", clock(read_small, path))
    finally:
        shutil.rmtree(top, ignore_errors=True)
    names = list(all_systems)
    print(f"{'milliseconds, median of ' + str(options.rounds):34}" + "".join(f"{n:>16}" for n in names) + "   genstore / peer")
    for case, by_name in times.items():
        medians = {n: statistics.median(t) * 1000 for n, t in by_name.items()}
        ratios = ", ".join(f"{medians['genstore'] / medians[n]:.2f} {n}" for n in names[1:])
        print(f"{case:34}" + "".join(f"{medians[n]:16.3f}" for n in names) + f"   {ratios}")


if __name__ == "__main__":
    main()
