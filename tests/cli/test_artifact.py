"""Typed artifacts from the command line: put, got, listed, removed, as the artifact management design has them."""

import json
import os
import pathlib
import re
import resource
import shutil
import sqlite3
import subprocess
import uuid

import pytest

# The S3 storage structure of the design, file by file.
DESIGN = {
    "cloudformation": {"main.yaml": "Resources: {}\n", "parameters.json": "[]\n"},
    "terraform": {"main.tf": "module vpc {}\n", "variables.tf": "v\n", "outputs.tf": "o\n", "modules/vpc/main.tf": "resource {}\n"},
    "lambda": {"handler.py": "def handler(): pass\n", "requirements.txt": "boto3\n"},
    "diagram": {"architecture.png": bytes(range(256)) * 9, "deployment.svg": "<svg/>\n"},
    "pricing": {"summary.pdf": b"%PDF-1.4\n\xff", "estimate.csv": "a,b\n"},
}
FOLDERS = {"diagram": "diagrams"}
TYPES = {".yaml": "application/x-yaml", ".json": "application/json", ".tf": "text/plain", ".py": "text/x-python", ".png": "image/png",
         ".svg": "image/svg+xml", ".pdf": "application/pdf", ".md": "text/markdown", ".csv": "text/csv"}
WHERE = ("--session", "session123", "--org", "acme")


def data(content):
    return content.encode() if isinstance(content, str) else content


@pytest.fixture
def put(genstore, store):
    def run(type, *files, code=0, where=WHERE, **options):
        return genstore("artifact", "put", *where, "--type", type, *files, code=code, **options)
    return run


@pytest.fixture
def get(genstore):
    def run(path, session="session123", code=0, **options):
        return genstore("artifact", "get", "--session", session, path, "-o", "-", code=code, **options).stdout
    return run


@pytest.fixture
def listed(genstore):
    def run(*args, **options):
        found = genstore("artifact", "list", "--json", *args, **options).json
        assert [o["message_type"] for o in found] == ["artifact"] * (len(found) - 1) + ["summary"]
        return found[:-1], found[-1]
    return run


@pytest.fixture
def design(put, tree, tmp_path):
    """The design's tree, put type by type, and its README: {path: content}."""
    whole = {}
    for type, files in DESIGN.items():
        put(type, tree.write(tmp_path / type, files))
        whole.update({f"{FOLDERS.get(type, type)}/{name}": data(content) for name, content in files.items()})
    tree.write(tmp_path, {"README.md": "# all of it\n"})
    put("readme", tmp_path / "README.md")
    return {**whole, "README.md": b"# all of it\n"}


def test_the_designs_tree_comes_back_byte_for_byte(design, get, listed, genstore):
    rows, summary = listed("--session", "session123")
    assert [row["download_url"].split("/", 5)[5] for row in rows] == sorted(design)
    for path, content in design.items():
        assert get(path) == content
    assert get("diagram/architecture.png") == get("diagrams/architecture.png")
    assert get("readme/README.md") == design["README.md"]
    assert summary["total_size"] == sum(map(len, design.values()))
    assert summary["session_id"] == rows[0]["download_url"].split("/")[4]
    assert genstore("check", "--read-data", "--json").json[-1]["artifacts"] == len(design)


def test_the_list_has_exactly_the_fields_of_the_design(design, listed, genstore):
    rows, _ = listed("--session", "session123")
    for row in rows:
        del row["message_type"]
        assert list(row) == ["artifact_id", "type", "name", "size", "mime_type", "download_url", "created_at"]
        path = f"{FOLDERS.get(row['type'], row['type'])}/{row['name']}" if row["type"] != "readme" else row["name"]
        assert row["size"] == len(design[path])
        assert row["mime_type"] == TYPES.get(pathlib.Path(path).suffix, row["mime_type"])
        assert row["mime_type"] != "application/octet-stream"
        assert uuid.UUID(row["artifact_id"]).version == 4
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["created_at"])
    with sqlite3.connect(genstore.store) as db:
        for path, in db.execute("SELECT storage_path FROM artifacts"):
            assert re.fullmatch(r"organizations/[0-9a-f-]{36}/sessions/[0-9a-f-]{36}/artifacts/[^/].*", path)


