"""The tables, as anybody sees them who opens the file with sqlite3: nothing here uses the library."""

import json
import pathlib
import shutil
import subprocess

import pytest

LOCAL = "00000000-0000-4000-8000-000000000001"
UUID = "0f0e0d0c-0b0a-4908-8706-050403020100"
UUID2 = "1f0e0d0c-0b0a-4908-8706-050403020100"


class Sql:
    """sqlite3 on the store's file; foreign keys on, as genstore has them."""

    def __init__(self, path):
        self.path = path

    def __call__(self, text, fails=None):
        done = subprocess.run(["sqlite3", "-bail", "-batch", "-json", str(self.path)],
                              input="PRAGMA foreign_keys = ON;\n" + text, capture_output=True, text=True, check=False)
        if fails is not None:
            assert done.returncode != 0 and fails in done.stderr, done.stderr or "no error"
            return None
        assert done.returncode == 0, done.stderr
        decoder, at, rows = json.JSONDecoder(), 0, []
        out = done.stdout.strip()
        while at < len(out):
            rows, end = decoder.raw_decode(out, at)
            at = end + len(out[end:]) - len(out[end:].lstrip())
        return rows

    def value(self, text):
        return next(iter(self(text)[0].values()))

    def columns(self, table):
        """{name: type} with NOT NULL and PRIMARY KEY as they are declared."""
        return {c["name"]: c["type"] + (" NOT NULL" if c["notnull"] else "") + (" PK" if c["pk"] else "")
                for c in self(f"SELECT * FROM pragma_table_info('{table}')")}

    def references(self, table):
        return {c["from"]: (c["table"], c["to"], c["on_delete"])
                for c in self(f"SELECT * FROM pragma_foreign_key_list('{table}')")}


@pytest.fixture
def sql(store):
    if not shutil.which("sqlite3"):
        pytest.skip("sqlite3 is not installed")
    return Sql(store)


@pytest.fixture
def legacy(genstore, sql):
    """The store at version 1."""
    genstore("migrate", "--to", "1")
    return sql


def request(sql, **columns):
    """Inserts a generation and what it needs; its id."""
    if not sql("SELECT 1 FROM apps WHERE app_name = 'todo'"):
        sql(f"INSERT INTO apps (id, app_name) VALUES ('{UUID}', 'todo')")
    number = sql.value("SELECT count(*) + 1 AS n FROM generation_requests")
    columns = {"request_id": f"req_{number}", "app_id": UUID, "app_name": "todo", "generation_number": number, **columns}
    names, values = ", ".join(columns), ", ".join("NULL" if v is None else repr(v) for v in columns.values())
    return sql(f"INSERT INTO generation_requests ({names}) VALUES ({values}) RETURNING id")[0]["id"]


# The seeds' tables

def test_every_table_is_strict_and_says_what_it_is_for(sql):
    tables = sql("SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite%'")
    assert all(t["strict"] for t in tables)
    assert {t["name"] for t in tables} == {
        "users", "apps", "generation_requests", "iteration_snapshots", "generation_costs", "deployment_config", "user_secrets",
        "audit_log", "organizations", "memberships", "sessions", "conversations", "tokens", "artifacts", "store_state", "piece",
        "piece_data", "content", "manifest", "seal", "archive", "generation_events", "generation_transitions", "row_sums",
        "generation_runs", "generation_controls", "generation_questions", "foreign_index", "received", "outbox",
        "remote_objects", "uploads", "upload_parts", "artifact_content", "audit_chain", "audit_head", "store_keys", "access_keys",
        "buckets", "bucket_objects", "bucket_object_parts", "bucket_uploads", "bucket_upload_parts", "artifact_remotes"}
    for table in ("generation_requests", "piece", "content", "apps"):
        assert "--" in sql.value(f"SELECT sql FROM sqlite_schema WHERE name = '{table}'")


