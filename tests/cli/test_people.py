"""
Users, organizations, tokens: who sees what, and who may do what. `cloud` is a store of four people and two organizations; the matrix is what each
of them can do with what is whose.
"""

import json
import os
import re
import sqlite3
import subprocess

import pytest

ORG = "organization"
PEOPLE = ("anna", "bob", "vera", "eve")  # owner, member and viewer of acme; none of it, owner of rival


class Cloud:
    def __init__(self, genstore, top):
        self.genstore, self.top, self.tokens, self.requests = genstore, top, {}, {}
        tree = top / "tree"
        tree.mkdir()
        (tree / "index.html").write_text("<p>hello</p>")
        (top / "main.tf").write_text("resource {}\n")
        for name in PEOPLE:
            genstore("user", "add", name)
            self.token(name, "--user", name)
        genstore("org", "add", "acme", "--owner", "anna")
        genstore("org", "grant", "acme", "bob", "member")
        genstore("org", "grant", "acme", "vera", "viewer")
        genstore("org", "add", "rival", "--owner", "eve")
        self.token("bob in acme", "--user", "bob", "--org", "acme")
        for name in PEOPLE:
            self.requests[name] = self.run(name, "import", tree, "--app-name", f"app of {name}").out.strip()
        self.requests["local"] = genstore("import", tree, "--app-name", "app of local").out.strip()
        for org, session in (("acme", "plan"), ("rival", "secret plan")):
            genstore("artifact", "put", "--session", session, "--org", org, "--type", "terraform", top / "main.tf")

    def token(self, key, *args):
        path = self.top / f"token of {key}"
        path.touch(mode=0o600)
        path.write_bytes(self.genstore("token", "add", *args).stdout)
        self.tokens[key] = path
        return path

    def run(self, who, *args, **more):
        return self.genstore("--token-file", self.tokens[who], *args, **more)

    def code(self, who, *args, **more):
        return self.run(who, *args, code=None, **more).returncode

    def rows(self, sql):
        with sqlite3.connect(f"file:{self.genstore.store}?mode=ro", uri=True) as db:
            return db.execute(sql).fetchall()


@pytest.fixture
def cloud(genstore, store, tmp_path):
    assert store.exists()
    return Cloud(genstore, tmp_path)


def test_names_and_ids_of_users_and_organizations(genstore, store):
    given = "6BA7B810-9dad-41d1-80b4-00c04fd430c8"
    assert genstore("user", "add", "anna", "--id", given, "--email", "anna@example.org").out == given.lower() + "\n"
    assert re.fullmatch(r"[0-9a-f-]{36}\n", genstore("org", "add", "acme").out)
    assert {row["name"]: row["email"] for row in genstore("user", "list", "--json").json} == {"anna": "anna@example.org", "local": None}
    assert "anna" in genstore("user", "list").out and "acme" in genstore("org", "list").out
    for bad, words in (("", "1 to 100"), ("a/b", "1 to 100"), ("x" * 101, "1 to 100"), ("a\nb", "1 to 100"), (given, "1 to 100"), ("anna", "already")):
        assert words in genstore("user", "add", bad, code=None).err, bad
    assert "not a UUID" in genstore("user", "add", "x", "--id", "nope", code=2).err
    assert "not an address" in genstore("user", "add", "x", "--email", "nowhere", code=2).err
    genstore("user", "add", "x", "--id", given, code=1)
    genstore("org", "add", "acme", code=1)
    assert "no user 'nobody'" in genstore("org", "add", "other", "--owner", "nobody", code=4).err
    assert "no role" in genstore("org", "grant", "acme", "anna", "king", code=2).err
    genstore("user", "rm", "anna")
    assert "no user 'anna'" in genstore("user", "rm", "anna", code=4).err
    assert "stays" in genstore("user", "rm", "local", code=1).err
    genstore("org", "rm", "acme")
    assert genstore("org", "list", "--json").json == []