def test_a_session_by_name_is_the_one_with_the_uuid5_of_it(put, listed, get, tmp_path):
    (tmp_path / "a.tf").write_text("x")
    org, name = str(uuid.uuid4()), "session 123, the first"
    put("terraform", tmp_path / "a.tf", where=("--session", name, "--org", org.upper()))
    id = str(uuid.uuid5(uuid.UUID(org), name))
    assert listed("--session", id)[0] == listed("--session", name)[0] != []
    assert get("terraform/a.tf", id.upper()) == b"x"
    assert put("terraform", tmp_path / "a.tf", where=("--session", id)).out == id + "\n"


def test_a_name_in_several_organizations_asks_for_which(put, get, listed, genstore, tmp_path):
    for org in "one", "two":
        (tmp_path / "a.tf").write_text(org)
        put("terraform", tmp_path / "a.tf", where=("--session", "s", "--org", org))
    for args in ("get", "terraform/a.tf"), ("rm", "terraform/a.tf"), ("list",):
        assert "say which with --org" in genstore("artifact", *args, "--session", "s", code=2).err
    assert get("terraform/a.tf", "s", code=2) == b""
    assert genstore("artifact", "get", "--session", "s", "--org", "two", "terraform/a.tf", "-o", "-").out == "two"
    assert len(listed("--org", "one")[0]) == 1


def test_standard_input_and_a_pipe_are_files_with_a_name(put, get, tmp_path, tree, genstore):
    large = os.urandom(700_000)
    put("pricing", "-", "--name", "big.bin", input=large)
    assert get("pricing/big.bin") == large
    put("pricing", "-", "--name", "empty", input=b"")
    assert get("pricing/empty") == b""
    assert "needs a --name" in put("pricing", "-", input=b"x", code=2).err
    (tmp_path / "f").write_bytes(b"0123456789")
    with (tmp_path / "f").open("rb") as f:
        f.seek(4)
        subprocess.run([genstore.start.__globals__["PROGRAM"], "artifact", "put", *WHERE, "-t", "pricing", "-", "--name", "rest"],
                       stdin=f, env=genstore.environment(None), check=True, capture_output=True)
    assert get("pricing/rest") == b"456789"


def test_putting_again_replaces_and_leaves_the_old_bytes_to_gc(put, get, listed, genstore, tmp_path):
    file = tmp_path / "main.tf"
    file.write_text("one")
    put("terraform", file, "--metadata", '{"step": 1}')
    (before,), _ = listed()
    assert put("terraform", file, "--metadata", '{"step": 1}', "--json").json[-1]["unchanged"] == 1
    file.write_text("two, longer")
    assert put("terraform", file, "--json").json[-1]["replaced"] == 1
    (after,), _ = listed()
    assert after == {**before, "size": 11}
    assert get("terraform/main.tf") == b"two, longer"
    with sqlite3.connect(genstore.store) as db:
        assert [row[0] for row in db.execute("SELECT action FROM audit_log WHERE action <> 'org.add' ORDER BY id")] == ["artifact.put", "artifact.replace"]
    assert genstore("gc", "--json").json[-1]["contents"] == 1
    assert get("terraform/main.tf") == b"two, longer"
    genstore("check", "--read-data")