def test_generation_requests_has_every_column_of_the_seeds_and_not_the_two_that_were_cleaned_up(sql):
    columns = sql.columns("generation_requests")
    assert columns.pop("id") == "INTEGER PK"
    assert columns == {
        "uuid": "TEXT NOT NULL", "request_id": "TEXT NOT NULL", "parent_request_id": "TEXT", "app_id": "TEXT NOT NULL",
        "user_id": "TEXT NOT NULL", "app_name": "TEXT NOT NULL", "generation_number": "INTEGER NOT NULL", "prompt": "TEXT",
        "initial_prompt": "TEXT", "status": "TEXT NOT NULL", "generation_type": "TEXT NOT NULL", "mode": "TEXT NOT NULL",
        "github_url": "TEXT", "github_commit": "TEXT", "artifacts_github_url": "TEXT", "deployment_url": "TEXT",
        "error_message": "TEXT", "max_iterations": "INTEGER", "current_iteration": "INTEGER NOT NULL", "last_session_id": "TEXT",
        "s3_path": "TEXT", "schema_snapshot": "TEXT", "supabase_project_ref": "TEXT", "created_at": "TEXT NOT NULL",
        "updated_at": "TEXT NOT NULL", "completed_at": "TEXT"}
    assert sql.references("generation_requests") == {
        "app_id": ("apps", "id", "NO ACTION"), "user_id": ("users", "id", "NO ACTION")}


@pytest.mark.parametrize("column, values", [
    ("generation_type", ["new", "resume"]),
    ("mode", ["single-shot", "autonomous", "confirm_first"]),
])
def test_an_enum_takes_its_values_and_no_other(sql, column, values):
    for value in values:
        request(sql, **{column: value})
    sql(f"UPDATE generation_requests SET {column} = 'other'", fails="CHECK constraint failed")


def test_a_status_is_one_of_the_seeds(legacy):
    for status in ("queued", "generating", "completed", "failed", "paused", "cancelled"):
        legacy(f"INSERT INTO generation_requests (app_name, status) VALUES ('x', '{status}')")
    legacy("INSERT INTO generation_requests (app_name, status) VALUES ('x', 'done')", fails="CHECK constraint failed")


def test_iteration_snapshots_has_every_column_of_the_seed_and_goes_with_its_generation(sql):
    assert sql.columns("iteration_snapshots") == {
        "id": "INTEGER PK", "generation_request_id": "INTEGER NOT NULL", "iteration_number": "INTEGER NOT NULL",
        "snapshot_type": "TEXT NOT NULL", "files_snapshot": "TEXT", "prompt_used": "TEXT", "timestamp": "TEXT NOT NULL",
        "metadata": "TEXT"}
    generation = request(sql)
    new = f"INSERT INTO iteration_snapshots (generation_request_id, iteration_number, snapshot_type, metadata) VALUES ({generation}, 1, "
    for kind in ("automatic", "manual", "checkpoint"):
        sql(f"{new} '{kind}', '{{}}')")
    sql(f"{new} 'other', NULL)", fails="CHECK constraint failed")
    sql(f"{new} 'manual', 'no json')", fails="json_valid")
    sql("INSERT INTO iteration_snapshots (generation_request_id, iteration_number) VALUES (99, 1)", fails="FOREIGN KEY")
    sql("DELETE FROM generation_requests")
    assert sql.value("SELECT count(*) FROM iteration_snapshots") == 0


def test_app_names_are_unique_for_a_user_and_only_there(sql):
    assert sql.columns("apps").items() >= {
        "id": "TEXT NOT NULL PK", "user_id": "TEXT NOT NULL", "app_name": "TEXT NOT NULL", "created_at": "TEXT NOT NULL"}.items()
    sql(f"INSERT INTO users (id, name) VALUES ('{UUID}', 'ann')")
    sql(f"INSERT INTO apps (id, app_name) VALUES ('{UUID}', 'todo')")
    sql(f"INSERT INTO apps (id, app_name) VALUES ('{UUID2}', 'todo')", fails="UNIQUE constraint failed: apps.user_id, apps.app_name")
    sql(f"INSERT INTO apps (id, user_id, app_name) VALUES ('{UUID2}', '{UUID}', 'todo')")
    sql(f"INSERT INTO apps (id, app_name) VALUES ('{UUID.upper()}', 'shop')", fails="CHECK constraint failed")


