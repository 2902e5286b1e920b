"""Typed artifacts into a bucket: what gets there, read back by boto3, what replaces what, and what does not."""

import base64
import hashlib
import json
import os
import time
import urllib.error
import urllib.request
import uuid

import boto3
import pytest

MIB = 1 << 20
ORG = "11111111-2222-4333-8444-555555555555"
SESSION = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
TOP = f"organizations/{ORG}/sessions/{SESSION}/artifacts/"


@pytest.fixture
def put(genstore, store, tmp_path):
    genstore("org", "add", "acme", "--id", ORG)

    def run(name, data, *options, kind="terraform"):
        path = tmp_path / "to-put"
        path.write_bytes(data)
        genstore("artifact", "put", "--session", SESSION, "--org", ORG, "--type", kind, "--name", name, path, *options)
        return f"{TOP}{kind}/{name}"
    return run


@pytest.fixture
def send(genstore):
    def run(*paths, code=0, **env):
        return genstore("artifact", "sync", "--session", SESSION, *paths, code=code, env=env)
    return run


@pytest.fixture
def states(genstore):
    """The column of the list, by path."""
    def look():
        lines = genstore("artifact", "list", "--session", SESSION).out.splitlines()
        at = lines[0].index("SYNC")
        return {line.split()[0]: line[at:].split()[0] for line in lines[1:]}
    return look


def head(bucket, key):
    return bucket.client.head_object(Bucket=bucket.name, Key=key)


def test_an_artifact_is_at_its_storage_path_with_its_content_type_and_metadata(genstore, bucket, put, send):
    data = b'resource "x" "y" {}\n'
    key = put("modules/vpc/main.tf", data, "--metadata", '{"step":"plan","tool":7,"nested":{"a":[1,"\u00fc"]},"genstore":"mine"}')
    r = send()
    assert r.out == f"terraform/modules/vpc/main.tf  s3://{bucket.name}/{key}\n"
    assert bucket.keys() == [key] and bucket.get(key) == data
    got = head(bucket, key)
    assert got["ContentType"] == "text/plain"
    about = got["Metadata"]
    assert (about["step"], about["tool"]) == ("plan", "7") and "nested" not in about
    row = json.loads(about["genstore"])
    assert row["metadata"] == {"step": "plan", "tool": 7, "nested": {"a": [1, "\u00fc"]}, "genstore": "mine"}
    assert row["sha256"] == hashlib.sha256(data).hexdigest() and row["type"] == "terraform"
    listed = genstore("artifact", "list", "--session", SESSION, "--json").json[0]
    assert row["artifact_id"] == listed["artifact_id"] and row["created_at"] == listed["created_at"]
    assert set(listed) == {"message_type", "artifact_id", "type", "name", "size", "mime_type", "download_url", "created_at"}


def test_the_checksum_goes_along_and_nothing_is_replaced_by_a_first_one(bucket, proxy, put, send):
    put("a.tf", b"one")
    send()
    sent, = proxy.requests("PUT")
    assert sent.headers["if-none-match"] == "*" and "if-match" not in sent.headers
    assert base64.b64decode(sent.headers["x-amz-checksum-sha256"]) == hashlib.sha256(b"one").digest()


def test_metadata_that_is_too_long_for_a_bucket_stays_here(bucket, put, send):
    key = put("a.tf", b"one", "--metadata", json.dumps({"note": "n" * 3000, "short": "kept"}))
    send()
    about = head(bucket, key)["Metadata"]
    assert "metadata" not in json.loads(about["genstore"]) and about["short"] == "kept" and "note" not in about


def test_the_artifacts_bucket_is_another_one_where_it_is_configured(genstore, bucket, put, send, made):
    other = type(bucket)(bucket.server)
    key = put("a.tf", b"one")
    genstore("config", "set", "s3.artifacts_bucket", other.name)
    send()
    assert (other.keys(), bucket.keys()) == ([key], [])
    key = put("b.tf", b"two")
    third = type(bucket)(bucket.server)
    request = made()
    genstore("artifact", "sync", "--all", "--queue")
    genstore("sync", request, env={"ARTIFACTS_BUCKET": third.name})
    assert third.keys() == []
    genstore("sync", env={"ARTIFACTS_BUCKET": third.name})
    assert third.keys() == [key] and len(bucket.keys(f"generations/{request}/")) == 2


