"""A generation is sent to the bucket by a request to `serve`."""

import json
import signal
import urllib.request

import pytest


@pytest.fixture
def ask(genstore, bucket):
    """ask("/path", {...} to post): (status, JSON)."""
    process = genstore.start("serve", "--listen", "0", "--json")
    url = json.loads(process.stdout.readline())["url"]

    def send(path, body=None):
        with urllib.request.urlopen(urllib.request.Request(url + path, json.dumps(body).encode() if body else None), timeout=60) as answer:
            return answer.status, json.load(answer)

    yield send
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)


def test_what_is_asked_for_over_http_is_sent_however_often_it_is_asked(ask, bucket, made, synced, wait_for):
    requests = [made() for _ in range(4)]
    for request in requests + requests:
        status, told = ask(f"/api/generations/{request}/sync", {"to": "s3"})
        assert status == 202 and told["s3"]["state"] in ("queued", "syncing", "synced")
    for request in requests:
        wait_for(lambda request=request: ask(f"/api/generations/{request}/sync")[1]["sync"] == "synced", "it to be synced")
        synced(bucket, request)