def test_deployment_config_and_user_secrets_are_the_seeds(sql):
    assert sql.columns("deployment_config") == {
        "key": "TEXT NOT NULL PK", "value": "TEXT", "encrypted": "INTEGER NOT NULL", "description": "TEXT", "updated_at": "TEXT NOT NULL"}
    assert sql.columns("user_secrets") == {
        "id": "TEXT NOT NULL PK", "user_id": "TEXT NOT NULL", "provider": "TEXT NOT NULL", "encrypted_token": "TEXT NOT NULL",
        "expires_at": "TEXT", "created_at": "TEXT NOT NULL", "updated_at": "TEXT NOT NULL"}
    new = f"INSERT INTO user_secrets (user_id, provider, encrypted_token) VALUES ('{LOCAL}', 'github', 'x')"
    sql(new)
    sql(new, fails="UNIQUE constraint failed: user_secrets.user_id, user_secrets.provider")
    assert sql.references("user_secrets") == {"user_id": ("users", "id", "CASCADE")}


def test_the_audit_log_only_grows(sql):
    sql("INSERT INTO audit_log (action, subject) VALUES ('a', 'b')")
    for change in ("UPDATE audit_log SET action = 'c'", "DELETE FROM audit_log",
                   "INSERT OR REPLACE INTO audit_log (id, action, subject) VALUES (1, 'c', 'd')"):
        sql(change, fails="audit_log is append-only")
    assert sql("SELECT action FROM audit_log") == [{"action": "a"}]


def test_the_view_generations_is_the_seeds_table(sql):
    request(sql, request_id="req_abc123", prompt="Create a todo app")
    row, = sql("SELECT * FROM generations")
    assert list(row) == ["id", "request_id", "user_id", "app_id", "app_name", "prompt", "s3_path", "github_repo", "status", "created_at"]
    assert row["id"] == sql.value("SELECT uuid FROM generation_requests") and row["s3_path"] is None and row["github_repo"] is None
    sql("UPDATE generation_requests SET github_url = 'https://github.com/leo-generated/req_abc123'")
    assert sql.value("SELECT github_repo FROM generations") == "leo-generated/req_abc123"


@pytest.mark.parametrize("wrong", ["", "a b", "a/b", "..", ".", "ä", "x" * 91])
def test_a_request_id_is_fit_for_a_path_and_a_repository(sql, wrong):
    request(sql, request_id="x" * 90)
    request(sql, request_id="A-z.0_9")
    sql(f"UPDATE generation_requests SET request_id = '{wrong}' WHERE id = 1", fails="CHECK constraint failed")


def test_the_number_of_a_removed_generation_stays_unused(sql):
    request(sql)
    request(sql)
    sql("DELETE FROM generation_requests WHERE generation_number = 2")
    assert sql.value("SELECT last_generation_number FROM apps") == 2


# Seed 002

def test_artifacts_has_exactly_the_seeds_columns_references_and_indices(sql):
    columns = sql.columns("artifacts")
    assert columns == {
        "artifact_id": "TEXT NOT NULL PK", "session_id": "TEXT", "conversation_id": "TEXT", "organization_id": "TEXT NOT NULL",
        "artifact_type": "TEXT NOT NULL", "artifact_name": "TEXT NOT NULL", "storage_path": "TEXT NOT NULL",
        "file_size": "INTEGER NOT NULL", "mime_type": "TEXT", "metadata": "TEXT", "created_at": "TEXT"}
    assert sql.references("artifacts") == {
        "session_id": ("sessions", "session_id", "CASCADE"),
        "conversation_id": ("conversations", "conversation_id", "SET NULL"),
        "organization_id": ("organizations", "organization_id", "CASCADE")}
    indices = sql("SELECT name, tbl_name, (SELECT name FROM pragma_index_info(s.name)) AS on_column FROM sqlite_schema AS s"
                  " WHERE name LIKE 'idx_artifacts%' ORDER BY name")
    assert {i["name"]: i["on_column"] for i in indices} == {
        "idx_artifacts_session_id": "session_id", "idx_artifacts_conversation_id": "conversation_id",
        "idx_artifacts_org_id": "organization_id", "idx_artifacts_type": "artifact_type"}


