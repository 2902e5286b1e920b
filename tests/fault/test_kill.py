"""Killed in the middle, a power cut, a full disk, a disk that fails: nothing that was acknowledged is lost."""

import collections
import os
import pathlib
import random
import shutil
import sqlite3
import subprocess

import pytest

SEED = int(os.environ.get("GENSTORE_TEST_SEED", "20261121"))
SCRIPT = "echo line $ITERATION; mkdir -p d; echo $ITERATION >>d/all; seq $ITERATION 400 >f$ITERATION; echo \"$PROMPT\" >p"


def after_iterations(contents, n, prompt):
    """What SCRIPT leaves behind, without running it."""
    files = {f"f{i}": "".join(f"{k}\n" for k in range(i, 401)) for i in range(1, n + 1)}
    files.update({"d/all": "".join(f"{i}\n" for i in range(1, n + 1)), "p": f"{prompt}\n"})
    tree = {name: ("file", False, contents.digest(text.encode())) for name, text in files.items()}
    tree["d"] = ("folder", False, None)
    return tree


class Life:
    """One store through all its crashes, and what it has acknowledged meanwhile."""

    def __init__(self, genstore, shown, fault, tree, contents, tmp_path, random):
        self.genstore, self.shown, self.fault = genstore, shown(), fault
        self.tree, self.contents, self.random = tree, contents, random
        self.top = tmp_path
        self.store = genstore.store
        self.source = tree.real(tmp_path / "app", 60)
        tree.write(self.source, {"large.bin": random.randbytes(700_000), "bin/run": "#!/bin/sh\n", "link": pathlib.Path("bin/run")})
        (self.source / "bin/run").chmod(0o755)
        self.trees = {}      # request id: what its archive holds
        self.archives = {}   # request id: the digest of its archive, once seen
        self.gone = set()    # acknowledged to be removed
        self.most = {}       # operation: how many calls it made when nothing was in its way
        self.done = collections.Counter()
        self.round = 0

    def run(self, operation, *args, do=None, at=None):
        env = self.fault.env(self.store, do, at, seed=self.random.randrange(1 << 40))
        # The answer is JSON, so that what is acknowledged is plain.
        result = self.genstore(*args, code=None, env=env)
        killed = result.returncode == -9
        self.done["killed" if killed else "ended"] += 1
        if not killed:
            assert result.returncode == 0, f"{args}: {result.returncode}: {result.err}"
            self.most[operation] = max(self.fault.calls(), self.most.get(operation, 0))
        return result, killed

    def import_(self, **how):
        self.tree.change(self.source, self.random.choice((1, 5, 20)))
        name = f"new-{self.round}.bin"
        (self.source / name).write_bytes(self.random.randbytes(self.random.choice((0, 10, 5_000, 300_000))))
        self.made(*self.run("import", "import", self.source, "--app-name", "app", **how),
                  self.contents.of_folder(self.source))
        (self.source / name).unlink()

    def generate(self, **how):
        prompt = f"prompt {self.round}"
        n = self.random.choice((1, 3))
        args = ["--app-name", "gen", "--prompt", prompt, "--max-iterations", n, "--json"]
        result, killed = self.run("generate", "generate", *args, "--", "/bin/sh", "-c", SCRIPT, **how)
        self.made(result, killed, after_iterations(self.contents, n, prompt))

    def made(self, result, killed, tree):
        """A request id on stdout and an end by itself, or a generation that the store says is complete, counts."""
        ids = self.contents.requests(result.out)
        assert killed or len(ids) == 1, result.out
        for request in ids if not killed else ():
            self.trees[request] = tree
        self.attempted = tree

    def rm(self, **how):
        if len(self.trees) < 3:
            return self.import_(**how)
        request = self.random.choice(sorted(self.trees))
        _, killed = self.run("rm", "rm", request, "--force", **how)
        self.leaving = request
        if not killed:
            self.forget(request)
            self.gone.add(request)

    def forget(self, request):
        self.trees.pop(request)
        self.archives.pop(request, None)

    def gc(self, **how):
        compact = ["--compact"] if self.random.random() < 0.5 else []
        self.run("gc", "gc", *compact, **how)

    def backup(self, **how):
        copy = pathlib.Path(f"{self.store}.copy")
        copy.unlink(missing_ok=True)
        self.run("backup", "backup", copy, **how)
        if copy.exists():
            self.genstore("check", env={"GENSTORE_STORE": copy})
            listed = self.genstore("list", "--json", env={"GENSTORE_STORE": copy}).out
            assert set(self.trees) <= set(self.contents.requests(listed)), "a backup without all generations"
            copy.unlink()

    def migrate(self, **how):
        self.tidy()
        self.run("migrate", "migrate", "--to", 7, **how)
        self.run("migrate", "migrate", **how)

    OPERATIONS = (import_, import_, generate, generate, rm, gc, backup, migrate)

    def strike(self):
        """One operation that does not survive, or just does."""
        self.round += 1
        self.leaving = self.attempted = None
        operation = self.random.choice(self.OPERATIONS)
        most = self.most[operation.__name__.strip("_")]
        operation(self, do=self.random.choice(("kill", "torn", "power", "power")), at=self.random.randint(1, most + 3))

    def verify(self, all_of_them=False):
        self.tidy()
        self.genstore("migrate")
        self.shown.check(*["--read-data"] * all_of_them)
        listed = self.shown.list()
        if self.leaving in self.trees and self.leaving not in listed:
            self.forget(self.leaving)
        assert set(self.trees) <= set(listed), "acknowledged and lost"
        assert not self.gone & set(listed), "acknowledged to be removed, and there"
        for request in set(listed) - set(self.trees):
            self.settle(request, listed[request])
        some = sorted(self.trees) if all_of_them else self.random.sample(sorted(self.trees), min(2, len(self.trees)))
        for request in some:
            self.read(request)
        self.tidy()

    def tidy(self):
        """Removes backups, whole and half ones; a journal belongs to the store."""
        for left in self.store.parent.glob(f"{self.store.name}?*"):
            if left.name != f"{self.store.name}-journal":
                left.unlink()

    def settle(self, request, row):
        """What was killed before it was acknowledged: complete and right, or begun and as far as it came."""
        assert self.attempted, f"{request} came from nowhere"
        if row["status"] == "completed":
            self.trees[request] = self.attempted
            self.read(request)
            return
        assert row["status"] in ("queued", "generating", "paused"), row
        for n in range(1, row["current_iteration"] + 1):
            to = self.top / "restored"
            self.genstore("restore", f"{request}@{n}", to)
            assert self.contents.of_folder(to) == after_iterations(self.contents, n, f"prompt {self.round}")
            shutil.rmtree(to)
        self.genstore("rm", request, "--force")

    def read(self, request):
        archive = self.shown.archive(request)
        if request not in self.archives:
            assert self.contents.of_archive(archive) == self.trees[request], request
            self.archives[request] = self.contents.digest(archive)
        assert self.contents.digest(archive) == self.archives[request], request


