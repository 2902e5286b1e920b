"""Rows into PostgreSQL and back. The judges are PostgreSQL itself and Python's json: what it loads, which types it says they have, what it writes as CSV."""

import importlib.util
import json
import os
import pathlib
import sqlite3
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("postgres", ROOT / "tests/postgres.py")
postgres = importlib.util.module_from_spec(spec)
spec.loader.exec_module(postgres)

LOCAL = "00000000-0000-4000-8000-000000000001"
APP = "11111111-1111-4111-8111-111111111111"
ORG = "22222222-2222-4222-8222-222222222222"
HOSTILE = [
    "it's \"quoted\" and ''doubled''", "back\\slash \\N \\. \\t \\\\", "\\.", "\\N", "a\n\\.\nb", "line\nbreak\r\nand\rreturn\ttab", "=cmd|' /C calc'!A0",
    "+1-2", "@SUM(A1)", ",;\"\n\",\"", "", " ", "😀 e\u0301 \u202e \ufeff \U0010ffff", "NULL", "\x01\x02\x1f\x7f", "x" * 2000 + "\n" + "y\\" * 400_000 + "\u00fc" * 100_000,
    "'; DROP TABLE users; --", "$$ $1 :name %s", "\\copy users to '/tmp/x'", "\\! true",
]


@pytest.fixture(scope="module")
def server():
    with postgres.running() as running:
        yield running


@pytest.fixture
def pg(server):
    server.new_database()
    return server


@pytest.fixture
def sql(store):
    """Plain SQL on the store's file."""
    def run(text, *values):
        db = sqlite3.connect(store)
        db.execute("PRAGMA foreign_keys = ON")
        with db:
            return db.execute(text, values).fetchall()

    return run


def plant(sql, status="queued", **columns):
    """A generation whose columns are what nobody would write."""
    number = sql("SELECT count(*) FROM generation_requests")[0][0] + 1
    sql("INSERT OR IGNORE INTO apps (id, app_name, last_generation_number) VALUES (?, 'odd', 0)", APP)
    row = {"id": number, "request_id": f"req_odd{number}", "app_id": APP, "app_name": "odd", "generation_number": number,
           "created_at": f"2024-02-29T12:00:{number % 60:02}Z", **columns}
    sql(f"INSERT INTO generation_requests ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", *row.values())
    for step in {"queued": [], "cancelled": ["cancelled"]}.get(status, ["generating", status]):
        sql("UPDATE generation_requests SET status = ? WHERE id = ?", step, row["id"])
    return row["id"]


@pytest.fixture
def full(genstore, generate, tree, sql, tmp_path):
    """A store with something in every table, most of it hostile."""
    key = tmp_path / "key"
    key.write_text(os.urandom(32).hex())
    key.chmod(0o600)
    genstore.env["GENSTORE_KEY_FILE"] = str(key)
    genstore("key", "init")
    odd = tree.odd(tmp_path / "odd")
    generate(f"cp -a {odd}/. . && echo 'it says \\. and \\N' && printf '\\0\\377' >binary", "--app-name", "real", "--max-iterations", "2")
    genstore("user", "add", "böb \"the\" \\builder", "--id", "33333333-3333-4333-8333-333333333333")
    genstore("org", "add", "acme, \"inc\"", "--id", ORG)
    genstore("org", "grant", ORG, "33333333-3333-4333-8333-333333333333", "--role", "owner", code=None)
    sql("INSERT OR IGNORE INTO memberships (organization_id, user_id, role) VALUES (?, '33333333-3333-4333-8333-333333333333', 'viewer')", ORG)
    (tmp_path / "main.tf").write_text("x")
    genstore("artifact", "put", "--session", "it's \\a session", "--conversation", "c", "--org", ORG, "--type", "terraform", tmp_path / "main.tf")
    genstore("secret", "set", "github", input="gho_Plain7Value9That1Nobody3Sees5")
    genstore("config", "set", "serve.jwt_secret", input="jwt+Plain5/Value3_of_thirty_two_bytes")
    genstore("token", "add", "--user", "local")
    genstore("token", "add", "--user", "local", "--s3")
    genstore("config", "set", "s3.region", "eu-west-1")
    for i, text in enumerate(HOSTILE):
        plant(sql, ("queued", "generating", "paused", "completed", "failed", "cancelled")[i % 6], prompt=text, error_message=text or None,
              github_url="https://github.com/x/y" if i % 2 else None)
    sql("UPDATE generation_requests SET current_iteration = 30 WHERE id = 3")
    for i, value in enumerate(HOSTILE[:-5] + [{"a": {"b": [1, 2.5, None, True, "\\u0041"]}}, 1e100, 12345678901234567890123]):
        sql("INSERT INTO iteration_snapshots (generation_request_id, iteration_number, prompt_used, metadata, timestamp) VALUES (3, ?, ?, ?, ?)",
            i, str(value), json.dumps(value), f"2024-12-31T23:59:59.{i:05}5Z")
    for cost in (0, 0.1, 1e-300, 123456.789, 1 / 3):
        sql("INSERT INTO generation_costs (generation_request_id, cost_usd, input_tokens) VALUES (3, ?, 9007199254740993)", cost)
    return genstore