@pytest.fixture
def artifact(sql):
    sql(f"""INSERT INTO organizations (organization_id, name) VALUES ('{UUID}', 'acme');
            INSERT INTO sessions (session_id, organization_id, name) VALUES ('{UUID}', '{UUID}', 'session123');
            INSERT INTO conversations (conversation_id, organization_id) VALUES ('{UUID}', '{UUID}');
            INSERT INTO artifacts (session_id, conversation_id, organization_id, artifact_type, artifact_name, storage_path, file_size)
            VALUES ('{UUID}', '{UUID}', '{UUID}', 'cloudformation', 'main.yaml', 'p', 1)""")
    return sql


def test_an_artifact_gets_an_id_and_a_time_by_itself(artifact):
    row, = artifact("SELECT artifact_id, created_at FROM artifacts")
    assert len(row["artifact_id"]) == 36 and row["artifact_id"] == row["artifact_id"].lower() and row["artifact_id"][14] == "4"
    assert row["created_at"][10] == "T" and row["created_at"].endswith("Z")


def test_an_artifact_goes_with_its_session_and_outlives_its_conversation(artifact):
    artifact("DELETE FROM conversations")
    assert artifact("SELECT conversation_id, session_id FROM artifacts") == [{"conversation_id": None, "session_id": UUID}]
    artifact("DELETE FROM sessions")
    assert artifact.value("SELECT count(*) FROM artifacts") == 0


def test_an_artifact_goes_with_its_organization(artifact):
    artifact("DELETE FROM organizations")
    assert artifact.value("SELECT (SELECT count(*) FROM artifacts) + (SELECT count(*) FROM sessions)") == 0


@pytest.mark.parametrize("column, limit", [("artifact_type", 50), ("artifact_name", 255), ("storage_path", 500), ("mime_type", 100)])
def test_a_varchar_has_its_limit(artifact, column, limit):
    artifact(f"UPDATE artifacts SET {column} = '{'ä' * limit}'")
    artifact(f"UPDATE artifacts SET {column} = '{'x' * (limit + 1)}'", fails="CHECK constraint failed")


# The state table

ALLOWED = {("queued", "generating"), ("queued", "cancelled"), ("generating", "paused"), ("paused", "generating"),
           ("generating", "completed"), ("paused", "completed"), ("generating", "failed"), ("paused", "failed"),
           ("generating", "cancelled"), ("paused", "cancelled")}
STATES = ["queued", "generating", "completed", "failed", "paused", "cancelled"]
WAY = {"queued": [], "generating": ["generating"], "paused": ["generating", "paused"], "completed": ["generating", "completed"],
       "failed": ["generating", "failed"], "cancelled": ["cancelled"]}


@pytest.mark.parametrize("old", STATES)
def test_a_status_only_goes_along_the_table_of_states(sql, old):
    for new in STATES:
        generation = request(sql)
        for step in WAY[old]:
            sql(f"UPDATE generation_requests SET status = '{step}' WHERE id = {generation}")
        allowed = (old, new) in ALLOWED or old == new
        sql(f"UPDATE generation_requests SET status = '{new}' WHERE id = {generation}",
            fails=None if allowed else "a generation cannot go from this status to that one")
        assert sql.value(f"SELECT status FROM generation_requests WHERE id = {generation}") == (new if allowed else old)


def test_a_generation_begins_as_queued(sql):
    sql(f"INSERT INTO apps (id, app_name) VALUES ('{UUID}', 'todo')")
    sql("INSERT INTO generation_requests (request_id, app_id, app_name, generation_number, status)"
        f" VALUES ('req_1', '{UUID}', 'todo', 1, 'completed')", fails="a generation begins as queued")


def test_a_final_status_sets_completed_at_and_every_change_updated_at(sql):
    generation = request(sql, created_at="2020-01-01T00:00:00Z", updated_at="2020-01-01T00:00:00Z")
    sql("UPDATE generation_requests SET status = 'generating'")
    row, = sql("SELECT updated_at, completed_at FROM generation_requests")
    assert row["updated_at"] > "2025" and row["completed_at"] is None
    sql(f"UPDATE generation_requests SET status = 'failed', updated_at = '2020-01-02T00:00:00Z' WHERE id = {generation}")
    row, = sql("SELECT updated_at, completed_at FROM generation_requests")
    assert row["updated_at"] == "2020-01-02T00:00:00Z" and row["completed_at"] > "2025"


