"""promote: an earlier tree becomes its app's newest generation."""

import pytest

SCRIPT = 'echo "iteration $ITERATION" >main.txt; echo x >"only-$ITERATION"'


@pytest.fixture
def todo(generate):
    """Two generations of an app: three iterations, then one."""
    first = generate(SCRIPT, "--app-name", "todo", "--prompt", "a list", "--max-iterations", "3")
    generate("echo other >main.txt", "--app-name", "todo", "--prompt", "another list")
    return first


def generation(genstore, rev):
    return genstore("show", rev, "--json").json[0]


def test_an_earlier_iteration_becomes_the_newest_generation(genstore, todo, tree, tmp_path):
    r = genstore("promote", "todo/1@2")
    g = generation(genstore, "todo")
    assert r.out == g["request_id"] + "\n"
    assert r.err == "'todo/3' has the tree of 'todo/1@2': 3 files\n"
    assert (g["generation_number"], g["generation_type"], g["status"]) == (3, "resume", "completed")
    assert (g["parent_request_id"], g["prompt"], g["initial_prompt"]) == (todo, "a list", "a list")
    genstore("restore", "todo", tmp_path / "new")
    genstore("restore", "todo/1@2", tmp_path / "old")
    assert tree.differences(tmp_path / "new", tmp_path / "old") == []


def test_the_snapshot_says_where_its_tree_came_from(genstore, todo):
    genstore("promote", "todo/1")
    snapshot, = genstore("snapshots", "todo", "--json").json
    assert snapshot["metadata"] == {"promoted_from": {"request_id": todo, "generation_number": 1, "iteration": 3}}


def test_nothing_is_copied_by_promoting(genstore, todo, rows):
    tables = ("content", "manifest")
    before = [rows(f"SELECT count(*) FROM {t}")[0][0] for t in tables]
    genstore("promote", "todo/1@1")
    after = [rows(f"SELECT count(*) FROM {t}")[0][0] for t in tables]
    assert after == [before[0] + 1, before[1]]  # its metadata.json
    assert genstore("check", "--read-data").code == 0


def test_what_has_that_tree_already_is_left_as_it_is(genstore, todo):
    newest = genstore("promote", "todo/1@1").out
    r = genstore("promote", "todo/1@1")
    assert (r.out, r.err) == (newest, "'todo/3' has that tree already: nothing to do\n")
    assert genstore("promote", "todo").out == newest
    assert [g["generation_number"] for g in genstore("list", "--json").json] == [3, 2, 1]


def test_a_newest_generation_that_failed_is_no_reason_to_do_nothing(genstore, todo, generate):
    generate("exit 1", "--app-name", "todo", code=1)
    genstore("promote", "todo/2")
    assert generation(genstore, "todo")["generation_number"] == 4


def test_what_is_of_another_app_is_refused_with_a_hint_to_fork(genstore, todo):
    r = genstore("promote", "todo/1@2", "--app-name", "shop", code=1)
    assert r.err == ("genstore: 'todo/1@2' is of the app 'todo'; "
                     "'genstore fork todo/1@2 --app-name NAME' makes a new app from it\n")
    assert generation(genstore, "todo")["generation_number"] == 2
    assert genstore("promote", "todo/1@2", "--app-name", "todo").out


def test_another_prompt_can_be_given_and_the_first_one_stays(genstore, todo, rows):
    g, = genstore("promote", "todo/2", "--prompt", "back", "--json").json
    assert g["request_id"] == generation(genstore, "todo")["request_id"]  # nothing to do: it is the newest
    g, = genstore("promote", "todo/1", "--prompt", "back", "--json").json
    assert (g["message_type"], g["prompt"], g["initial_prompt"]) == ("generation", "back", "a list")
    assert rows("SELECT prompt_used FROM iteration_snapshots ORDER BY id DESC LIMIT 1") == [["back"]]


def test_a_promotion_is_in_the_audit_trail(genstore, todo, rows):
    new = genstore("promote", "todo/1").out.strip()
    assert rows("SELECT action, subject, details ->> '$.promoted_from.request_id' FROM audit_log WHERE action = 'generation.promote'") == [["generation.promote", new, todo]]


def test_an_app_goes_on_from_what_was_promoted(genstore, todo, generate):
    genstore("promote", "todo/1@1")
    generate("echo more >more.txt", "--app-name", "todo")
    assert generation(genstore, "todo")["generation_number"] == 4


@pytest.mark.parametrize("rev, code, words", [("nobody", 4, "no generation or app 'nobody'"), ("todo/1@9", 4, "has no iteration 9"),
                                              ("todo/1@x", 2, "is not an iteration")])
def test_what_is_not_there_is_not_promoted(genstore, todo, rev, code, words):
    assert words in genstore("promote", rev, code=code).err


def test_a_prompt_that_is_not_text_is_refused(genstore, todo):
    assert "not UTF-8" in genstore("promote", "todo/1", "--prompt", b"\xff".decode("utf-8", "surrogateescape"), code=2).err
