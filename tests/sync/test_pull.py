"""Back from a bucket: by one id, or all that it has."""

import json
import pathlib
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from attack_archives import GOOD  # noqa: E402

MIB = 1 << 20


@pytest.fixture
def another(genstore, bucket, tmp_path):
    """Another machine: a store of its own, with the same bucket."""
    def make(name="other", configure=True):
        store = tmp_path / f"{name}.genstore"

        def run(*args, **options):
            return genstore("--store", store, *args, **options)
        run("init")
        if configure:
            run("config", "set", "s3.bucket", bucket.name)
        run.store = store
        return run
    return make


def known(run):
    keys = ("request_id", "app_id", "app_name", "generation_number", "created_at", "archive_sha256", "archive_size", "status",
            "parent_request_id", "generation_type", "sync")
    return sorted([{k: g[k] for k in keys} for g in run("list", "--json").json], key=lambda g: g["request_id"])


def test_a_generation_comes_back_byte_for_byte_with_what_its_metadata_names(genstore, bucket, made, another):
    made()
    req = made()
    genstore("sync", "--all")
    other = another()
    assert other("pull", req).out == f"{req}\n"
    assert other("get", req, "-o", "-").stdout == genstore("get", req, "-o", "-").stdout
    assert other("cat", f"{req}:README.md").out == "number 2\n"
    assert known(other) == [g for g in known(genstore) if g["request_id"] == req]
    assert "is in this store already" in other("pull", req).err
    other("check", "--read-data")
    # What came from there need not be sent there.
    assert other("sync", "--all", "--json").json[-1]["synced"] == 0


def test_a_large_one_comes_back_although_the_connection_breaks_in_the_middle(genstore, bucket, proxy, made, another):
    req = made(20 * MIB)
    genstore("sync", req)
    other = another()
    proxy.reset()
    proxy.plan[1] = "half"
    other("pull", req)
    assert proxy.log[2].headers["range"].startswith("bytes=") and proxy.log[2].headers["if-match"]
    assert other("get", req, "-o", "-").stdout == genstore("get", req, "-o", "-").stdout


def test_one_that_changes_while_it_is_read_is_not_mixed(genstore, bucket, proxy, made, another, running):
    req = made(4 * MIB)
    genstore("sync", req)
    other = another()
    proxy.reset()
    proxy.plan.update({1: "half", 2: "hold"})
    process = genstore.start("--store", other.store, "pull", req)
    running(process)
    assert proxy.held.wait(30)
    bucket.put(f"generations/{req}/app.tar.gz", b"x" * 5 * MIB)
    proxy.release()
    _, err = process.communicate(timeout=60)
    assert process.returncode not in (0, -6) and b"cannot pull" in err
    assert other("list").out == ""


