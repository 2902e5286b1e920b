"""diff says what a developer asks: dependencies, tables and routes. Python's own readers and SQLite are the judges."""

import json
import sqlite3
import tomllib

import pytest


@pytest.fixture
def two(genstore, store, tree, tmp_path):
    """two(before, after): an app 'x' with two generations, from {"path": content}; what diff says, by message type."""

    def run(before, after, *args, code=0):
        for number, files in enumerate((before, after)):
            genstore("import", tree.write(tmp_path / f"tree{number}", files), "--app-name", "x")
        found = {}
        for line in genstore("diff", "x/1", "x/2", "--json", *args, code=code).json:
            found.setdefault(line.pop("message_type"), []).append(line)
        return found

    return run


BEFORE = {
    "package.json": json.dumps({"dependencies": {"react": "^18.2.0", "lodash": "^4.17.21"}, "devDependencies": {"vite": "4"}}),
    "src/server.js": "app.get('/users', h);\nrouter.post('/login', h)\n",
    "db/migrations/1_init.sql": "create table users (id int primary key, name text, age int);",
    "same/package.json": '{"dependencies": {"untouched": "1"}}',
}
AFTER = {
    "package.json": json.dumps({"dependencies": {"react": "^18.3.1", "zod": "3"}, "devDependencies": {"vite": "4"}}),
    "src/server.js": "app.get('/users', h);\napp.get('/posts', h)\n",
    "db/migrations/1_init.sql": BEFORE["db/migrations/1_init.sql"],
    "db/migrations/2_more.sql": "create table posts (id int, title text);",
    "db/migrations/10_last.sql": "alter table posts add body text; alter table users drop age; alter table users alter name type varchar(20);",
    "same/package.json": BEFORE["same/package.json"],
}


def test_diff_shows_dependencies_tables_and_routes_below_the_files(genstore, two):
    two(BEFORE, AFTER)
    assert genstore("diff", "x/1", "x/2").out == """\
A	db/migrations/10_last.sql
A	db/migrations/2_more.sql
M	package.json
M	src/server.js

   DEPENDENCY  VERSION             SECTION  FILE
D  lodash      ^4.17.21            runtime  package.json
M  react       ^18.2.0 -> ^18.3.1  runtime  package.json
A  zod         3                   runtime  package.json

   TABLE       COLUMNS              FILE
A  posts       body, id, title      db/migrations/2_more.sql
D  users.age   int                  db/migrations/1_init.sql
M  users.name  text -> varchar(20)  db/migrations/1_init.sql

   ROUTE        FILE
D  POST /login  src/server.js
A  GET /posts   src/server.js
"""


def test_summary_shows_nothing_but_these(genstore, two):
    two(BEFORE, AFTER)
    whole = genstore("diff", "x/1", "x/2").out
    assert genstore("diff", "--summary", "x/1", "x/2").out == whole[whole.index("   DEPENDENCY"):]
    assert genstore("diff", "--summary", "x/1", "x/1").out == ""


def test_a_patch_stays_a_patch(genstore, two):
    two(BEFORE, AFTER)
    assert "DEPENDENCY" not in genstore("diff", "--patch", "x/1", "x/2").out
    assert "DEPENDENCY" in genstore("diff", "--stat", "x/1", "x/2").out


def test_every_fact_is_an_object(two):
    found = two(BEFORE, AFTER, "--summary")
    assert "change" not in found
    assert found["dependency"] == [
        {"status": "D", "name": "lodash", "section": "runtime", "old_version": "^4.17.21", "file": "package.json"},
        {"status": "M", "name": "react", "section": "runtime", "old_version": "^18.2.0", "new_version": "^18.3.1", "file": "package.json"},
        {"status": "A", "name": "zod", "section": "runtime", "new_version": "3", "file": "package.json"}]
    assert found["table"] == [{"status": "A", "name": "posts", "file": "db/migrations/2_more.sql"}]
    assert [(c["status"], c["table"], c["name"]) for c in found["column"]] == [
        ("A", "posts", "body"), ("A", "posts", "id"), ("A", "posts", "title"), ("D", "users", "age"), ("M", "users", "name")]
    assert (found["column"][-1]["old_definition"], found["column"][-1]["new_definition"]) == ("text", "varchar(20)")
    assert found["route"] == [{"status": "D", "path": "/login", "method": "POST", "file": "src/server.js"},
                              {"status": "A", "path": "/posts", "method": "GET", "file": "src/server.js"}]
    assert {k: found["summary"][0][k] for k in ("dependencies", "tables", "routes")} == {"dependencies": 3, "tables": 6, "routes": 2}