def test_nothing_is_sent_before_a_bucket_is_configured(genstore, bucket, proxy, put, send, states):
    put("a.tf", b"one")
    genstore("config", "rm", "s3.bucket")
    assert "no bucket is configured" in send(code=1).err
    assert proxy.log == [] and states() == {"terraform/a.tf": "queued"}
    genstore("config", "set", "s3.artifacts_bucket", bucket.name)
    genstore("sync")
    assert states() == {"terraform/a.tf": "synced"}


def test_putting_alone_sends_nothing_and_asks_for_nothing(genstore, bucket, proxy, put):
    put("a.tf", b"one")
    genstore("sync")
    assert proxy.log == []
    assert "SYNC" not in genstore("artifact", "list", "--session", SESSION).out


def test_a_second_sync_sends_nothing(bucket, proxy, put, send):
    put("a.tf", b"one")
    send()
    before = len(proxy.log)
    r = send()
    assert len(proxy.log) == before and "in the bucket already" in r.err


def test_one_that_was_replaced_since_replaces_what_was_sent(genstore, bucket, proxy, put, send, states):
    key = put("a.tf", b"one")
    send()
    etag = head(bucket, key)["ETag"].strip('"')
    put("a.tf", b"two")
    assert states() == {"terraform/a.tf": "stale"}
    assert genstore("status", "--json").json[-1]["artifacts"] == {"synced": 0, "stale": 1, "queued": 0, "syncing": 0, "failed": 0}
    send()
    assert proxy.requests("PUT")[-1].headers["if-match"] == etag
    assert bucket.get(key) == b"two" and states() == {"terraform/a.tf": "synced"}


def test_other_metadata_alone_is_sent_again(bucket, put, send, states):
    key = put("a.tf", b"one", "--metadata", '{"step":"1"}')
    send()
    put("a.tf", b"one", "--metadata", '{"step":"2"}')
    assert states() == {"terraform/a.tf": "stale"}
    send()
    assert head(bucket, key)["Metadata"]["step"] == "2"


@pytest.mark.parametrize("size", [5, 17 * MIB])
def test_another_object_that_is_there_is_a_conflict_and_stays(genstore, bucket, put, send, states, size):
    key = put("a.tf", os.urandom(size))
    bucket.put(key, b"somebody's")
    r = send(code=1)
    assert "another object is there" in r.err and bucket.get(key) == b"somebody's" and bucket.uploads() == []
    assert states() == {"terraform/a.tf": "failed"}
    row = next(row for row in genstore("status", "--json").json if row.get("storage_path") == key)
    assert row["sync"] == "failed" and "another object is there" in row["error"]
    bucket.client.delete_object(Bucket=bucket.name, Key=key)
    send()
    assert states() == {"terraform/a.tf": "synced"}


def test_an_object_that_somebody_put_in_the_place_of_ours_is_not_replaced(bucket, put, send, states):
    key = put("a.tf", b"one")
    send()
    bucket.put(key, b"somebody's")
    put("a.tf", b"two")
    assert "another object is there" in send(code=1).err
    assert bucket.get(key) == b"somebody's" and states() == {"terraform/a.tf": "failed"}


def test_one_that_comes_between_the_look_and_the_writing_is_not_replaced(bucket, proxy, put, send, answers):
    key = put("a.tf", b"one")
    send()
    put("a.tf", b"two")

    def put_between(_):
        bucket.put(key, b"somebody's")

    # The HEAD is answered, then somebody writes.
    at = len(proxy.log) + 1
    proxy.plan[at] = put_between
    assert "another object is there" in send(code=1).err
    assert bucket.get(key) == b"somebody's"


def test_the_same_bytes_that_are_there_already_are_taken_for_sent(bucket, proxy, put, send, states):
    key = put("a.tf", b"one")
    bucket.put(key, b"one")
    send()
    assert proxy.requests("PUT") == [] and states() == {"terraform/a.tf": "synced"}


def test_one_that_was_removed_there_is_sent_anew(bucket, put, send):
    key = put("a.tf", b"one")
    send()
    bucket.client.delete_object(Bucket=bucket.name, Key=key)
    put("a.tf", b"two")
    send()
    assert bucket.get(key) == b"two"


def test_a_large_one_goes_in_parts_and_is_replaced_in_parts(bucket, put, send):
    for data in (os.urandom(17 * MIB), os.urandom(18 * MIB)):
        key = put("big.bin", data, "--metadata", '{"step":"x"}')
        send()
        got = head(bucket, key)
        assert got["ETag"].count("-") == 1 and bucket.get(key) == data and got["Metadata"]["step"] == "x"
        assert got["ContentType"] == "application/octet-stream" and bucket.uploads() == []


