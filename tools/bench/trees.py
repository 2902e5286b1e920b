"""Real trees to measure with: npm packages where npm works, else Debian's own files. Kept in a cache between runs."""

import os
import pathlib
import random
import shutil
import subprocess
import tarfile
import zlib

LEFT_OUT = {".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", ".next", ".nuxt", ".svelte-kit", ".turbo", ".cache",
            "coverage", "dist", ".DS_Store"}
VERSIONS = 10

# Ten successive releases of four projects: their sources, without three's bundles and the decoders that it carries.
PACKAGES = {
    "svelte": ([f"4.2.{n}" for n in range(10, 20)], ("",)),
    "preact": (["10.22.0", "10.22.1", "10.23.0", "10.23.1", "10.23.2", "10.24.0", "10.24.1", "10.24.2", "10.24.3", "10.25.0"], ("",)),
    "codemirror": ([f"5.65.{n}" for n in range(7, 17)], ("",)),
    "three": ([f"0.{n}.0" for n in range(151, 161)], ("src/", "examples/jsm/", "examples/fonts/", "package.json")),
}
# These are the same in all ten, as most of an app is.
STATIC = ["fastify@4.25.2", "@types/node@20.11.0", "bootstrap@5.3.2"]


def cache():
    base = os.environ.get("GENSTORE_BENCH_CACHE")
    if not base:
        base = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "genstore-bench")
    path = pathlib.Path(base)
    path.mkdir(parents=True, exist_ok=True)
    return path


def tarball_of(package):
    """As `npm pack` calls it."""
    return package.lstrip("@").replace("@", "-").replace("/", "-") + ".tgz"


def fetch(names):
    """The tarballs of the packages, from the cache or from npm; raises when there is no npm."""
    folder = cache() / "npm"
    folder.mkdir(exist_ok=True)
    missing = [n for n in names if not (folder / tarball_of(n)).exists()]
    for start in range(0, len(missing), 10):
        subprocess.run(["npm", "pack", "--silent", *missing[start:start + 10]], cwd=folder, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=300)
    return {n: folder / tarball_of(n) for n in names}


def unpack(tarball, to, wanted=("",)):
    with tarfile.open(tarball) as tar:
        for entry in tar:
            name = entry.name.partition("/")[2]
            if entry.isfile() and name.startswith(wanted) and not LEFT_OUT & set(name.split("/")) \
                    and not name.endswith(".pyc") and "/libs/" not in name:
                path = to / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(tar.extractfile(entry).read())


def npm_tree(number, to):
    names = STATIC + [f"{name}@{versions[number]}" for name, (versions, _) in PACKAGES.items()]
    tarballs = fetch(names)
    for full, tarball in tarballs.items():
        name = full.rpartition("@")[0]
        unpack(tarball, to / "packages" / name, PACKAGES.get(name, (0, ("",)))[1])


def debian_tree(number, to):
    """Python's library and what lies beside it; each version changes, adds and removes a few files."""
    sources = []
    for top in "/usr/lib/python3", "/usr/lib/python3.11", "/usr/share/perl", "/usr/share/doc":
        sources += [p for p in sorted(pathlib.Path(top).rglob("*")) if p.is_file() and not p.is_symlink()
                    and not LEFT_OUT & set(p.parts) and p.suffix not in (".pyc", ".gz")]
    total = 0
    for path in sources[:2000]:
        if total > 20_000_000:
            break
        total += path.stat().st_size
        target = to / str(path)[5:]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    chance = random.Random(0)
    files = sorted(p for p in to.rglob("*") if p.is_file())
    for version in range(1, number + 1):
        for path in chance.sample(files, 60):
            if path.exists():
                lines = path.read_bytes().splitlines(True)
                lines.insert(chance.randrange(len(lines) + 1), b"# changed in version %d\n" % version)
                path.write_bytes(b"".join(lines))


def versions():
    """What they are, in words, and the ten folders."""
    for kind, words, make in (("npm", "npm", npm_tree), ("debian", "Debian's Python and Perl libraries, edited", debian_tree)):
        # Another list of packages is another tree.
        of = zlib.crc32(repr((STATIC, PACKAGES)).encode())
        folders = [cache() / f"{kind}-{of:08x}-{n}" for n in range(VERSIONS)]
        try:
            for number, folder in enumerate(folders):
                if not folder.exists():
                    half = folder.with_suffix(".half")
                    shutil.rmtree(half, ignore_errors=True)
                    half.mkdir()
                    make(number, half)
                    half.rename(folder)
        except (OSError, subprocess.SubprocessError):
            continue
        if kind == "npm":
            words = "npm: " + ", ".join([*STATIC, *(f"{n}@{v[0]}..{v[-1]}" for n, (v, _) in PACKAGES.items())])
        return words, folders
    raise SystemExit("bench: neither npm nor Debian's files gave a tree to measure with")


def size_of(folder):
    files = [p for p in folder.rglob("*") if p.is_file()]
    return len(files), sum(p.stat().st_size for p in files)


def many_files(to, count):
    """A tree of small files, all different."""
    for i in range(count):
        folder = to / f"{i // 1000:03}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"file-{i}.txt").write_bytes(b"number %d\n" % i * (1 + i % 50))


def large_file(path, size):
    """Half of it compresses, half does not; nothing repeats."""
    chance = random.Random(7)
    with open(path, "wb") as out:
        for _ in range(size // (1 << 20)):
            noise = chance.randbytes(1 << 19)
            out.write(noise)
            out.write(noise[:1 << 18].hex().encode())
