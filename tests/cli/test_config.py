"""The settings: one table, where each value comes from, and secrets among them that nobody sees."""

import os
import pathlib
import re
import shutil
import sqlite3
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECRET = "jwt-secret-that-nobody-is-to-see-0123456789"
KINDS = {"string", "integer", "size", "duration", "boolean", "choice", "URL", "secret"}


@pytest.fixture
def config(genstore, store):
    def run(*args, **how):
        return genstore("config", *args, **how)
    return run


@pytest.fixture
def listed(config):
    """{key: its object} of the list, with or without --all."""
    def run(*args, **how):
        return {row["key"]: row for row in config("list", "--json", *args, **how).json}
    return run


@pytest.fixture
def sql(store):
    def run(text, *args):
        with sqlite3.connect(store) as db:
            rows = db.execute(text, args).fetchall()
        db.close()
        return rows
    return run


@pytest.fixture
def key(genstore, store, tmp_path):
    """The store has a key, which the environment names."""
    path = tmp_path / "store.key"
    path.touch(mode=0o600)
    path.write_bytes(os.urandom(32) + b"k")  # a line break at its end would be left out
    genstore.env["GENSTORE_KEY_FILE"] = str(path)
    genstore("key", "init")
    return path


def all_keys(genstore):
    return [row["key"] for row in genstore("config", "list", "--all", "--json").json]