# Rows from before

def migrate(genstore, *args):
    """Without the backups of earlier ones: two within a second would have the same name."""
    for backup in genstore.store.parent.glob("*.bak"):
        backup.unlink()
    return genstore("migrate", *args)


A, B, ANN, BOB = ("aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaa" + n for n in "1234")


@pytest.fixture
def old(legacy):
    legacy(f"""
        INSERT INTO generation_requests (id, app_id, user_id, app_name, prompt, status, mode, github_url, download_url, deployment_url,
            conversation, max_iterations, current_iteration, last_session_id, created_at, updated_at, completed_at) VALUES
        (1, '{A}', '{ANN}', 'todo', 'p1', 'completed', 'autonomous', 'https://github.com/x/y/', 'https://d', 'https://fly', '[]', 10, 3,
            's1', '2024-12-01T10:00:00Z', '2024-12-01T11:00:00Z', '2024-12-01T11:00:00Z'),
        (2, '{B}', '{ANN}', 'todo', 'p2', 'failed', 'single-shot', NULL, NULL, NULL, NULL, NULL, 0, NULL, '2024-12-03T10:00:00Z', 'u', NULL),
        (3, '{A}', '{ANN}', 'todo', 'p3', 'generating', 'single-shot', 'https://g', NULL, NULL, NULL, 1, 0, NULL, '2024-11-01T10:00:00Z', 'u', NULL),
        (4, '{A}', '{BOB}', 'todo', 'p4', 'paused', 'single-shot', NULL, 'd', NULL, NULL, 1, 0, NULL, '2024-12-05T10:00:00Z', 'u', NULL),
        (5, NULL, NULL, 'shop', NULL, 'queued', 'single-shot', NULL, NULL, NULL, NULL, 1, 0, NULL, '2024-12-06T10:00:00Z', 'u', NULL),
        (6, NULL, NULL, 'shop', NULL, 'cancelled', 'single-shot', NULL, NULL, NULL, NULL, 1, 0, NULL, '2024-12-07T10:00:00Z', 'u', NULL),
        (7, 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaa7', '{ANN}', 'todo (2)', NULL, 'queued', 'single-shot', NULL, NULL, NULL, NULL, 1, 0, NULL,
            '2024-12-08T10:00:00Z', 'u', NULL);
        INSERT INTO iteration_snapshots (generation_request_id, iteration_number, files_snapshot, prompt_used, metadata) VALUES
        (1, 1, '{{"src/a.js":"one","b.txt":"\\u00e4"}}', 'p', '{{"tokens":1}}'), (1, 2, '{{"src/a.js":"two"}}', NULL, NULL),
        (2, 1, '{{"../x":"out"}}', NULL, NULL), (2, 2, '{{"a":{{"content":"x"}}}}', NULL, NULL), (2, 3, 'broken', NULL, NULL), (2, 4, NULL, NULL, NULL)""")
    return legacy


def rows(sql):
    return sql("SELECT * FROM generation_requests ORDER BY id"), sql("SELECT * FROM iteration_snapshots ORDER BY id")


def test_rows_from_before_come_up_with_nothing_lost(genstore, old):
    before, snapshots = rows(old)
    migrate(genstore)
    after, _ = rows(old)
    kept = set(before[0]) - {"download_url", "conversation", "app_id", "user_id", "artifacts_github_url"}
    assert [{k: r[k] for k in kept} for r in after] == [{k: r[k] for k in kept} for r in before]
    assert [r["request_id"] for r in after] == [f"req_legacy_{n}" for n in range(1, 8)]
    assert [r["artifacts_github_url"] for r in after[:3]] == ["https://github.com/x/y-artifacts", None, "https://g-artifacts"]
    assert len(snapshots) == old.value("SELECT count(*) FROM iteration_snapshots")
    genstore("check", "--read-data")


