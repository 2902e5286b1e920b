"""The trail, as its readers see it and as somebody with the sqlite3 shell would falsify it."""

import shutil
import subprocess

import pytest

LOCAL = "00000000-0000-4000-8000-000000000001"
# Who wants to falsify it takes the triggers away first, and puts them back.
TRIGGERS = ("audit_log_is_never_changed", "audit_log_is_never_removed_from", "audit_log_is_never_replaced",
            "audit_chain_is_never_changed", "audit_chain_is_never_removed_from", "audit_chain_only_grows_at_its_end",
            "audit_head_only_goes_forward", "audit_head_is_never_removed", "audit_head_is_never_replaced")


@pytest.fixture
def put(genstore, shell, tmp_path):
    """Puts a.md with that text; what it is called in the trail is its storage path's last word. The organization is there, in no trail."""
    shell("INSERT INTO organizations (name) VALUES ('o')")

    def run(text, name="a.md"):
        (tmp_path / name).write_text(text)
        genstore("artifact", "put", "--session", "s", "--org", "o", "--type", "readme", tmp_path / name)
    return run


@pytest.fixture
def trail(genstore):
    """The rows of the trail, oldest first."""
    return lambda *args: [o for o in reversed(genstore("audit", "--json", *args).json)]


@pytest.fixture
def shell(store):
    def run(sql):
        assert shutil.which("sqlite3"), "the tests need the sqlite3 shell"
        return subprocess.run(["sqlite3", "-batch", "-bail", store], input=sql, capture_output=True, text=True, check=False)
    return run


@pytest.fixture
def falsify(shell):
    """Does it without the triggers, which are there again afterwards."""
    def run(sql):
        names = ", ".join(f"'{name}'" for name in TRIGGERS)
        kept = shell(f"SELECT sql || ';' FROM sqlite_schema WHERE name IN ({names});").stdout
        assert kept.count("CREATE TRIGGER") == len(TRIGGERS)
        done = shell("".join(f"DROP TRIGGER {name};" for name in TRIGGERS) + sql + ";\n" + kept)
        assert done.returncode == 0, done.stderr
    return run


def test_a_row_says_who_what_which_when_and_how_it_was(put, trail):
    put("one")
    put("other")
    first, second = trail()
    assert list(first) == ["message_type", "id", "created_at", "user_id", "user", "action", "subject", "details"]
    assert (first["message_type"], first["id"], first["user_id"], first["user"], first["action"]) == ("audit", 1, LOCAL, "local", "artifact.put")
    assert (second["action"], second["subject"]) == ("artifact.replace", first["subject"])
    assert second["details"]["size"] == 5 and second["details"]["size_before"] == 3
    assert second["details"]["sha256_before"] == first["details"]["sha256"]


def test_the_trail_is_filtered_and_paged(genstore, put, trail):
    for name in ("a.md", "b.md", "c.md"):
        put("x", name)
    genstore("artifact", "rm", "--session", "s", "readme/b.md")
    everything = trail()
    assert [r["action"] for r in everything] == ["artifact.put"] * 3 + ["artifact.remove"]
    assert trail("--action", "artifact") == everything and trail("--action", "art") == []
    assert trail("--action", "artifact.remove") == everything[3:]
    assert trail("--subject", everything[1]["subject"]) == [everything[1], everything[3]]
    assert trail("--user", "local") == trail("--user", LOCAL) == everything
    assert trail("--user", LOCAL.replace("1", "2")) == []
    at = everything[0]["created_at"]
    assert trail("--since", at) == everything and trail("--until", at) == [] and trail("--since", "2999-01-01") == []
    assert trail("--limit", "2") == everything[2:] and trail("--limit", "2", "--before", "3") == everything[:2]
    page = genstore("audit", "--limit", "1")
    assert "artifact.remove" in page.out and "artifact.put" not in page.out and "--before 4" in page.err
    assert genstore("audit", "--before", "1").out == ""


@pytest.mark.parametrize("args, said", [
    (["--user", "nobody"], "no user 'nobody'"), (["--since", "yesterday"], "--since takes a date"), (["--limit", "0"], "--limit is 1 or more"),
    (["--limit", "1", "--all"], "exclude each other"), (["look"], "'audit' can verify, not 'look'"),
    (["verify", "--all"], "looks at the whole trail"), (["verify", "--noted", "x"], "takes what 'genstore audit verify' printed"),
    (["--noted", "1:" + "0" * 64], "is for 'audit verify'"),
])
def test_what_audit_cannot_do_is_said(genstore, store, args, said):
    done = genstore("audit", *args, code=4 if args[0] == "--user" else 2)
    assert said in done.err and done.out == ""