def test_the_sections_exclude_each_other_and_change_no_exit_code(genstore, two):
    two(BEFORE, AFTER)
    assert "exclude each other" in genstore("diff", "--summary", "--patch", "x/1", "x/2", code=2).err
    genstore("diff", "--summary", "--exit-code", "x/1", "x/2", code=1)
    genstore("diff", "--summary", "--exit-code", "x/2", "x/2")


def test_a_file_that_does_not_parse_is_left_out_on_both_sides_and_named(genstore, two):
    found = two(BEFORE, {**AFTER, "package.json": "{ half"})
    assert "dependency" not in found and found["route"]
    assert found["skipped"] == [{"path": "package.json", "reason": "it does not parse"}]
    assert "not looked into: 'package.json': it does not parse\n" in genstore("diff", "x/1", "x/2").err


def test_a_file_that_is_too_large_is_left_out_on_both_sides_and_named(two):
    large = "create table users (id int);" + "-- dump\n" * 140_000
    found = two({**BEFORE, "package.json": BEFORE["package.json"] + " " * (1 << 20)}, {**AFTER, "db/migrations/1_init.sql": large})
    assert {(s["path"], s["reason"]) for s in found["skipped"]} == {("package.json", "larger than 1 MiB"),
                                                                   ("db/migrations/1_init.sql", "larger than 1 MiB")}
    assert [t["name"] for t in found["table"]] == ["posts"] and "dependency" not in found


def test_sql_of_more_facts_than_there_is_room_for_is_left_out_and_named(two):
    many = f"create table t0 ({','.join(f'c{i} x' for i in range(70_000))});"
    files = {f"db/{n}.sql": many.replace("t0", f"t{n}") for n in range(3)}
    found = two(BEFORE, {**AFTER, **files})
    assert {"path": "*.sql", "reason": "too many facts"} in found["skipped"]
    assert "table" not in found and found["route"]


def test_of_sql_files_that_are_too_many_bytes_together_the_last_are_left_out(two):
    large = f"-- {'x' * 999_000}\n"
    files = {f"db/{n:03}.sql": large for n in range(140)}
    found = two({**BEFORE, **files}, {**AFTER, **files, "db/zzz.sql": "create table last (id int);"})
    assert {(s["path"], s["reason"]) for s in found["skipped"]} >= {("db/139.sql", "too many bytes changed")}
    assert "db/000.sql" not in {s["path"] for s in found["skipped"]} and found["route"]


def test_a_damaged_file_is_told_when_all_others_are_listed(genstore, two, rows):
    two(BEFORE, AFTER)
    with sqlite3.connect(genstore.store) as db:
        db.execute("DELETE FROM piece_data WHERE id >> 8 IN (SELECT id FROM piece WHERE size = ?)", [len(AFTER["package.json"])])
    r = genstore("diff", "x/1", "x/2", code=13)
    assert r.out.splitlines() == ["A\tdb/migrations/10_last.sql", "A\tdb/migrations/2_more.sql", "M\tpackage.json", "M\tsrc/server.js"]
    assert "check" in r.err


def test_odd_names_and_values_are_printed_safely(genstore, two):
    found = two({"a": "x"}, {"package.json": json.dumps({"dependencies": {"a\u001b[31m": "1\n2"}}), "q.sql": 'create table "x\ty" (a int)'})
    assert found["dependency"][0]["name"] == "a\u001b[31m" and found["table"][0]["name"] == "x\ty"
    out = genstore("diff", "--summary", "x/1", "x/2").out
    assert "\x1b" not in out and "\ty" not in out