def rows_of(genstore, **options):
    """{(table, key): row} of what `export --format json` says. jsonb has 1e100 as an integer; both mean the same."""
    rows = {}
    for line in genstore("export", "--format", "json", **options).out.splitlines():
        row = json.loads(line)
        row = {k: json.loads(json.dumps(v), parse_int=float) if k in ("metadata", "data", "details") else v for k, v in row.items()}
        assert list(row)[0] == "table"
        rows[row["table"], *[str(row[name]) for name in keys_of(row)]] = row
    return rows


def keys_of(row):
    return ("organization_id", "user_id") if row["table"] == "memberships" else list(row)[1:2]


def exported(genstore, pg, *args):
    path = genstore.home / "dump.sql"
    genstore("export", "--format", "postgres", "-o", path, "--force", *args)
    pg.psql("-f", path)
    return path


def fresh(genstore):
    genstore.store.rename(genstore.store.with_suffix(".first"))
    genstore("init")


def test_what_goes_into_postgres_comes_back_row_by_row(full, pg, tmp_path):
    before = rows_of(full)
    assert {row["table"] for row in before.values()} > {
        "users", "organizations", "memberships", "apps", "generation_requests", "iteration_snapshots", "generation_costs", "generation_events", "sessions",
        "conversations", "artifacts", "deployment_config", "user_secrets", "tokens", "access_keys", "audit_log"}
    exported(full, pg)
    folder = pg.copy_out(tmp_path / "csv")
    fresh(full)
    full("import", "--format", "postgres-csv", folder)
    after = rows_of(full)
    own = {"archives", "artifact_bytes", "generation_runs", "generation_questions", "outbox", "remote_objects"}
    assert {k: v for k, v in before.items() if k[0] not in own} == {k: v for k, v in after.items()
                                                                  if not (k[0] == "audit_log" and v["action"] == "table.import")}
    # Sealed as they were, and hashes: what the JSON does not show.
    for table, columns in (("user_secrets", "id, encrypted_token"), ("tokens", "id, token_hash"), ("access_keys", "access_key_id, encrypted_secret"),
                           ("deployment_config", "key, value")):
        for store in (full.store, full.store.with_suffix(".first")):
            db = sqlite3.connect(store)
            rows = db.execute(f"SELECT {columns} FROM {table} ORDER BY 1").fetchall()
            assert rows
            if store == full.store:
                first = rows
        assert first == rows
    full("check", "--read-data")
    full("audit", "verify")
    # Once more is nothing more.
    said = full("import", "--format", "postgres-csv", folder, "--json").json[-1]
    assert said["added"] == 0 and said["same"] > 60
    assert rows_of(full) == after


