"""A put of artifacts that is killed, or cut off from power, leaves all of it or nothing."""

import shutil

import pytest


def rows(genstore, store):
    return sorted((row["type"], row["name"], row["size"]) for row in
                  genstore("artifact", "list", "--json", env={"GENSTORE_STORE": store}).json if row["message_type"] == "artifact")


@pytest.mark.parametrize("how", ["kill", "power"])
def test_a_put_that_is_killed_halfway_leaves_nothing_or_all(genstore, store, fault, tree, tmp_path, san, how):
    first = tree.write(tmp_path / "first", {f"{i}/f": f"{i}\n" * i for i in range(1, 30)})
    second = tree.write(tmp_path / "second", {**{f"{i}/f": f"new {i}\n" for i in range(1, 20)}, "more/large": bytes(3_000_000)})
    put = ["artifact", "put", "--session", "s", "--org", "o", "--type", "terraform"]
    genstore(*put, first)
    before = rows(genstore, store)
    where = tmp_path / "s.store"

    def run(do=None, at=None):
        for left in tmp_path.glob("s.store*"):
            left.unlink()
        shutil.copy(store, where)
        return genstore(*put, second, code=None, env={"GENSTORE_STORE": where, **fault.env(where, do, at)})

    assert run().returncode == 0
    calls, after = fault.calls(), rows(genstore, where)
    assert calls > 10 and after != before
    points, seen = 6 if san else 24, set()
    for at in sorted({1 + i * (calls - 1) // (points - 1) for i in range(points)}):
        killed = run(how, at).returncode == -9
        found = rows(genstore, where)
        assert found in (before, after), f"half a put after call {at}"
        assert killed or found == after
        genstore("check", "--read-data", env={"GENSTORE_STORE": where})
        seen.add(found == after)
    assert seen == {True, False}