@pytest.mark.parametrize("size", [1000, 17 * MIB])
def test_an_answer_that_is_lost_is_no_conflict_also_when_it_was_replaced_again(genstore, bucket, put, send, states, running, size):
    key = put("a.bin", b"one")
    send()
    put("a.bin", os.urandom(size))
    last = os.urandom(size)

    before = bucket.get(key)
    process = genstore.start("artifact", "sync", "--session", SESSION)
    running(process)
    while bucket.get(key) == before and process.poll() is None:
        time.sleep(0.001)
    process.kill()
    process.communicate()
    put("a.bin", last)
    send()
    assert bucket.get(key) == last and states() == {"terraform/a.bin": "synced"} and bucket.uploads() == []


def test_offline_it_stays_queued_and_goes_later(genstore, bucket, put, send, states):
    key = put("a.tf", b"one")
    r = send(code=5, AWS_ENDPOINT_URL="http://127.0.0.1:1")
    assert "is there a network?" in r.err and states() == {"terraform/a.tf": "queued"}
    genstore("sync")
    assert bucket.get(key) == b"one"


def test_a_bucket_that_is_not_there_is_told(genstore, bucket, put, send, states):
    put("a.tf", b"one")
    r = send(code=5, ARTIFACTS_BUCKET="nobody-has-this-one")
    assert "nobody-has-this-one" in r.err or "no such bucket" in r.err
    assert states() == {"terraform/a.tf": "failed"}


def test_only_what_is_named_is_sent(genstore, bucket, put, send):
    keys = [put("a.tf", b"a"), put("sub/b.tf", b"b"), put("c.csv", b"c", kind="pricing")]
    send("terraform/a.tf")
    assert bucket.keys() == keys[:1]
    send("terraform/sub/")
    assert bucket.keys() == keys[:2]
    genstore("artifact", "sync", "--type", "pricing")
    assert sorted(bucket.keys()) == sorted(keys)
    assert "no artifact 'terraform/x'" in send("terraform/x", code=4).err
    assert "say which" in genstore("artifact", "sync", code=2).err


def test_what_waits_can_be_taken_out(genstore, bucket, put, states):
    put("a.tf", b"one")
    genstore("artifact", "sync", "--all", "--queue")
    assert states() == {"terraform/a.tf": "queued"}
    genstore("artifact", "sync", "--all", "--cancel")
    genstore("sync")
    assert bucket.keys() == [] and "SYNC" not in genstore("artifact", "list", "--session", SESSION).out


def test_removing_here_says_what_stays_there_and_removes_it_when_asked(genstore, bucket, put, send):
    keys = [put("a.tf", b"one"), put("b.tf", b"two")]
    send()
    r = genstore("artifact", "rm", "terraform/a.tf", "--session", SESSION)
    assert f"1 stays in the bucket '{bucket.name}'; --remote" in r.err and bucket.keys() == keys
    genstore("artifact", "rm", "terraform/b.tf", "--session", SESSION, "--remote")
    assert bucket.keys() == keys[:1]
    # What stayed is still known as ours.
    put("a.tf", b"three")
    send()
    assert bucket.get(keys[0]) == b"three"


def test_removing_there_leaves_what_is_not_ours(genstore, bucket, put, send):
    key = put("a.tf", b"one")
    send()
    bucket.put(key, b"somebody's")
    r = genstore("artifact", "rm", "terraform/a.tf", "--session", SESSION, "--remote", code=1)
    assert "another object is there" in r.err and bucket.get(key) == b"somebody's"
    assert "terraform/a.tf" in genstore("artifact", "list", "--session", SESSION).out


def test_an_address_works_without_keys_for_its_time(genstore, bucket, put, send):
    put("a.tf", b"one")
    assert "is in no bucket" in genstore("artifact", "url", "terraform/a.tf", "--session", SESSION, code=4).err
    send()
    with urllib.request.urlopen(genstore("artifact", "url", "terraform/a.tf", "--session", SESSION).out.strip(), timeout=10) as answer:
        assert answer.read() == b"one" and answer.headers["content-type"] == "text/plain"
    told, = genstore("artifact", "url", "terraform/a.tf", "--session", SESSION, "--expires", "604800", "--json").json
    assert told["expires_in"] == 604800 and "X-Amz-Expires=604800" in told["download_url"]
    for wrong in ("0", "604801"):
        genstore("artifact", "url", "terraform/a.tf", "--session", SESSION, "--expires", wrong, code=2)


