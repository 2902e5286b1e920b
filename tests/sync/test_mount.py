"""Syncing from a mount: attributes that tell where a generation is, and the one that has it sent."""

import errno
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from attack_archives import GOOD  # noqa: E402

SYNC = "user.genstore.sync"


def get(path, name="sync"):
    return os.getxattr(path, f"user.genstore.{name}").decode()


def refused(action):
    with pytest.raises(OSError) as error:
        action()
    return error.value.errno


def test_an_attribute_has_a_generation_sent_and_tells_where_it_is(genstore, bucket, made, synced, mounted, wait_for):
    req, other = made(), made()
    with mounted() as top:
        here = top / "generations" / req
        assert [get(here, name) for name in ("sync", "s3", "github")] == ["local"] * 3
        os.setxattr(here, SYNC, b"s3")
        wait_for(lambda: get(here) == "synced", "the sync")
        state, = genstore("status", req, "--json").json
        shown, = genstore("show", req, "--json").json
        want = f"synced s3://{bucket.name}/generations/{req}/ etag={state['s3']['etag']} sha256={shown['archive_sha256']} at={state['s3']['updated_at']}"
        assert get(here, "s3") == get(here / "app.tar.gz", "s3") == want
        assert get(here, "github") == "local" and get(here / "app.tar.gz") == "synced"
        assert get(top / "generations" / other) == "local"
        # Once more is no harm, and there is nothing to take back.
        os.setxattr(here, SYNC, b"s3")
        assert refused(lambda: os.removexattr(here, SYNC)) == errno.ENODATA
        # Another one, by its file; the process that sent the first is there no more.
        os.setxattr(top / "generations" / other / "app.tar.gz", SYNC, b"s3")
        wait_for(lambda: get(top / "generations" / other) == "synced", "the second sync")
    synced(bucket, req)
    synced(bucket, other)
    actions = [row["action"] for row in genstore("audit", "--json").json]
    assert actions.count("sync.queue") == actions.count("sync.done") == 2


def test_many_at_once_are_all_sent(genstore, bucket, made, mounted, wait_for):
    reqs = [made() for _ in range(12)]
    with mounted() as top:
        for req in reqs:
            os.setxattr(top / "generations" / req, SYNC, b"s3")
        wait_for(lambda: {get(top / "generations" / req) for req in reqs} == {"synced"}, "all of them")
    assert len(bucket.keys()) == 24


def test_what_failed_says_why_and_is_tried_again(genstore, bucket, made, mounted, wait_for):
    req = made()
    genstore("config", "set", "s3.bucket", "there-is-no-such-bucket")
    with mounted() as top:
        here = top / "generations" / req
        os.setxattr(here, SYNC, b"s3")
        wait_for(lambda: get(here) == "failed", "the failure")
        assert get(here, "s3").startswith("failed: ") and "there-is-no-such-bucket" in get(here, "s3")
        genstore("config", "set", "s3.bucket", bucket.name)
        os.setxattr(here, SYNC, b"s3")
        wait_for(lambda: get(here) == "synced", "the sync")


def test_an_archive_that_was_written_here_is_sent_from_here(genstore, bucket, mounted, synced, wait_for):
    with mounted() as top:
        here = top / "generations/req_handedin0001"
        here.mkdir()
        assert refused(lambda: os.setxattr(here, SYNC, b"s3")) == errno.EOPNOTSUPP
        (here / "app.tar.gz").write_bytes(GOOD)
        os.setxattr(here / "app.tar.gz", SYNC, b"s3")
        wait_for(lambda: get(here) == "synced", "the sync")
    synced(bucket, "req_handedin0001")


def test_without_a_network_it_waits_and_unmounting_says_so(genstore, bucket, made, mounted, synced, wait_for, answers):
    req = made()
    endpoint = genstore.env["AWS_ENDPOINT_URL"]
    genstore.env["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"  # the port of discard, where nobody listens
    with mounted() as top:
        here = top / "generations" / req
        os.setxattr(here, SYNC, b"s3")
        wait_for(lambda: get(here, "s3").startswith("queued: "), "the try that fails")
        status = (top / ".genstore/status.json").read_text()
        assert '"pending_syncs": 1' in status
        wait_for(lambda: len(genstore.processes()) == 1, "the end of the process that tried")
        assert "1 still waits to be sent" in genstore("umount", top).err
    with mounted() as top:
        assert get(top / "generations" / req) == "queued"
        genstore.env["AWS_ENDPOINT_URL"] = endpoint
        assert f"s3://{bucket.name}/generations/{req}/" in genstore("umount", top, "--wait").out
    synced(bucket, req)
    with mounted() as top:
        assert "to be sent" not in genstore("umount", top).err


def test_before_a_bucket_is_configured_it_waits_with_the_reason_and_a_changed_mind_works(genstore, store, made, mounted):
    req = made()
    with mounted() as top:
        here = top / "generations" / req
        os.setxattr(here, SYNC, b"s3")
        assert get(here) == "queued" and get(here, "s3").startswith("queued: no bucket is configured")
        os.removexattr(here, SYNC)
        assert get(here) == get(here, "s3") == "local"
        assert refused(lambda: os.removexattr(here, SYNC)) == errno.ENODATA
    assert genstore("status", "--json").json[-1]["queued"] == 0


def test_what_cannot_be_sent_is_refused(genstore, store, made, generate, mounted):
    req = made()
    failed = generate("exit 3", "--app-name", "none", code=None)
    with mounted() as top:
        here = top / "generations" / req
        for value in (b"", b"s4", b"s3,", b",s3", b"s3,,github", b"s3 ", b"x" * 4000, b"s3\0github"):
            assert refused(lambda value=value: os.setxattr(here, SYNC, value)) == errno.EINVAL, value
        for path in (top, top / "generations", here / "app", here / "app/README.md", here / "iterations/1", top / ".genstore/status.json"):
            assert refused(lambda path=path: os.setxattr(path, SYNC, b"s3")) == errno.EROFS, path
        assert refused(lambda: os.setxattr(top / "generations" / failed, SYNC, b"s3")) == errno.ENODATA
        assert get(here) == get(top / "generations" / failed) == "local"
    with mounted("-o", "ro") as top:
        assert refused(lambda: os.setxattr(top / "generations" / req, SYNC, b"s3")) == errno.EROFS
