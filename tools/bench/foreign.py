"""Archives that were made elsewhere: keeping 300 MB, listing 10,000 entries, reading one file."""

import os
import random
import subprocess
import sys

from measure import interleave, mb, ms, run

SIZE = 300 << 20
ENTRIES = 10000
COPY = "import os, sys; s, d = map(lambda p, f: os.open(p, f, 0o600), sys.argv[1:], (os.O_RDONLY, os.O_WRONLY | os.O_CREAT))\n" \
       "while os.copy_file_range(s, d, 1 << 24): pass\nos.fsync(d)"


def incompressible(b):
    """One file of noise in a tar.gz: nothing of it is a compressor's doing."""
    folder = b.new("noise")
    (folder / "app").mkdir(parents=True)
    with (folder / "app" / "noise").open("wb") as out:
        for _ in range(SIZE >> 20):
            out.write(os.urandom(1 << 20))
    path = b.new("noise.tar.gz")
    with path.open("wb") as out:
        tar = subprocess.Popen(["tar", "c", "-C", folder, "app"], stdout=subprocess.PIPE)
        subprocess.run(["gzip", "-1"], stdin=tar.stdout, stdout=out, check=True)
    (folder / "app" / "noise").unlink()
    return path


def many(b, tree):
    """Ten thousand files of 3 KB, pieces of real ones."""
    sources = [p.read_bytes() for p in sorted(tree.rglob("*")) if p.is_file() and p.stat().st_size > 6000][:300]
    r, folder = random.Random(1), b.new("many")
    for i in range(ENTRIES):
        to = folder / "app" / f"d{i % 100}"
        to.mkdir(parents=True, exist_ok=True)
        source = r.choice(sources)
        at = r.randrange(len(source) - 3000)
        (to / f"f{i}").write_bytes(source[at:at + 3000])
    path = b.new("many.tar.gz")
    subprocess.run(["tar", "czf", path, "-C", folder, "app"], check=True)
    return path


def keeping(b):
    archive = incompressible(b)

    def imported():
        store = b.store()
        took = b.run("import", archive, "--app-name", "a", store=store, memory=True)
        store.unlink()
        return took

    def copied(argv):
        to = b.new("copy")
        took = run([*argv, archive, to])
        to.unlink()
        return took

    m = interleave({"import": imported, "cp": lambda: copied(["sh", "-c", 'cp "$1" "$2" && sync "$2"', "sh"]),
                    "copy": lambda: copied([sys.executable, "-c", COPY])})
    size = archive.stat().st_size
    b.table.row("import of 300 MB that do not compress: throughput, of `cp` and fsync", m["cp"].wall / m["import"].wall, 0.5,
                f"{ms(m['import'])}; {ms(m['cp'])}; {size / m['import'].wall / 1e6:.0f} MB/s; {mb(m['import'].memory)} of memory", more=True)
    archive.unlink()


def listing(b, tree):
    archive, kept = many(b, tree), b.store()
    b.run("import", archive, "--app-name", "kept", store=kept)

    def first():
        """From the archive to the list of what is in it."""
        store = b.store()
        a, c = b.run("import", archive, "--app-name", "a", store=store), b.run("ls", "-R", "a", store=store)
        store.unlink()
        return type(a)(*(x + y for x, y in zip(a, c)))

    m = interleave({"tar": lambda: run(["tar", "tzf", archive]), "first": first,
                    "ls": lambda: b.run("ls", "-R", "kept", store=kept),
                    "cat": lambda: b.run("cat", "kept:d50/f5050", store=kept),
                    "x": lambda: run(["tar", "xzOf", archive, "app/d50/f5050"])})
    t = b.table
    t.row("10,000 entries, import and the first list: time, of `tar tzf`", m["first"].wall / m["tar"].wall, 1.2,
          f"{ms(m['first'])}; {ms(m['tar'])}")
    t.row("each list after: time, of `tar tzf`", m["ls"].wall / m["tar"].wall, 0.05, ms(m["ls"]))
    t.row("one file of them: time, of `tar xzOf`", m["cat"].wall / m["x"].wall, None, f"{ms(m['cat'])}; {ms(m['x'])}")
    size = archive.stat().st_size
    index = kept.stat().st_size - size - b.store().stat().st_size
    t.row("the index and the tree, of the archive", index / size, None, f"{mb(index)}; {mb(size)}")


def foreign(b, tree):
    b.table.section("Archives that were made elsewhere")
    listing(b, tree)
    keeping(b)