def test_a_token_is_shown_once_and_kept_as_a_hash(genstore, cloud):
    text = cloud.tokens["bob"].read_text().strip()
    assert re.fullmatch(r"gs1\.[A-Za-z0-9_-]{43}", text)
    for path in genstore.store.parent.glob(genstore.store.name + "*"):
        assert text.encode() not in path.read_bytes() and text[4:].encode() not in path.read_bytes()
    assert text not in genstore("token", "list").out + genstore("token", "list", "--json").out + genstore("audit").out
    made = genstore("token", "add", "--user", "bob", "--description", "for CI", "--expires", "2999-01-01", "--json").json[0]
    row = next(row for row in genstore("token", "list", "--user", "bob", "--json").json if row["id"] == made["id"])
    assert row["description"] == "for CI" and row["expires_at"].startswith("2999-01-01") and not row["expired"] and row["last_used_at"] is None
    genstore("list", env={"GENSTORE_TOKEN": made["token"]})
    row = next(row for row in genstore("token", "list", "--user", "bob", "--json").json if row["id"] == made["id"])
    assert row["last_used_at"]
    assert "over already" in genstore("token", "add", "--expires", "2001-01-01", code=2).err
    assert "no member" in genstore("token", "add", "--user", "eve", "--org", "acme", code=2).err


def test_what_is_no_token_gets_nowhere(genstore, cloud):
    """Unknown, revoked, over, empty: exit 12, and the same words, whatever the command."""
    gone = cloud.token("gone", "--user", "bob")
    ids = {row["id"] for row in genstore("token", "list", "--json").json if row["last_used_at"] is None and row["user"] == "bob" and not row["organization"]}
    genstore("token", "rm", *ids)
    over = cloud.token("over", "--user", "bob", "--expires", "2999-01-01")
    with sqlite3.connect(genstore.store) as db:
        db.execute("UPDATE tokens SET expires_at = '2001-01-01T00:00:00Z' WHERE expires_at IS NOT NULL")
    unknown = cloud.top / "unknown"
    unknown.write_text("gs1." + "A" * 43)
    empty = cloud.top / "empty"
    empty.write_text("")
    words = set()
    for path in (gone, over, unknown, empty):
        path.chmod(0o600)
        for command in (["list"], ["check"], ["rm", "-", "--force"], ["artifact", "list"], ["token", "add"]):
            words.add(genstore(*command, "--token-file", path, code=12).err)
    assert len(words) == 1 and "not one of this store, or not good any more" in words.pop()
    assert "cannot read the file of the token" in genstore("list", "--token-file", cloud.top / "none", code=12).err
    assert cloud.run("bob", "list", "--json").json


def test_several_tokens_are_revoked_all_or_none(genstore, cloud):
    ids = [row["id"] for row in genstore("token", "list", "--user", "bob", "--json").json]
    assert len(ids) == 2
    genstore("token", "rm", ids[0], "nope", ids[1], code=4)
    cloud.run("bob", "list")
    # Nobody revokes what is not his, nor learns that it is there.
    other = genstore("token", "list", "--user", "eve", "--json").json[0]["id"]
    assert cloud.run("bob", "token", "rm", other, code=4).err.replace(other, "X") == cloud.run("bob", "token", "rm", "nope", code=4).err.replace("nope", "X")
    cloud.run("bob", "token", "rm", *ids)
    cloud.run("bob", "list", code=12)


def test_with_a_token_there_is_what_is_its_users(genstore, cloud):
    for name in PEOPLE:
        assert [row["request_id"] for row in cloud.run(name, "list", "--json").json] == [cloud.requests[name]]
        # The newest of all is the newest of theirs.
        assert cloud.run(name, "show", "-", "--json").json[0]["app_name"] == f"app of {name}"
    assert cloud.run("bob in acme", "list", "--json").json == []
    listed = {name: [row["name"] for row in cloud.run(name, "artifact", "list", "--json").json[:-1]] for name in PEOPLE}
    assert listed == {"anna": ["main.tf"], "bob": ["main.tf"], "vera": ["main.tf"], "eve": ["main.tf"]}
    ids = {name: cloud.run(name, "artifact", "list", "--json").json[0]["artifact_id"] for name in PEOPLE}
    assert ids["anna"] == ids["bob"] == ids["vera"] != ids["eve"]
    assert [row["name"] for row in cloud.run("bob", "org", "list", "--json").json] == ["acme"]
    assert {row["user"] for row in cloud.run("bob", "org", "show", "acme", "--json").json} == {"anna", "bob", "vera"}
    assert {row["name"] for row in cloud.run("bob", "user", "list", "--json").json} == {"anna", "bob", "vera"}
    assert {row["name"] for row in cloud.run("eve", "user", "list", "--json").json} == {"eve"}
    assert len(genstore("list", "--json").json) == 5


