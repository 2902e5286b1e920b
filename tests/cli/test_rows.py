"""Rows as JSON lines, exports without secrets, and CSV files of rows. The judges are Python's json, a search through the bytes, and sqlite3 on the file."""

import base64
import hashlib
import json
import os
import pathlib
import sqlite3
import stat
import subprocess

import pytest

LOCAL = "00000000-0000-4000-8000-000000000001"
APP = "11111111-1111-4111-8111-111111111111"
ORG = "22222222-2222-4222-8222-222222222222"
PROGRAM = os.environ.get("GENSTORE", str(pathlib.Path(__file__).resolve().parents[2] / "build" / "genstore"))
JWT = "jwt+Plain5/Value3_of_thirty_two_bytes"
SECRET = 'ghp_"Plain7\\Value9/That1+Nobody3\tSees5'


def query(store, sql, *values):
    db = sqlite3.connect(store)
    with db:
        return db.execute(sql, values).fetchall()


@pytest.fixture
def key(genstore, store, tmp_path):
    assert store.exists()
    path = tmp_path / "key"
    path.write_text(os.urandom(32).hex())
    path.chmod(0o600)
    genstore.env["GENSTORE_KEY_FILE"] = str(path)
    genstore("key", "init")
    return path


@pytest.fixture
def leaky(genstore, generate, key, tmp_path):
    """A store whose secrets stand wherever people and generators can have left them; returns all of them."""
    assert key.exists()
    genstore("secret", "set", "github", input=SECRET)
    genstore("secret", "set", "short", input="tiny")
    genstore("config", "set", "serve.jwt_secret", input=JWT)
    token = genstore("token", "add", "--user", "local").out.split()[-1]
    s3_id, s3_secret = genstore("token", "add", "--user", "local", "--s3").out.split()[-2:]
    assert s3_id.startswith("GSAK")
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    generate(f"""
        cp {secret} plain.txt
        (printf '\\000\\377\\001'; cat {secret} {secret}) >binary
        echo 'postgres://user:Pass0Word1@db/x' >.config
        printf '%s' '{json.dumps({"k": SECRET})}' >nested.json
        echo 'signed with {JWT}'
        echo "{s3_secret} https://bucket/x?X-Amz-Credential=AKIDEXAMPLE%2F20240101%2Fus-east-1&X-Amz-Signature={'ab12' * 16}&x=1"
        echo '{{"type": "log", "line": "{token}"}}'
    """, "--prompt", f"use {SECRET} and {token}", "--app-name", "leaky")
    rid = genstore("list", "--json").json[0]["request_id"]
    escaped = "".join(f"\\u{ord(c):04x}" for c in SECRET)
    query(genstore.store, "UPDATE iteration_snapshots SET metadata = ? WHERE generation_request_id = 1", f'{{"spelt": "{escaped}", "n": 1}}')
    assert rid
    return [SECRET, JWT, token, s3_secret, "Pass0Word1", "ab12" * 16, "AKIDEXAMPLE%2F20240101"]


