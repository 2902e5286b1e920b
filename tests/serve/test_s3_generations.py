"""The shared bucket is the generations: what is put there is seen everywhere at once, and the other way round."""

import gzip
import io
import json
import tarfile
import urllib.request

import pytest

pytest.importorskip("boto3")
from botocore.exceptions import ClientError  # noqa: E402


def archive(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(f"app/{name}")
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def keys_of(client, **options):
    return [o["Key"] for o in client.list_objects_v2(Bucket="main-bucket", **options).get("Contents", [])]


def code_of(call):
    with pytest.raises(ClientError) as error:
        call()
    return error.value.response["Error"]["Code"]


def test_a_generation_is_got_as_it_is_in_the_store(s3, genstore, tree, tmp_path):
    request = genstore("import", tree.write(tmp_path / "tree", {"index.html": "<p>1</p>"}), "--app-name", "one").out.strip()
    client, prefix = s3.client(), f"generations/{request}/"
    assert keys_of(client) == [prefix + "app.tar.gz", prefix + "metadata.json"]
    genstore("get", request, "-o", tmp_path / "a.tar.gz")
    data = (tmp_path / "a.tar.gz").read_bytes()
    got = client.get_object(Bucket="main-bucket", Key=prefix + "app.tar.gz")
    assert got["Body"].read() == data and got["ContentType"] == "application/gzip"
    assert client.get_object(Bucket="main-bucket", Key=prefix + "app.tar.gz", Range="bytes=3-9")["Body"].read() == data[3:10]
    assert client.head_object(Bucket="main-bucket", Key=prefix + "app.tar.gz")["ContentLength"] == len(data)
    assert json.loads(client.get_object(Bucket="main-bucket", Key=prefix + "metadata.json")["Body"].read())["request_id"] == request
    assert code_of(lambda: client.delete_object(Bucket="main-bucket", Key=prefix + "app.tar.gz")) == "AccessDenied"
    client.copy_object(Bucket="main-bucket", Key="copy.tar.gz", CopySource=f"main-bucket/{prefix}app.tar.gz")
    assert client.get_object(Bucket="main-bucket", Key="copy.tar.gz")["Body"].read() == data


def test_an_archive_that_is_put_is_a_generation_at_once(s3, genstore):
    client = s3.client(signature_version="s3v4")
    data = archive({"package.json": b"{}", "src/index.js": b"1;\n" * 1000})
    url = client.generate_presigned_url("put_object", Params={"Bucket": "main-bucket", "Key": "generations/req_up/app.tar.gz",
                                                              "ContentType": "application/gzip"}, ExpiresIn=60)
    request = urllib.request.Request(url, data, {"Content-Type": "application/gzip"}, method="PUT")
    assert urllib.request.urlopen(request).status == 200
    assert [g["request_id"] for g in genstore("list", "--json").json] == ["req_up"]
    assert json.load(urllib.request.urlopen(f"{s3.api}/api/generations/req_up"))["status"] == "completed"
    assert genstore("cat", "req_up:src/index.js").out == "1;\n" * 1000
    client.put_object(Bucket="main-bucket", Key="generations/req_up/metadata.json", Body=b'{"request_id": "req_up", "app_name": "named"}')
    assert genstore("list", "--json").json[0]["app_name"] == "named"
    assert client.get_object(Bucket="main-bucket", Key="generations/req_up/app.tar.gz")["Body"].read() == data
    assert keys_of(client) == ["generations/req_up/app.tar.gz", "generations/req_up/metadata.json"]
    # The same again is no change, other bytes are refused.
    client.put_object(Bucket="main-bucket", Key="generations/req_up/app.tar.gz", Body=data)
    assert code_of(lambda: client.put_object(Bucket="main-bucket", Key="generations/req_up/app.tar.gz", Body=archive({"x": b""}))) == "AccessDenied"
    genstore("check", "--read-data")


def test_the_metadata_can_come_first(s3, genstore):
    client, metadata = s3.client(), b'{"request_id": "req_m", "app_name": "first", "extra": [1]}'
    client.put_object(Bucket="main-bucket", Key="generations/req_m/metadata.json", Body=metadata)
    client.put_object(Bucket="main-bucket", Key="generations/req_m/app.tar.gz", Body=archive({"x": b"y"}))
    assert genstore("list", "--json").json[0]["app_name"] == "first"
    assert client.get_object(Bucket="main-bucket", Key="generations/req_m/metadata.json")["Body"].read() == metadata


def test_what_is_no_archive_leaves_nothing(s3, genstore):
    client = s3.client()
    for bad in (b"", b"no archive", archive({"x": b"y"})[:-20], gzip.compress(b"no tar")):
        assert code_of(lambda: client.put_object(Bucket="main-bucket", Key="generations/req_bad/app.tar.gz", Body=bad)) == "InvalidArgument"
    assert code_of(lambda: client.put_object(Bucket="main-bucket", Key="generations/req_bad/metadata.json", Body=b"[")) == "InvalidArgument"
    assert keys_of(client) == [] and genstore("list", "--json").json == []


def test_generations_and_objects_are_listed_in_one_order(s3):
    client = s3.client()
    ids = ["a", "a-b", "a.b", "a_b", "b", "req_1", "req_2"]
    for i, name in enumerate(ids):
        client.put_object(Bucket="main-bucket", Key=f"generations/{name}/app.tar.gz", Body=archive({"x": bytes([i])}))
    others = ["a", "generations", "generations/a/app.tar.g", "generations/a/b", "generations/a0", "generations/zz/notes.txt", "z"]
    for key in others:
        client.put_object(Bucket="main-bucket", Key=key, Body=b"")
    expected = sorted([f"generations/{name}/{file}" for name in ids for file in ("app.tar.gz", "metadata.json")] + others)
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="main-bucket", PaginationConfig={"PageSize": 2})
    assert [o["Key"] for page in pages for o in page["Contents"]] == expected
    folders = client.list_objects_v2(Bucket="main-bucket", Prefix="generations/", Delimiter="/")
    assert [p["Prefix"] for p in folders["CommonPrefixes"]] == sorted({f"generations/{name}/" for name in ids + ["zz"]})
    assert keys_of(client, Prefix="generations/req_1/") == ["generations/req_1/app.tar.gz", "generations/req_1/metadata.json"]


def test_generations_of_others_are_not_there(s3, genstore):
    genstore("user", "add", "bob")
    mine, bobs = s3.client(), s3.client(s3.keys("--user", "bob"))
    bobs.put_object(Bucket="main-bucket", Key="generations/req_bob/app.tar.gz", Body=archive({"x": b"bob"}))
    assert keys_of(mine) == [] and keys_of(bobs) == ["generations/req_bob/app.tar.gz", "generations/req_bob/metadata.json"]
    assert code_of(lambda: mine.get_object(Bucket="main-bucket", Key="generations/req_bob/app.tar.gz")) == "NoSuchKey"
    assert code_of(lambda: mine.put_object(Bucket="main-bucket", Key="generations/req_bob/app.tar.gz", Body=archive({"x": b"me"}))) == "AccessDenied"
    metadata = bobs.get_object(Bucket="main-bucket", Key="generations/req_bob/metadata.json")["Body"].read()
    assert code_of(lambda: mine.put_object(Bucket="main-bucket", Key="generations/req_bob/metadata.json", Body=b"{}")) == "AccessDenied"
    assert bobs.get_object(Bucket="main-bucket", Key="generations/req_bob/metadata.json")["Body"].read() == metadata
    bobs.put_object(Bucket="main-bucket", Key="generations/req_bob/metadata.json", Body=b'{"app_name": "mine"}')