# Verbs on a generation: by whoever it is. What is not theirs has the words of what does not exist.
ON_A_GENERATION = {
    "show": ["show", "REQ"], "log": ["log", "REQ"], "snapshots": ["snapshots", "REQ"], "ls": ["ls", "REQ"], "cat": ["cat", "REQ:index.html"],
    "get": ["get", "REQ", "-o", "-"], "diff": ["diff", "REQ", "-"], "restore": ["restore", "REQ", "NEW"],
    "fork": ["fork", "REQ", "--app-name", "forked"], "promote": ["promote", "REQ@1"], "cancel": ["cancel", "REQ"], "pause": ["pause", "REQ"],
    "continue": ["continue", "REQ"], "say": ["say", "REQ", "hello"], "answer": ["answer", "REQ", "yes"], "snapshot": ["snapshot", "REQ"],
    "generate --resume": ["generate", "--resume", "REQ", "--prompt", "p"], "status": ["status", "REQ"], "sync": ["sync", "REQ", "--cancel"],
    "cost": ["cost", "REQ"], "rm": ["rm", "REQ", "--force"],
}


@pytest.mark.parametrize("verb", ON_A_GENERATION)
def test_others_generations_do_not_exist(genstore, cloud, verb):
    before = cloud.rows("SELECT request_id, status FROM generation_requests ORDER BY id")

    def ask(who, request):
        args = [word.replace("REQ", request).replace("NEW", str(cloud.top / "new")) for word in ON_A_GENERATION[verb]]
        told = cloud.run(who, *args, code=None)
        return told.returncode, (told.out + told.err).replace(request, "REQ")

    missing = ask("bob", "req_" + "z" * 12)
    assert missing[0] != 0
    for other in ("anna", "local"):
        assert ask("bob", cloud.requests[other]) == missing, other
        assert ask("bob in acme", cloud.requests["bob"])[0] == missing[0]
    assert cloud.rows("SELECT request_id, status FROM generation_requests ORDER BY id") == before
    assert not (cloud.top / "new").exists()


def test_by_the_name_of_an_app_everybody_reaches_his_own(genstore, cloud):
    tree = cloud.top / "tree"
    mine = cloud.run("bob", "import", tree, "--app-name", "same").out.strip()
    other = cloud.run("anna", "import", tree, "--app-name", "same").out.strip()
    assert cloud.run("bob", "show", "same", "--json").json[0]["request_id"] == mine
    assert cloud.run("anna", "show", "same", "--json").json[0]["request_id"] == other
    assert cloud.rows("SELECT count(DISTINCT app_id), max(generation_number) FROM generation_requests WHERE app_name = 'same'") == [(2, 1)]
    assert "no user 'anna'" in cloud.run("bob", "generate", "--app-name", "same", "--prompt", "p", "--user", "anna", "--", "/bin/true", code=4).err
    assert "no user 'local'" in cloud.run("bob", "generate", "--app-name", "same", "--prompt", "p", "--user", "local", "--", "/bin/true", code=4).err


def test_what_is_generated_with_a_token_is_its_users(genstore, cloud):
    script = 'echo "<p>1</p>" > index.html; echo working'
    told = cloud.run("bob", "generate", "--app-name", "made", "--prompt", "p", "--json", "--", "/bin/sh", "-c", script)
    assert told.returncode == 0
    row = cloud.run("bob", "show", "made", "--json").json[0]
    assert row["status"] == "completed"
    assert cloud.rows(f"SELECT u.name FROM generation_requests AS g JOIN users AS u ON u.id = g.user_id WHERE request_id = '{row['request_id']}'") == [("bob",)]
    assert cloud.rows("SELECT DISTINCT u.name FROM audit_log AS l JOIN users AS u ON u.id = l.user_id"
                      f" WHERE subject = '{row['request_id']}'") == [("bob",)]
    assert cloud.run("bob", "get", "made", "-o", "-").stdout[:2] == b"\x1f\x8b"
    queued = cloud.run("bob", "generate", "--queue", "--app-name", "later", "--prompt", "p", "--", "/bin/sh", "-c", script).out.strip()
    assert cloud.code("anna", "show", queued) == 4
    genstore("work", "--once")
    assert cloud.run("bob", "show", queued, "--json").json[0]["status"] == "completed"