def test_a_prefix_is_in_front_and_the_store_is_whole(genstore, bucket, put, send):
    key = put("a.tf", b"one")
    genstore("config", "set", "s3.prefix", "team/a")
    send()
    assert bucket.keys() == [f"team/a/{key}"]
    genstore("check")
    actions = [row.get("action") for row in genstore("audit", "--json").json]
    assert actions.count("sync.queue") == actions.count("sync.done") == 1
    genstore("audit", "verify")


def test_a_lax_server_gets_them_too(genstore, lax, put, send):
    key = put("a.tf", b"one")
    send()
    put("a.tf", b"two")
    send()
    assert lax.get(key) == b"two"


# Back

@pytest.fixture
def fresh(genstore):
    """The same machine with a new, empty store."""
    def make():
        genstore.store.unlink()
        genstore("init")
    return make


def test_recover_brings_artifacts_back_as_they_were(genstore, bucket, put, send, fresh, states):
    files = {("modules/vpc/main.tf", "terraform"): b"# net\n", ("a.png", "diagram"): os.urandom(300000), ("README.md", "readme"): b"# hi\n",
             ("empty.csv", "pricing"): b"", ("big.bin", "lambda"): os.urandom(17 * MIB)}
    for (name, kind), data in files.items():
        put(name, data, "--metadata", '{"step":"plan","n":[1]}', "--conversation", "talk", kind=kind)
    send()
    before = genstore("artifact", "list", "--session", SESSION, "--json").json
    fresh()
    r = genstore("recover", f"s3://{bucket.name}", "--json").json
    assert (r[-1]["artifacts_recovered"], r[-1]["artifacts_here"], r[-1]["artifacts_failed"]) == (5, 0, 0)
    assert genstore("artifact", "list", "--session", SESSION, "--json").json == before
    for row in before[:-1]:
        path = row["download_url"].split(f"{SESSION}/")[1]
        assert genstore("artifact", "get", path, "--session", SESSION, "-o", "-").stdout == files[row["name"], row["type"]]
    assert set(states().values()) == {"synced"}
    again = genstore("recover", f"s3://{bucket.name}", "--json").json
    assert (again[-1]["artifacts_recovered"], again[-1]["artifacts_here"]) == (0, 5)
    genstore("check", "--read-data")
    # Known as ours: what is replaced here replaces it there.
    genstore("config", "set", "s3.bucket", bucket.name)
    key = put("modules/vpc/main.tf", b"# new\n")
    send()
    assert bucket.get(key) == b"# new\n"


def test_recover_adds_only_what_is_new(genstore, bucket, put, send, fresh):
    first, second = put("a.tf", b"one"), put("b.tf", b"two")
    send()
    fresh()
    bucket.client.delete_object(Bucket=bucket.name, Key=second)
    genstore("recover", f"s3://{bucket.name}")
    bucket.put(second, b"theirs")
    r = genstore("recover", f"s3://{bucket.name}")
    assert r.out == f"{second}\n" and "says nothing of itself" in r.err
    assert genstore("artifact", "get", "terraform/b.tf", "--session", SESSION, "-o", "-").stdout == b"theirs"
    assert first.endswith("a.tf")


def test_recover_refuses_bytes_that_are_not_what_was_sent(genstore, bucket, put, send, fresh):
    good, bad = put("a.tf", b"one"), put("b.tf", b"two")
    send()
    about = head(bucket, bad)["Metadata"]
    bucket.client.put_object(Bucket=bucket.name, Key=bad, Body=b"changed", Metadata=about)
    bucket.put("organizations/nobody/x", b"?")
    fresh()
    r = genstore("recover", f"s3://{bucket.name}", code=3)
    assert r.out == f"{good}\n" and "another SHA-256" in r.err and "is not the key of an artifact" in r.err


def test_recover_gives_no_artifact_the_id_of_another(genstore, bucket, put, send, fresh):
    key = put("a.tf", b"one")
    send()
    about = head(bucket, key)["Metadata"]
    bucket.client.put_object(Bucket=bucket.name, Key=f"{TOP}terraform/copy.tf", Body=b"one", Metadata=about)
    fresh()
    genstore("recover", f"s3://{bucket.name}")
    ids = {row["name"]: row["artifact_id"] for row in genstore("artifact", "list", "--session", SESSION, "--json").json if "name" in row}
    assert set(ids) == {"a.tf", "copy.tf"} and len(set(ids.values())) == 2