def forms(value):
    """What a value can look like in an export."""
    raw = value.encode()
    once = json.dumps(value)[1:-1].encode()
    found = {raw, once, json.dumps(once.decode())[1:-1].encode(), raw.hex().encode()}
    found |= {text.replace(b"\\", b"\\\\").replace(b"\t", b"\\t") for text in (raw, once)}
    for before in range(3):
        coded = base64.b64encode(bytes(before) + raw)
        found.add(coded[-(-before * 8 // 6):(before + len(raw)) * 8 // 6])
    return found


def sealed(store):
    """Whatever the tables keep of secrets."""
    found = [row[0].encode() for row in query(store, "SELECT encrypted_token FROM user_secrets UNION SELECT encrypted_secret FROM access_keys"
                                                     " UNION SELECT value FROM deployment_config WHERE encrypted")]
    for blob, in query(store, "SELECT token_hash FROM tokens UNION SELECT wrapped FROM store_keys UNION SELECT salt FROM store_keys"):
        found += [blob, blob.hex().encode(), base64.b64encode(blob)]
    assert len(found) >= 6
    return found


@pytest.mark.parametrize("form", ["json", "postgres"])
@pytest.mark.parametrize("to", ["file", "stdout"])
def test_a_redacted_export_has_no_secret_in_any_form(genstore, leaky, form, to):
    path = genstore.home / "out"
    told = genstore("export", "--format", form, "--redact", "-o", path if to == "file" else "-")
    data = path.read_bytes() if to == "file" else told.stdout
    for value in leaky:
        for text in forms(value):
            assert text not in data, value
    assert not [text for text in sealed(genstore.store) if text in data]
    assert b"***" in data and b"leaky" in data
    assert "none is left" in told.err and "1 secrets have less than 8 bytes" in told.err
    # Without --redact they are there: the search is not for nothing.
    plain = genstore("export", "--format", form).stdout
    assert all(any(text in plain for text in forms(value)) for value in leaky)
    if form == "json":
        rows = [json.loads(line) for line in data.splitlines()]
        assert {row["metadata"]["spelt"] for row in rows if row["table"] == "iteration_snapshots" and row["metadata"]} == {"***"}


def test_json_lines_have_everything_but_secrets(genstore, leaky):
    assert leaky
    data = genstore("export", "--format", "json").stdout
    rows = [json.loads(line) for line in data.decode().split("\n")[:-1]]
    assert all(next(iter(row)) == "table" for row in rows)
    assert not [text for text in sealed(genstore.store) if text in data]
    by = {}
    for row in rows:
        by.setdefault(row["table"], []).append(row)
    db = sqlite3.connect(genstore.store)
    db.row_factory = sqlite3.Row
    secret = {"user_secrets": {"encrypted_token"}, "tokens": {"token_hash"}, "access_keys": {"encrypted_secret"}, "generation_events": {"sum"}}
    for table in ("users", "apps", "generation_requests", "iteration_snapshots", "generation_costs", "generation_events", "user_secrets", "tokens", "access_keys",
                  "audit_log", "generation_runs"):
        kept = [dict(row) for row in db.execute(f"SELECT * FROM {table} ORDER BY 1")]
        assert len(kept) == len(by.get(table, [])), table
        for mine, theirs in zip(kept, by.get(table, [])):
            assert set(theirs) - {"table"} == set(mine) - secret.get(table, set()), table
            for name, value in theirs.items():
                if name in ("table", "files_snapshot"):
                    continue
                assert value == (json.loads(mine[name]) if isinstance(value, (dict, list)) else mine[name])
    archive = genstore("get", "leaky", "-o", "-").stdout
    assert by["archives"][0]["sha256"] == hashlib.sha256(archive).hexdigest() and by["archives"][0]["size"] == len(archive)
    assert by["iteration_snapshots"][0]["files_snapshot"]["plain.txt"] == SECRET
    assert "table" in json.loads(genstore("export", "--format", "json", "--without-files").out.splitlines()[0])
    assert all("files_snapshot" not in json.loads(line) for line in genstore("export", "--format", "json", "--without-files").out.splitlines())


def test_text_that_is_not_utf8_is_base64_in_json(genstore, generate):
    generate("true")
    query(genstore.store, "UPDATE generation_requests SET prompt = CAST(? AS TEXT), error_message = ?", b"a\xffb", "nul\0inside")
    row = [json.loads(line) for line in genstore("export", "--format", "json").out.splitlines() if '"generation_requests"' in line][0]
    assert row["prompt"] == {"base64": base64.b64encode(b"a\xffb").decode()}
    assert row["error_message"] == "nul\0inside"


@pytest.mark.parametrize("form", ["json", "postgres"])
def test_a_secret_setting_that_lies_in_the_clear_leaves_neither(genstore, generate, form):
    generate(f"echo 'signed with {JWT}'")
    query(genstore.store, "INSERT INTO deployment_config (key, value) VALUES ('serve.jwt_secret', ?), ('s3.region', 'eu-west-1')", JWT)
    data = genstore("export", "--format", form, "--redact").stdout
    assert JWT.encode() not in data and b"signed with ***" in data
    assert b"serve.jwt_secret" in data and b"eu-west-1" in data
    rows = [json.loads(line) for line in genstore("export", "--format", "json").out.splitlines()]
    assert {row["key"]: row.get("value") for row in rows if row["table"] == "deployment_config"} == {"serve.jwt_secret": None, "s3.region": "eu-west-1"}


def test_redact_wants_the_key_for_what_is_sealed(genstore, key):
    genstore("secret", "set", "github", input=SECRET)
    path = genstore.home / "out"
    genstore("export", "--format", "json", "--redact", "-o", path, code=12, env={"GENSTORE_KEY_FILE": None})
    other = key.with_name("other")
    other.write_text(os.urandom(32).hex())
    other.chmod(0o600)
    genstore("export", "--format", "json", "--redact", "-o", path, code=12, env={"GENSTORE_KEY_FILE": other})
    assert not path.exists()
    # Without --redact no key is needed: nothing is opened.
    genstore("export", "--format", "json", "-o", path, env={"GENSTORE_KEY_FILE": None})
    assert SECRET.encode() not in path.read_bytes()


@pytest.mark.parametrize("form", ["json", "postgres"])
def test_a_secret_that_stands_where_it_cannot_be_taken_out_refuses_the_export(genstore, key, form):
    assert key.exists()
    genstore("secret", "set", "odd", input="timestamptz" if form == "postgres" else "generation_requests")
    query(genstore.store, "INSERT INTO apps (id, app_name) VALUES (?, 'a')", APP)
    query(genstore.store, "INSERT INTO generation_requests (request_id, app_id, app_name, generation_number) VALUES ('r', ?, 'a', 1)", APP)
    path = genstore.home / "out"
    told = genstore("export", "--format", form, "--redact", "-o", path, code=1)
    assert "a secret is left in the export, at byte" in told.err and "timestamptz" not in told.err
    assert not path.exists() and not list(genstore.home.glob(".genstore*"))
    assert genstore("export", "--format", form, "--redact", code=1).stdout == b""


def test_an_export_appears_whole_or_not_at_all(genstore, generate):
    generate("echo hi >x")
    path = genstore.home / "rows.jsonl"
    said = genstore("export", "--format", "json", "-o", path, "--json").json[-1]
    assert said["rows"] == len(path.read_text().splitlines()) and said["bytes"] == path.stat().st_size
    assert genstore("export", "--format", "json", "--json").stdout == path.read_bytes()
    assert stat.S_ISREG(path.stat().st_mode)
    assert "--force replaces it" in genstore("export", "--format", "json", "-o", path, code=1).err
    genstore("export", "--format", "postgres", "-o", path, "--force")
    assert path.read_text().endswith("COMMIT;\n")
    genstore("export", "--format", "json", "-o", genstore.home / "none" / "x", code=1)
    done = subprocess.run(f"'{PROGRAM}' export --format json | head -c 10", shell=True, env=genstore.environment(None),
                          capture_output=True, check=False)
    assert done.stdout == b'{"table":"' and b"genstore:" not in done.stderr
    full = genstore.start("export", "--format", "json", stdout=open("/dev/full", "wb"))
    assert full.wait(30) == 1


@pytest.mark.parametrize("args, code", [
    (["export"], 2), (["export", "--format", "xml"], 2), (["export", "--format", "json", "folder"], 2), (["export", "--format", "files"], 2),
    (["export", "--format", "files", "--redact", "folder"], 2), (["import", "--format", "csv", "."], 2),
    (["import", "--format", "postgres-csv", ".", "--app-name", "x"], 2), (["import", "--format", "postgres-csv", "nowhere"], 4),
    (["import", "--format", "postgres-csv", "."], 4),
])
def test_wrong_words_get_one_line_and_the_right_code(genstore, store, args, code):
    assert store.exists()
    assert len(genstore(*args, code=code).err.splitlines()) == 1


HEADS = {"apps": "id,user_id,app_name,created_at", "generation_requests": "id,uuid,request_id,app_id,user_id,app_name,generation_number,status",
         "organizations": "organization_id,name,created_at", "iteration_snapshots": "id,generation_request_id,iteration_number,files_snapshot,metadata",
         "users": "id,name", "deployment_config": "key,value,encrypted"}
APPS = f'{APP},{LOCAL},"a ""quoted"", app",2024-12-01 05:00:00.5-05'
REQUEST = f"7,{ORG},req_seven,{APP},{LOCAL},a,1,completed"


@pytest.fixture
def folder(tmp_path):
    """Writes CSV files: name=lines, the first line as in HEADS."""
    def write(**tables):
        top = tmp_path / "csv"
        top.mkdir(exist_ok=True)
        for name, lines in tables.items():
            text = lines if isinstance(lines, bytes) else "\n".join([HEADS[name], *lines, ""]).encode()
            (top / f"{name}.csv").write_bytes(text)
        return top

    return write


def take(genstore, folder, code=0):
    return genstore("import", "--format", "postgres-csv", folder, code=code)


def dump(store):
    return query(store, "SELECT count(*), (SELECT count(*) FROM audit_log), (SELECT group_concat(app_name) FROM apps) FROM generation_requests")


def test_columns_that_a_file_does_not_have_get_what_a_new_row_has(genstore, store, folder):
    take(genstore, folder(apps=[APPS], generation_requests=[REQUEST], users=[f"{ORG},\"\"", f"{LOCAL},local"]))
    assert query(store, "SELECT app_name, created_at FROM apps") == [('a "quoted", app', "2024-12-01T10:00:00.5Z")]
    row = query(store, "SELECT id, status, mode, generation_type, current_iteration, completed_at, updated_at FROM generation_requests")[0]
    assert row[:6] == (7, "completed", "single-shot", "new", 0, None) and len(row[6]) == 20
    assert query(store, "SELECT name FROM users ORDER BY id") == [("local",), ("",)]
    assert genstore("list", "--json").json[0]["request_id"] == "req_seven"
    assert query(store, "SELECT action, subject, details FROM audit_log ORDER BY id")[0] == ("table.import", "users", '{"rows":1}')
    genstore("audit", "verify")


def test_a_mark_crlf_and_no_line_break_at_the_end_are_read(genstore, store, folder):
    take(genstore, folder(organizations=b"\xef\xbb\xbforganization_id,name,created_at\r\n" + f'{ORG},"a\r\nb",2024-12-01T10:00:00Z'.encode()))
    assert query(store, "SELECT name FROM organizations") == [("a\r\nb",)]


def test_the_same_rows_again_are_nothing_and_others_are_refused_with_their_key(genstore, store, folder):
    top = folder(apps=[APPS], generation_requests=[REQUEST], iteration_snapshots=['1,7,1,"{""a"": ""b""}","{""x"": 1, ""y"": [2]}"'])
    take(genstore, top)
    genstore("check", "--read-data", code=None)
    before = dump(store)
    # In another zone, in another order, with other spaces.
    folder(apps=[APPS.replace("05:00:00.5-05", "19:00:00.500000+09")], iteration_snapshots=['1,7,1,"{""a"":""b""}","{""y"":[2],""x"":1}"'])
    (top / "generation_requests.csv").unlink()
    assert "0 rows, 1 were there" in take(genstore, top).err
    assert dump(store) == before
    folder(organizations=[f"{ORG},new,2024-12-01 10:00:00+00"], apps=[APPS], iteration_snapshots=['1,7,1,"{""a"": ""c""}",'])
    assert "row '1' of 'iteration_snapshots' is in the store with another 'files_snapshot'; nothing was imported" in take(genstore, top, code=1).err
    assert dump(store) == before and query(store, "SELECT count(*) FROM organizations") == [(0,)]
    folder(iteration_snapshots=['1,7,1,"{""a"": ""b""}","{""x"": 2}"'])
    assert "another 'metadata'" in take(genstore, top, code=1).err
    folder(iteration_snapshots=[], apps=[APPS.replace(LOCAL, ORG)])
    assert f"row '{APP}' of 'apps' is in the store with another 'user_id'" in take(genstore, top, code=1).err


@pytest.mark.parametrize("tables, why", [
    ({"apps": [APPS], "generation_requests": [REQUEST.replace(APP, ORG)]}, "row '7' of 'generation_requests' cannot be kept: it refers to a row that is neither"),
    ({"apps": [APPS], "generation_requests": [REQUEST, REQUEST.replace("7,", "8,", 1)]}, "row '8' of 'generation_requests' cannot be kept: the store has another row"),
    ({"apps": [APPS], "generation_requests": [REQUEST.replace("completed", "done")]}, "row '7' of 'generation_requests' cannot be kept: "),
    ({"apps": [APPS.replace(APP, "no-uuid")]}, "line 2: 'id' is not a uuid"),
    ({"apps": [APPS.replace("2024-12", "2024-13")]}, "line 2: 'created_at' is not a time"),
    ({"apps": [APPS.replace("2024-12-01 05:00:00.5-05", "infinity")]}, "'created_at' is not a time"),
    ({"apps": [APPS.replace("2024-12-01 05", "44-03-15 05")]}, "'created_at' is not a time"),
    ({"apps": [APPS + ",more"]}, "line 2: it has 5 values, the first line names 4 columns"),
    ({"apps": [APPS.rsplit(",", 1)[0]]}, "line 2: it has 3 values"),
    ({"apps": [f'{APP},{LOCAL},"never ends']}, "line 2: it ends within quotes"),
    ({"apps": [f'{APP},{LOCAL},"a"b,']}, "line 2: something stands between the closing quote and the comma"),
    ({"apps": [f'{APP},{LOCAL},a"b,']}, "line 2: a quote stands within"),
    ({"apps": (HEADS["apps"] + f"\n{APP},{LOCAL},a\0b,\n").encode()}, "line 2: a value has a NUL"),
    ({"apps": (HEADS["apps"] + f"\n{APP},{LOCAL},").encode() + b"\xff,\n"}, "line 2: a value is not UTF-8"),
    ({"apps": b""}, "is empty; its first line has to name the columns"),
    ({"apps": f"{APP},{LOCAL},name\n".encode()}, "has no column '11111111"),
    ({"apps": b"id,user_id,app_name,id\n"}, "has the column 'id' twice"),
    ({"apps": b"id,app_name\n"}, "has no column 'user_id'"),
    ({"organizations": [f"{ORG},,2024-12-01 10:00:00+00"]}, f"row '{ORG}' of 'organizations' cannot be kept"),
    ({"apps": [APPS], "generation_requests": [REQUEST], "iteration_snapshots": ["1,7,1,,{not json}"]}, "row '1' of 'iteration_snapshots' cannot be kept"),
    ({"apps": [APPS], "generation_requests": [REQUEST], "iteration_snapshots": ["0x1,7,1,,"]}, "'id' is not a whole number"),
    ({"apps": [APPS], "generation_requests": [REQUEST], "iteration_snapshots": ["99999999999999999999,7,1,,"]}, "'id' is not a whole number"),
    ({"deployment_config": ["k,v,maybe"]}, "'encrypted' is not t or f"),
    ({"apps": [APPS], "pieces": b"id\n1\n"}, "pieces.csv' is not named after a table that can be imported"),
    ({"apps": [APPS], "archives": b"id\n1\n"}, "archives.csv' is not named after a table that can be imported"),
])
def test_what_cannot_be_is_said_and_nothing_is_imported(genstore, store, folder, tables, why):
    before = dump(store)
    told = take(genstore, folder(**tables), code=1).err
    assert why in told and len(told.splitlines()) == 1
    assert dump(store) == before


def test_rows_of_all_are_the_owners_business(genstore, store, folder):
    assert store.exists()
    genstore("user", "add", "bob")
    token = genstore("token", "add", "--user", "bob").out.split()[-1]
    said = take(genstore, folder(apps=[APPS]), code=0)
    assert said.code == 0
    for args in (("import", "--format", "postgres-csv", folder()), ("export", "--format", "json")):
        told = genstore(*args, code=None, env={"GENSTORE_TOKEN": token})
        assert told.code not in (0, None) and told.out == ""


def test_users_who_are_known_by_their_ids_only_become_users(genstore, store, folder):
    take(genstore, folder(apps=[APPS.replace(LOCAL, ORG)]))
    assert query(store, "SELECT name FROM users WHERE id = ?", ORG) == [(ORG,)]


def test_who_reads_an_export_slowly_keeps_nobody_from_writing(genstore, generate):
    generate("echo one >file")
    query(genstore.store, "UPDATE generation_requests SET prompt = ?", "x" * 4_000_000)
    reader = genstore.start("export", "--format", "json")
    first = os.read(reader.stdout.fileno(), 10)  # it has begun to write, and has to wait for us
    genstore("user", "add", "carol")
    generate("echo two >file", "--app-name", "other")
    rest = reader.stdout.read()
    assert reader.wait(30) == 0
    rows = [json.loads(line) for line in (first + rest).splitlines()]
    assert [row["name"] for row in rows if row["table"] == "users"] == ["local"]
    assert [row["app_name"] for row in rows if row["table"] == "generation_requests"] == ["app"]
    assert [row["files_snapshot"] for row in rows if row["table"] == "iteration_snapshots"] == [{"file": "one\n"}]


def test_temporary_files_that_cannot_be_made_are_told(genstore, generate):
    generate("true")
    told = genstore("export", "--format", "json", code=1, env={"TMPDIR": genstore.home / "nowhere"})
    assert "cannot keep rows in a temporary file: No such file or directory; TMPDIR can name another folder" in told.err