# (verb, what it does) -> what becomes of it for owner, member, viewer, a stranger, and the member's token for that organization alone.
ON_AN_ORGANIZATION = {
    "list": (["artifact", "list", "--session", "plan"], (0, 0, 0, 4, 0)),
    "list --org": (["artifact", "list", "--org", "acme"], (0, 0, 0, 4, 0)),
    "get": (["artifact", "get", "--session", "plan", "terraform/main.tf", "-o", "-"], (0, 0, 0, 4, 0)),
    "bundle": (["artifact", "bundle", "--session", "plan", "-o", "-"], (0, 0, 0, 4, 0)),
    "put a new one": (["artifact", "put", "--session", "plan", "--org", "acme", "--type", "terraform", "--name", "new.tf", "FILE"], (0, 0, 4, 4, 0)),
    "replace": (["artifact", "put", "--session", "plan", "--org", "acme", "--type", "terraform", "--name", "main.tf", "OTHER"], (0, 0, 4, 4, 0)),
    "put into a new session": (["artifact", "put", "--session", "next", "--org", "acme", "--type", "readme", "FILE"], (0, 0, 4, 4, 0)),
    "put with a conversation": (["artifact", "put", "--session", "plan", "--conversation", "c", "--org", "acme", "--type", "x", "FILE"], (0, 0, 4, 4, 0)),
    "rm": (["artifact", "rm", "--session", "plan", "terraform/main.tf", "--force"], (0, 0, 4, 4, 0)),
    "show": (["org", "show", "acme"], (0, 0, 0, 4, 0)),
    "grant": (["org", "grant", "acme", "vera", "member"], (0, 4, 4, 4, 4)),
    "revoke": (["org", "revoke", "acme", "vera"], (0, 4, 0, 4, 4)),  # vera herself may leave
    "org rm": (["org", "rm", "acme"], (1, 4, 4, 4, 4)),  # it has artifacts
    "token add": (["token", "add", "--org", "acme"], (0, 0, 0, 4, 0)),
}


@pytest.mark.parametrize("verb", ON_AN_ORGANIZATION)
def test_a_role_says_what_may_be_done_with_an_organization(genstore, cloud, verb):
    args, expected = ON_AN_ORGANIZATION[verb]
    (cloud.top / "other").write_text("other\n")
    args = [{"FILE": cloud.top / "main.tf", "OTHER": cloud.top / "other"}.get(word, word) for word in args]
    saved = genstore.store.read_bytes()
    for who, code in zip(("anna", "bob", "vera", "eve", "bob in acme"), expected):
        genstore.store.write_bytes(saved)
        before = cloud.rows("SELECT * FROM artifacts UNION ALL SELECT *, 1, 1, 1, 1, 1, 1, 1 FROM memberships")
        told = cloud.run(who, *args, code=None)
        assert told.returncode == code, f"{who}: {told.err}"
        if code:
            assert cloud.rows("SELECT * FROM artifacts UNION ALL SELECT *, 1, 1, 1, 1, 1, 1, 1 FROM memberships") == before
        if who == "eve":  # in the words of what does not exist
            missing = [word if not isinstance(word, str) else word.replace("acme", "nowhere").replace("plan", "no plan") for word in args]
            said = cloud.run(who, *missing, code=4).err
            assert told.err.replace("acme", "nowhere").replace("plan", "no plan") == said
    genstore("check")