@pytest.fixture
def life(genstore, store, shown, fault, tree, contents, tmp_path):
    print(f"seed {SEED}")
    life = Life(genstore, shown, fault, tree, contents, tmp_path, random.Random(SEED))
    for operation in Life.OPERATIONS:
        operation(life)
        life.leaving = life.attempted = None
        life.verify(True)
    return life


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_by_kills_and_power_cuts_at_200_points(life, san):
    points = 30 if san else 200
    while life.done["killed"] < points:
        life.strike()
        # Sometimes the next command is the one that finds what was left behind, and dies of it in turn.
        if life.random.random() < 0.8 or life.attempted or life.leaving:
            life.verify(all_of_them=life.round % 25 == 0)
    life.verify(True)
    assert life.done["ended"] < 4 * points, life.done


def dump(path, but=()):
    """All rows of a store but pieces, contents and trees, which may be there with nobody to refer to them, and counters. And but `but`."""
    ignored = tuple(f'INSERT INTO "{table}' for table in ('piece', 'content"', 'manifest"', 'store_state"', *but))
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        return sorted(line for line in db.iterdump() if "sqlite_sequence" not in line and not line.startswith(ignored))


def packed(top):
    """An archive that does not fit in memory, so that it is staged: most of it is noise."""
    noise = top / "packed"
    noise.mkdir()
    (noise / "noise").write_bytes(random.Random(3).randbytes(34 << 20))
    with (top / "packed.tar.gz").open("wb") as out:
        tar = subprocess.Popen(["tar", "c", "-C", noise, "noise"], stdout=subprocess.PIPE)
        subprocess.run(["gzip", "-1"], stdin=tar.stdout, stdout=out, check=True)
        tar.stdout.close()
        assert tar.wait() == 0
    return top / "packed.tar.gz"


