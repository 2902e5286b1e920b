"""One flipped bit, anywhere in the file: it is found, or it makes no difference. Wrong bytes are never served."""

import os
import pathlib
import random
import shutil
import sqlite3

import pytest

SEED = int(os.environ.get("GENSTORE_TEST_SEED", "20261121"))
PAGE = 16384
GENERATOR = """
echo "this is run $ITERATION"; echo '{"not": "a message"}'; echo "on stderr" >&2
mkdir -p src/deep && cp "$LIB"/*.py src/deep/ && seq $ITERATION 90000 >large.txt && echo '#!/bin/sh' >run && chmod +x run
echo "$PROMPT" >src/prompt.txt; : >empty; ln -sfn src/prompt.txt link; echo $ITERATION >>history
"""
WSI = r"""
echo '{"type":"ready"}'
read -r start
echo '{"type":"log","level":"warn","line":"careful"}'
echo hello >app.txt
echo '{"type":"conversation_log","timestamp":"2026-01-01T00:00:00Z","entry_type":"assistant","agent":"a","content":"c","input_tokens":100,"output_tokens":20,"cost_usd":0.25}'
echo '{"type":"iteration_complete","iteration":1,"app_path":".","duration":5,"iteration_cost":0.25}'
echo '{"type":"all_work_complete","completion_reason":"max_iterations","app_path":".","total_iterations":1,"total_cost":0.25,"flyio_url":"https://a.fly.dev"}'
read -r shutdown
echo '{"type":"shutdown_ready"}'
"""


ARTIFACTS = {"terraform/main.tf": "replaced", "diagram/a.png": bytes(range(256)) * 2000, "README.md": "# hi\n"}


class View:
    """Everything that a store gives out, piece by piece: {what: (exit code, bytes)}."""

    def __init__(self, genstore, contents, store, folder, wanted=None):
        self.genstore, self.contents, self.folder, self.wanted = genstore, contents, folder, wanted
        self.env = {"GENSTORE_STORE": store}

    def run(self, *args):
        result = self.genstore(*args, code=None, env=self.env)
        return result.returncode, result.stdout

    def restore(self, revision):
        to = self.folder / revision.replace("@", "-")
        shutil.rmtree(to, ignore_errors=True)
        result = self.genstore("restore", revision, to, code=None, env=self.env)
        tree = self.contents.of_folder(to) if to.exists() else {}
        shutil.rmtree(to, ignore_errors=True)
        return result.returncode, tree

    def git(self, name, *said):
        return self.genstore("git-remote-genstore", "origin", name, input="".join(["connect git-upload-pack\n", *said]), code=None, env=self.env)

    def head(self, name):
        """The commit that a clone would begin with."""
        return self.git(name, "0000").stdout[5:45].decode()

    def pack(self, name, commit):
        result = self.git(name, f"0032want {commit}\n", "0000", "0009done\n")
        return result.returncode, result.stdout

    def all(self, generations):
        self.folder.mkdir(exist_ok=True)
        seen = {"list": self.run("list", "--json"), "artifact list": self.run("artifact", "list", "--json")}
        seen["get bundle"] = self.run("artifact", "bundle", "--session", "s", "-o", "-")
        for path in ARTIFACTS:
            seen[f"get {path}"] = self.run("artifact", "get", "--session", "s", path, "-o", "-")
        for request, iterations in generations.items():
            seen[f"show {request}"] = self.run("show", request, "--json")
            seen[f"log {request}"] = self.run("log", request)
            seen[f"snapshots {request}"] = self.run("snapshots", request, "--json")
            seen[f"get {request}"] = self.run("get", request, "-o", "-")
            for n in iterations:
                seen[f"restore {request}@{n}"] = self.restore(f"{request}@{n}")
        if self.wanted:
            seen["pack"] = self.pack("plain", self.wanted)
        return seen


@pytest.fixture
def several(genstore, store, tree, contents, tmp_path):
    """A store with some of everything, and its generations: {request id: numbers of its iterations}."""
    library = tree.real(tmp_path / "real", 40)
    flat = tmp_path / "flat"
    flat.mkdir()
    for i, path in enumerate(sorted(p for p in library.rglob("*.py"))):
        shutil.copy(path, flat / f"{i}.py")
    tree.odd(tmp_path / "odd")
    script = GENERATOR.replace("$LIB", str(flat))
    genstore("generate", "--app-name", "plain", "--prompt", "a prompt\nof two lines", "--max-iterations", 3, "--", "/bin/sh", "-c", script)
    genstore("generate", "--app-name", "wsi", "--prompt", "tokens", "--", "/bin/sh", "-c", WSI)
    genstore("generate", "--app-name", "fails", "--prompt", "no", "--", "/bin/sh", "-c", "echo so far >f; exit 7", code=None)
    genstore("import", tmp_path / "odd", "--app-name", "odd")
    (tmp_path / "odd" / "noise").write_bytes(random.Random(3).randbytes(600_000))
    genstore("import", tmp_path / "odd", "--app-name", "odd")
    for content in "first", None:
        for path, last in ARTIFACTS.items():
            name = path.rpartition("/")[2]
            genstore("artifact", "put", "--session", "s", "--org", "o", "--conversation", "c", "--metadata", '{"n": 1}', "-t",
                     path.partition("/")[0] if "/" in path else "readme", "-", "--name", name, input=content or last)
    # Something that is gone leaves free pages behind.
    genstore("import", library, "--app-name", "gone")
    genstore("rm", "gone", "--force")
    genstore("gc")
    generations = {}
    for g in genstore("list", "--json").json:
        if "request_id" in g and g["status"] == "completed":
            shots = genstore("snapshots", g["request_id"], "--json").json
            generations[g["request_id"]] = [s["iteration_number"] for s in shots if "iteration_number" in s]
    assert sorted(len(n) for n in generations.values())[-1] >= 3, generations
    return generations