def test_a_folder_keeps_its_structure_and_says_what_it_left_out(put, listed, tree, tmp_path):
    top = tree.write(tmp_path / "infra", {"main.tf": "m", "modules/vpc/main.tf": "v", "modules/vpc/empty": b"", "none": None, ".env": "KEY=x",
                                          ".git/HEAD": "ref", "link": pathlib.Path("/etc/passwd"), "grüße/名前 1.txt": "x"})
    done = put("terraform", top)
    assert "left out: 1 symbolic links, 1 ignored, 1 secret" in done.err
    assert [row["name"] for row in listed()[0]] == ["grüße/名前 1.txt", "main.tf", "modules/vpc/empty", "modules/vpc/main.tf"]
    assert "/gr%C3%BC%C3%9Fe/%E5%90%8D%E5%89%8D%201.txt" in listed()[0][0]["download_url"]
    os.mkfifo(top / "fifo")
    assert "cannot keep 'fifo'" in put("terraform", top, code=1).err


def test_what_cannot_be_put_puts_nothing(put, listed, tree, tmp_path):
    good = tree.write(tmp_path / "good", {"a": "1", "b": "2"})
    hostile = tree.write(tmp_path / "hostile", {"ok": "1", "line\nbreak": "2"})
    bad = tmp_path / os.fsdecode(b"bad")
    bad.mkdir()
    (bad / os.fsdecode(b"\xff\xfe")).write_text("x")
    cases = [
        (["terraform", good, hostile], "cannot keep 'line\\x0abreak': it has control characters; rename it", 1),
        (["terraform", good, bad], "cannot keep '\\xff\\xfe': it is not UTF-8; rename it", 1),
        (["terraform", good / "a", "--name", "../../etc/x"], "'.' and '..' lead elsewhere", 1),
        (["terraform", good / "a", "--name", "/etc/x"], "it is absolute", 1),
        (["terraform", good / "a", "--name", "a\\..\\b"], "it has a backslash", 1),
        (["terraform", good / "a", "--name", "n" * 256], "its name has more than 255 characters", 1),
        (["terraform", good / "a", hostile / "ok", tmp_path / "nope"], "nope': No such file or directory", 4),
        (["terraform", good, good], "two of the files have this name", 1),
        (["t" * 51, good], "it has more than 50 characters", 2),
        (["../x", good], "types are lower-case letters", 2),
        (["readme", good / "a", "--name", "bundle.zip"], "this name is the bundle's", 1),
        (["readme", good / "a", "--name", "docs/a"], "a readme is kept at the top", 1),
        (["terraform", good, "--metadata", "[]"], "the metadata is not a JSON object", 2),
        (["terraform", good, "--metadata", '{"a":'], "the metadata is not a JSON object: ", 2),
        (["terraform", good, "--name", "x"], "--name is for one file", 2),
        (["terraform", good / "a", good / "b", "--name", "x"], "--name is for one file", 2),
    ]
    for args, words, code in cases:
        failed = put(*args, code=code)
        assert words in failed.err and failed.out == "", args
        assert len(failed.err.splitlines()) == 1, failed.err
    for where in (("--session", "", "--org", "o"), ("--session", "a\nb", "--org", "o"), ("--session", "s", "--org", "x" * 256)):
        put("terraform", good, where=where, code=2)
    assert "--org says whose" in put("terraform", good, where=("--session", "new"), code=2).err
    assert listed() == ([], {"message_type": "summary", "total_size": 0, "session_id": None, "artifacts": 0, "next": None})


def test_a_session_of_another_organization_is_not_taken(put, listed, tmp_path):
    (tmp_path / "a").write_text("x")
    id = put("terraform", tmp_path / "a").out.strip()
    assert "belongs to another organization" in put("terraform", tmp_path / "a", where=("--session", id, "--org", "evil"), code=4).err
    assert len(listed()[0]) == 1


