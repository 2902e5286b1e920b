"""What tables an app makes, and which Supabase project it has: columns of its generation, written when it is complete."""

import json

import pytest

MIGRATIONS = {
    "db/migrations/1_init.sql": "CREATE TABLE users (id uuid PRIMARY KEY, name varchar(20) NOT NULL, age int);\nCREATE TABLE old (id int);",
    "db/migrations/2_more.sql": "create table posts (id serial, body text);",
    "db/migrations/10_last.sql": "ALTER TABLE users DROP COLUMN age; ALTER TABLE posts ADD title text; DROP TABLE old;",
    "src/db/schema.ts": "import { pgTable, serial, text } from 'drizzle-orm/pg-core';\n"
                        "export const todos = pgTable('todos', { id: serial('id').primaryKey(), what: text('what') });\n",
    "src/app.ts": "export const users = table('users', {});\n",
    "src/schema.test.ts": "export const t = pgTable('of_a_test', { id: serial('id') });\n",
    "big.sql": "create table big (id int);" + " " * (1 << 20),
}
TABLES = [
    {"name": "todos", "file": "src/db/schema.ts", "columns": [
        {"name": "id", "definition": "serial().primaryKey()"}, {"name": "what", "definition": "text()"}]},
    {"name": "users", "file": "db/migrations/1_init.sql", "columns": [
        {"name": "id", "definition": "uuid primary key"}, {"name": "name", "definition": "varchar(20) not null"}]},
    {"name": "posts", "file": "db/migrations/2_more.sql", "columns": [
        {"name": "id", "definition": "serial"}, {"name": "body", "definition": "text"}, {"name": "title", "definition": "text"}]},
]


@pytest.fixture
def schema(genstore):
    """The column of a generation, as `show --json` has it."""
    return lambda rev: genstore("show", rev, "--json").json[0]["schema_snapshot"]


def write(files):
    """A script of a generator in Python that writes them."""
    return f"begin()\nfor path, text in json.loads({json.dumps(files)!r}).items():\n    write(path, text)\niteration(1)\ncomplete(1)\nfarewell()\n"


def test_a_generation_says_at_its_end_which_tables_its_app_makes(genstore, wsi, schema, last):
    wsi(write(MIGRATIONS))
    found = schema(last()["request_id"])
    assert sorted(found["tables"], key=lambda t: t["name"]) == sorted(TABLES, key=lambda t: t["name"]) and "more" not in found
    assert "tables:          todos (2), users (2), posts (3)" in genstore("show", "-").out


def test_an_app_without_tables_has_an_empty_list_and_one_that_is_paused_none(genstore, generate, schema, wsi, last):
    assert schema(generate("echo x >a")) == {"tables": []}
    assert "tables:" not in genstore("show", "-").out
    wsi('begin()\nwrite("a.sql", "create table a (id int)")\niteration(1)\ntell("task_interrupted", app_path=".")\n', expect=None)
    assert last()["status"] == "paused" and schema("-") is None
    genstore("cancel", "-")
    assert [t["name"] for t in schema("-")["tables"]] == ["a"]


def test_what_is_imported_forked_and_promoted_has_its_tables_too(genstore, store, tree, tmp_path, schema):
    folder = tree.write(tmp_path / "app", {"schema.sql": "create table a (id int);"})
    want = {"tables": [{"name": "a", "file": "schema.sql", "columns": [{"name": "id", "definition": "int"}]}]}
    one = genstore("import", folder, "--app-name", "one").out.strip()
    assert schema(one) == want
    assert schema(genstore("fork", one, "--app-name", "two").out.strip()) == want
    genstore("import", tree.write(tmp_path / "other", {"b.sql": "create table b (id int);"}), "--app-name", "one")
    assert [t["name"] for t in schema("one/2")["tables"]] == ["b"]
    assert schema(genstore("promote", one).out.strip()) == want
    genstore("get", one, "-o", tmp_path / "one.tar.gz")
    assert schema(genstore("import", tmp_path / "one.tar.gz", "--app-name", "three").out.strip()) == want


def test_more_tables_than_anybody_reads_are_cut(genstore, store, tree, tmp_path, schema):
    columns = ", ".join(f"column_{i} varchar(255) not null" for i in range(100))
    one = genstore("import", tree.write(tmp_path / "app", {"a.sql": "".join(f"create table t{i} ({columns});\n" for i in range(100))}),
                   "--app-name", "one").out.strip()
    genstore("import", tree.write(tmp_path / "many", {f"{k}.sql": "".join(f"create table t{k}_{i} ({columns});\n" for i in range(200))
                                                      for k in range(5)}), "--app-name", "many")
    assert len(schema(one)["tables"]) == 100 and "more" not in schema(one)
    many = schema("many")
    assert many["more"] is True and 0 < len(many["tables"]) < 1000


def test_a_migration_that_is_damaged_does_not_keep_a_generation_from_its_end(genstore, wsi, last, schema):
    wsi(write({"a.sql": "create table ((((", "b.sql": "create table b (id int);", "c.ts": "pgTable('c', { id: `"}))
    assert last()["status"] == "completed"
    assert "b" in [t["name"] for t in schema("-")["tables"]]


@pytest.mark.parametrize("fields, ref", [
    ({"supabase_project_ref": "abcdefghijklmnopqrst"}, "abcdefghijklmnopqrst"),
    ({"credentials": [{"key": "NEXT_PUBLIC_SUPABASE_URL", "value": "https://abcdefghijklmnopqrst.supabase.co"}]}, "abcdefghijklmnopqrst"),
    ({"credentials": [{"key": "SUPABASE_URL", "value": "https://abc.supabase.co/rest"}, {"key": "K", "value": "vvvv"}]}, "abc"),
    ({"credentials": [{"key": "SUPABASE_PROJECT_REF", "value": "xyz"}]}, "xyz"),
    ({"credentials": [{"key": "SUPABASE_URL", "value": "https://abc.supabase.com.evil"}]}, None),
    ({"credentials": [{"key": "SUPABASE_URL", "value": "https://db.example.org"}]}, None),
    ({"credentials": [{"key": "MYSUPABASE_URL", "value": "https://abc.supabase.co"}]}, None),
    ({"supabase_project_ref": "../x"}, None), ({"supabase_project_ref": "a" * 65}, None), ({"supabase_project_ref": 7}, None),
])
def test_the_project_reference_is_kept_when_the_generator_reports_it(genstore, wsi, last, fields, ref):
    wsi(f"begin()\nwrite('a', 'x')\niteration(1, **json.loads({json.dumps(fields)!r}))\ncomplete(1)\nfarewell()\n")
    assert last()["supabase_project_ref"] == ref
    trail = genstore("audit", "--action", "generation.project", "--json").json
    assert [(r["subject"], r["details"]) for r in trail] == ([(last()["request_id"], {"supabase_project_ref": ref})] if ref else [])
    assert ("supabase:" in genstore("show", "-").out) == bool(ref)