OPERATIONS = {
    "import": lambda top: ["import", top / "app", "--app-name", "other"],
    "archive": lambda top: ["import", packed(top), "--app-name", "other"],
    "generate": lambda top: ["generate", "--app-name", "gen", "--prompt", "p", "--max-iterations", 2, "--", "/bin/sh", "-c", SCRIPT],
    "rm": lambda top: ["rm", "app/1", "--force"],
    "gc": lambda top: ["gc", "--compact"],
    "backup": lambda top: ["backup", top / "s.copy"],
    "migrate": lambda top: ["migrate", "--to", 10],
}


@pytest.mark.parametrize("failure", ["enospc", "eio", "dead", "short"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_disk_that_is_full_or_fails_gives_one_line_and_leaves_the_store_as_it_was(
        genstore, store, shown, fault, tree, tmp_path, san, operation, failure):
    source = tree.real(tmp_path / "app", 40)
    (source / "noise").write_bytes(random.Random(1).randbytes(400_000))
    genstore("import", source, "--app-name", "app")
    tree.change(source, 10)
    genstore("import", source, "--app-name", "app")
    (source / "noise").write_bytes(random.Random(2).randbytes(400_000))
    # The trail says that it went some steps down and up again.
    but = ("audit_",) if operation == "migrate" else ()
    before, listed = dump(store, but), shown().list()
    keep = tmp_path / "keep"
    shutil.copy(store, keep)
    # Everything on the path of the failing disk: the store, its journal, and what stands beside it.
    where = tmp_path / "s"
    args = OPERATIONS[operation](tmp_path)

    def fresh():
        for left in tmp_path.glob("s*"):
            if left.is_file():
                left.unlink()
        shutil.copy(keep, where)

    def run(**env):
        return genstore(*args, code=None, env={"GENSTORE_STORE": where, **env})

    fresh()
    assert run(**fault.env(where)).returncode == 0
    calls, points = fault.calls(), 4 if san else 10
    assert calls > 3
    failed = 0
    for at in sorted({1 + i * (calls - 1) // (points - 1) for i in range(points)}):
        fresh()
        result = run(**fault.env(where, failure, at))
        there = shown(where)
        if operation == "migrate":  # each step is a transaction: it can have come as far as one of them
            there.run("migrate")
        found = there.list()
        there.check()
        if result.returncode == 0:
            continue
        failed += 1
        said = [line for line in result.err.splitlines() if line.startswith("genstore: ")]
        assert result.returncode == 1, f"call {at}: {result.returncode} {result.err}"
        assert len(said) == 1, f"call {at}: {result.err}"
        assert operation == "generate" or result.out == "" or operation == "gc", f"call {at}: {result.out}"
        for request, row in listed.items():
            assert found.get(request) == row, f"call {at}: {request} has changed"
            assert there.archive(request) == shown(keep).archive(request)
        if operation != "generate":
            assert dump(where, but) == before, f"call {at}"
        for copy in tmp_path.glob("s.copy"):
            shown(copy).check("--read-data")
            assert shown(copy).list() == listed, f"call {at}: half a backup"
    assert failed or failure == "short", "nothing failed"
    assert not failed or failure != "short", "what a write left was not written"