def test_the_types_are_those_of_the_schema_document_and_the_artifact_design(full, pg):
    exported(full, pg)
    types = {(t, c): (kind, length, default or "") for t, c, kind, length, default in pg.rows(
        "SELECT table_name, column_name, udt_name, character_maximum_length, column_default FROM information_schema.columns WHERE table_schema = 'public'")}
    for table, columns in {
        "generation_requests": {"id": "int4", "app_id": "uuid", "user_id": "uuid", "app_name": "text", "prompt": "text", "initial_prompt": "text",
                                "status": "generation_status", "generation_type": "generation_type", "mode": "generation_mode", "github_url": "text",
                                "deployment_url": "text", "error_message": "text", "max_iterations": "int4", "current_iteration": "int4",
                                "last_session_id": "text", "created_at": "timestamptz", "updated_at": "timestamptz", "completed_at": "timestamptz",
                                "github_commit": "text", "artifacts_github_url": "text", "uuid": "uuid", "request_id": "text", "s3_path": "text"},
        "iteration_snapshots": {"id": "int4", "generation_request_id": "int4", "iteration_number": "int4", "snapshot_type": "snapshot_type",
                                "files_snapshot": "text", "prompt_used": "text", "timestamp": "timestamptz", "metadata": "jsonb"},
        "apps": {"id": "uuid", "user_id": "uuid", "app_name": "text", "created_at": "timestamptz"},
        "deployment_config": {"key": "text", "value": "text", "encrypted": "bool", "description": "text", "updated_at": "timestamptz"},
        "user_secrets": {"id": "uuid", "user_id": "uuid", "provider": "text", "encrypted_token": "text", "expires_at": "timestamptz"},
        "artifacts": {"artifact_id": "uuid", "session_id": "uuid", "conversation_id": "uuid", "organization_id": "uuid", "artifact_type": "varchar",
                      "artifact_name": "varchar", "storage_path": "varchar", "file_size": "int8", "mime_type": "varchar", "metadata": "jsonb"},
    }.items():
        assert {c: types[table, c][0] for c in columns} == columns
    assert [types["artifacts", c][1] for c in ("artifact_type", "artifact_name", "storage_path", "mime_type")] == ["50", "255", "500", "100"]
    assert "nextval" in types["generation_requests", "id"][2] and "nextval" in types["iteration_snapshots", "id"][2]
    assert "gen_random_uuid" in types["artifacts", "artifact_id"][2]
    enums = {}
    for name, label in pg.rows("SELECT t.typname, e.enumlabel FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid ORDER BY e.enumsortorder"):
        enums.setdefault(name, []).append(label)
    assert enums == {"generation_status": ["queued", "generating", "completed", "failed", "paused", "cancelled"], "generation_type": ["new", "resume"],
                     "generation_mode": ["single-shot", "autonomous", "confirm_first"], "snapshot_type": ["automatic", "manual", "checkpoint"]}
    references = pg.rows("SELECT conrelid::regclass, confrelid::regclass, confdeltype FROM pg_constraint WHERE contype = 'f'")
    for wanted in (["artifacts", "sessions", "c"], ["artifacts", "conversations", "n"], ["artifacts", "organizations", "c"],
                   ["generation_requests", "apps", "a"], ["iteration_snapshots", "generation_requests", "c"]):
        assert wanted in references
    indices = {row[0] for row in pg.rows("SELECT indexname FROM pg_indexes WHERE tablename = 'artifacts'")}
    assert {"idx_artifacts_session_id", "idx_artifacts_conversation_id", "idx_artifacts_org_id", "idx_artifacts_type"} <= indices
    pg.psql("-c", f"INSERT INTO apps (user_id, app_name) VALUES ('{LOCAL}', 'real')", code=1)


def test_a_row_that_postgres_adds_gets_the_next_id_also_after_the_newest_was_removed(genstore, store, sql, pg):
    assert store.exists()
    for _ in range(3):
        plant(sql)
    sql("DELETE FROM generation_requests WHERE id = 3")
    exported(genstore, pg)
    pg.psql("-c", f"INSERT INTO generation_requests (request_id, app_id, user_id, app_name, generation_number) VALUES ('new', '{APP}', '{LOCAL}', 'odd', 9)")
    assert pg.value("SELECT id FROM generation_requests WHERE request_id = 'new'") == "4"
    # A table that never had a row begins with 1.
    pg.psql("-c", "INSERT INTO iteration_snapshots (generation_request_id, iteration_number) VALUES (1, 1)")
    assert pg.value("SELECT id FROM iteration_snapshots") == "1"


