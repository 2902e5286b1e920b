"""kill -9 at random points of a sync, again and again: what the bucket shows as complete is complete, nothing is sent for nothing, and a last run ends it.

GENSTORE_TEST_KILLS says at how many points (default 12); GENSTORE_TEST_SEED which.
"""

import hashlib
import json
import os
import random
import time

import pytest

SEED = int(os.environ.get("GENSTORE_TEST_SEED", "20261128"))
KILLS = int(os.environ.get("GENSTORE_TEST_KILLS", "12"))


def whole(bucket, archives, seen):
    """Fails unless every generation that has its metadata.json, which is sent last, is all there. How many are. seen: archives that were read."""
    keys = set(bucket.keys("generations/"))
    for request, data in archives.items():
        folder = f"generations/{request}/"
        if f"{folder}app.tar.gz" in keys and request not in seen:
            assert bucket.get(f"{folder}app.tar.gz") == data
            seen.add(request)
        if f"{folder}metadata.json" in keys:
            assert f"{folder}app.tar.gz" in keys
            assert json.loads(bucket.get(f"{folder}metadata.json"))["genstore"]["archive_sha256"] == hashlib.sha256(data).hexdigest()
    return sum(key.endswith("metadata.json") for key in keys)


@pytest.mark.slow
def test_a_sync_that_is_killed_anywhere_converges(genstore, bucket, made, synced, running):
    chance = random.Random(SEED)
    archives, seen, killed, reached, spans = {}, set(), 0, set(), []
    while killed < KILLS:
        if whole(bucket, archives, seen) == len(archives):
            # One goes in parts; the others are small, and several are on their way at a time.
            for size in (17 << 20, *[1000] * 7):
                request = made(size)
                archives[request] = genstore("get", request, "-o", "-").stdout
        began = time.monotonic()
        process = genstore.start("sync", "--all", "--to", "s3")
        running(process)
        time.sleep(chance.uniform(0, max(spans, default=0.6)))
        alive = process.poll() is None
        process.kill()
        process.communicate()
        killed += alive
        if not alive:
            assert process.returncode == 0
            spans.append(min(0.6, time.monotonic() - began))
        reached.add(whole(bucket, archives, seen))
        states = {row["request_id"]: row["s3"]["state"] for row in genstore("status", "--json").json if row.get("s3")}
        assert set(states.values()) <= {"queued", "syncing", "synced"}, states
        genstore("check")
    genstore("sync", "--all", "--to", "s3")
    for request in archives:
        synced(bucket, request)
    assert len(reached) > 1, "every kill came before or after all of it"
    genstore("check", "--remote")
