"""The trail: a row for each change, in its transaction, and a chain that shows when one was touched; and what things cost."""

import sqlite3

import pytest


@pytest.fixture
def trail(genstore):
    """[(action, subject, details)] in their order."""
    def read(*args):
        return [(row["action"], row["subject"], row["details"]) for row in genstore("audit", "--json", *args).json[::-1]]
    return read


def test_a_generation_is_followed_from_its_request_to_its_end(genstore, generate, trail):
    req = generate("echo x >a", "--app-name", "x")
    rows = trail()
    assert [row[:2] for row in rows] == [("generation.create", req), ("generation.status", req), ("generation.status", req)]
    assert rows[0][2]["app_name"] == "x" and rows[0][2]["generation_number"] == 1
    assert [(d["status_before"], d["status"]) for _, _, d in rows[1:]] == [("queued", "generating"), ("generating", "completed")]


def test_a_failure_and_a_kill_are_in_it(genstore, generate, store, trail, wait_for, tmp_path):
    genstore("generate", "--app-name", "x", "--prompt", "p", "--", "sh", "-c", "exit 1", code=None)
    assert trail()[-1][2] == {"status": "failed", "status_before": "generating"}
    running = genstore.start("generate", "--app-name", "x", "--prompt", "p", "--", "sh", "-c", f"touch {tmp_path}/there; sleep 100")
    wait_for((tmp_path / "there").exists, "the generator")
    running.kill()
    running.communicate()
    genstore("config", "set", "s3.bucket", "bucket")  # whoever writes next finds it
    assert ("generation.status", {"status": "paused", "status_before": "generating"}) in [(a, d) for a, _, d in trail()]
    genstore("audit", "verify")


def test_each_verb_leaves_its_row_and_nothing_leaves_one_without_a_change(genstore, generate, trail, tmp_path):
    req = generate("echo x >a", "--app-name", "x")

    def added(*args, code=0):
        before = len(trail())
        genstore(*args, code=code)
        return [action for action, _, _ in trail()[before:]]

    (tmp_path / "f.tf").write_text("x")
    assert added("config", "set", "s3.bucket", "bucket") == ["config.set"]
    assert added("config", "set", "s3.bucket", "bucket") == []
    assert trail()[-1] == ("config.set", "s3.bucket", {"value": "bucket", "value_before": None})
    assert added("config", "rm", "s3.bucket") == ["config.unset"]
    assert trail()[-1][2] == {"value": None, "value_before": "bucket"}
    assert added("config", "rm", "s3.bucket", code=4) == []
    assert added("restore", req, tmp_path / "out") == ["generation.restore"]
    assert added("restore", req, tmp_path / "out", code=1) == []
    assert added("fork", req, "--app-name", "y") == ["generation.create", "generation.status", "generation.status"]
    assert added("import", tmp_path / "out", "--app-name", "z")[0] == "generation.create"
    assert added("artifact", "put", "--session", "s", "--org", "o", "--type", "terraform", tmp_path / "f.tf") == ["org.add", "artifact.put"]
    assert added("artifact", "put", "--session", "s", "--org", "o", "--type", "terraform", tmp_path / "f.tf") == []
    assert added("artifact", "rm", "--session", "s", "terraform/f.tf") == ["artifact.remove"]
    assert added("rm", "-f", "z") == ["generation.remove"]
    assert added("gc") == ["gc.run"]
    assert added("gc") == []
    for reading in (["list"], ["show", req], ["log", req], ["ls", req], ["cat", f"{req}:a"], ["get", req, "-o", tmp_path / "a.tgz"], ["check"], ["stats"], ["audit"],
                    ["backup", tmp_path / "b"], ["cost"]):
        assert added(*reading) == [], reading
    genstore("audit", "verify")


def test_a_change_and_its_row_are_there_together_or_not_at_all(genstore, store, tmp_path):
    """Killed at any moment: the settings that are there are those that the trail tells of."""
    for i in range(30):
        process = genstore.start("config", "set", "s3.bucket", f"bucket-{i}")
        try:
            process.wait(timeout=0.0005 * i)
        except Exception:
            process.kill()
        process.communicate()
    rows = [row["details"] for row in genstore("audit", "--json", "--action", "config.set").json]
    value = genstore("config", "get", "s3.bucket", code=None).out.strip()
    assert (rows[0]["value"] if rows else "") == value
    assert all(later["value_before"] == earlier["value"] for later, earlier in zip(rows, rows[1:]))
    genstore("audit", "verify")


def summed(rows, key):
    return sum(row[key] for row in rows)


def test_costs_are_summed_by_iteration_generation_app_user_and_month(genstore, store, tmp_path):
    for app in ("x", "x", "y"):
        genstore("-q", "generate", "--app-name", app, "--prompt", "p", "--max-iterations", "2")
    with sqlite3.connect(genstore.store) as db:
        whole = db.execute("SELECT sum(input_tokens), sum(output_tokens), sum(duration_ms), round(sum(cost_usd), 9) FROM generation_costs").fetchone()
        by_app = dict(db.execute("SELECT app_name, sum(input_tokens) FROM generation_costs JOIN generation_requests AS g ON g.id = generation_request_id GROUP BY 1"))
        db.execute("UPDATE generation_costs SET created_at = '2025-01-31T00:00:00Z' WHERE generation_request_id = 1")
    for by, count in (("generation", 3), ("app", 2), ("user", 1), ("month", 2)):
        *rows, summary = genstore("cost", "--by", by, "--json").json
        assert len(rows) == count == summary["rows"]
        assert tuple(summed(rows, k) for k in ("input_tokens", "output_tokens", "duration_ms")) == whole[:3]
        assert round(summed(rows, "cost_usd"), 9) == whole[3] == round(summary["cost_usd"], 9)
    assert {row["app"]: row["input_tokens"] for row in genstore("cost", "--by", "app", "--json").json[:-1]} == by_app
    assert [row["generations"] for row in genstore("cost", "--by", "app", "--json").json[:-1]] == [2, 1]
    assert genstore("cost", "--by", "month", "--json").json[0]["month"] == "2025-01"
    assert [row["user"] for row in genstore("cost", "--by", "user", "--json").json[:-1]] == ["local"]
    assert genstore("cost", "--app", "y", "--json").json[-1]["rows"] == 1
    assert genstore("cost", "--until", "2025-06-01", "--json").json[-1]["rows"] == 1 and genstore("cost", "--since", "2099-01-01").err == "nothing has cost anything\n"
    one = genstore("cost", "x/1", "--json").json
    assert [row["iteration"].partition("@")[2] for row in one[:-1]] == ["1", "2", ""]
    shown = genstore("cost").out.splitlines()
    assert shown[0].split() == ["GENERATION", "TOKENS", "IN", "OUT", "TIME", "USD"] and shown[-1].startswith("in all") and len(shown) == 5


def test_what_cannot_be_asked_of_costs_is_refused(genstore, store):
    assert "--by takes" in genstore("cost", "--by", "week", code=2).err
    assert genstore("cost", "none", code=4).err and genstore("cost", "--user", "none", code=4).err
    assert genstore("cost").out == ""