def test_values_mean_there_what_they_mean_here(full, pg):
    exported(full, pg)
    for i, text in enumerate(HOSTILE):
        # In hex: psql's tables leave out what it has no width for.
        row = pg.value(f"SELECT encode(convert_to(prompt, 'UTF8'), 'hex') FROM generation_requests WHERE request_id = 'req_odd{i + 2}'")
        assert bytes.fromhex(row).decode() == text
    assert pg.value("SELECT metadata->'a'->'b'->>1 FROM iteration_snapshots WHERE metadata ? 'a'") == "2.5"
    assert pg.value("SELECT extract(microseconds FROM timestamp) FROM iteration_snapshots WHERE iteration_number = 7 AND prompt_used IS NOT NULL"
                    " AND generation_request_id = 3") == "59000075"
    assert pg.value("SELECT count(*) FROM generations") == str(len(HOSTILE) + 1)
    files = json.loads(pg.value("SELECT files_snapshot FROM iteration_snapshots WHERE generation_request_id = 1 ORDER BY id DESC LIMIT 1"))
    assert files["run.sh"] == "#!/bin/sh\nexit 0\n" and files["binary"] == {"base64": "AP8="} and files["link"] == {"link": "run.sh"}


def test_a_load_that_fails_leaves_nothing(genstore, store, sql, pg):
    assert store.exists()
    plant(sql)
    path = genstore.home / "dump.sql"
    genstore("export", "--format", "postgres", "-o", path)
    cut = path.read_text().split("COPY artifacts")[0]
    path.write_text(cut)
    pg.psql("-f", path, code=None)
    assert pg.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == []
    assert pg.rows("SELECT typname FROM pg_type WHERE typname = 'generation_status'") == []


@pytest.mark.parametrize("column, value, why", [
    ("prompt", "a\0b", "NUL"), ("prompt", b"\xff\xfe", "not UTF-8"), ("max_iterations", 1 << 40, "32 bits"), ("created_at", "0000-01-01T00:00:00Z", "timestamptz"),
    ("created_at", "yesterday", "timestamptz"), ("created_at", "2024-02-30T00:00:00Z", "timestamptz"), ("created_at", "2024-01-01T00:00:00.1234567Z", "timestamptz"),
])
def test_what_postgres_cannot_hold_is_said_and_nothing_is_written(genstore, store, sql, column, value, why):
    assert store.exists()
    plant(sql)
    number = plant(sql)
    if isinstance(value, bytes):
        sql(f"UPDATE generation_requests SET {column} = CAST(? AS TEXT) WHERE id = ?", value, number)
    else:
        sql(f"UPDATE generation_requests SET {column} = ? WHERE id = ?", value, number)
    path = genstore.home / "dump.sql"
    said = genstore("export", "--format", "postgres", "-o", path, code=1).err
    assert f"cannot export '{column}' of row '{number}' of 'generation_requests'" in said and why in said
    assert not path.exists()


@pytest.mark.parametrize("text, why", [('{"a": "\\u0000"}', "NUL"), ('{"a": 1, "a": 2}', "twice"), ('{"a": 1e999999}', "range"), ('"\\ud800"', "range")])
def test_json_that_jsonb_would_refuse_or_change_is_said(genstore, store, sql, text, why):
    assert store.exists()
    plant(sql)
    sql("INSERT INTO iteration_snapshots (generation_request_id, iteration_number, metadata) VALUES (1, 1, ?)", text)
    said = genstore("export", "--format", "postgres", code=1)
    assert "cannot export 'metadata' of row '1' of 'iteration_snapshots'" in said.err and why in said.err
    assert "COMMIT" not in said.out


