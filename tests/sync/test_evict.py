"""evict: local bytes of what is in the bucket given up, and brought back by whoever reads them."""

import json
import os
import pathlib
import sqlite3
import subprocess
import tarfile
import urllib.error
import urllib.request

import pytest

MIB = 1 << 20
OFFLINE = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}  # the port of discard, where nobody listens


def archive_of(genstore, req, **options):
    return genstore("get", req, "-o", "-", **options).stdout


def evicted(genstore):
    return {g["request_id"] for g in genstore("list", "--json").json if g["evicted"]}


@pytest.fixture
def away(genstore, bucket, made):
    """away(size): the request id of an evicted generation, and its archive."""
    def make(size=0, **options):
        req = made(size, **options)
        genstore("sync", req)
        data = archive_of(genstore, req)
        genstore("evict", req)
        return req, data
    return make


def test_bytes_are_given_up_and_every_command_says_so(genstore, bucket, made):
    req, stays = made(MIB), made()
    genstore("sync", "--all")
    before = genstore("stats", "--json").json[0]
    r = genstore("evict", req)
    assert r.out == f"{req}\n" and "1 evicted" in r.err and "genstore gc" in r.err
    assert "1 generation is evicted" in genstore("gc").err
    after = genstore("stats", "--json").json[0]
    assert after["stored_bytes"] < before["stored_bytes"] - MIB
    assert (after["archives"], after["evicted"], after["foreign_archives"]) == (2, 1, 0)
    assert after["evicted_bytes"] == bucket.client.head_object(Bucket=bucket.name, Key=f"generations/{req}/app.tar.gz")["ContentLength"]
    assert "1 of them" in genstore("stats").out
    assert evicted(genstore) == {req}
    assert ", evicted" in next(line for line in genstore("list").out.splitlines() if req in line)
    assert "evicted: in the bucket only" in genstore("show", req).out and "evicted" not in genstore("show", stays).out
    check = genstore("check", "--read-data", "--remote")
    assert "1 generation is evicted" in check.err and "no problems" in check.err
    assert genstore("check", "--json").json[-1]["evicted"] == 1
    # What is only rows stays readable without a network.
    shown, = genstore("show", req, "--json", env=OFFLINE).json
    assert shown["evicted"] and shown["archive_size"] == after["evicted_bytes"] and shown["files"] == 2
    genstore("log", req, env=OFFLINE)
    genstore("snapshots", req, env=OFFLINE)
    assert genstore("audit", "--json").json[1]["action"] == "generation.evict"
    assert "in the bucket only already" in genstore("evict", req).err


def test_whoever_reads_it_fetches_it_once_and_gets_the_same_bytes(genstore, bucket, proxy, made, tmp_path):
    for n, read in enumerate((
            lambda req: archive_of(genstore, req), lambda req: genstore("cat", f"{req}:README.md").stdout,
            lambda req: genstore("ls", "-R", req, "--json").stdout, lambda req: genstore("cat", f"{req}@1:README.md").stdout,
            lambda req: genstore("diff", req, "app/1").stdout)):
        req = made(40_000)
        genstore("sync", req)
        data, archive = read(req), archive_of(genstore, req)
        genstore("evict", req)
        genstore("gc")
        proxy.reset()
        assert read(req) == data, n
        assert [r.method for r in proxy.log] == ["GET"]
        assert read(req) == data and archive_of(genstore, req) == archive
        assert len(proxy.log) == 1 and evicted(genstore) == set()
    genstore("evict", req)
    genstore("restore", req, tmp_path / "restored")
    assert (tmp_path / "restored/README.md").read_text() == "number 5\n"
    genstore("check", "--read-data")
    assert "generation.fetch" in [row["action"] for row in genstore("audit", "--json").json]


def test_pull_brings_it_back(genstore, away):
    req, data = away(3 * MIB)
    genstore("gc")
    r = genstore("pull", req)
    assert r.out == f"{req}\n"
    assert archive_of(genstore, req, env=OFFLINE) == data
    assert "is in this store already" in genstore("pull", req).err
    genstore("check", "--read-data", "--remote")
    # And it can go again.
    genstore("evict", req)
    genstore("gc")
    assert archive_of(genstore, req) == data


def test_offline_it_is_one_line_and_nothing_is_lost(genstore, away):
    req, data = away()
    for command in (["get", req, "-o", "-"], ["cat", f"{req}:README.md"], ["ls", req], ["pull", req], ["restore", req, "x"]):
        r = genstore(*command, code=5, env=OFFLINE)
        assert r.out == "" and r.err.count("\n") == 1 and f"cannot fetch '{req}' from the bucket" in r.err, command
    assert archive_of(genstore, req) == data