def test_rows_from_before_become_numbered_generations_of_apps_with_names_of_their_own(genstore, old):
    migrate(genstore)
    apps = {a["id"]: (a["user_id"], a["app_name"]) for a in old("SELECT * FROM apps")}
    got = [(*apps[r["app_id"]], r["generation_number"]) for r in old("SELECT * FROM generation_requests ORDER BY id")]
    assert got == [(ANN, "todo", 2), (ANN, "todo (3)", 1), (ANN, "todo", 1), (BOB, "todo", 1), (LOCAL, "shop", 1), (LOCAL, "shop", 2),
                   (ANN, "todo (2)", 1)]
    assert apps[A] == (ANN, "todo")
    assert old("SELECT subject, details ->> '$.was' AS was FROM audit_log WHERE action = 'app.rename'") == [{"subject": B, "was": "todo"}]


def test_what_is_dropped_is_counted_before(genstore, old):
    said = genstore("migrate", "--dry-run")
    assert "drops download_url (2 rows hold one) and conversation (1 rows hold one)" in said.out + said.err
    assert "3 stay as they are" in said.out + said.err and "'../x' is not a path within the tree" in said.out + said.err
    assert old.value("PRAGMA user_version") == 1


def test_full_json_becomes_a_manifest_and_what_is_no_tree_stays(genstore, old):
    _, before = rows(old)
    migrate(genstore)
    _, after = rows(old)
    trees = [json.loads(r["files_snapshot"]) for r in after[:2]]
    assert [(t["files"], t["bytes"]) for t in trees] == [(2, 5), (1, 3)]
    assert [r["files_snapshot"] for r in after[2:]] == [r["files_snapshot"] for r in before[2:]]
    assert genstore("cat", "req_legacy_1:src/a.js").out == "two"
    assert genstore("cat", "req_legacy_1@1:b.txt").out == "ä"


def test_going_down_gives_what_was_there_but_the_two_dropped_columns(genstore, old):
    before, snapshots = rows(old)
    migrate(genstore)
    migrate(genstore, "--to", "1")
    after, again = rows(old)
    for row in before:
        row.update(download_url=None, conversation=None)
    before[0]["artifacts_github_url"], before[2]["artifacts_github_url"] = "https://github.com/x/y-artifacts", "https://g-artifacts"
    assert after == before
    for row in (*snapshots[:2], *again[:2]):
        row["files_snapshot"] = json.loads(row["files_snapshot"])
    assert again == snapshots


def test_going_up_twice_gives_the_same_ids(genstore, old):
    migrate(genstore)
    first = old("SELECT id, uuid, request_id, app_id, user_id, generation_number FROM generation_requests")
    migrate(genstore, "--to", "1")
    migrate(genstore)
    assert old("SELECT id, uuid, request_id, app_id, user_id, generation_number FROM generation_requests") == first


def test_going_down_gives_new_generations_their_full_json(genstore, sql, generate):
    generate("mkdir src; echo hi >src/a; printf '\\377' >bin; ln -s bin l", "--app-name", "new")
    migrate(genstore, "--to", "4")
    assert json.loads(sql.value("SELECT files_snapshot FROM iteration_snapshots")) == {
        "bin": {"base64": "/w=="}, "l": {"link": "bin"}, "src/a": "hi\n"}
    migrate(genstore)
    assert genstore("cat", "new:src/a").out == "hi\n"
    genstore("check", "--read-data")


def test_the_migrations_are_plain_sql_that_sqlite3_runs(tmp_path, sql):
    """From nothing to the newest version and back, without genstore: the same tables."""
    folder = pathlib.Path(__file__).resolve().parents[2] / "store" / "schema"
    plain = Sql(tmp_path / "plain.db")
    ups = sorted(p for p in folder.glob("*.sql") if ".down." not in p.name)
    for path in ups:
        subprocess.run(["sqlite3", "-bail", str(plain.path)], input="BEGIN;\n" + path.read_text() + "COMMIT;\n", text=True, check=True)
    schema = "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite%' ORDER BY name"
    assert plain(schema) == sql(schema)
    for path in sorted(folder.glob("*.down.sql"), reverse=True):
        subprocess.run(["sqlite3", "-bail", str(plain.path)], input="BEGIN;\n" + path.read_text() + "COMMIT;\n", text=True, check=True)
    assert plain(schema) == []