def test_names_that_are_too_long_for_an_index_are_said(genstore, store, sql):
    assert store.exists()
    sql("INSERT INTO users (id, name) VALUES ('44444444-4444-4444-8444-444444444444', ?)", "n" * 3000)
    assert "too long for an index" in genstore("export", "--format", "postgres", code=1).err


LEGACY = f"""
CREATE TYPE generation_status AS ENUM ('queued', 'generating', 'completed', 'failed', 'paused', 'cancelled');
CREATE TYPE generation_mode AS ENUM ('single-shot', 'autonomous', 'confirm_first');
CREATE TYPE generation_type AS ENUM ('new', 'resume');
CREATE TYPE snapshot_type AS ENUM ('automatic', 'manual', 'checkpoint');
CREATE TABLE generation_requests (id serial PRIMARY KEY, app_id uuid, user_id uuid, app_name text, prompt text, initial_prompt text,
    status generation_status, generation_type generation_type, mode generation_mode, github_url text, deployment_url text, error_message text,
    max_iterations int, current_iteration int, last_session_id text, created_at timestamp, updated_at timestamp, completed_at timestamp,
    download_url text, artifacts_github_url text, conversation jsonb);
CREATE TABLE iteration_snapshots (id serial PRIMARY KEY, generation_request_id int REFERENCES generation_requests(id), iteration_number int,
    snapshot_type snapshot_type, files_snapshot text, prompt_used text, "timestamp" timestamp, metadata jsonb);
INSERT INTO generation_requests VALUES
 (1, '{APP}', '33333333-3333-4333-8333-333333333333', 'todo', 'one', 'one', 'completed', 'new', 'autonomous', 'https://github.com/leo/a/', NULL, NULL, 3, 2, 's',
  '2024-12-01 10:00:00.25', '2024-12-01 11:00:00', '2024-12-01 12:00:00', 'https://example.com/old.zip', NULL, NULL),
 (2, '{ORG}', '33333333-3333-4333-8333-333333333333', 'todo', 'two', 'two', 'failed', 'resume', 'single-shot', NULL, NULL, 'it''s broken', 1, 0, NULL,
  '2024-12-02 10:00:00', '2024-12-02 11:00:00', '2024-12-02 12:00:00', NULL, NULL, '[{{"role": "user"}}]'),
 (5, NULL, NULL, 'nameless', NULL, NULL, 'queued', 'new', 'confirm_first', NULL, NULL, NULL, NULL, 0, NULL, '2024-12-03 10:00:00', '2024-12-03 10:00:00', NULL,
  NULL, NULL, NULL);
INSERT INTO iteration_snapshots VALUES
 (1, 1, 1, 'automatic', '{{"src/main.js": "let a = \\"1\\";\\n", "README.md": "# hi"}}', 'p', '2024-12-01 10:30:00', '{{"tokens": 5}}'),
 (2, 1, 2, 'manual', 'not JSON at all', NULL, '2024-12-01 10:40:00', NULL),
 (3, 1, 3, 'automatic', '{{"manifest": 1, "files": 1, "bytes": 1}}', NULL, '2024-12-01 10:50:00', NULL);
"""


