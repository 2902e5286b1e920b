"""What is measured beside the mount: archives, versions, single files, memory, a hundred thousand generations."""

import gzip
import os
import pathlib
import shutil
import sqlite3
import statistics
import subprocess
import tarfile
import tempfile

import trees
from measure import Took, interleave, mb, ms, run


class Bench:
    def __init__(self, program, top, table):
        self.program, self.top, self.table = program, top, table
        self.env = {**os.environ, "HOME": str(top), "XDG_CACHE_HOME": str(top / "cache"), "XDG_STATE_HOME": str(top / "state"),
                    "XDG_RUNTIME_DIR": str(top), "LC_ALL": "C.UTF-8", "GENSTORE_STORE": str(top / "default.genstore"),
                    "GIT_AUTHOR_NAME": "b", "GIT_AUTHOR_EMAIL": "b@b", "GIT_COMMITTER_NAME": "b", "GIT_COMMITTER_EMAIL": "b@b",
                    "GIT_CONFIG_GLOBAL": "/dev/null", "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
                    "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes"}
        (top / "cache").mkdir()
        self.number = 0

    def new(self, name):
        """A path that is not there yet."""
        self.number += 1
        return self.top / f"{name}-{self.number}"

    def run(self, *args, store=None, **options):
        env = {**self.env, **({"GENSTORE_STORE": str(store)} if store else {})}
        return run([self.program, *args], env=env, **options)

    def store(self):
        path = self.new("store")
        self.run("init", store=path)
        return path


def copy_of(folder, to):
    subprocess.run(["cp", "-a", folder, to], check=True)
    return to


