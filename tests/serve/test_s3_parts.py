"""Uploads in parts, bodies in signed chunks, checksums: what SDKs do with what is large or comes as a stream."""

import base64
import datetime
import hashlib
import hmac
import io
import os
import random
import re
import tarfile
import zlib

import pytest

pytest.importorskip("boto3")
from botocore.exceptions import ClientError  # noqa: E402

MIB = 1 << 20


def code_of(call):
    with pytest.raises(ClientError) as error:
        call()
    return error.value.response["Error"]["Code"]


def upload(client, key, parts, bucket="main-bucket", **options):
    begun = client.create_multipart_upload(Bucket=bucket, Key=key, **options)["UploadId"]
    done = [{"PartNumber": n, "ETag": client.upload_part(Bucket=bucket, Key=key, UploadId=begun, PartNumber=n, Body=data)["ETag"]} for n, data in parts]
    return client.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=begun, MultipartUpload={"Parts": done})


# Parts

def test_parts_become_one_object(s3, genstore):
    client, dice = s3.client(), random.Random(3)
    parts = [(1, dice.randbytes(5 * MIB)), (4, dice.randbytes(5 * MIB + 1)), (9, b"end")]
    whole = b"".join(data for _, data in parts)
    done = upload(client, "big", parts, Metadata={"a": "b"}, ContentType="video/mp4")
    etag = hashlib.md5(b"".join(hashlib.md5(data).digest() for _, data in parts)).hexdigest()
    assert done["ETag"] == f'"{etag}-3"'
    got = client.get_object(Bucket="main-bucket", Key="big")
    assert got["Body"].read() == whole and got["Metadata"] == {"a": "b"} and got["ContentType"] == "video/mp4" and got["ETag"] == done["ETag"]
    border = 5 * MIB - 10
    assert client.get_object(Bucket="main-bucket", Key="big", Range=f"bytes={border}-{border + 19}")["Body"].read() == whole[border:border + 20]
    second = client.get_object(Bucket="main-bucket", Key="big", PartNumber=2)
    assert second["Body"].read() == parts[1][1] and second["PartsCount"] == 3
    client.copy_object(Bucket="main-bucket", Key="copy", CopySource="main-bucket/big")
    genstore("gc")
    assert client.get_object(Bucket="main-bucket", Key="copy")["Body"].read() == whole
    genstore("check", "--read-data")