def test_legacy_tables_become_what_the_migrations_make_of_them(genstore, store, sql, pg, tmp_path):
    pg.psql(input=LEGACY)
    folder = pg.copy_out(tmp_path / "csv")
    said = genstore("import", "--format", "postgres-csv", folder)
    assert "2 values of download_url and conversation were left out" in said.err
    assert "2 iterations cannot be a tree" in said.err
    imported = rows_of(genstore)
    assert genstore("cat", "req_legacy_1@1:README.md").out == "# hi"
    assert genstore("import", "--format", "postgres-csv", folder, "--json").json[-1]["added"] == 0
    genstore("check", "--read-data")
    assert not list(store.parent.glob("*.import-*"))
    # The same rows in a store of that version, taken up.
    store.unlink()
    genstore("init")
    genstore("migrate", "--to", "1")
    for table in ("generation_requests", "iteration_snapshots"):
        for line in pg.rows(f"SELECT row_to_json(t) FROM {table} t ORDER BY id"):
            row = {k: json.dumps(v) if k in ("metadata", "conversation") and v is not None else v for k, v in json.loads(line[0]).items()}
            row = {k: v + "Z" if k in ("created_at", "updated_at", "completed_at", "timestamp") and v else v for k, v in row.items()}
            sql(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", *row.values())
    genstore("migrate")
    migrated = rows_of(genstore)
    trail = {k for k in imported.keys() | migrated.keys() if k[0] == "audit_log" or k == ("users", LOCAL)}
    assert {k: v for k, v in imported.items() if k not in trail} == {k: v for k, v in migrated.items() if k not in trail}
    assert imported["generation_requests", "1"]["artifacts_github_url"] == "https://github.com/leo/a-artifacts"
    assert imported["generation_requests", "1"]["created_at"] == "2024-12-01T10:00:00.25Z"
    assert imported["iteration_snapshots", "1"]["files_snapshot"]["README.md"] == "# hi"
    assert {row["app_name"] for row in imported.values() if row["table"] == "apps"} == {"todo", "todo (2)", "nameless"}


def test_a_column_that_is_no_more_is_left_out_and_said_where_all_else_is_new(genstore, store, sql, pg, tmp_path):
    assert store.exists()
    plant(sql, github_url="https://github.com/x/y/")
    exported(genstore, pg)
    pg.psql("-c", "ALTER TABLE generation_requests ADD download_url text DEFAULT 'u', ADD conversation jsonb")
    folder = pg.copy_out(tmp_path / "csv")
    fresh(genstore)
    said = genstore("import", "--format", "postgres-csv", folder, "--json").json[-1]
    assert said["dropped_values"] == 1
    assert rows_of(genstore)["generation_requests", "1"]["artifacts_github_url"] == "https://github.com/x/y-artifacts"


def test_a_tree_with_a_secret_taken_out_is_still_a_tree(genstore, generate, full, pg, tmp_path):
    assert full is genstore
    secret = "gho_Plain7Value9That1Nobody3Sees5"
    rid = generate(f"printf '\\0\\377{secret}' >binary; echo 'token={secret};' >text; echo ok >fine", "--app-name", "leaky")
    exported(genstore, pg, "--redact")
    folder = pg.copy_out(tmp_path / "csv")
    fresh(genstore)
    assert "cannot be a tree" not in genstore("import", "--format", "postgres-csv", folder).err
    assert [genstore("cat", f"{rid}@1:{name}").out for name in ("binary", "text", "fine")] == ["***", "token=***;\n", "ok\n"]


def test_a_redacted_export_loads_and_comes_back_without_secrets(full, pg, tmp_path):
    exported(full, pg, "--redact")
    assert pg.value("SELECT count(*) FROM user_secrets WHERE encrypted_token IS NOT NULL") == "0"
    assert pg.value("SELECT count(*) FROM tokens WHERE token_hash IS NOT NULL") == "0"
    assert pg.value("SELECT count(*) FROM access_keys WHERE encrypted_secret IS NOT NULL") == "0"
    folder = pg.copy_out(tmp_path / "csv")
    fresh(full)
    said = full("import", "--format", "postgres-csv", folder)
    assert "4 rows were left out: the secret that they are there for is not in them" in said.err
    # Into the store that has them it is nothing new.
    full.store.unlink()
    full.store.with_suffix(".first").rename(full.store)
    assert full("import", "--format", "postgres-csv", folder, "--json").json[-1]["added"] == 0


def test_psql_is_told_nothing_by_what_a_store_holds(full, pg):
    path = full.home / "dump.sql"
    full("export", "--format", "postgres", "-o", path)
    with open(path, "rb") as dump:
        done = subprocess.run([postgres.BIN / "psql", "-X", "-h", pg.top, "-U", "postgres", "-d", pg.database, "-v", "ON_ERROR_STOP=1", "-q"], stdin=dump,
                              capture_output=True, text=True, timeout=60, check=False, env={"PATH": os.environ["PATH"]})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