def manual_settings():
    """{key: the text of its entry in the manual}, in the manual's order."""
    section = re.search(r"^\.Sh CONFIGURATION\n(.*?)(?=^\.Sh )", (ROOT / "src/genstore.1").read_text(), re.M | re.S)[1]
    parts = re.split(r"^\.It Sy ([a-z0-9._]+)\n", section, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def plain(text):
    """What a piece of the manual says, without its macros."""
    text = re.sub(r"^\.(Ev|Sy|Cm|Fl|Li|Pa|Ar|Ql|Dq) ", "", text, flags=re.M)
    return re.sub(r"\s+", " ", text.replace("\\&", "").replace('"', "").replace(" ,", ","))


def test_every_setting_has_a_type_a_default_and_a_description(config, listed):
    settings = listed("--all")
    assert len(settings) > 20 and {s["type"] for s in settings.values()} == KINDS
    for name, row in settings.items():
        assert row["source"] == "default" and row["description"] and "valid" not in row
        told = config("describe", name, "--json").json[0]
        assert (told["key"], told["type"], told["description"]) == (name, row["type"], row["description"])
        assert told["takes"] and ("default" not in row or told["default"] == row["default"])
        assert told["variables"] or name in ("git.author", "git.prompts")


def test_every_default_is_a_value_that_the_setting_takes(config, listed):
    for name, row in listed("--all").items():
        if row.get("default") is not None:
            config("set", name, row["default"])
    assert all(row["value"] == row["default"] and row["source"] == "store" for row in listed().values())


def test_the_manual_lists_every_setting_with_its_type_default_and_variables(genstore, config, store):
    manual = manual_settings()
    assert list(manual) == all_keys(genstore)
    for name, text in manual.items():
        told = config("describe", name, "--json").json[0]
        says = plain(text)
        default = told["default"] or told["otherwise"]
        assert f" {told['type'].lower()}" in says.lower() and all(choice in says for choice in told["choices"]), name
        assert (f"; default: {default}." if default else "; no default.") in says, name
        assert says.lower().startswith(told["description"].lower()), name
        assert (re.findall(r"^\.Ev (.*) \.$", text, re.M) or [""])[0] == " , ".join(told["variables"]), name


def test_the_variables_of_settings_follow_from_their_keys(genstore, config, store):
    for name in all_keys(genstore):
        variables = config("describe", name, "--json").json[0]["variables"]
        assert not variables or variables[0] == "GENSTORE_" + name.upper().replace(".", "_")


def test_a_variable_of_a_setting_is_read_in_one_place(genstore, config, store):
    """Whoever asked the environment beside the table would have an order of his own."""
    variables = [v for name in all_keys(genstore) for v in config("describe", name, "--json").json[0]["variables"]]
    assert len(variables) > 25 and len(set(variables)) == len(variables)
    for path in (p for top in ("src", "fs", "store") for p in (ROOT / top).rglob("*.c") if p.name != "table.c"):
        assert not [v for v in variables if f'"{v}"' in path.read_text()], path


def test_the_flags_that_settings_name_are_those_of_commands(genstore, config, store):
    named = 0
    for name in all_keys(genstore):
        flag = config("describe", name, "--json").json[0]["flag"]
        if flag and "--" in flag:
            command, option = flag.split(" ")
            assert f" {option} " in genstore("help", command).out
            named += 1
    assert named > 8


def test_flag_goes_before_environment_before_store_before_default(genstore, config, listed):
    def now(**env):
        row = listed("--all", env=env)["s3.region"]
        return row["value"], row["source"], row.get("variable")

    assert now() == (None, "default", None)
    config("set", "s3.region", "of-the-store")
    assert now() == ("of-the-store", "store", None)
    assert now(AWS_DEFAULT_REGION="c") == ("c", "environment", "AWS_DEFAULT_REGION")
    assert now(AWS_DEFAULT_REGION="c", AWS_REGION="b") == ("b", "environment", "AWS_REGION")
    everywhere = {"AWS_REGION": "b", "GENSTORE_S3_REGION": "a"}
    assert now(**everywhere) == ("a", "environment", "GENSTORE_S3_REGION")
    assert now(AWS_REGION="") == ("of-the-store", "store", None)
    flagged = {r["key"]: r for r in genstore("--set", "s3.region=flag", "config", "list", "--json", env=everywhere).json}
    assert (flagged["s3.region"]["value"], flagged["s3.region"]["source"]) == ("flag", "flag")
    assert config("get", "s3.region", "--set", "s3.region=flag", env=everywhere).out == "flag\n"
    assert config("get", "s3.region", env=everywhere).out == "a\n"
    config("unset", "s3.region")
    assert now() == (None, "default", None)


def test_the_list_has_what_is_set_and_the_whole_list_everything(config, listed):
    assert listed() == {} and config("list").out == ""
    config("set", "s3.bucket", "my-bucket")
    assert list(listed()) == ["s3.bucket"] and len(listed("--all")) > 20
    assert listed(env={"GITHUB_API_URL": "https://git.example.org/api"})["github.api"]["source"] == "environment"
    assert re.search(r"^s3\.bucket +my-bucket +store +the bucket", config("list").out, re.M)


def test_what_holds_is_what_get_prints(config):
    assert config("get", "generate.timeout").out == "30m\n"
    assert config("get", "s3.bucket", code=4).err == "genstore: the setting 's3.bucket' is not set\n"
    assert config("unset", "s3.bucket", code=4).err == "genstore: the setting 's3.bucket' is not set\n"


@pytest.mark.parametrize("word, near", [
    ("s3.bukket", "s3.bucket"), ("S3_BUCKET", "s3.bucket"), ("bucket", "s3.bucket"), ("github.organisation", "github.organization"),
    ("AWS_REGION", "s3.region"), ("GENSTORE_SERVE_LISTEN", "serve.listen"), ("git.prompt", "git.prompts"), ("generate.maxsize", "generate.max_size"),
])
def test_an_unknown_key_is_refused_with_the_nearest_one(config, word, near):
    for command in (["describe"], ["get"], ["set"], ["unset"]):
        told = config(*command, word, *(["x"] if command == ["set"] else []), code=2)
        assert told.err == f"genstore: there is no setting '{word}'; did you mean '{near}'?\n" and told.out == ""


def test_a_key_that_is_like_none_is_refused_without_a_guess(config):
    for word in ("", "colour", "x" * 5000):
        told = config("set", word, "x", code=2)
        assert "'genstore config list --all' shows all" in told.err and told.err.count("\n") == 1
    assert config("set", "s3.bukket", "x", "--json", code=2).json[0]["hint"] == "did you mean 's3.bucket'?"


@pytest.mark.parametrize("name, value, takes", [
    ("git.prompts", "maybe", "yes or no"), ("work.jobs", "0", "a whole number, from 1 to 64"), ("work.jobs", "many", "a whole number"),
    ("work.jobs", "65", "from 1 to 64"), ("work.jobs", "1.5", "a whole number"), ("work.jobs", " 1", "a whole number"),
    ("s3.bandwidth", "fast", "a size like 500k or 16M"), ("s3.bandwidth", "9999999T", "a size"),
    ("s3.timeout", "0", "from 1s to 1h"), ("s3.timeout", "2h", "from 1s to 1h"), ("s3.timeout", "soon", "a time like 90s, 30m or 2h"),
    ("generate.decision_timeout", "0", "at least 1s"), ("s3.addressing", "both", "path, virtual or auto"), ("sync.to", "ftp", "s3, github or s3,github"),
    ("s3.bucket", "a", "the name of a bucket"), ("s3.endpoint", "ftp://x", "http[s]://host[:port]"), ("s3.account", "12", "12 digits"),
    ("serve.listen", "everywhere", "an address like"), ("serve.listen", "1.2.3.4:99999", "an address like"), ("s3.region", "a\x1b[2J", "the name of a region"),
    ("s3.profile", "x" * 2000, "the name of a profile"), ("git.author", "nobody", "Name <address>"), ("github.private", "", "cannot be empty: it takes yes or no"),
])
def test_a_wrong_value_is_refused_with_what_the_setting_takes(config, listed, name, value, takes):
    told = config("set", name, value, code=2)
    assert takes in told.err and name in told.err and told.err.count("\n") == 1 and len(told.err) < 500 and "\x1b" not in told.err
    assert f"see 'genstore config describe {name}'" in told.err
    assert listed() == {}


@pytest.mark.parametrize("name, value, kept", [
    ("git.prompts", "TRUE", "yes"), ("github.private", "off", "no"), ("mount.views", "1", "yes"), ("s3.bandwidth", "500k", "500k"), ("s3.timeout", "30", "30"),
    ("generate.timeout", "0", "0"), ("sync.to", "s3,github", "s3,github"), ("serve.listen", "localhost:0", "localhost:0"),
])
def test_a_value_is_kept_in_one_form(config, name, value, kept):
    config("set", name, value)
    assert config("get", name).out == f"{kept}\n"


def test_a_password_in_an_address_is_not_repeated(config):
    told = config("set", "git.remote_template", "https://me:hunter2@host/{request_id}", code=2)
    assert "hunter2" not in told.err + told.out and told.err.startswith("genstore: git.remote_template cannot be that: it takes an address")


def test_what_the_environment_says_is_looked_at_as_well(genstore, config, listed):
    env = {"GENSTORE_S3_TIMEOUT": "soon"}
    told = config("get", "s3.timeout", env=env, code=2).err
    assert told == "genstore: GENSTORE_S3_TIMEOUT cannot be 'soon': it takes a time like 90s, 30m or 2h, from 1s to 1h\n"
    row = listed(env=env)["s3.timeout"]
    assert (row["value"], row["source"], row["valid"]) == ("soon", "environment", False)
    assert "environment GENSTORE_S3_TIMEOUT, wrong" in config("list", env=env).out
    assert "GENSTORE_GENERATE_MAX_SIZE cannot be 'big'" in genstore("generate", "--app-name", "x", "--prompt", "y", code=2,
                                                                    env={"GENSTORE_GENERATE_MAX_SIZE": "big"}).err


def test_what_another_program_has_written_wrong_is_shown_and_not_believed(config, listed, sql):
    sql("INSERT INTO deployment_config (key, value) VALUES ('s3.timeout', 'soon'), ('git.prompts', 'TRUE'), ('s3.bandwidth', NULL)")
    assert [(k, r["value"], r["valid"]) for k, r in listed().items()] == [
        ("s3.bandwidth", "", False), ("s3.timeout", "soon", False), ("git.prompts", "TRUE", False)]
    assert "s3.timeout cannot be 'soon'" in config("get", "s3.timeout", code=2).err
    config("set", "s3.timeout", "5s")
    assert config("get", "s3.timeout").out == "5s\n"


def test_a_wrong_answer_about_prompts_is_told_and_not_taken_for_a_no(genstore, generate, sql, tmp_path):
    req = generate("echo x >x")
    sql("INSERT INTO deployment_config (key, value) VALUES ('git.prompts', 'maybe')")
    told = genstore("push", req, "https://127.0.0.1:1/x", code=2).err
    assert "the setting 'git.prompts' is neither 'yes' nor 'no'" in told


def test_set_for_once_takes_what_a_setting_takes(genstore, store):
    for assignment, words in {
        "work.jobs": "--set takes KEY=VALUE", "work.jbos=1": "did you mean 'work.jobs'?", "work.jobs=0": "from 1 to 64",
        "git.prompts=yes": "belongs to the store", f"serve.jwt_secret={SECRET}": "command lines are seen by everybody",
    }.items():
        told = genstore("--set", assignment, "list", code=2).err
        assert words in told and SECRET not in told and told.count("\n") == 1


def test_set_says_when_a_variable_goes_before_it(config):
    assert config("set", "s3.bucket", "mine", env={"S3_BUCKET": "other"}).err == "note: $S3_BUCKET is set, and goes before it\n"
    assert config("set", "s3.bucket", "mine").err == ""


def test_keys_that_this_program_does_not_know_stay_and_are_shown(genstore, config, listed, sql):
    sql("INSERT INTO deployment_config (key, value, encrypted, description) VALUES ('ARTIFACTS_BUCKET', 'leo-artifacts', 0, 'typed ones'),"
        " ('SUPABASE_URL', 'https://x.supabase.co', 0, NULL), ('STRIPE_SECRET', 'sk_live_1', 0, NULL), ('FLY_API', 'AQICAHh==', 1, NULL)")
    rows = listed()
    assert (rows["ARTIFACTS_BUCKET"]["value"], rows["ARTIFACTS_BUCKET"]["known"], rows["ARTIFACTS_BUCKET"]["description"]) == ("leo-artifacts", False, "typed ones")
    assert "value" not in rows["STRIPE_SECRET"] and "value" not in rows["FLY_API"]
    table = config("list", "--all").out
    assert re.search(r"^ARTIFACTS_BUCKET +leo-artifacts +store, unknown +nothing reads it", table, re.M)
    assert "sk_live_1" not in table and "AQICAHh" not in table
    assert config("get", "SUPABASE_URL").out == "https://x.supabase.co\n"
    assert "--reveal" in config("get", "STRIPE_SECRET", code=2).err and config("get", "STRIPE_SECRET", "--reveal").out == "sk_live_1\n"
    assert "sealed by another program" in config("get", "FLY_API", "--reveal", code=12).err
    config("unset", "STRIPE_SECRET")
    assert "sk_live_1" not in genstore("audit", "--json").out
    config("rm", "SUPABASE_URL")
    assert set(listed()) == {"ARTIFACTS_BUCKET", "FLY_API"}


def test_nothing_in_a_strangers_row_steers_the_terminal(config, sql, listed):
    sql("INSERT INTO deployment_config (key, value) VALUES (?, ?), ('s3.region', ?)", "x\x1b[2Jy", "a\nb\x1b]0;t\x07", "\x1b[31mred")
    for command in (["list"], ["list", "--all"], ["get", "s3.region"], ["get", "x\x1b[2Jz"], ["unset", "x\x1b[2Jz"]):
        told = config(*command, code=None)
        assert "\x1b" not in told.out + told.err and "\x07" not in told.out, command
    assert len(config("list").out.splitlines()) == 3
    assert listed()["x\x1b[2Jy"]["value"] == "a\nb\x1b]0;t\x07"


def test_keys_of_old_stores_survive_going_down_and_up_again(genstore, store, sql, listed):
    sql("INSERT INTO deployment_config (key, value, encrypted, description, updated_at) VALUES ('LEGACY_ONE', 'kept', 0, 'words', '2025-12-11T20:30:00Z'),"
        " ('s3.bucket', 'old-bucket', 0, NULL, '2025-12-11T20:30:00Z')")
    before = sql("SELECT * FROM deployment_config ORDER BY key")
    genstore("migrate", "--to", "2")
    assert sql("SELECT * FROM deployment_config ORDER BY key") == before
    genstore("migrate")
    assert sql("SELECT * FROM deployment_config ORDER BY key") == before
    assert listed()["LEGACY_ONE"]["known"] is False and listed()["s3.bucket"]["value"] == "old-bucket"


def test_setting_and_unsetting_are_in_the_trail(genstore, config):
    config("set", "s3.bucket", "one")
    config("set", "s3.bucket", "two")
    config("unset", "s3.bucket")
    rows = [(r["action"], r["subject"], r["details"]) for r in genstore("audit", "--json", "--action", "config").json if r["message_type"] == "audit"]
    assert rows == [("config.unset", "s3.bucket", {"value": None, "value_before": "two"}),
                    ("config.set", "s3.bucket", {"value": "two", "value_before": "one"}), ("config.set", "s3.bucket", {"value": "one", "value_before": None})]


def test_a_row_says_for_people_what_it_is(config, sql):
    config("set", "s3.bucket", "one")
    assert sql("SELECT description FROM deployment_config") == [("the bucket to sync to; nothing is sent before there is one",)]
    sql("UPDATE deployment_config SET description = 'ours'")
    config("set", "s3.bucket", "two")
    assert sql("SELECT value, description FROM deployment_config") == [("two", "ours")]


# Secrets


def test_a_secret_is_sealed_and_comes_back_only_when_that_is_asked_for(genstore, config, key, sql):
    config("set", "serve.jwt_secret", input=SECRET + "\n")
    (value, encrypted), = sql("SELECT value, encrypted FROM deployment_config")
    assert encrypted == 1 and value.startswith("gs1:")
    assert "--reveal" in config("get", "serve.jwt_secret", code=2).err
    assert "never printed as JSON" in config("get", "serve.jwt_secret", "--reveal", "--json", code=2).out
    assert config("get", "serve.jwt_secret", "--reveal").out == SECRET
    assert [r["action"] for r in genstore("audit", "--json", "--action", "config").json if r["message_type"] == "audit"] == ["config.reveal", "config.set"]


def test_a_secret_comes_from_a_file_or_standard_input_and_never_from_the_command_line(config, key, tmp_path, listed):
    told = config("set", "serve.jwt_secret", SECRET, code=2)
    assert "command lines are seen by everybody" in told.err and SECRET not in told.err
    path = tmp_path / "jwt"
    path.touch(mode=0o600)
    path.write_text(SECRET)
    config("set", "serve.jwt_secret", "--file", path)
    assert config("get", "serve.jwt_secret", "--reveal").out == SECRET
    for wrong in ("short-secret", SECRET + "\n" + SECRET, SECRET + "\0", "x" * 10000, ""):
        told = config("set", "serve.jwt_secret", input=wrong, code=2)
        assert "text of at least 32 bytes" in told.err and (not wrong or wrong[:12] not in told.err)
    assert config("get", "serve.jwt_secret", "--reveal").out == SECRET


def test_without_the_key_at_hand_a_secret_is_exit_code_12(genstore, config, key, tmp_path):
    config("set", "serve.jwt_secret", input=SECRET)
    other = tmp_path / "other.key"
    other.touch(mode=0o600)
    other.write_bytes(os.urandom(32) + b"k")
    for env in ({"GENSTORE_KEY_FILE": None}, {"GENSTORE_KEY_FILE": str(other)}, {"GENSTORE_KEY_FILE": str(tmp_path / "gone")}):
        for command in (["config", "get", "serve.jwt_secret", "--reveal"], ["serve", "--listen", "0"]):
            told = genstore(*command, env=env, code=12)
            assert told.err.count("\n") == 1 and SECRET not in told.err + told.out
        assert genstore("config", "list", "--all", env=env).out.count("(secret)") == 1
    assert genstore("config", "unset", "serve.jwt_secret", env={"GENSTORE_KEY_FILE": None}).err == ""


def test_a_store_without_a_key_seals_nothing(config):
    assert "'genstore key init' makes one" in config("set", "serve.jwt_secret", input=SECRET, code=12).err
    assert config("get", "serve.jwt_secret", "--reveal", code=4).err == "genstore: the setting 'serve.jwt_secret' is not set\n"


def test_a_secret_survives_another_key(genstore, config, key, sql):
    config("set", "serve.jwt_secret", input=SECRET)
    sql("INSERT INTO deployment_config (key, value, encrypted) VALUES ('FLY_API', 'AQICAHh==', 1)")
    before = sql("SELECT key, value FROM deployment_config ORDER BY key")
    assert "1 sealed value is under it" in genstore("key", "rotate").err
    after = sql("SELECT key, value FROM deployment_config ORDER BY key")
    assert before[0] == after[0] and before[1] != after[1]
    assert config("get", "serve.jwt_secret", "--reveal").out == SECRET


def test_a_sealed_value_that_was_changed_or_moved_does_not_open(genstore, config, key, sql):
    config("set", "serve.jwt_secret", input=SECRET)
    (value,), = sql("SELECT value FROM deployment_config")
    changed = value[:20] + ("A" if value[20] != "A" else "B") + value[21:]
    sql("UPDATE deployment_config SET value = ?", changed)
    assert "the secret 'serve.jwt_secret' does not open" in config("get", "serve.jwt_secret", "--reveal", code=13).err
    assert "'genstore config unset serve.jwt_secret' first" in genstore("key", "rotate", code=13).err
    genstore("secret", "set", "github", input=SECRET)
    sql("UPDATE deployment_config SET value = (SELECT encrypted_token FROM user_secrets)")
    assert "does not open" in config("get", "serve.jwt_secret", "--reveal", code=13).err
    sql("INSERT INTO deployment_config (key, value, encrypted) VALUES ('s3.bucket', ?, 1)", value)
    assert "is sealed, which nothing but a secret is" in config("get", "s3.bucket", code=12).err


def test_a_secret_that_lies_in_the_clear_is_neither_shown_nor_used(genstore, config, key, sql, store):
    sql("INSERT INTO deployment_config (key, value) VALUES ('serve.jwt_secret', ?)", SECRET)
    told = [config("list", "--all"), config("list", "--json"), config("get", "serve.jwt_secret", "--reveal", code=2), genstore("serve", "--listen", "0", code=2)]
    assert all(SECRET not in t.out + t.err for t in told)
    assert "(in the clear)" in told[0].out and "config set serve.jwt_secret' seals it" in told[3].err
    config("set", "serve.jwt_secret", input=SECRET + "2")
    assert config("get", "serve.jwt_secret", "--reveal").out == SECRET + "2"
    assert SECRET not in genstore("audit", "--json").out
    sql("PRAGMA wal_checkpoint(TRUNCATE)")
    assert SECRET.encode() not in store.read_bytes()


def test_a_secret_appears_in_nothing_that_leaves_the_store(genstore, config, key, store, generate, tmp_path):
    generate("env; echo x >x")
    config("set", "serve.jwt_secret", input=SECRET)
    config("set", "serve.jwt_secret", input=SECRET + "!")
    env = {"GENSTORE_SERVE_JWT_SECRET": SECRET}
    outputs = []
    for how in (None, env):
        for command in (["config", "list"], ["config", "list", "--all"], ["config", "list", "--all", "--json"], ["config", "describe", "serve.jwt_secret"],
                        ["config", "get", "serve.jwt_secret"], ["list", "--json"], ["show", "-", "--json"], ["log", "-"], ["audit"], ["audit", "--json"],
                        ["stats", "--json"], ["check"], ["config", "set", "serve.jwt_secret", SECRET], ["-v", "key", "rotate"],
                        ["export", tmp_path / f"out{bool(how)}", "--format", "files"], ["export", "--format", "json"], ["export", "--format", "postgres"],
                        ["generate", "--app-name", "e", "--prompt", "p", "--", "env"]):
            done = genstore(*command, env=how, code=2 if command[:2] in (["config", "get"], ["config", "set"]) else 0)
            outputs.append(done.out + done.err)
    assert "(secret)" in outputs[1] and all(SECRET not in text for text in outputs)
    assert SECRET not in genstore("log", "e").out
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    config("unset", "serve.jwt_secret")
    assert [r["details"] for r in genstore("audit", "--json", "--action", "config").json if r["message_type"] == "audit"][0] == {
        "value": None, "value_before": "(sealed)"}


# Who obeys them


def test_generations_are_held_to_the_limits_that_are_set(genstore, config, generate):
    config("set", "generate.max_iterations", "2")
    req = generate("echo $ITERATION >f; date +%N >>f", "--mode", "autonomous")
    assert genstore("show", req, "--json").json[0]["max_iterations"] == 2
    assert genstore("show", generate("echo $ITERATION >f", "--mode", "autonomous", "-n", "3"), "--json").json[0]["max_iterations"] == 3
    config("set", "generate.max_size", "1000")
    assert "1000" in genstore("show", generate("head -c 5000 /dev/zero >f", code=1), "--json").json[0]["error_message"]
    generate("head -c 5000 /dev/zero >f", "--max-size", "1M")
    generate("head -c 5000 /dev/zero >f", "--set", "generate.max_size=1M")


def test_a_generation_that_says_nothing_fails_after_the_time_that_is_set(genstore, config, generate):
    config("set", "generate.timeout", "1s")
    req = generate("exec sleep 300", code=1)
    shown = genstore("show", req, "--json").json[0]
    assert shown["status"] == "failed" and "1 s" in shown["error_message"]


def test_a_decision_is_waited_for_as_long_as_is_set(genstore, config):
    told = genstore("generate", "--app-name", "x", "--prompt", "y", "--mode", "confirm_first", "--", "sh", "-c", "echo x >x", code=2).err
    assert "--decision-timeout TIME" in told
    config("set", "generate.decision_timeout", "1s")
    genstore("generate", "--app-name", "x", "--prompt", "y", "--mode", "confirm_first", "--", "sh", "-c", "echo x >x", code=None)
    assert genstore("show", "x", "--json").json[0]["status"] == "paused"


def test_a_worker_runs_as_many_at_a_time_as_is_set(genstore, config, tmp_path):
    config("set", "work.jobs", "2")
    for name in ("a", "b"):
        other = {"a": "b", "b": "a"}[name]
        script = f"touch {tmp_path}/{name}; while ! [ -e {tmp_path}/{other} ]; do sleep 0.05; done; echo x >x"
        genstore("generate", "--queue", "--app-name", name, "--prompt", "p", "--timeout", "20s", "--", "sh", "-c", script)
    genstore("work", "--once", timeout=60)
    assert {row["status"] for row in genstore("list", "--json").json} == {"completed"}


@pytest.mark.mount
def test_mounts_are_as_is_set_unless_an_option_says_otherwise(genstore, config, generate, mounted):
    req = generate("echo x >x")
    config("set", "mount.views", "no")
    config("set", "mount.read_only", "yes")
    with mounted() as top:
        assert sorted(os.listdir(top / "generations" / req)) == ["app.tar.gz", "metadata.json"]
        with pytest.raises(OSError):
            (top / "generations/req_new").mkdir()
    with mounted("-o", "views,rw") as top:
        assert "app" in os.listdir(top / "generations" / req)


def test_serve_listens_where_is_set_and_off_loopback_only_with_tokens(genstore, config):
    config("set", "serve.listen", "0.0.0.0:0")
    assert "is not on loopback" in genstore("serve", code=2).err
    config("set", "serve.require_token", "yes")
    assert "is not on loopback" in genstore("serve", "--set", "serve.require_token=no", code=2).err
    server = genstore.start("serve", "--json")
    try:
        assert b"http://0.0.0.0:" in server.stdout.readline()
    finally:
        server.terminate()
        server.communicate(timeout=30)


def test_the_completion_knows_the_keys(genstore, store, tmp_path):
    if not shutil.which("bash"):
        pytest.skip("bash is not here")
    (tmp_path / "completion").write_text(genstore("completion", "bash").out)
    script = '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _genstore; printf "%s\\n" "${COMPREPLY[@]}"'
    for words, want in {("config", "get", "s3.b"): {"s3.bucket", "s3.bandwidth"}, ("config", "set", "serve."): {"serve.listen", "serve.require_token", "serve.jwt_secret"},
                        ("config", "un"): {"unset"}}.items():
        done = subprocess.run(["bash", "--norc", "-c", script, "bash", tmp_path / "completion", "genstore", *words], capture_output=True, text=True, check=True, timeout=60)
        assert set(done.stdout.split()) == want and done.stderr == ""