@pytest.mark.parametrize("sql, said", [
    ("UPDATE audit_log SET subject = 'x' WHERE id = 2", ["2 (artifact.put 'x'): the row, or its link, was changed"]),
    ("UPDATE audit_log SET user_id = NULL WHERE id = 3", ["3 (artifact.put '"]),
    ("UPDATE audit_log SET details = json_remove(details, '$.sha256') WHERE id = 1", ["1 (artifact.put '"]),
    ("DELETE FROM audit_log WHERE id = 2", ["2: the row was removed"]),
    ("DELETE FROM audit_log WHERE id = 2; DELETE FROM audit_chain WHERE id = 2", ["2: the row is missing, and its link"]),
    ("DELETE FROM audit_log WHERE id > 1; DELETE FROM audit_chain WHERE id > 1", ["2: the rows up to 3 are missing, and their links"]),
    ("DELETE FROM audit_log WHERE id = 3; DELETE FROM audit_chain WHERE id = 3; UPDATE audit_head SET links = 2, last_id = 2,"
     " hash = (SELECT hash FROM audit_chain WHERE id = 2)", ["3: the row is missing, and its link"]),
    ("UPDATE audit_log SET id = -id; UPDATE audit_log SET id = CASE id WHEN -1 THEN 2 WHEN -2 THEN 1 ELSE 3 END", ["1 (artifact", "2 (artifact"]),
    ("UPDATE audit_log SET id = -id; UPDATE audit_log SET id = CASE id WHEN -1 THEN 2 WHEN -2 THEN 1 ELSE 3 END;"
     "UPDATE audit_chain SET id = -id; UPDATE audit_chain SET id = CASE id WHEN -1 THEN 2 WHEN -2 THEN 1 ELSE 3 END",
     ["1 (artifact", "2 (artifact", "3 (artifact"]),  # the third is linked to another one
    ("INSERT INTO audit_log (action, subject) VALUES ('artifact.put', 'y')", ["4 (artifact.put 'y'): the row has no link"]),
    ("UPDATE audit_chain SET hash = zeroblob(32) WHERE id = 2", ["2 (artifact.put '"]),
])
def test_whoever_falsifies_the_trail_is_found_and_the_row_is_named(genstore, put, falsify, sql, said):
    for name in ("a.md", "b.md", "c.md"):
        put("x", name)
    line = genstore("audit", "verify").out
    assert line == genstore("audit", "verify", "--noted", line.strip()).out
    falsify(sql)
    done = genstore("audit", "verify", code=13)
    found = done.out.splitlines()
    assert len(found) == len(said) and all(f.startswith(s) for f, s in zip(found, said)), done.out
    assert f"is not whole: {len(said)} problem" in done.err
    numbers = [o["id"] for o in genstore("audit", "verify", "--json", code=13).json if o["message_type"] == "problem"]
    assert numbers == [int(s.split(":")[0].split(" ")[0]) for s in said]
    checked = [o for o in genstore("check", "--json", code=13).json if o["message_type"] == "problem"]
    assert [(o["kind"], o["subject"]) for o in checked] == [("audit", str(n)) for n in numbers]


def test_a_trail_that_was_made_anew_is_not_the_one_that_was_noted(genstore, put, falsify):
    put("x")
    put("y")
    noted = genstore("audit", "verify").out.strip()
    falsify("UPDATE audit_log SET subject = 'x' WHERE id = 1")
    genstore("audit", "verify", code=13)
    # The way down and up links what it finds.
    genstore("migrate", "--to", "11")
    genstore("migrate")
    genstore("audit", "verify")
    assert "2 (artifact.replace" in genstore("audit", "verify", "--noted", noted, code=13).out


def test_the_trail_refuses_what_is_not_an_addition(put, shell):
    put("x")
    for sql in ("UPDATE audit_log SET action = 'c'", "DELETE FROM audit_log", "UPDATE audit_chain SET id = 9", "DELETE FROM audit_chain",
                "DELETE FROM audit_head", "UPDATE audit_head SET links = 9"):
        done = shell(sql + ";")
        assert done.returncode != 0 and ("append-only" in done.stderr or "only goes forward" in done.stderr)


def test_the_trail_survives_the_way_down_and_up(genstore, put, trail):
    put("x")
    before = trail()
    assert "drops the links of the audit trail" in genstore("migrate", "--to", "11").err
    assert "links the rows of the audit trail (" in genstore("migrate").err
    genstore("audit", "verify")
    assert trail()[:1] == before
    steps = [(r["action"], r["subject"], r["details"]) for r in trail()[1:]]
    assert ("schema.migrate", "11", {"version": 11, "version_before": 12}) in steps and ("schema.migrate", "12", {"version": 12, "version_before": 11}) in steps
    genstore("check")