def test_credentials_in_a_requirement_are_not_shown(genstore, two):
    two({"a": "x"}, {"requirements.txt": "x @ git+https://user:hunter2@host/x.git\n"})
    assert "hunter2" not in genstore("diff", "x/1", "x/2").out + genstore("diff", "x/1", "x/2", "--json").out


# judges

CARGO = """
[package]
name = "x"   # name
version = "0.1.0"
[dependencies]
serde = { version = "1.0.%d", features = ["derive", 'rc'] }
"quoted-name" = "0.%d"
[dependencies.long]
version = '''2.%d'''
default-features = false
[workspace.dependencies]
a.version = "%d"
[[bin]]
name = "one"
"""


def test_toml_is_what_python_reads(two):
    found = two({"Cargo.toml": CARGO % (1, 1, 1, 1)}, {"Cargo.toml": CARGO % (2, 2, 2, 2)})
    want = set()
    for number in (1, 2):
        cargo = tomllib.loads(CARGO % (number, number, number, number))
        for section, table in (("runtime", cargo["dependencies"]), ("workspace", cargo["workspace"]["dependencies"])):
            want |= {(number, name, section, d if isinstance(d, str) else d["version"]) for name, d in table.items()}
    got = {(1, d["name"], d["section"], d["old_version"]) for d in found["dependency"]}
    assert got | {(2, d["name"], d["section"], d["new_version"]) for d in found["dependency"]} == want


STEPS = [
    'CREATE TABLE "users" (id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT \'x;y\', CHECK (id > 0));',
    "CREATE TABLE posts (id INTEGER, user_id INTEGER REFERENCES users(id) ON DELETE CASCADE, UNIQUE (id)); -- one; two\n",
    "ALTER TABLE users ADD COLUMN email TEXT DEFAULT 'a''b';\n/* ALTER TABLE users ADD COLUMN no TEXT; */",
    "ALTER TABLE posts RENAME COLUMN user_id TO author; INSERT INTO users(id, name) VALUES (1, 'DROP TABLE users;');",
    "CREATE TABLE IF NOT EXISTS posts (other TEXT); CREATE VIEW v AS SELECT id FROM users; CREATE INDEX i ON posts(id);",
    "DROP VIEW v; CREATE TABLE new_users (id INTEGER, [full name] TEXT, `key` TEXT); DROP TABLE users; ALTER TABLE new_users RENAME TO users;",
    "CREATE TRIGGER t AFTER INSERT ON posts BEGIN UPDATE posts SET id = 1; END; ALTER TABLE posts DROP COLUMN author;",
    "DROP TABLE posts; CREATE TABLE last (a, b, c);",
]


def columns_in_sqlite(steps):
    with sqlite3.connect(":memory:") as db:
        for step in steps:
            db.executescript(step)
        return {(table, column[1]) for table, in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
                for column in db.execute(f"PRAGMA table_info('{table}')")}


def test_tables_are_those_that_sqlite_has_after_the_same_steps(genstore, store, tree, tmp_path):
    files = {"README": "x"}
    for number, step in enumerate([""] + STEPS):
        files[f"migrations/{number}_step.sql"] = step
        genstore("import", tree.write(tmp_path / f"t{number}", files), "--app-name", "x")
    for number in range(1, len(STEPS) + 1):
        before, after = columns_in_sqlite(STEPS[:number - 1]), columns_in_sqlite(STEPS[:number])
        told = [line for line in genstore("diff", f"x/{number}", f"x/{number + 1}", "--json").json if line["message_type"] == "column"]
        assert {(c["table"], c["name"]) for c in told if c["status"] == "A"} == after - before, STEPS[number - 1]
        assert {(c["table"], c["name"]) for c in told if c["status"] == "D"} == before - after, STEPS[number - 1]


def test_iterations_of_one_generation_are_compared_too(genstore, generate):
    script = """echo "{\\"dependencies\\": {\\"a\\": \\"$ITERATION\\"}}" >package.json"""
    generate(script, "--app-name", "todo", "--max-iterations", "2")
    line, = (x for x in genstore("diff", "todo@1", "todo@2", "--json").json if x["message_type"] == "dependency")
    assert (line["old_version"], line["new_version"]) == ("1", "2")