@pytest.mark.parametrize("size", [0, 3 * MIB])
def test_a_flipped_byte_in_the_bucket_is_found(genstore, bucket, made, another, size):
    req = made(size)
    genstore("sync", req)
    key = f"generations/{req}/app.tar.gz"
    data = bytearray(bucket.get(key))
    data[len(data) // 2] ^= 1
    bucket.put(key, bytes(data))
    other = another()
    err = other("pull", req, code=1).err
    assert "metadata.json names" in err and err.count("\n") == 1
    assert other("list").out == ""
    assert "1 could not be recovered" in other("recover", f"s3://{bucket.name}", "--all", code=1).err
    assert other("list").out == ""
    # What is not fetched is not looked at: it is found by who reads it.
    other("recover", f"s3://{bucket.name}")
    assert "SHA-256" in other("get", req, "-o", "-", code=1).err
    assert other("list", "--json").json[0]["evicted"]


def test_a_flipped_byte_on_the_way_is_found(genstore, bucket, proxy, made, another):
    req = made()
    genstore("sync", req)
    other = another()
    proxy.reset()
    proxy.plan[1] = "garble"
    assert "metadata.json names" in other("pull", req, code=1).err
    other("pull", req)


def test_what_is_not_in_the_bucket_is_no_such_thing(genstore, bucket, another):
    other = another()
    assert "it is not in the bucket" in other("pull", "req_aaaaaaaaaaaa", code=4).err
    assert "cannot be a request id" in other("pull", "a/b", code=2).err


def test_a_container_that_put_its_own_archive_there_is_pulled(genstore, bucket, another, tmp_path):
    (tmp_path / "app").mkdir()
    (tmp_path / "app/index.html").write_text("<h1>hi</h1>")
    subprocess.run(["tar", "czf", tmp_path / "a.tgz", "-C", tmp_path, "app"], check=True)
    bucket.put("generations/container-1/app.tar.gz", (tmp_path / "a.tgz").read_bytes())
    bucket.put("generations/container-1/metadata.json", json.dumps({"request_id": "container-1", "app_name": "page"}).encode())
    other = another()
    other("pull", "container-1")
    assert other("cat", "page:index.html").out == "<h1>hi</h1>"
    assert other("show", "page", "--json").json[0]["generation_number"] == 1


def test_a_store_is_made_of_the_bucket_alone(genstore, bucket, made, another):
    for app in ("one", "two"):
        for _ in range(6):
            made(app=app)
    large = made(2 * MIB, app="one")
    first = genstore("list", "--app", "one", "--json").json[-1]["request_id"]
    genstore("generate", "--resume", first, "--prompt", "more", "--", "sh", "-c", "echo more >>README.md")
    genstore("sync", "--all")
    bucket.put("generations/req_incomplete00/app.tar.gz", b"cut")
    bucket.put("generations/readme.txt", b"what is this")
    other = another(configure=False)
    r = other("recover", f"s3://{bucket.name}/")
    assert len(r.out.split()) == 14 and "stay in the bucket until they are read" in r.err
    assert all(g["evicted"] for g in other("list", "--json").json)
    assert "'req_incomplete00' has no metadata.json" in r.err and "so not known: prompts" in r.err
    mine, theirs = known(genstore), known(other)
    assert theirs == mine and any(g["parent_request_id"] == first for g in theirs)
    assert other("get", large, "-o", "-").stdout == genstore("get", large, "-o", "-").stdout
    other("check", "--read-data")
    again = other("recover", f"s3://{bucket.name}/generations/", "--json").json[-1]
    assert (again["recovered"], again["already_here"], again["incomplete"]) == (0, 14, 1)
    # The one that was read is here.
    rest = other("recover", f"s3://{bucket.name}/generations/", "--all", "--json").json[-1]
    assert (rest["recovered"], rest["already_here"], rest["bytes_in_bucket"]) == (13, 1, 0)
    assert known(other) == mine and not any(g["evicted"] for g in other("list", "--json").json)
    other("check", "--read-data")


def test_rows_come_now_and_bytes_when_they_are_read(genstore, bucket, proxy, made, another):
    req = made()
    genstore("sync", "--all")
    # One whose metadata.json does not say what its archive is has to be looked at.
    bucket.put("generations/req_container001/app.tar.gz", GOOD)
    bucket.put("generations/req_container001/metadata.json", b'{"app_name": "page"}')
    other = another(configure=False)
    proxy.reset()
    other("recover", f"s3://{bucket.name}")
    assert sorted(r.path.rsplit("/", 2)[-2] for r in proxy.log if r.path.endswith("/app.tar.gz")) == ["req_container001"]
    evicted = {g["request_id"]: g["evicted"] for g in other("list", "--json").json}
    assert evicted == {req: True, "req_container001": False}
    assert "tree:" not in other("show", req).out and "in the bucket only" in other("show", req).out
    other("check", "--read-data")
    proxy.reset()
    assert other("cat", f"{req}:README.md").out == "number 1\n"
    assert other("ls", req).out == "README.md\n"
    assert [r.method for r in proxy.log] == ["GET"]
    assert "tree:            1 files" in other("show", req).out


def test_a_bucket_that_says_another_size_is_not_believed(genstore, bucket, made, another):
    req = made()
    genstore("sync", req)
    key = f"generations/{req}/app.tar.gz"
    bucket.put(key, bucket.get(key) + b"more")
    other = another()
    assert "metadata.json names" in other("recover", f"s3://{bucket.name}", code=1).err
    assert other("list").out == ""


def test_a_folder_of_a_bucket_is_recovered_by_itself(genstore, bucket, made, another):
    genstore("config", "set", "s3.prefix", "team/a")
    made()
    genstore("sync", "--all")
    other = another(configure=False)
    assert other("recover", f"s3://{bucket.name}", "--json").json[-1]["recovered"] == 0
    assert other("recover", f"s3://{bucket.name}/team/a", "--json").json[-1]["recovered"] == 1


def test_two_that_go_on_from_one_bucket_are_recovered_into_each_other(genstore, bucket, made, another, tree, tmp_path):
    made(app="app")
    genstore("sync", "--all")
    other = another()
    other("recover", f"s3://{bucket.name}")
    # Both make number 2 of the same app, and each an app that the other does not know by that name.
    made(app="app"), made(app="new")
    folder = tree.write(tmp_path / "theirs", {"f": "theirs"})
    other("import", folder, "--app-name", "app")
    other("import", folder, "--app-name", "new")
    genstore("sync", "--all")
    other("sync", "--all")
    for run in (genstore, other):
        run("recover", f"s3://{bucket.name}")
        run("check")
    a, b = known(genstore), known(other)
    assert [g["request_id"] for g in a] == [g["request_id"] for g in b] and len(a) == 5
    assert [g["app_id"] for g in a] == [g["app_id"] for g in b]
    for run in (genstore, other):
        assert sorted(g["generation_number"] for g in run("list", "--app", "app", "--json").json) == [1, 2, 3]
        assert len(run("list", "--app", "new (2)", "--json").json) == 1


@pytest.mark.parametrize("options, at", [([], 6), (["--all"], 15)])
def test_an_interrupted_recovery_goes_on_where_it_was(genstore, bucket, proxy, made, another, running, options, at):
    reqs = [made() for _ in range(10)]
    genstore("sync", "--all")
    other = another()
    proxy.reset()
    proxy.plan[at] = "hold"
    process = genstore.start("--store", other.store, "recover", f"s3://{bucket.name}", *options)
    running(process)
    assert proxy.held.wait(30)
    process.kill()
    process.wait()
    proxy.reset()
    other("recover", f"s3://{bucket.name}", *options)
    assert [g["request_id"] for g in known(other)] == sorted(reqs)
    assert {g["evicted"] for g in other("list", "--json").json} == {not options}
    other("check", "--read-data")


def test_an_address_works_without_keys_until_it_expires(genstore, bucket, made):
    req = made()
    assert "is in no bucket; 'genstore sync" in genstore("get", "--url", req, code=4).err
    genstore("sync", req)
    url = genstore("get", "--url", req).out.strip()
    assert urllib.request.urlopen(url, timeout=30).read() == genstore("get", req, "-o", "-").stdout
    told, = genstore("get", "--url", req, "--expires", 1, "--json").json
    assert told["expires_in"] == 1 and "X-Amz-Expires=1&" in told["download_url"]
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url.replace("app.tar.gz", "metadata.json"), timeout=30)
    assert refused.value.code == 403
    for seconds in (0, 604801):
        assert "from 1 to 604800" in genstore("get", "--url", req, "--expires", seconds, code=2).err