def test_the_id_of_a_hidden_session_is_not_taken_over(genstore, cloud):
    [(session,)] = cloud.rows("SELECT session_id FROM sessions WHERE name = 'secret plan'")
    before = cloud.rows("SELECT * FROM sessions ORDER BY 1")
    for command in (["--session", session, "--org", "acme"], ["--session", session]):
        assert cloud.code("bob", "artifact", "put", *command, "--type", "x", cloud.top / "main.tf") in (2, 4)
    assert cloud.rows("SELECT * FROM sessions ORDER BY 1") == before


def test_an_organization_keeps_an_owner(genstore, cloud):
    assert "would have no owner" in genstore("org", "grant", "acme", "anna", "member", code=11).err
    assert "would have no owner" in cloud.run("anna", "org", "revoke", "acme", "anna", code=11).err
    cloud.run("anna", "org", "grant", "acme", "bob", "owner")
    cloud.run("bob", "org", "revoke", "acme", "anna")
    assert cloud.code("anna", "org", "show", "acme") == 4
    assert "has apps" in genstore("user", "rm", "anna", code=1).err
    # Whoever leaves cannot come in by a token for that organization.
    # A stranger is not named by his name, but by the id that he told.
    assert "no user 'eve'" in cloud.run("bob", "org", "grant", "acme", "eve", "owner", code=4).err
    cloud.run("bob", "org", "grant", "acme", cloud.run("eve", "user", "list", "--json").json[0]["id"], "owner")
    cloud.run("eve", "org", "revoke", "acme", "bob")
    cloud.run("bob in acme", "list", code=12)
    cloud.run("bob", "list")


def test_a_token_for_an_organization_gives_out_no_more_than_that(genstore, cloud):
    assert "for that one only" in cloud.run("bob in acme", "token", "add", code=4).err
    assert "no user 'anna'" in cloud.run("bob in acme", "token", "add", "--user", "anna", "--org", "acme", code=4).err
    cloud.tokens["narrow"] = cloud.top / "narrow"
    cloud.tokens["narrow"].touch(mode=0o600)
    cloud.tokens["narrow"].write_bytes(cloud.run("bob in acme", "token", "add", "--org", "acme").stdout)
    assert cloud.run("narrow", "list", "--json").json == []
    assert cloud.code("narrow", "artifact", "list", "--session", "plan") == 0
    assert {row["organization"] for row in cloud.run("narrow", "token", "list", "--json").json} == {"acme"}


def test_what_is_the_owners_takes_no_token(genstore, cloud):
    """Every command says whose it is: those that read or change the file as a whole are its owner's."""
    owners = {
        "init": [], "work": [], "recover": ["s3://b"], "pull": ["req_x"], "evict": ["req_x"], "serve": [], "key show": [], "check": [], "gc": [], "backup": [cloud.top / "copy"],
        "migrate": [], "export": [cloud.top / "out", "--format", "files"], "stats": [], "config list": [], "config set": ["s3.bucket", "bobs"], "config get": ["s3.bucket"], "config unset": ["s3.bucket"], "audit": [], "user add": ["x"], "user rm": ["bob"],
        "org add": ["x"],
    }
    for command, args in owners.items():
        told = cloud.run("bob", *command.split(), *args, code=None)
        if command == "init":  # there is one already
            assert told.returncode != 0
            continue
        assert told.returncode == 4, f"{command}: {told.returncode} {told.err}"
        assert "store's owner" in told.err, command
    assert not (cloud.top / "copy").exists() and not (cloud.top / "out").exists()


NEEDS_NO_STORE = {"umount", "completion", "help", "example-generator"}
FOR_OWNER = {"init", "work", "recover", "pull", "evict", "serve", "key", "check", "gc", "backup", "migrate", "export", "stats", "config", "audit"}
FOR_USERS = {
    "generate", "import", "pause", "continue", "cancel", "answer", "say", "snapshot", "list", "show", "log", "snapshots", "diff", "ls", "cat", "get",
    "restore", "fork", "promote", "push", "rm", "sync", "status", "artifact", "user", "org", "token", "secret", "cost", "mount",
}


def test_whose_each_command_is_was_thought_about(genstore):
    commands = set(re.findall(r"^  ([a-z-]+) ", genstore("help").out.split("commands:")[1].split("everywhere:")[0], re.M))
    assert commands <= NEEDS_NO_STORE | FOR_OWNER | FOR_USERS