def test_an_upload_is_listed_until_it_ends(s3, genstore):
    client = s3.client()
    ids = [client.create_multipart_upload(Bucket="main-bucket", Key=key)["UploadId"] for key in ("a", "a", "b")]
    got = client.list_multipart_uploads(Bucket="main-bucket")["Uploads"]
    assert [(u["Key"], u["UploadId"]) for u in got] == list(zip(("a", "a", "b"), ids))
    page = client.list_multipart_uploads(Bucket="main-bucket", MaxUploads=1)
    assert page["IsTruncated"] and page["NextUploadIdMarker"] == ids[0]
    rest = client.list_multipart_uploads(Bucket="main-bucket", KeyMarker=page["NextKeyMarker"], UploadIdMarker=page["NextUploadIdMarker"])
    assert [u["UploadId"] for u in rest["Uploads"]] == ids[1:] and not rest["IsTruncated"]
    for n, data in ((3, b"3"), (1, b"x"), (1, b"one")):
        client.upload_part(Bucket="main-bucket", Key="a", UploadId=ids[0], PartNumber=n, Body=data)
    parts = client.list_parts(Bucket="main-bucket", Key="a", UploadId=ids[0])["Parts"]
    assert [(p["PartNumber"], p["Size"], p["ETag"]) for p in parts] == [
        (1, 3, f'"{hashlib.md5(b"one").hexdigest()}"'), (3, 1, f'"{hashlib.md5(b"3").hexdigest()}"')]
    genstore("gc")  # what was sent is kept
    client.complete_multipart_upload(Bucket="main-bucket", Key="a", UploadId=ids[0], MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": parts[0]["ETag"]}]})
    assert client.get_object(Bucket="main-bucket", Key="a")["Body"].read() == b"one"
    for number, key in ((1, "a"), (2, "b")):
        client.abort_multipart_upload(Bucket="main-bucket", Key=key, UploadId=ids[number])
    assert "Uploads" not in client.list_multipart_uploads(Bucket="main-bucket")
    assert code_of(lambda: client.list_parts(Bucket="main-bucket", Key="b", UploadId=ids[2])) == "NoSuchUpload"


def test_what_cannot_be_put_together_is_refused(s3):
    client = s3.client()
    begun = client.create_multipart_upload(Bucket="main-bucket", Key="k")["UploadId"]
    tags = [client.upload_part(Bucket="main-bucket", Key="k", UploadId=begun, PartNumber=n, Body=b"small")["ETag"] for n in (1, 2)]

    def complete(*parts):
        return client.complete_multipart_upload(Bucket="main-bucket", Key="k", UploadId=begun, MultipartUpload={
            "Parts": [{"PartNumber": n, "ETag": etag} for n, etag in parts]})

    assert code_of(lambda: complete((2, tags[1]), (1, tags[0]))) == "InvalidPartOrder"
    assert code_of(lambda: complete((1, tags[0]), (3, tags[0]))) in ("InvalidPart", "EntityTooSmall")
    assert code_of(lambda: complete((3, tags[0]))) == "InvalidPart"
    assert code_of(lambda: complete((1, '"' + "0" * 32 + '"'))) == "InvalidPart"
    assert code_of(lambda: complete((1, tags[0]), (2, tags[1]))) == "EntityTooSmall"
    assert code_of(lambda: client.upload_part(Bucket="main-bucket", Key="k", UploadId=begun, PartNumber=10001, Body=b"")) == "InvalidArgument"
    assert code_of(lambda: client.upload_part(Bucket="main-bucket", Key="k", UploadId="0" * 32, PartNumber=1, Body=b"")) == "NoSuchUpload"
    assert code_of(lambda: client.get_object(Bucket="main-bucket", Key="k")) == "NoSuchKey"


def test_a_part_is_copied_from_a_range(s3):
    client, data = s3.client(), os.urandom(6 * MIB)
    client.put_object(Bucket="main-bucket", Key="from", Body=data)
    begun = client.create_multipart_upload(Bucket="main-bucket", Key="to")["UploadId"]
    ranges = [f"bytes=0-{5 * MIB - 1}", f"bytes={5 * MIB}-{6 * MIB - 1}"]
    done = [{"PartNumber": n, "ETag": client.upload_part_copy(Bucket="main-bucket", Key="to", UploadId=begun, PartNumber=n, CopySource="main-bucket/from",
                                                              CopySourceRange=text)["CopyPartResult"]["ETag"]} for n, text in enumerate(ranges, 1)]
    client.complete_multipart_upload(Bucket="main-bucket", Key="to", UploadId=begun, MultipartUpload={"Parts": done})
    assert client.get_object(Bucket="main-bucket", Key="to")["Body"].read() == data


def test_an_archive_in_parts_is_a_generation(s3, genstore):
    client, out = s3.client(), io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as tar:
        entry = tarfile.TarInfo("app/noise")
        entry.size = 7 * MIB
        tar.addfile(entry, io.BytesIO(os.urandom(entry.size)))
    data = out.getvalue()
    upload(client, "generations/req_parts/app.tar.gz", [(1, data[:6 * MIB]), (2, data[6 * MIB:])])
    assert [g["request_id"] for g in genstore("list", "--json").json] == ["req_parts"]
    assert client.get_object(Bucket="main-bucket", Key="generations/req_parts/app.tar.gz")["Body"].read() == data
    assert "Uploads" not in client.list_multipart_uploads(Bucket="main-bucket")


# Chunks

def crc(data, polynomial, width):
    """Bit by bit, as the definition has it."""
    ones = (1 << width) - 1
    value = ones
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (polynomial if value & 1 else 0)
    return base64.b64encode((value ^ ones).to_bytes(width // 8, "big")).decode()


CHECKSUMS = {
    "crc32": lambda data: base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode(),
    "crc32c": lambda data: crc(data, 0x82F63B78, 32),
    "crc64nvme": lambda data: crc(data, 0x9A6C9329AC4BC9B5, 64),
    "sha1": lambda data: base64.b64encode(hashlib.sha1(data).digest()).decode(),
    "sha256": lambda data: base64.b64encode(hashlib.sha256(data).digest()).decode(),
}


class Chunks:
    """A body in chunks, signed by the book."""

    def __init__(self, s3, path, pieces, way, trailer=None, more=None):
        now = datetime.datetime.now(datetime.timezone.utc)
        self.when, self.scope = now.strftime("%Y%m%dT%H%M%SZ"), f"{now:%Y%m%d}/us-east-1/s3/aws4_request"
        self.key = ("AWS4" + s3.secret).encode()
        for part in self.scope.split("/"):
            self.key = hmac.new(self.key, part.encode(), hashlib.sha256).digest()
        self.fields = {"host": s3.host, "x-amz-date": self.when, "x-amz-content-sha256": way, "content-encoding": "aws-chunked",
                       "x-amz-decoded-content-length": str(sum(map(len, pieces))), **(more or {})}
        if trailer:
            self.fields["x-amz-trailer"] = trailer[0]
        names = sorted(self.fields)
        canonical = "\n".join(["PUT", path, "", *[f"{n}:{self.fields[n]}" for n in names], "", ";".join(names), way])
        self.last = self.sign(f"AWS4-HMAC-SHA256\n{self.when}\n{self.scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}")
        self.fields["authorization"] = f"AWS4-HMAC-SHA256 Credential={s3.key}/{self.scope}, SignedHeaders={';'.join(names)}, Signature={self.last}"
        signed, self.body = not way.startswith("STREAMING-UNSIGNED"), b""
        for piece in [*pieces, b""]:
            extra = f";chunk-signature={self.chain('PAYLOAD', hashlib.sha256(b'').hexdigest() + chr(10), piece)}" if signed else ""
            self.body += f"{len(piece):x}{extra}\r\n".encode() + piece + (b"\r\n" if piece else b"")
        if trailer:
            line = f"{trailer[0]}:{trailer[1]}\n"
            self.body += line.replace("\n", "\r\n").encode()
            if signed:
                self.body += f"x-amz-trailer-signature:{self.chain('TRAILER', '', line.encode())}\r\n".encode()
        self.body += b"\r\n"

    def sign(self, text):
        return hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()

    def chain(self, what, first, data):
        self.last = self.sign(f"AWS4-HMAC-SHA256-{what}\n{self.when}\n{self.scope}\n{self.last}\n{first}{hashlib.sha256(data).hexdigest()}")
        return self.last


SIGNED, SIGNED_TRAILER, UNSIGNED = ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
                                    "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
PIECES = [random.Random(5).randbytes(n) for n in (65536, 70000, 1)]


@pytest.mark.parametrize("way", [SIGNED, SIGNED_TRAILER, UNSIGNED])
def test_a_body_in_chunks_is_what_is_in_them(s3, way):
    trailer = None if way == SIGNED else ("x-amz-checksum-crc32", CHECKSUMS["crc32"](b"".join(PIECES)))
    chunks = Chunks(s3, "/main-bucket/k", PIECES, way, trailer)
    answer = s3.send("PUT", "/main-bucket/k", chunks.body, chunks.fields)
    assert answer.status == 200, answer.body
    got = s3.client().get_object(Bucket="main-bucket", Key="k")
    assert got["Body"].read() == b"".join(PIECES) and "ContentEncoding" not in got


@pytest.mark.parametrize("way", [SIGNED, SIGNED_TRAILER, UNSIGNED])
def test_no_chunk_that_was_tampered_with_is_kept(s3, way):
    trailer = None if way == SIGNED else ("x-amz-checksum-sha256", CHECKSUMS["sha256"](b"".join(PIECES)))
    dice = random.Random(way)
    for _ in range(40):
        chunks = Chunks(s3, "/main-bucket/k", PIECES, way, trailer)
        # Not the line ends at the close, nor how a size is written.
        at = dice.randrange(8, len(chunks.body) - 8)
        changed = bytes([chunks.body[at] ^ 1 << dice.randrange(5)])
        if changed.lower() == chunks.body[at:at + 1].lower():
            continue
        body = chunks.body[:at] + changed + chunks.body[at + 1:]
        answer = s3.send("PUT", "/main-bucket/k", body, chunks.fields)
        assert answer.status in (400, 403), (at, chunks.body[at - 20:at + 20], changed)
    for cut in (1, 100, len(chunks.body) // 2):
        assert s3.send("PUT", "/main-bucket/k", chunks.body[:-cut - 2], chunks.fields).status in (400, 403)
    assert code_of(lambda: s3.client().get_object(Bucket="main-bucket", Key="k")) == "NoSuchKey"


@pytest.mark.parametrize("name", CHECKSUMS)
def test_a_checksum_is_verified_kept_and_told(s3, name):
    data = b"123456789" * 1000
    field, right = f"x-amz-checksum-{name}", CHECKSUMS[name](data)
    for value, status in ((CHECKSUMS[name](b"other"), 400), (right, 200)):
        chunks = Chunks(s3, "/main-bucket/k", [data], UNSIGNED, (field, value))
        assert s3.send("PUT", "/main-bucket/k", chunks.body, chunks.fields).status == status
    if name != "crc64nvme":
        key = "Checksum" + name.upper()
        assert s3.client().head_object(Bucket="main-bucket", Key="k", ChecksumMode="ENABLED")[key] == right
        assert key not in s3.client().head_object(Bucket="main-bucket", Key="k")
        assert s3.client().put_object(Bucket="main-bucket", Key="l", Body=data, **{key: right})[key] == right
        assert code_of(lambda: s3.client().put_object(Bucket="main-bucket", Key="m", Body=data, **{key: CHECKSUMS[name](b"")})) == "BadDigest"


def test_the_published_check_values_of_the_checksums_come_out(s3):
    # https://reveng.sourceforge.io/crc-catalogue/all.htm: of "123456789".
    assert base64.b64decode(CHECKSUMS["crc32c"](b"123456789")).hex() == "e3069283"
    assert base64.b64decode(CHECKSUMS["crc64nvme"](b"123456789")).hex() == "ae8b14860a799888"
    for name in ("crc32c", "crc64nvme"):
        chunks = Chunks(s3, "/main-bucket/k", [b"123456789"], UNSIGNED, (f"x-amz-checksum-{name}", CHECKSUMS[name](b"123456789")))
        answer = s3.send("PUT", "/main-bucket/k", chunks.body, chunks.fields)
        assert answer.status == 200 and re.search(name, str(answer.headers))
