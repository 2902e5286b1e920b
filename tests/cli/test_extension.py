"""libgenstore in the sqlite3 shell: trees as a table, judged by what the program's commands give."""

import hashlib
import json
import os
import pathlib
import shutil
import stat
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIBRARY = pathlib.Path(os.environ.get("GENSTORE", ROOT / "build" / "genstore")).with_name("libgenstore")


@pytest.fixture
def sql(store):
    """Runs SQL in the sqlite3 shell with the library loaded; a list of objects."""
    if os.environ.get("GENSTORE_SAN"):
        pytest.skip("a library with sanitizers is not for other programs")
    if not shutil.which("sqlite3"):
        pytest.skip("sqlite3 is not here")

    def run(text, code=0):
        done = subprocess.run(["sqlite3", "-batch", "-bail", "-json", store, "-cmd", f".load {LIBRARY}", text], capture_output=True,
                              text=True, timeout=60, check=False)
        assert done.returncode == code, done.stderr
        return done.stderr if code else json.loads(done.stdout or "[]")

    return run


@pytest.fixture
def odd(genstore, store, tree, tmp_path):
    top = tree.odd(tmp_path / "odd")
    genstore("import", top, "--app-name", "odd")
    return top


def snapshot_of(sql, app, number=1):
    return sql("SELECT s.id FROM iteration_snapshots s JOIN generation_requests g ON g.id = s.generation_request_id"
               f" WHERE g.app_name = '{app}' AND s.iteration_number = {number}")[0]["id"]


def test_the_extension_lists_what_ls_lists(sql, genstore, odd):
    listed = genstore("ls", "-R", "odd", "--json").json
    rows = sql(f"SELECT path, size FROM iteration_files({snapshot_of(sql, 'odd')}) WHERE type = 'file'")
    assert rows
    assert {r["path"]: r["size"] for r in rows} == {f["path"]: f["size"] for f in listed if f["type"] == "file"}


def test_the_extension_knows_of_every_file_what_restore_writes(sql, genstore, odd, tmp_path):
    genstore("restore", "odd", tmp_path / "back")
    real = {}
    for path in (tmp_path / "back").rglob("*"):
        name, mode = str(path.relative_to(tmp_path / "back")), path.lstat().st_mode
        if stat.S_ISLNK(mode):
            real[name] = ("symlink", 0o755, None, os.readlink(path))
        elif stat.S_ISDIR(mode):
            real[name] = ("dir", 0o755, None, None)
        else:
            real[name] = ("file", 0o755 if mode & 0o100 else 0o644, hashlib.sha256(path.read_bytes()).hexdigest(), None)
    rows = sql(f"SELECT * FROM iteration_files({snapshot_of(sql, 'odd')})")
    assert {r["path"]: (r["type"], r["mode"], r["sha256"], r["target"]) for r in rows} == real
    assert len(rows) == len(real)


def test_the_extension_shows_each_iteration_as_it_was(sql, generate):
    generate("echo $ITERATION >f$ITERATION; rm -f f1.tmp", "--app-name", "steps", "--max-iterations", "3")
    names = [[r["path"] for r in sql(f"SELECT path FROM iteration_files({snapshot_of(sql, 'steps', n)})")] for n in (1, 2, 3)]
    assert names == [["f1"], ["f1", "f2"], ["f1", "f2", "f3"]]


def test_the_extension_joins_trees_to_find_what_changed(sql, generate):
    generate("echo $ITERATION >changes; echo same >stays", "--app-name", "app", "--max-iterations", "2")
    a, b = snapshot_of(sql, "app", 1), snapshot_of(sql, "app", 2)
    assert sql(f"SELECT a.path FROM iteration_files({a}) a JOIN iteration_files({b}) b USING (path) WHERE a.content <> b.content") == [
        {"path": "changes"}]


def test_the_extension_reads_all_iterations_of_a_store_in_one_query(sql, generate):
    generate("echo $ITERATION >f$ITERATION", "--app-name", "app", "--max-iterations", "3")
    assert sql("SELECT s.iteration_number AS n, count(*) AS files FROM iteration_snapshots s, iteration_files(s.id) GROUP BY s.id") == [
        {"n": 1, "files": 1}, {"n": 2, "files": 2}, {"n": 3, "files": 3}]


def test_the_extension_has_the_column_of_the_snapshot_as_a_condition(sql, odd):
    number = snapshot_of(sql, "odd")
    assert sql(f"SELECT path FROM iteration_files WHERE snapshot_id = {number}") == sql(f"SELECT path FROM iteration_files({number})")


def test_the_extension_has_nothing_for_an_iteration_that_is_not_there(sql, store):
    assert store.exists()
    assert sql("SELECT * FROM iteration_files(99)") == []


def test_the_extension_wants_to_know_which_iteration(sql, store):
    assert store.exists()
    assert "no query solution" in sql("SELECT * FROM iteration_files", code=1)