def test_what_cannot_fetch_says_what_to_do(genstore, bucket, away, tmp_path):
    req, _ = away()
    env = {**genstore.env, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    (tmp_path / "git-remote-genstore").symlink_to(pathlib.Path(os.environ.get("GENSTORE", "build/genstore")).resolve())
    clone = subprocess.run(["git", "clone", f"genstore::{req}", tmp_path / "clone"], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert clone.returncode and f"genstore pull {req}" in clone.stderr
    r = genstore("export", "--format", "files", tmp_path / "out", code=3)
    assert f"'generations/{req}/app.tar.gz': the bytes of '{req}' are in the bucket only" in r.err
    assert (tmp_path / f"out/generations/{req}/metadata.json").exists()
    genstore("pull", req)
    genstore("export", "--format", "files", tmp_path / "out")
    assert (tmp_path / f"out/generations/{req}/app/README.md").exists()
    subprocess.run(["git", "clone", "-q", f"genstore::{req}", tmp_path / "clone"], env=env, check=True, timeout=60)


def test_going_back_to_trees_in_rows_is_refused_while_bytes_are_away(genstore, away):
    req, _ = away()
    assert "in the bucket only" in genstore("migrate", "--to", "4", "--dry-run", code=1).err
    genstore("pull", req)
    genstore("migrate", "--to", "4", "--dry-run")


def refusals(genstore, bucket, req):
    key = f"generations/{req}/app.tar.gz"
    data, meta = bucket.get(key), key.replace("app.tar.gz", "metadata.json")
    bucket.put(key, data[:-1] + bytes([data[-1] ^ 1]))
    yield 1, "is another object by now"
    bucket.put(key, data + b"x")
    yield 1, "is another object by now"
    bucket.client.delete_object(Bucket=bucket.name, Key=key)
    yield 1, "is not in the bucket"
    bucket.put(key, data)
    bucket.client.delete_object(Bucket=bucket.name, Key=meta)
    yield 1, "is not in the bucket"


def test_nothing_is_given_up_that_the_bucket_has_not(genstore, bucket, made):
    req = made()
    assert f"'{req}' is in no bucket; 'genstore sync {req}' sends it" in genstore("evict", req, code=1).err
    genstore("sync", req)
    data = archive_of(genstore, req)
    for code, words in refusals(genstore, bucket, req):
        r = genstore("evict", req, code=code)
        assert words in r.err and r.out == "" and r.err.count("\n") == 1
        assert evicted(genstore) == set()
    assert "cannot evict" in genstore("evict", req, code=5, env=OFFLINE).err
    genstore("gc")
    assert archive_of(genstore, req, env=OFFLINE) == data
    genstore("check", "--read-data")


def test_one_that_is_refused_does_not_keep_the_others(genstore, bucket, made):
    reqs = [made() for _ in range(3)]
    genstore("sync", reqs[0], reqs[2])
    r = genstore("evict", *reqs, code=3)
    assert r.out.split() == [reqs[0], reqs[2]] and evicted(genstore) == {reqs[0], reqs[2]}
    told = genstore("evict", reqs[1], "--json", code=1)
    assert told.json[-1] == {"message_type": "summary", "evicted": 0, "bytes": 0} or told.json[0]["message_type"] == "error"


def test_the_same_bytes_put_there_anew_are_enough(genstore, bucket, made):
    req = made(17 * MIB)
    genstore("sync", req)
    key = f"generations/{req}/app.tar.gz"
    data = bucket.get(key)
    bucket.put(key, data)  # in one piece: another ETag
    genstore("evict", req)
    genstore("gc")
    assert archive_of(genstore, req) == data


@pytest.mark.parametrize("size", [0, 20 * MIB])
def test_what_comes_back_is_compared_with_what_went(genstore, bucket, away, size):
    req, data = away(size)
    genstore("gc")
    key = f"generations/{req}/app.tar.gz"
    for bad in (data[:-9] + bytes([data[-9] ^ 1]) + data[-8:], data + b"more", data[:-1]):
        bucket.put(key, bad)
        r = genstore("pull", req, code=1)
        assert f"cannot fetch '{req}'" in r.err and r.err.count("\n") == 1
        assert evicted(genstore) == {req}
    bucket.client.delete_object(Bucket=bucket.name, Key=key)
    assert "is not in the bucket" in genstore("pull", req, code=4).err
    bucket.put(key, data)
    assert archive_of(genstore, req) == data
    genstore("check", "--read-data")


@pytest.mark.parametrize("fault", ["half", "reset", "503", "garble", "hold"])
def test_a_fetch_that_breaks_or_is_killed_leaves_it_where_it_was(genstore, proxy, away, running, fault):
    req, data = away(MIB)
    genstore("gc")
    proxy.reset()
    proxy.plan[0] = fault
    if fault == "hold":
        process = genstore.start("pull", req)
        running(process)
        assert proxy.held.wait(30)
        process.kill()
        process.wait()
        proxy.release()
    else:
        genstore("pull", req, code=1 if fault == "garble" else 0)
    genstore("check", "--read-data")
    assert archive_of(genstore, req) == data
    genstore("gc")
    assert archive_of(genstore, req, env=OFFLINE) == data


def test_what_others_have_of_it_stays_readable(genstore, bucket, tree, tmp_path):
    folder = tree.write(tmp_path / "f", {"README.md": "shared\n", "noise": os.urandom(300_000)})
    one, same = (genstore("import", folder, "--app-name", name).out.strip() for name in ("one", "same"))
    (folder / "more").write_text("more")
    near = genstore("import", folder, "--app-name", "one").out.strip()
    child = genstore("fork", one, "--app-name", "child").out.strip()
    genstore("sync", one)
    kept = {req: archive_of(genstore, req) for req in (same, near, child)}
    genstore("evict", one)
    genstore("gc", "--compact")
    for req, data in kept.items():
        assert archive_of(genstore, req, env=OFFLINE) == data
        assert genstore("cat", f"{req}:noise", env=OFFLINE).stdout == (folder / "noise").read_bytes()
    genstore("check", "--read-data")
    genstore("rm", "--force", same, near, child)
    genstore("gc")
    assert genstore("cat", f"{one}:noise").stdout == (folder / "noise").read_bytes()


def test_iterations_that_are_in_no_bucket_stay(genstore, bucket):
    genstore("generate", "--app-name", "todo", "--prompt", "a todo app", "--mode", "autonomous", "--max-iterations", 3)
    req = genstore("list", "--json").json[0]["request_id"]
    genstore("sync", req)
    files = {n: genstore("cat", f"{req}@{n}:CHANGELOG.md").out for n in (1, 2, 3)}
    told = genstore("evict", req, "--json").json
    assert told[0]["request_id"] == req and told[0]["iterations_kept"] == 2
    genstore("gc")
    for n in (1, 2):
        assert genstore("cat", f"{req}@{n}:CHANGELOG.md", env=OFFLINE).out == files[n]
    genstore("cat", f"{req}@3:CHANGELOG.md", code=5, env=OFFLINE)
    assert genstore("cat", f"{req}@3:CHANGELOG.md").out == files[3]
    genstore("check", "--read-data")


def test_generations_go_on_from_one_whose_bytes_are_away(genstore, away):
    req, _ = away()
    genstore("gc")
    genstore("generate", "--resume", req, "--prompt", "more", "--", "sh", "-c", "echo more >>README.md")
    assert genstore("cat", "app/2:README.md").out == "number 1\nmore\n"
    for command in (["fork", req, "--app-name", "forked"], ["promote", req]):
        genstore("evict", req)
        genstore("gc")
        made = genstore(*command).out.strip()
        assert genstore("cat", f"{made}:README.md", env=OFFLINE).out == "number 1\n"


def test_archives_from_outside_come_back_as_they_were(genstore, bucket, tmp_path):
    (tmp_path / "app").mkdir()
    (tmp_path / "app/index.html").write_text("<h1>hi</h1>")
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "app", "app")
    req = genstore("import", tmp_path / "a.tar.gz", "--app-name", "page").out.strip()
    genstore("sync", req)
    genstore("evict", req)
    genstore("gc")
    assert genstore("cat", f"{req}:index.html").out == "<h1>hi</h1>"
    assert archive_of(genstore, req) == (tmp_path / "a.tar.gz").read_bytes()


def test_check_finds_bytes_that_are_nowhere(genstore, away):
    req, _ = away()
    with sqlite3.connect(genstore.store) as db:
        db.execute("DELETE FROM remote_objects")
    r = genstore("check", code=13)
    assert f"generation '{req}': its archive is not in this store, and no bucket acknowledged it" in r.out


def test_check_remote_looks_at_what_is_evicted(genstore, bucket, away):
    req, data = away()
    genstore("check", "--remote")
    bucket.put(f"generations/{req}/app.tar.gz", data[:-1] + b"x")
    r = genstore("check", "--remote", code=1)
    assert f"remote 'generations/{req}/app.tar.gz': another object is there" in r.out


def test_a_backup_has_what_the_store_has(genstore, away, tmp_path):
    req, data = away()
    genstore("backup", tmp_path / "copy")
    genstore("--store", tmp_path / "copy", "check", "--read-data")
    assert genstore("--store", tmp_path / "copy", "get", req, "-o", "-").stdout == data
    assert evicted(genstore) == {req}


def test_a_server_says_that_it_is_away(genstore, away):
    req, _ = away()
    server = genstore.start("serve", "--listen", "0", "--json")
    try:
        url = json.loads(server.stdout.readline())["url"]
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{url.rstrip('/')}/api/generations/{req}/app.tar.gz", timeout=60)
        assert refused.value.code == 409 and f"genstore pull {req}" in refused.value.read().decode()
    finally:
        server.terminate()
        server.communicate()