def test_what_is_not_there_is_exit_4_and_the_same_words_for_all(design, genstore):
    for path in "terraform/nope", "nope/x", "../README.md", "/README.md", "terraform", "terraform/../README.md", "", "\x1b[31m":
        failed = genstore("artifact", "get", "--session", "session123", path, "-o", "-", code=4)
        assert re.fullmatch(r"genstore: no artifact '.*' in this session\n", failed.err)
        assert "\x1b" not in failed.err
    for args in (["list", "--session", "nope"], ["list", "--org", "nope"], ["list", "--conversation", "nope"],
                 ["get", "--session", "nope", "x"], ["rm", "--session", "session123", "terraform/nope"],
                 ["rm", "--session", "session123", "nope/", "--force"], ["rm", "--session", "nope", "x"]):
        genstore("artifact", *args, code=4)
    for args in (["get", "terraform/main.tf"], ["rm", "terraform/main.tf"], ["put", "x", "-t", "y"], [], ["frob"],
                 ["list", "--since", "yesterday"], ["list", "--limit", "-1"]):
        genstore("artifact", *args, code=2)


def test_get_writes_a_file_of_its_name_and_replaces_none_by_itself(design, genstore, tmp_path):
    to = tmp_path / "out"
    to.mkdir()
    said = genstore("artifact", "get", "--session", "session123", "terraform/modules/vpc/main.tf", cwd=to)
    assert (to / "main.tf").read_bytes() == design["terraform/modules/vpc/main.tf"] and "wrote 'main.tf'" in said.err
    assert "--force replaces it" in genstore("artifact", "get", "--session", "session123", "terraform/main.tf", cwd=to, code=1).err
    row = genstore("artifact", "get", "--session", "session123", "terraform/main.tf", "-f", "--json", cwd=to).json[-1]
    assert row["name"] == row["file"] == "main.tf" and (to / "main.tf").read_bytes() == design["terraform/main.tf"]


def test_lists_are_filtered_and_paged(design, put, listed, genstore, tmp_path):
    (tmp_path / "x").write_text("x")
    put("pricing", tmp_path / "x", where=("--session", "other", "--org", "acme", "--conversation", "talk 1"))
    put("lambda", tmp_path / "x", where=("--session", "third", "--org", "else"))
    count = len(design) + 2
    cases = {(): count, ("--session", "session123"): len(design), ("--conversation", "talk 1"): 1, ("--org", "acme"): count - 1,
             ("--type", "diagram"): 2, ("--type", "diagrams"): 2, ("--type", "lambda", "--org", "else"): 1,
             ("--since", "2020-01-01"): count, ("--until", "2020-01-01"): 0, ("--since", "2999-01-01T00:00:00+01:00"): 0,
             ("--conversation", "talk 1", "--type", "lambda"): 0, ("--session", "other", "--org", "acme"): 1}
    for args, want in cases.items():
        rows, summary = listed(*args)
        assert len(rows) == summary["artifacts"] == want, args
        assert summary["total_size"] == sum(row["size"] for row in rows)
    whole, _ = listed("--org", "acme")
    pages, after = [], []
    while True:
        rows, summary = listed("--org", "acme", "--limit", 5, *after)
        assert len(rows) <= 5 and summary["artifacts"] == len(whole)
        pages += rows
        if not summary["next"]:
            break
        after = ["--after", summary["next"]]
    assert pages == whole
    shown = genstore("artifact", "list", "--session", "session123", "--limit", 3)
    assert len(shown.out.splitlines()) == 4 and "--after 'organizations/" in shown.err
    assert len(genstore("artifact", "list", "--all").out.splitlines()) == count + 1
    assert genstore("artifact", "list", "--until", "2020-01-01").out == ""


def test_rm_takes_names_at_once_and_folders_when_told(design, listed, genstore):
    def rm(*args, **options):
        return genstore("artifact", "rm", "--session", "session123", *args, **options)

    rm("terraform/main.tf", "pricing/summary.pdf", "terraform/main.tf")
    assert len(listed()[0]) == len(design) - 2
    rm("terraform/variables.tf", "terraform/nope", code=4)
    assert "nobody can be asked: add --force" in rm("terraform/", code=2).err
    assert rm("terraform/modules/", "--dry-run", "--json").json[-1]["would_remove"] == 1
    assert len(listed()[0]) == len(design) - 2
    assert rm("terraform/modules/", "diagram/", "--force", "--json").json[-1]["removed"] == 3
    rm("readme/", "--force")
    assert {row["type"] for row in listed()[0]} == {"cloudformation", "terraform", "lambda", "pricing"}
    with sqlite3.connect(genstore.store) as db:
        assert db.execute("SELECT count(*) FROM audit_log WHERE action = 'artifact.remove'").fetchone() == (6,)
    genstore("gc")
    genstore("check", "--read-data")


