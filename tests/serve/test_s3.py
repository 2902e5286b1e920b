"""The S3 endpoint, by boto3 and by hand: buckets, objects, lists, and who may."""

import datetime
import hashlib
import hmac
import os
import random
import re
import urllib.parse
import urllib.request

import pytest

pytest.importorskip("boto3")
from botocore.exceptions import ClientError  # noqa: E402


def refused(call, code, status=None):
    with pytest.raises(ClientError) as error:
        call()
    response = error.value.response
    assert response["Error"]["Code"] == code, response
    assert status in (None, response["ResponseMetadata"]["HTTPStatusCode"])
    return response


def sign(s3, method, path, query="", headers=None, payload=b"", key=None, secret=None, now=None, unsigned=()):
    """The header fields of a signed request, by the book and not by our own signer."""
    now = now or datetime.datetime.now(datetime.timezone.utc)
    date, when = now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ")
    fields = {"host": s3.host, "x-amz-date": when, "x-amz-content-sha256": hashlib.sha256(payload).hexdigest(), **(headers or {})}
    names = sorted(name.lower() for name in fields if name not in unsigned)
    lowered = {name.lower(): value for name, value in fields.items()}
    canonical = "\n".join([method, path, "&".join(sorted(query.split("&"))) if query else "",
                           *[f"{name}:{lowered[name]}" for name in names], "", ";".join(names), lowered["x-amz-content-sha256"]])
    scope = f"{date}/us-east-1/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", when, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    signing = ("AWS4" + (secret or s3.secret)).encode()
    for part in (date, "us-east-1", "s3", "aws4_request"):
        signing = hmac.new(signing, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(signing, text.encode(), hashlib.sha256).hexdigest()
    fields["authorization"] = (f"AWS4-HMAC-SHA256 Credential={key or s3.key}/{scope}, SignedHeaders={';'.join(names)}, Signature={signature}")
    return fields


def code_of(answer):
    found = re.search(rb"<Code>(\w+)</Code>", answer.body)
    return found and found[1].decode()


# Buckets

def test_buckets_are_made_listed_and_removed(s3):
    client = s3.client()
    client.create_bucket(Bucket="pictures")
    assert [b["Name"] for b in client.list_buckets()["Buckets"]] == ["main-bucket", "pictures"]
    assert client.head_bucket(Bucket="pictures")["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert client.get_bucket_location(Bucket="pictures")["LocationConstraint"] is None
    refused(lambda: client.create_bucket(Bucket="pictures"), "BucketAlreadyOwnedByYou", 409)
    refused(lambda: s3.client().head_bucket(Bucket="nowhere"), "404")
    client.put_object(Bucket="pictures", Key="a", Body=b"x")
    refused(lambda: client.delete_bucket(Bucket="pictures"), "BucketNotEmpty", 409)
    client.delete_object(Bucket="pictures", Key="a")
    client.delete_bucket(Bucket="pictures")
    refused(lambda: client.list_objects_v2(Bucket="pictures"), "NoSuchBucket", 404)
    refused(lambda: client.delete_bucket(Bucket="main-bucket"), "AccessDenied", 403)


def test_a_name_that_can_be_no_bucket_is_refused(s3):
    for name in ("ab", "UPPER", "-abc", "a..b", "a" * 64):
        path = f"/{name}"
        assert code_of(s3.send("PUT", path, b"", sign(s3, "PUT", path))) == "InvalidBucketName", name


# Objects

@pytest.mark.parametrize("size", [0, 1, 262_144, 5_000_001])
def test_what_is_put_is_got_back_byte_for_byte(s3, size):
    client, data = s3.client(), random.Random(size).randbytes(size)
    put = client.put_object(Bucket="main-bucket", Key="folder/some thing+ü.bin", Body=data, ContentType="image/png", CacheControl="max-age=5",
                            Metadata={"who": "me", "Case": "Ab  c"})
    got = client.get_object(Bucket="main-bucket", Key="folder/some thing+ü.bin")
    assert got["Body"].read() == data
    assert put["ETag"] == got["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    assert got["ContentType"] == "image/png" and got["CacheControl"] == "max-age=5" and got["Metadata"] == {"who": "me", "case": "Ab  c"}
    head = client.head_object(Bucket="main-bucket", Key="folder/some thing+ü.bin")
    assert head["ContentLength"] == size and head["ETag"] == put["ETag"]
    assert abs((head["LastModified"] - datetime.datetime.now(datetime.timezone.utc)).total_seconds()) < 600


def test_ranges_and_conditions_are_those_of_http(s3):
    client, data = s3.client(), bytes(range(256)) * 2000
    etag = client.put_object(Bucket="main-bucket", Key="k", Body=data)["ETag"]
    for text, expected in {"bytes=0-0": data[:1], "bytes=1000-262999": data[1000:263000], "bytes=-5": data[-5:], "bytes=511990-": data[511990:]}.items():
        got = client.get_object(Bucket="main-bucket", Key="k", Range=text)
        assert got["Body"].read() == expected and got["ResponseMetadata"]["HTTPStatusCode"] == 206
    refused(lambda: client.get_object(Bucket="main-bucket", Key="k", Range="bytes=512000-"), "InvalidRange", 416)
    refused(lambda: client.get_object(Bucket="main-bucket", Key="k", IfMatch='"x"'), "PreconditionFailed", 412)
    refused(lambda: client.get_object(Bucket="main-bucket", Key="k", IfNoneMatch=etag), "304")
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    refused(lambda: client.get_object(Bucket="main-bucket", Key="k", IfModifiedSince=later), "304")
    refused(lambda: client.get_object(Bucket="main-bucket", Key="k", IfUnmodifiedSince=later - datetime.timedelta(days=1)), "PreconditionFailed")
    assert client.get_object(Bucket="main-bucket", Key="k", IfMatch=etag, ResponseContentType="text/x")["ContentType"] == "text/x"
    refused(lambda: client.get_object(Bucket="main-bucket", Key="none"), "NoSuchKey", 404)


def test_a_put_under_a_condition_replaces_only_what_it_names(s3):
    body = b"one"
    fields = lambda **more: sign(s3, "PUT", "/main-bucket/k", payload=body, headers=more)  # noqa: E731
    assert s3.send("PUT", "/main-bucket/k", body, fields(**{"if-match": '"x"'})).status == 404
    assert s3.send("PUT", "/main-bucket/k", body, fields(**{"if-none-match": "*"})).status == 200
    assert s3.send("PUT", "/main-bucket/k", body, fields(**{"if-none-match": "*"})).status == 412
    assert s3.send("PUT", "/main-bucket/k", body, fields(**{"if-match": '"x"'})).status == 412
    assert s3.send("PUT", "/main-bucket/k", body, fields(**{"if-match": f'"{hashlib.md5(body).hexdigest()}"'})).status == 200


def test_keys_stay_as_they_are(s3):
    client = s3.client()
    keys = ["a//b", "/lead", "up/../down", "./here", "end/", "plus+ and%20percent", "ü/名", "k" * 1024, "quote'\"<&>", "semi;colon=eq?q#h", "tab\tin"]
    for key in keys:
        client.put_object(Bucket="main-bucket", Key=key, Body=key.encode())
    for key in keys:
        assert client.get_object(Bucket="main-bucket", Key=key)["Body"].read() == key.encode()
    assert [o["Key"] for o in client.list_objects_v2(Bucket="main-bucket")["Contents"]] == sorted(keys, key=str.encode)
    refused(lambda: client.put_object(Bucket="main-bucket", Key="k" * 1025, Body=b""), "KeyTooLongError", 400)


def test_a_copy_has_the_bytes_and_the_fields_or_new_ones(s3, genstore):
    client, data = s3.client(), os.urandom(300_000)
    client.create_bucket(Bucket="other")
    client.put_object(Bucket="main-bucket", Key="from it", Body=data, Metadata={"a": "1"}, ContentType="text/css")
    client.copy_object(Bucket="other", Key="to", CopySource={"Bucket": "main-bucket", "Key": "from it"})
    got = client.get_object(Bucket="other", Key="to")
    assert got["Body"].read() == data and got["Metadata"] == {"a": "1"} and got["ContentType"] == "text/css"
    client.copy_object(Bucket="other", Key="to", CopySource="other/to", MetadataDirective="REPLACE", Metadata={"b": "2"})
    assert client.head_object(Bucket="other", Key="to")["Metadata"] == {"b": "2"}
    refused(lambda: client.copy_object(Bucket="other", Key="to", CopySource="other/to"), "InvalidRequest")
    refused(lambda: client.copy_object(Bucket="other", Key="to", CopySource="other/none"), "NoSuchKey")
    refused(lambda: client.copy_object(Bucket="other", Key="to", CopySource={"Bucket": "main-bucket", "Key": "from it"}, CopySourceIfMatch="x"), "PreconditionFailed")
    client.delete_object(Bucket="main-bucket", Key="from it")
    genstore("gc")
    assert client.get_object(Bucket="other", Key="to")["Body"].read() == data
    genstore("check", "--read-data")


def test_many_are_deleted_at_once(s3):
    client = s3.client()
    for i in range(5):
        client.put_object(Bucket="main-bucket", Key=f"k&{i}", Body=b"")
    answer = client.delete_objects(Bucket="main-bucket", Delete={"Objects": [{"Key": f"k&{i}"} for i in (0, 1, 2, 9)]})
    assert [d["Key"] for d in answer["Deleted"]] == ["k&0", "k&1", "k&2", "k&9"] and "Errors" not in answer
    answer = client.delete_objects(Bucket="main-bucket", Delete={"Objects": [{"Key": "k&3"}], "Quiet": True})
    assert "Deleted" not in answer
    assert [o["Key"] for o in client.list_objects_v2(Bucket="main-bucket")["Contents"]] == ["k&4"]


# Lists

def test_lists_fold_and_page_as_a_model_does(s3):
    client, dice = s3.client(), random.Random(7)
    client.create_bucket(Bucket="many")
    keys = sorted({"/".join(dice.choice(["a", "b", "a-", "a.", "ü", "a b"]) for _ in range(dice.randint(1, 4))) for _ in range(120)}, key=str.encode)
    for key in keys:
        client.put_object(Bucket="many", Key=key, Body=b"")
    for prefix in ("", "a", "a/", "ü/", "none"):
        for delimiter in ("", "/", "b", "a/"):
            expected = []
            for key in (k for k in keys if k.startswith(prefix)):
                at = key.find(delimiter, len(prefix)) if delimiter else -1
                name = key if at < 0 else key[:at + len(delimiter)]
                if name not in expected:
                    expected.append(name)
            for version, most in (("list_objects_v2", 1000), ("list_objects_v2", 3), ("list_objects", 4), ("list_object_versions", 5)):
                pages = client.get_paginator(version).paginate(Bucket="many", Prefix=prefix, Delimiter=delimiter, PaginationConfig={"PageSize": most})
                got = []
                for page in pages:
                    names = [o["Key"] for o in page.get("Contents", page.get("Versions", []))] + [p["Prefix"] for p in page.get("CommonPrefixes", [])]
                    assert len(names) <= most
                    got += sorted(names, key=str.encode)
                assert got == expected, (prefix, delimiter, version, most)


def test_a_list_starts_after_a_key(s3):
    client = s3.client()
    for key in "abc":
        client.put_object(Bucket="main-bucket", Key=key, Body=b"")
    assert [o["Key"] for o in client.list_objects_v2(Bucket="main-bucket", StartAfter="a")["Contents"]] == ["b", "c"]
    assert [o["Key"] for o in client.list_objects(Bucket="main-bucket", Marker="b")["Contents"]] == ["c"]
    assert "Contents" not in client.list_objects_v2(Bucket="main-bucket", MaxKeys=0)
    path, query = "/main-bucket", "continuation-token=zz&list-type=2"
    assert code_of(s3.send("GET", f"{path}?{query}", None, sign(s3, "GET", path, query))) == "InvalidArgument"


# Signatures

def test_a_request_without_a_signature_is_refused(s3):
    assert (s3.send("GET", "/").status, code_of(s3.send("GET", "/main-bucket/k"))) == (403, "AccessDenied")


def test_two_hundred_signatures_that_were_tampered_with_are_all_refused(s3):
    s3.client().put_object(Bucket="main-bucket", Key="k", Body=b"secret")
    dice = random.Random(1)
    assert s3.send("GET", "/main-bucket/k", None, sign(s3, "GET", "/main-bucket/k")).status == 200
    for i in range(200):
        fields = sign(s3, "GET", "/main-bucket/k")
        text, which = fields["authorization"], i % 4
        if which == 0:      # a digit of the signature
            at = dice.randrange(len(text) - 64, len(text))
            fields["authorization"] = text[:at] + dice.choice([d for d in "0123456789abcdef" if d != text[at]]) + text[at + 1:]
        elif which == 1:    # any byte of the rest
            at = dice.randrange(17, len(text) - 64)
            fields["authorization"] = text[:at] + dice.choice([c for c in "abcXYZ0189/;=" if c != text[at]]) + text[at + 1:]
        elif which == 2:    # the signature cut, or made longer
            fields["authorization"] = text[:-dice.randint(1, 64)] if dice.random() < 0.5 else text + "0" * dice.randint(1, 64)
        else:               # what was signed
            name = dice.choice(["x-amz-date", "x-amz-content-sha256"])
            value = fields[name]
            at = dice.randrange(len(value) - 2) if name != "x-amz-date" else 14
            fields[name] = value[:at] + dice.choice([d for d in "012345" if d != value[at]]) + value[at + 1:]
        answer = s3.send("GET", "/main-bucket/k", None, fields)
        assert answer.status in (400, 403) and b"secret" not in answer.body, (i, fields)


def test_another_path_query_method_or_header_is_another_request(s3):
    for path, method, more in (("/main-bucket/l", "GET", {}), ("/main-bucket/k?x=1", "GET", {}), ("/main-bucket/k", "DELETE", {}),
                               ("/main-bucket/k", "GET", {"x-amz-meta-a": "1"})):
        answer = s3.send(method, path, None, {**sign(s3, "GET", "/main-bucket/k"), **more})
        assert answer.status == 403 and code_of(answer) in ("SignatureDoesNotMatch", "AccessDenied")


def test_skew_and_unknown_keys_are_refused(s3):
    now = datetime.datetime.now(datetime.timezone.utc)
    for minutes, expected in ((-16, "RequestTimeTooSkewed"), (16, "RequestTimeTooSkewed"), (-14, None), (14, None)):
        assert code_of(s3.send("GET", "/", None, sign(s3, "GET", "/", now=now + datetime.timedelta(minutes=minutes)))) == expected
    assert code_of(s3.send("GET", "/", None, sign(s3, "GET", "/", key="GSAKAAAAAAAAAAAAAAAA"))) == "InvalidAccessKeyId"
    assert code_of(s3.send("GET", "/", None, sign(s3, "GET", "/", secret="wrong"))) == "SignatureDoesNotMatch"
    s3.genstore("token", "rm", s3.key)
    assert code_of(s3.send("GET", "/", None, sign(s3, "GET", "/"))) == "InvalidAccessKeyId"


def test_a_body_that_is_not_the_one_that_was_signed_is_not_kept(s3):
    fields = sign(s3, "PUT", "/main-bucket/k", payload=b"this")
    assert code_of(s3.send("PUT", "/main-bucket/k", b"that", fields)) == "XAmzContentSHA256Mismatch"
    fields = sign(s3, "PUT", "/main-bucket/k", payload=b"this", headers={"content-md5": "AAAAAAAAAAAAAAAAAAAAAA=="})
    assert code_of(s3.send("PUT", "/main-bucket/k", b"this", fields)) == "BadDigest"
    fields = sign(s3, "PUT", "/main-bucket/k", payload=b"this", headers={"content-md5": "x"})
    assert code_of(s3.send("PUT", "/main-bucket/k", b"this", fields)) == "InvalidDigest"
    refused(lambda: s3.client().get_object(Bucket="main-bucket", Key="k"), "NoSuchKey")


def test_presigned_addresses_work_until_they_expire_and_for_nothing_else(s3):
    client = s3.client(signature_version="s3v4")
    url = client.generate_presigned_url("put_object", Params={"Bucket": "main-bucket", "Key": "a b"}, ExpiresIn=60)
    request = urllib.request.Request(url, b"by address", method="PUT")
    assert urllib.request.urlopen(request).status == 200
    url = client.generate_presigned_url("get_object", Params={"Bucket": "main-bucket", "Key": "a b"}, ExpiresIn=60)
    assert urllib.request.urlopen(url).read() == b"by address"
    path = url[len(s3.url):]
    for changed in (path.replace("Expires=60", "Expires=61"), path.replace("a%20b", "a%20c"), path.replace("X-Amz-Expires=60&", ""), path + "&x=1",
                    path.replace("Expires=60", "Expires=604801")):
        assert changed != path and s3.send("GET", changed).status in (400, 403)
    assert s3.send("DELETE", path).status == 403
    old = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=70)).strftime("%Y%m%dT%H%M%SZ")
    answer = s3.send("GET", re.sub(r"X-Amz-Date=\w+", f"X-Amz-Date={old}", path).replace(path.split("%2F")[1], old[:8]))
    assert b"expired" in answer.body and answer.status == 403


# Whose

def test_what_is_somebody_elses_is_not_there(s3, genstore):
    genstore("user", "add", "bob")
    mine, bobs = s3.client(), s3.client(s3.keys("--user", "bob"))
    mine.create_bucket(Bucket="mine")
    mine.put_object(Bucket="mine", Key="k", Body=b"1")
    mine.put_object(Bucket="main-bucket", Key="k", Body=b"1")
    assert [b["Name"] for b in bobs.list_buckets()["Buckets"]] == ["main-bucket"]
    refused(lambda: bobs.list_objects_v2(Bucket="mine"), "NoSuchBucket")
    refused(lambda: bobs.get_object(Bucket="mine", Key="k"), "NoSuchBucket")
    refused(lambda: bobs.create_bucket(Bucket="mine"), "BucketAlreadyExists")
    refused(lambda: bobs.get_object(Bucket="main-bucket", Key="k"), "NoSuchKey")
    assert "Contents" not in bobs.list_objects_v2(Bucket="main-bucket")
    refused(lambda: bobs.put_object(Bucket="main-bucket", Key="k", Body=b"2"), "AccessDenied")
    bobs.delete_object(Bucket="main-bucket", Key="k")
    assert mine.get_object(Bucket="main-bucket", Key="k")["Body"].read() == b"1"


def test_errors_are_xml_with_a_message_and_other_requests_are_said_to_be_missing(s3):
    for path, query, expected in (("/main-bucket", "acl=", "NotImplemented"), ("/main-bucket", "policy=", "NotImplemented"),
                                  ("/main-bucket/k", "torrent=", "NotImplemented"), ("/main-bucket/none", "", "NoSuchKey")):
        answer = s3.send("GET", path + ("?" + query if query else ""), None, sign(s3, "GET", path, query))
        assert code_of(answer) == expected and re.search(rb"<Message>[^<]+</Message>", answer.body)
        assert answer.headers["content-type"] == "application/xml" and answer.headers["x-amz-request-id"]


def test_tags_are_kept_counted_and_changed(s3):
    client = s3.client()
    client.put_object(Bucket="main-bucket", Key="k", Body=b"x", Tagging="a=1&b=%20two")
    tags = lambda: {t["Key"]: t["Value"] for t in client.get_object_tagging(Bucket="main-bucket", Key="k")["TagSet"]}  # noqa: E731
    assert tags() == {"a": "1", "b": " two"} and client.get_object(Bucket="main-bucket", Key="k")["TagCount"] == 2
    client.put_object_tagging(Bucket="main-bucket", Key="k", Tagging={"TagSet": [{"Key": "c<>", "Value": "ü"}]})
    assert tags() == {"c<>": "ü"}
    many = [{"Key": str(i), "Value": ""} for i in range(11)]
    refused(lambda: client.put_object_tagging(Bucket="main-bucket", Key="k", Tagging={"TagSet": many}), "MalformedXML")
    refused(lambda: client.put_object_tagging(Bucket="main-bucket", Key="k", Tagging={"TagSet": many[:1] * 2}), "MalformedXML")
    assert tags() == {"c<>": "ü"}
    client.delete_object_tagging(Bucket="main-bucket", Key="k")
    assert tags() == {} and client.get_object(Bucket="main-bucket", Key="k")["Body"].read() == b"x"


def test_the_use_of_a_key_is_written_down(s3, genstore):
    used = lambda: {t["id"]: t["last_used_at"] for t in genstore("token", "list", "--json").json}[s3.key]  # noqa: E731
    assert used() is None
    s3.send("GET", "/", None, sign(s3, "GET", "/", secret="wrong"))
    assert used() is None
    s3.client().list_buckets()
    assert used()


def test_a_key_for_one_organization_has_no_buckets(s3, genstore):
    genstore("user", "add", "bob")
    genstore("org", "add", "acme", "--owner", "bob")
    bobs = s3.client(s3.keys("--user", "bob", "--org", "acme"))
    refused(lambda: bobs.create_bucket(Bucket="bobs"), "AccessDenied")
    refused(lambda: bobs.put_object(Bucket="main-bucket", Key="k", Body=b""), "AccessDenied")
    refused(lambda: bobs.put_object(Bucket="main-bucket", Key="generations/req_b/app.tar.gz", Body=b""), "AccessDenied")