def change(folder, count, mark):
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    for path in files[::len(files) // count][:count]:
        with open(path, "ab") as out:
            out.write(mark)


def archives(b, tree):
    """A first snapshot with its app.tar.gz; then the archive alone; then five changed files."""
    git = b.new("git")
    copy_of(tree, git)
    for argv in ["git", "init", "-q"], ["git", "add", "-A"], ["git", "commit", "-qm", "first"]:
        run(argv, env=b.env, cwd=git)
    work, kept = copy_of(tree, b.new("work")), b.store()
    b.run("import", work, "--app-name", "a", store=kept)
    rounds, app = [0], b.new("script")
    app.write_text("if [ $ITERATION = 1 ]; then cp -a $TREE/. .; else for f in $FIVE; do echo // $ITERATION >>$f; done; fi\n")
    files = sorted(p for p in tree.rglob("*.js"))
    five_files = " ".join(str(p.relative_to(tree)) for p in files[::len(files) // 5][:5])

    def iterations(count):
        """A whole `generate`; an iteration more is a run of the script and a snapshot more."""
        store = b.store()
        b.env.update(TREE=str(tree), FIVE=five_files)
        took = b.run("generate", "--app-name", "a", "--prompt", "p", "--max-iterations", count, "--env", "TREE", "--env", "FIVE", "--",
                     "/bin/sh", app, store=store)
        store.unlink()
        return took

    def first():
        store = b.store()
        took = b.run("import", tree, "--app-name", "a", store=store)
        store.unlink()
        return took

    def seal():
        return b.run("import", work, "--app-name", "a", store=kept)

    def five():
        rounds[0] += 1
        change(work, 5, b"// %d\n" % rounds[0])
        return b.run("import", work, "--app-name", "a", store=kept)

    def commit():
        change(git, 5, b"// %d\n" % rounds[0])
        add, made = run(["git", "add", "-A"], env=b.env, cwd=git), run(["git", "commit", "-qm", "next"], env=b.env, cwd=git)
        return type(add)(*(x + y for x, y in zip(add, made)))

    m = interleave({"tar": lambda: run(["tar", "czf", b.top / "x.tgz", "-C", tree, "."], env=b.env), "first": first, "seal": seal,
                    "five": five, "commit": commit, "1": lambda: iterations(1), "21": lambda: iterations(21)})
    snapshot = type(m["1"])(*((more - one) / 20 for more, one in zip(m["21"], m["1"])))
    t = b.table
    t.section("Archives")
    t.row("first snapshot and app.tar.gz: CPU, of `tar czf`", m["first"].cpu / m["tar"].cpu, 0.75, f"{ms(m['first'])}; {ms(m['tar'])}")
    t.row("archive with all pieces there (and an unchanged snapshot): CPU, of `tar czf`", m["seal"].cpu / m["tar"].cpu, 0.15, ms(m["seal"]))
    t.row("snapshot of 5 changed files (an iteration, its shell included): time, of `git add -A && git commit`",
          snapshot.wall / m["commit"].wall, 0.5, f"{ms(snapshot)}; {ms(m['commit'])}")
    t.row("the same, CPU", snapshot.cpu / m["commit"].cpu)
    t.row("the same by `import`, with a new app.tar.gz", m["five"].wall / m["commit"].wall, None, ms(m["five"]))


def reading(b, tree, tar):
    """A tree and one file, back from where it was kept."""
    store = b.store()
    b.run("import", tree, "--app-name", "a", store=store)
    one = max((p for p in tree.rglob("*.js") if p.stat().st_size < 60_000), key=lambda p: p.stat().st_size).relative_to(tree)

    # What is written stays there: ext4 is slow to make files for some seconds after others were removed.
    def restore():
        return b.run("restore", "a", b.new("restored"), store=store)

    def untar():
        to = b.new("untarred")
        to.mkdir()
        return run(["tar", "xzf", tar, "-C", to], env=b.env)

    def in_memory(command):
        """The same where making a file costs little."""
        with tempfile.TemporaryDirectory(dir="/dev/shm") as to:
            return command(to)

    def often(function, times=5):
        return lambda: [function() for _ in range(times)]

    m = interleave({"restore": often(restore, 3), "untar": often(untar, 3),
                    "restore, memory": lambda: in_memory(lambda to: b.run("restore", "a", to, store=store)),
                    "untar, memory": lambda: in_memory(lambda to: run(["tar", "xzf", tar, "-C", to], env=b.env)),
                    "cat": often(lambda: b.run("cat", f"a:{one}", store=store)),
                    "tar": often(lambda: run(["tar", "xzOf", tar, f"./{one}"], env=b.env)),
                    "version": often(lambda: b.run("--version")), "true": often(lambda: run(["true"], env=b.env)),
                    "list": often(lambda: b.run("list", store=store))})
    t = b.table
    t.section("Reading")
    t.row("`restore`: time, of `tar xzf`", m["restore"].wall / m["untar"].wall, 0.8, f"{ms(m['restore'])}; {ms(m['untar'])}")
    t.row("the same, CPU", m["restore"].cpu / m["untar"].cpu, None)
    t.row("the same into /dev/shm: time", m["restore, memory"].wall / m["untar, memory"].wall, None,
          f"{ms(m['restore, memory'])}; {ms(m['untar, memory'])}")
    t.row("one file by `cat`: time, of `tar xzOf`", m["cat"].wall / m["tar"].wall, 0.2, f"{ms(m['cat'])}; {ms(m['tar'])}")
    t.row("start-up (`--version`), ms", m["version"].wall * 1000, 5, f"`true` takes {m['true'].wall * 1000:.1f} ms")
    t.row("`list` of a small store, ms", m["list"].wall * 1000, None)


def successive(b, folders):
    """Ten versions, kept by genstore, by borg at its default and at what gzip does, and as archives."""
    store = b.store()
    repositories = {}
    if shutil.which("borg"):
        for compression in "lz4", "zlib,6", "zstd,3":
            path = b.new("borg-" + compression.replace(",", ""))
            run(["borg", "init", "-e", "none", path], env=b.env)
            repositories[compression] = path
    sums, took = 0, {}
    for number, folder in enumerate(folders):
        took["genstore"] = took.get("genstore", 0) + b.run("import", folder, "--app-name", "a", store=store).wall
        for compression, path in repositories.items():
            done = run(["borg", "create", "-C", compression, f"{path}::{number}", "."], env=b.env, cwd=folder)
            took[compression] = took.get(compression, 0) + done.wall
        plain = b.new("plain.tar")
        with tarfile.open(plain, "w", format=tarfile.USTAR_FORMAT) as tar:
            tar.add(folder, "app")
        sums += len(gzip.compress(plain.read_bytes(), 6))
        plain.unlink()
    kept = store.stat().st_size
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as db:
        pages = dict(db.execute("SELECT name = 'piece_data', sum(pgsize) FROM dbstat GROUP BY 1"))
    t = b.table
    t.section("Ten successive versions, bytes kept")
    figures = f"genstore {mb(kept)}, of which {mb(pages[0])} are not `piece_data`; {took['genstore']:.2f} s"
    for compression, path in repositories.items():
        size = sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
        # Borg at its default is the peer of the design; the others show how much of it is the compressor.
        t.row(f"store file, of borg's repository ({compression}{', its default' * (compression == 'lz4')})", kept / size,
              0.9 if compression == "lz4" else None, f"borg {mb(size)}, {took[compression]:.2f} s")
    t.row("store file, of the ten `gzip -6` archives", kept / sums, 0.3, f"{figures}; gzip {mb(sums)}")


def memory(b, large):
    """The most that a command holds, in MiB, whatever it works on."""
    t = b.table
    t.section("Memory, MiB")
    many, single = b.new("many"), b.new("single")
    many.mkdir()
    single.mkdir()
    trees.many_files(many, 50_000 if large >= 1 << 30 else 5_000)
    trees.large_file(single / "large.bin", large)
    for words, folder in (f"{sum(1 for p in many.rglob('*.txt')):,} files", many), (f"one file of {large >> 20} MiB", single):
        store = b.store()
        out = b.new("out")
        for name, argv in {
            "import": ["import", folder, "--app-name", "a"], "get": ["get", "a", "-o", b.new("got.tgz")], "restore": ["restore", "a", out],
            "check --read-data": ["check", "--read-data"], "import, nothing changed": ["import", folder, "--app-name", "a"],
        }.items():
            took = b.run(*argv, store=store, memory=True)
            t.row(f"`{name}`, {words}", took.memory / (1 << 20), 64, f"{took.wall:.1f} s")
        shutil.rmtree(out)
        shutil.rmtree(folder)
        store.unlink()


def ingest(b):
    """Bytes that do not compress, durably: what the store takes without the program around it (tools/bench/ingest.c), and files."""
    program = pathlib.Path(b.program).parent / "bench-ingest"
    written = {}

    def into(what):
        folder = b.new(what)
        folder.mkdir()
        seconds, size = subprocess.run([program, what, folder], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
        written.setdefault(what, []).append(int(size))
        shutil.rmtree(folder)
        return Took(float(seconds), 0, 0)

    m = interleave({what: lambda what=what: into(what) for what in ("store", "rows", "file", "objects", "files")})
    t = b.table
    t.section("Ingest")
    t.row("256 MiB in pieces: times as fast as write + fsync", m["file"].wall / m["store"].wall, 0.6,
          f"{m['store'].wall * 1000:.0f} ms; {m['file'].wall * 1000:.0f} ms", more=True)
    t.row("the same without hashing the contents: the file's layout and its journal", m["file"].wall / m["rows"].wall, None,
          f"{m['rows'].wall * 1000:.0f} ms")
    t.row("the same: bytes written, of its size", statistics.median(written["store"]) / (256 << 20), 1.05)
    t.row("2,000 objects of 100 KB, grouped: times as fast as files with an fsync each", m["files"].wall / m["objects"].wall, 3,
          f"{m['objects'].wall * 1000:.0f} ms; {m['files'].wall * 1000:.0f} ms", more=True)


COPY = """
WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < :count)
INSERT INTO {table} ({columns}) SELECT {values} FROM n, {table} AS t WHERE t.{key} = 1
"""


def multiply(path, count):
    """Copies of the only generation, as other ids of the same app."""
    with sqlite3.connect(path) as db:
        # The only trigger in the way says that rows begin as queued; it comes back as it was.
        (trigger,) = db.execute("SELECT sql FROM sqlite_schema WHERE name = 'generation_begins_queued'").fetchone()
        db.execute("DROP TRIGGER generation_begins_queued")
        for table, key, own in (
                ("generation_requests", "id", {"id": "n.i", "generation_number": "n.i", "request_id": "printf('req_%012d', n.i)",
                                               "uuid": "'00000000-0000-4000-8000-' || printf('%012x', n.i)"}),
                ("iteration_snapshots", "generation_request_id", {"id": None, "generation_request_id": "n.i"}),
                ("archive", "generation_request_id", {"generation_request_id": "n.i"})):
            names = [row[1] for row in db.execute(f"PRAGMA table_info({table})") if own.get(row[1], "") is not None]
            db.execute(COPY.format(table=table, key=key, columns=", ".join(names),
                                   values=", ".join(own.get(n, f"t.{n}") for n in names)), {"count": count})
        db.execute(trigger)


def generations(b, tree):
    """The same questions, asked of 1,000 generations and of 100,000."""
    small = b.store()
    part = b.new("part")
    part.mkdir()
    for path in sorted(p for p in tree.rglob("*.js"))[:20]:
        shutil.copy(path, part / path.name)
    b.run("import", part, "--app-name", "a", store=small)
    large = copy_of(small, b.new("store"))
    multiply(small, 1_000)
    multiply(large, 100_000)
    cases = {}
    for words, args in {"show": ["show", "req_%012d" % 777], "lookup (cat)": ["cat", f"req_{777:012}:{next(part.iterdir()).name}"],
                        "lookup by number": ["show", "a/500"], "lookup of the newest": ["show", "a"], "a page of the list": ["list", "--limit", 100],
                        "a page in the middle": ["list", "--limit", 100, "--before", f"req_{500:012}"]}.items():
        for count, store in ("1,000", small), ("100,000", large):
            cases[words, count] = lambda args=args, store=store: [b.run(*args, store=store) for _ in range(5)]
    m = interleave(cases)
    t = b.table
    t.section("100,000 generations: time, of the time with 1,000")
    for words in dict.fromkeys(words for words, _ in cases):
        one, many = m[words, "1,000"], m[words, "100,000"]
        t.row(words, many.wall / one.wall, 1.2, f"{many.wall * 1000:.1f} ms; {one.wall * 1000:.1f} ms")