def test_a_conversation_and_metadata_are_kept_with_it(put, genstore, tmp_path):
    (tmp_path / "a.tf").write_text("x")
    put("terraform", tmp_path / "a.tf", "--conversation", "c1", "--metadata", ' { "tool": {"name":"tf", "v": [1, 2.50]} } ')
    with sqlite3.connect(genstore.store) as db:
        metadata, name = db.execute("SELECT metadata, c.name FROM artifacts JOIN conversations AS c USING (conversation_id)").fetchone()
    assert json.loads(metadata) == {"tool": {"name": "tf", "v": [1, 2.5]}} and name == "c1"


def test_equal_bytes_are_kept_once_whoever_has_them(put, genstore, tree, tmp_path):
    (tmp_path / "a").write_bytes(os.urandom(300_000))
    put("terraform", tmp_path / "a")
    before = genstore("stats", "--json").json[0]
    put("lambda", tmp_path / "a", where=("--session", "other", "--org", "another"))
    after = genstore("stats", "--json").json[0]
    assert after["stored_bytes"] == before["stored_bytes"]
    assert (after["artifacts"], after["artifact_bytes"], after["sessions"], after["organizations"]) == (2, 600_000, 2, 2)


def test_a_huge_file_takes_little_memory(genstore, store, tmp_path, san):
    with (tmp_path / "huge").open("wb") as out:
        out.truncate(160 << 20)
    limit = (resource.RLIM_INFINITY if san else 64 << 20,) * 2
    for args in (["put", *WHERE, "--type", "pricing", tmp_path / "huge"], ["get", "--session", "session123", "pricing/huge", "-o", tmp_path / "out"]):
        process = genstore.start("artifact", *args, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, limit))
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    assert (tmp_path / "out").stat().st_size == 160 << 20
    assert subprocess.run(["cmp", tmp_path / "huge", tmp_path / "out"], check=False).returncode == 0


def test_the_systems_mime_data_knows_more_than_the_design(put, listed, tree, tmp_path):
    assert pathlib.Path("/usr/share/mime/globs2").exists(), "shared-mime-info is not installed"
    top = tree.write(tmp_path / "x", {"run.sh": "PNG", "index.html": "", "a.zip": "not a zip", "noext": "#!/bin/sh\n", "picture": b"\x89PNG\r\n\x1a\n"})
    put("lambda", top)
    assert {row["name"]: row["mime_type"] for row in listed()[0]} == {
        "run.sh": "application/x-shellscript", "index.html": "text/html", "a.zip": "application/zip",
        "noext": "application/octet-stream", "picture": "application/octet-stream"}


def test_help_and_completion_know_the_commands_of_the_group(genstore):
    assert "usage: genstore artifact put [OPTION]..." in genstore("artifact", "put", "--help").out
    assert genstore("help", "artifact", "list").out == genstore("artifact", "list", "-h").out
    assert genstore("artifact", "--help").out == genstore("help", "artifact").out
    assert "no such command: 'artifact frob'; see 'genstore help artifact'" in genstore("help", "artifact", "frob", code=2).err
    assert "'artifact needs" not in genstore("artifact", code=2).err


def test_a_backup_and_a_compacted_store_have_them(design, get, genstore, tmp_path):
    genstore("backup", tmp_path / "copy")
    genstore("gc", "--compact")
    for env in {}, {"GENSTORE_STORE": tmp_path / "copy"}:
        for path, content in design.items():
            assert get(path, env=env) == content
    shutil.rmtree(tmp_path / "terraform")