def owners(store):
    """What each page of the file belongs to: {page number: "table or index, kind of page"}."""
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as db:
        return {page: f"{name}, {kind}" for page, name, kind in db.execute("SELECT pageno, name, pagetype FROM dbstat")}


def rows_of(store):
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as db:
        db.text_factory = bytes
        for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
            names = [row[1].decode() for row in db.execute(f"PRAGMA table_info({table.decode()})")]
            for number, row in enumerate(db.execute(f"SELECT * FROM {table.decode()}")):
                yield from (((table.decode(), number, name), value) for name, value in zip(names, row))


def what_changed(before, after):
    """The columns that a flip has changed, for the one who has to guard them."""
    try:
        old, new = dict(rows_of(before)), dict(rows_of(after))
    except sqlite3.DatabaseError as error:
        return str(error)
    return ", ".join(sorted({f"{table}.{column}" for table, row, column in old.keys() | new.keys()
                             if old.get((table, row, column)) != new.get((table, row, column))}))


def places(store, data, chance, count):
    """A quarter anywhere; the others where something is written: half of them outside of the table that holds nearly all bytes."""
    pages = owners(store)
    small = [n for n, owner in pages.items() if not owner.startswith("piece_data")]

    def written(first, size):
        while True:
            at = first + chance.randrange(size)
            if data[at] or not any(data[first:first + size]):
                return at

    for i in range(count):
        if i % 4 == 0:
            at = chance.randrange(len(data))
        elif i % 4 == 1:
            at = written(0, len(data))
        else:
            at = written((chance.choice(small) - 1) * PAGE, PAGE)
        yield at, chance.randrange(8)


@pytest.mark.slow
def test_a_flipped_bit_is_found_or_makes_no_difference_and_is_never_served(
        genstore, several, contents, parallel, tmp_path, san):
    print(f"seed {SEED}")
    store = pathlib.Path(genstore.store)
    pages = owners(store)
    wanted = View(genstore, contents, store, None).head("plain")
    original = View(genstore, contents, store, tmp_path / "original", wanted).all(several)
    assert all(code == 0 for code, _ in original.values()), {k: v[0] for k, v in original.items()}
    genstore("check", "--read-data")
    data = store.read_bytes()

    def judge(case):
        number, (offset, bit) = case
        copy = tmp_path / f"flipped-{number % 16}-{offset}-{bit}"
        with open(copy, "wb") as out:
            out.write(data)
            out.seek(offset)
            out.write(bytes([data[offset] ^ 1 << bit]))
        where = f"byte {offset} bit {bit}: page {offset // PAGE + 1} ({pages.get(offset // PAGE + 1, 'free')}), byte {offset % PAGE} of it"
        view = View(genstore, contents, copy, tmp_path / f"view-{number}", wanted)
        found = genstore("check", "--read-data", code=None, env={"GENSTORE_STORE": copy}).returncode
        seen = view.all(several)
        shutil.rmtree(view.folder)
        if found == 0 and seen != original:
            where += f", which changed {what_changed(store, copy)}"
        for left in tmp_path.glob(f"{copy.name}*"):
            left.unlink()
        problems = []
        if found not in (0, 13, 14):
            problems.append(f"check exited with {found}: {where}")
        for what, (code, got) in seen.items():
            if code < 0 or code > 130:
                problems.append(f"'{what}' died ({code}): {where}")
            if found == 0 and (code, got) != original[what]:
                problems.append(f"'{what}' is different and check found nothing: {where}")
            # These carry the bytes: even when check does find it, they must not have been given out as good.
            if code == 0 and what.startswith(("get", "restore", "pack")) and got != original[what][1]:
                problems.append(f"'{what}' gave out wrong bytes: {where}")
        return problems, found

    results = parallel(judge, enumerate(places(store, data, random.Random(SEED), 20 if san else 200)))
    problems = [p for r in results for p in r[0]]
    assert not problems, f"seed {SEED}:\n" + "\n".join(problems)
    assert sum(found == 13 for _, found in results) > len(results) / 3