def test_secrets_are_their_users(genstore, cloud, tmp_path):
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_bytes(os.urandom(31) + b"k")
    genstore.env["GENSTORE_KEY_FILE"] = str(path)
    genstore("key", "init")
    cloud.run("bob", "secret", "set", "github", input="of bob")
    genstore("secret", "set", "github", input="of local")
    assert cloud.run("bob", "secret", "get", "github", "--reveal").out == "of bob"
    assert [row["user"] for row in cloud.run("bob", "secret", "list", "--json").json] == ["bob"]
    assert cloud.run("anna", "secret", "list", "--json").json == []
    for command in (["get", "github", "--reveal"], ["rm", "github"]):
        assert "no secret for 'github'" in cloud.run("anna", "secret", *command, code=4).err
        assert "no user 'bob'" in cloud.run("anna", "secret", *command, "--user", "bob", code=4).err
    # A token for an organization has no secrets of its user's.
    assert cloud.run("bob in acme", "secret", "list", "--json").json == []
    assert cloud.code("bob in acme", "secret", "get", "github", "--reveal") == 4


def test_access_keys_are_sealed_and_survive_another_key(genstore, cloud, tmp_path):
    assert "no key" in genstore("token", "add", "--s3", code=12).err
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_bytes(os.urandom(31) + b"k")
    genstore.env["GENSTORE_KEY_FILE"] = str(path)
    genstore("key", "init")
    made = genstore("token", "add", "--s3", "--user", "bob", "--json").json[0]
    assert re.fullmatch("GSAK[A-Z2-7]{16}", made["access_key_id"]) and len(made["secret_access_key"]) == 43
    [(sealed,)] = cloud.rows("SELECT encrypted_secret FROM access_keys")
    for file in genstore.store.parent.glob(genstore.store.name + "*"):
        assert made["secret_access_key"].encode() not in file.read_bytes()
    assert made["secret_access_key"] not in genstore("token", "list", "--json").out
    assert genstore("key", "rotate", "--json").json[0]["values"] == 1
    assert cloud.rows("SELECT encrypted_secret FROM access_keys") != [(sealed,)]
    assert [row["kind"] for row in cloud.run("bob", "token", "list", "--json").json].count("s3") == 1
    with sqlite3.connect(genstore.store) as db:  # moved to another row it opens no more
        db.execute("UPDATE access_keys SET access_key_id = 'GSAKAAAAAAAAAAAAAAAA'")
    assert "does not open" in genstore("key", "rotate", code=13).err
    genstore("token", "rm", "GSAKAAAAAAAAAAAAAAAA")
    genstore("key", "rotate")


def test_every_change_is_in_the_trail(genstore, cloud):
    genstore("org", "revoke", "acme", "vera")
    genstore("token", "rm", genstore("token", "list", "--user", "eve", "--json").json[0]["id"])
    rows = [(row["action"], json.dumps(row["details"])) for row in genstore("audit", "--all", "--json").json]
    actions = [action for action, _ in rows]
    for action in ("user.add", "org.add", "org.grant", "org.revoke", "token.add", "token.remove"):
        assert action in actions, action
    assert any(action == "org.revoke" and '"role_before": "viewer"' in details for action, details in rows)
    genstore("audit", "verify")


def test_git_clones_only_what_is_its_users(genstore, cloud, tmp_path):
    env = {**genstore.environment(None), "GENSTORE_TOKEN": cloud.tokens["bob"].read_text().strip(), "GIT_TERMINAL_PROMPT": "0"}
    program = os.environ.get("GENSTORE", "build/genstore")
    helpers = tmp_path / "bin"
    helpers.mkdir()
    (helpers / "git-remote-genstore").symlink_to(os.path.abspath(program))
    env["PATH"] = f"{helpers}:{env['PATH']}"

    def clone(request, into):
        return subprocess.run(["git", "clone", "-q", f"genstore::{request}", tmp_path / into], env=env, capture_output=True, check=False)

    assert clone(cloud.requests["bob"], "mine").returncode == 0
    assert (tmp_path / "mine/index.html").exists()
    told = clone(cloud.requests["anna"], "other")
    assert told.returncode != 0 and b"no generation" in told.stderr
