#!/usr/bin/python3
"""The mount against a folder and against FUSE peers, in interleaved rounds: medians, and ratios to each.

    tools/bench/mount.py [--rounds N] [--quick]        GENSTORE names the program, TMPDIR where it all happens

Peers: bindfs where it is installed; libfuse's examples passthrough_ll, where its source is (Debian's libfuse3-dev), and passthrough_hp,
which PASSTHROUGH_HP names or PATH has (Debian has only its source: `apt-get source fuse3`). `floor` answers everything from memory: what
FUSE itself takes here. Every round mounts anew: `first` is what a fresh mount takes, `again` the same once more. What is below the
peers is in the page cache.
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
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from measure import Table  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
GENSTORE = os.environ.get("GENSTORE", str(ROOT / "build" / "genstore"))
EXAMPLE = pathlib.Path("/usr/share/doc/libfuse3-dev/examples/passthrough_ll.c")
FLOOR = pathlib.Path(__file__).resolve().parent / "floor.c"
HP = os.environ.get("PASSTHROUGH_HP") or shutil.which("passthrough_hp")
# What has to be reached: case, peers of which the first that is there counts, their time through ours (or ours through theirs), bound.
TARGETS = [
    ("256 MiB, first", ["passthrough_hp"], "faster", 1.1),
    ("256 MiB, first", ["passthrough_ll"], "faster", 1.8),
    ("256 MiB, again", ["passthrough_hp", "passthrough_ll"], "faster", 0.95),
    ("random 4 KiB, p50", ["passthrough_hp", "passthrough_ll"], "time", 1.2),
    ("list 100,000, first", ["native"], "time", 1.0),
    ("readdir + stat 5,000, first", ["native"], "time", 4),
    ("readdir + stat 5,000, again", ["native"], "time", 2),
    ("open + read + close 5,000, first", ["passthrough_hp", "passthrough_ll"], "time", 0.4),
    ("open + read + close 5,000, again", ["passthrough_hp", "passthrough_ll"], "time", 0.6),
    ("copy 256 MiB in + fsync", ["passthrough_hp", "passthrough_ll"], "faster", 1.0),
]


def clock(work, *args):
    start = time.perf_counter()
    work(*args)
    return time.perf_counter() - start


def read_all(path):
    with open(path, "rb", buffering=0) as file:
        buffer = bytearray(1 << 20)
        while file.readinto(buffer):
            pass


def random_reads(path, count, going_on=lambda: True, seed=1):
    """The seconds of each of so many reads of 4 KiB, none of them in the page cache, or of those that end before going_on() does."""
    spots = random.Random(seed)
    times = []
    with open(path, "rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
        size = os.fstat(file.fileno()).st_size
        while len(times) < count and going_on():
            offset = spots.randrange(size // 4096) * 4096
            start = time.perf_counter()
            os.pread(file.fileno(), 4096, offset)
            times.append(time.perf_counter() - start)
    return times


def copy_in(source, target):
    """As cp does it, and on disk: a generation when it is closed."""
    with open(source, "rb", buffering=0) as file, open(target, "wb", buffering=0) as out:
        buffer = bytearray(1 << 20)
        while n := file.readinto(buffer):
            out.write(memoryview(buffer)[:n])
        os.fsync(out.fileno())


def read_random(path):
    return statistics.median(random_reads(path, 2000))


def read_during_ingest(path, store, noise):
    """p99 and the longest of random reads while another process imports a folder into the same store."""
    times = []
    with subprocess.Popen([GENSTORE, "--store", store, "-q", "import", noise, "--app-name", "noise"], stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            with open(path, "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            times += random_reads(path, 5000, lambda: process.poll() is None, len(times))
    times.sort()
    return times[len(times) * 99 // 100], times[-1]


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
        run(*[a.format(source=source, at=self.at) for a in self.command], stderr=subprocess.DEVNULL)
        for _ in range(1000):  # passthrough_hp mounts after it has gone into the background
            if os.path.ismount(self.at):
                break
            time.sleep(0.005)
        try:
            yield self.at
        finally:
            run("fusermount3", "-u", self.at)


class Floor(Peer):
    """Looks like whatever it is asked to stand for: a file, a listing, a tree."""

    def __init__(self, top):
        super().__init__(top, "floor-at", None)
        self.program = top / "floor"

    @contextlib.contextmanager
    def mounted(self, source, _store):
        entries = os.listdir(source)
        size = os.path.getsize(source / "app.tar.gz") if "app.tar.gz" in entries else 0
        self.command = [str(self.program), "{at}", str(size), str(len(entries)), str(50 * len(entries))]
        with super().mounted(source, _store) as at:
            with contextlib.suppress(OSError):
                device = os.stat(at).st_dev
                pathlib.Path(f"/sys/class/bdi/{os.major(device)}:{os.minor(device)}/read_ahead_kb").write_text("1024")
            yield at


class Genstore:
    """One that can be written to, as it is when nothing else is asked for: the kernel then says when a file is opened."""

    def __init__(self, top, name, *options):
        self.at = top / name
        self.at.mkdir()
        self.options = options

    @contextlib.contextmanager
    def mounted(self, _source, store):
        run(GENSTORE, "--store", store, "-q", "mount", self.at, *self.options)
        try:
            yield self.at
        finally:
            run(GENSTORE, "umount", self.at)


def systems(top):
    found = {"genstore": Genstore(top, "genstore"), "genstore ro": Genstore(top, "genstore-ro", "-o", "ro"), "native": Native(top)}
    if shutil.which("bindfs"):
        found["bindfs"] = Peer(top, "bindfs", ["bindfs", "--no-allow-other", "{source}", "{at}"])
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        flags = run("pkg-config", "--cflags", "--libs", "fuse3").split()
        run("cc", "-O2", "-w", "-o", top / "passthrough_ll", EXAMPLE, *flags, stderr=subprocess.DEVNULL)
        found["passthrough_ll"] = Peer(top, "ll", [str(top / "passthrough_ll"), "-o", "source={source}", "{at}"])
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        run("cc", "-O2", "-w", "-o", top / "floor", FLOOR, *flags, "-lpthread", stderr=subprocess.DEVNULL)
        found["floor"] = Floor(top)
    if HP:
        found["passthrough_hp"] = Peer(top, "hp", [HP, "{source}", "{at}"])
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
    return store, native, {"genstore": f"generations/{request}/app.tar.gz", "floor": "file", None: "app.tar.gz"}


def make_noise(folder, mib):
    """Files that no compressor shrinks, to import."""
    folder.mkdir()
    for n in range(mib):
        (folder / f"{n}.bin").write_bytes(os.urandom(1 << 20))
    return folder


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
    return store, native, {"genstore": "generations", "floor": "entries", None: "."}


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
    return store, tree, {"genstore": f"generations/{request}/app", "floor": "tree", None: "."}


def note_cases(note, kind, name, path):
    if kind == "big":
        time.sleep(0.3)  # until the read-ahead is raised
        note("256 MiB, first", clock(read_all, path))
        note("256 MiB, again", clock(read_all, path))
        with open(path, "rb") as file:
            if name != "native":
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        note("random 4 KiB, p50", read_random(path))
    if kind == "many":
        note("list 100,000, first", clock(list_names, path))
        note("list 100,000, again", clock(list_names, path))
    if kind == "some":
        note("readdir + stat 5,000, first", clock(list_and_stat, path))
        note("readdir + stat 5,000, again", clock(list_and_stat, path))
    if kind == "small":
        note("open + read + close 5,000, first", clock(read_small, path))
        note("open + read + close 5,000, again", clock(read_small, path))


def measure(rounds, part=1):
    """{case: {system: [milliseconds, sorted]}}, {system: p99 and longest read during an ingest, in milliseconds}, and when generations appear."""
    top = pathlib.Path(tempfile.mkdtemp(prefix="genstore-bench-"))
    times, ingest = {}, {}
    try:
        all_systems = systems(top)
        made = {"big": make_big(top, 256 // part), "many": make_many(top, 100_000 // part), "some": make_many(top, 5_000 // part),
                "small": make_small(top, 5_000 // part)}
        for number in range(rounds):
            for name, system in all_systems.items():
                for kind, (store, native, paths) in made.items():
                    with system.mounted(native, store) as at:
                        note_cases(lambda case, seconds, name=name: times.setdefault(case, {}).setdefault(name, []).append(seconds),
                                   kind, name, at / paths.get(name.split()[0], paths[None]))
            for name, system in all_systems.items():
                if name not in ("floor", "genstore ro"):
                    times.setdefault("copy 256 MiB in + fsync", {}).setdefault(name, []).append(
                        into(system, name, top, made["big"][1] / "app.tar.gz", number))
            store, native, paths = made["big"]
            for name in {"genstore", "floor"} & all_systems.keys():
                with all_systems[name].mounted(native, store) as at:
                    noise = make_noise(top / f"noise{number}-{name}", 32 // part + 1)
                    ingest.setdefault(name, []).append(read_during_ingest(at / paths[name], store, noise))
        late = appearances(all_systems["genstore"], top, 20)
    finally:
        shutil.rmtree(top, ignore_errors=True)
    return ({case: {name: sorted(1000 * seconds for seconds in t) for name, t in by_name.items()} for case, by_name in times.items()},
            {name: [statistics.median(column) * 1000 for column in zip(*t)] for name, t in ingest.items()}, late)


def into(system, name, top, archive, number):
    """One archive into an empty store, or an empty folder."""
    store, folder = top / f"into{number}-{name}.genstore", top / f"into{number}-{name}"
    run(GENSTORE, "--store", store, "init", stderr=subprocess.DEVNULL)
    folder.mkdir()
    with system.mounted(folder, store) as at:
        target = at / "generations/bench" if name == "genstore" else at
        if name == "genstore":
            target.mkdir()
        seconds = clock(copy_in, archive, target / "app.tar.gz")
    store.unlink()
    shutil.rmtree(folder)
    return seconds


def appearances(system, top, count):
    """How long after its commit each new generation is in a listing of a directory that is open."""
    store, folder, paths = make_many(top, 100)
    times = []
    with system.mounted(folder, store) as at, contextlib.closing(sqlite3.connect(store, timeout=30)) as db:
        fd = os.open(at / paths["genstore"], os.O_RDONLY)
        for n in range(count):
            name = f"req_late{n:08}"
            with db:
                db.execute("INSERT INTO generation_requests (request_id, app_id, app_name, generation_number)"
                           " VALUES (?, 'aaaaaaaa-0000-4000-8000-000000000001', 'rows', ?)", (name, 1000 + n))
            start = time.perf_counter()
            while name not in os.listdir(fd):
                time.sleep(0.001)
            times.append(1000 * (time.perf_counter() - start))
        os.close(fd)
    return sorted(times)


def verdicts(table, times, ingest, late):
    """By the medians; beside them the fastest rounds, which say more where others use the machine."""
    table.section("The mount")
    for case, peers, how, bound in TARGETS:
        peer = next((p for p in peers if p in times[case]), None)
        if not peer:
            continue
        ours, theirs, floor = (times[case].get(name) for name in ("genstore", peer, "floor"))
        ratio = lambda pick, how=how, ours=ours, theirs=theirs: pick(theirs) / pick(ours) if how == "faster" else pick(ours) / pick(theirs)
        said = "; ".join(f"{what} {pick(ours):.3g}, {pick(theirs):.3g}" + (f", floor {pick(floor):.3g} ms" if floor else " ms")
                         for what, pick in (("medians", statistics.median), ("fastest", min)))
        table.row(f"{case}: {'times as fast as' if how == 'faster' else 'time, of'} {peer}", ratio(statistics.median), bound,
                  f"{said}: {ratio(min):.3g}", how == "faster")
    table.row("a new generation in an open listing, longest, ms", late[-1], 1000, f"of {len(late)}; median {statistics.median(late):.3g} ms")
    table.row("random 4 KiB while another process imports, p99, ms", ingest["genstore"][0], 1,
              "; ".join(f"{'' if name == 'genstore' else name + ' ' + format(p99, '.3g') + ' ms, '}longest {longest:.3g} ms"
                        for name, (p99, longest) in sorted(ingest.items(), reverse=True)))


def figures(times, rounds):
    names = list(next(iter(times.values())))
    lines = [f"{'milliseconds, median of ' + str(rounds):34}" + "".join(f"{n:>16}" for n in names) + "   genstore / peer"]
    for case, by_name in times.items():
        medians = {name: statistics.median(t) for name, t in by_name.items()}
        ratios = ", ".join(f"{medians['genstore'] / medians[n]:.2f} {n}" for n in names if n != "genstore" and n in medians)
        lines.append(f"{case:34}" + "".join(f"{medians[n]:16.3f}" if n in medians else f"{'-':>16}" for n in names) + f"   {ratios}")
    return "\n".join(lines)


def report(table, rounds=5, part=1):
    times, ingest, late = measure(rounds, part)
    verdicts(table, times, ingest, late)
    table.text(figures(times, rounds))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a tenth of the size")
    options = parser.parse_args()
    table = Table()
    report(table, options.rounds, 10 if options.quick else 1)
    print(table.markdown())


if __name__ == "__main__":
    main()
