"""A sync that goes wrong at each of its requests, in each way, and one that is killed there: the second run always ends it."""

import hashlib
import itertools
import shutil

import pytest

MIB = 1 << 20
SMALL = ("list", "archive", "metadata")
LARGE = ("list", "begin", "part 1", "part 2", "part 3", "end", "look", "tidy", "metadata")
MODES = ("cut", "reset", "503", "slowdown", "corrupt", "garble", "half", "drop")
numbers = itertools.count(1)


def etag(data):
    """What the server says of these bytes: the hash of them, or of the hashes of their parts."""
    md5s = [hashlib.md5(data[at:at + 8 * MIB]).digest() for at in range(0, len(data), 8 * MIB)]
    whole = hashlib.md5(data).hexdigest() if len(data) <= 16 * MIB else f"{hashlib.md5(b''.join(md5s)).hexdigest()}-{len(md5s)}"
    return f'"{whole}"'


class Case:
    """A store with one generation, and a folder of its own in a bucket that all cases share."""

    def __init__(self, genstore, bucket, proxy, request_id, archive):
        self.genstore, self.bucket, self.proxy, self.req = genstore, bucket, proxy, request_id
        self.size, self.etag = len(archive), etag(archive)
        self.first = genstore.store.with_suffix(".first")
        shutil.copyfile(genstore.store, self.first)

    def begin(self, plan):
        shutil.copyfile(self.first, self.genstore.store)
        self.prefix = f"case-{next(numbers)}/"
        self.genstore("config", "set", "s3.prefix", self.prefix)
        self.proxy.reset()
        self.proxy.plan.update(plan)

    def there(self):
        return {key.rsplit("/", 1)[-1] for key in self.bucket.keys(self.prefix)}

    def ends(self, what):
        """The second run: with it everything is there, once, to the byte."""
        there = self.there()
        assert "metadata.json" not in there or "app.tar.gz" in there, what
        self.proxy.reset()
        self.genstore("sync", self.req)
        assert self.there() == {"app.tar.gz", "metadata.json"}, what
        key = f"{self.prefix}generations/{self.req}/app.tar.gz"
        head = self.bucket.client.head_object(Bucket=self.bucket.name, Key=key)
        assert (head["ContentLength"], head["ETag"]) == (self.size, self.etag), what
        assert [u for u in self.bucket.uploads() if u["Key"] == key] == [], what
        state, = self.genstore("status", self.req, "--json").json
        assert state["sync"] == "synced", what
        self.bucket.client.delete_object(Bucket=self.bucket.name, Key=key)


@pytest.fixture
def case(genstore, bucket, proxy, made):
    def make(size):
        genstore("config", "set", "s3.timeout", "1")
        req = made(size)
        return Case(genstore, bucket, proxy, req, genstore("get", req, "-o", "-").stdout)
    return make


@pytest.mark.parametrize("mode", MODES)
def test_a_small_sync_that_goes_wrong_once_is_right_in_the_end(genstore, case, mode):
    c = case(0)
    for n, request in enumerate(SMALL):
        c.begin({n: mode})
        r = genstore("sync", c.req, code=None)
        # A single mishap is not even noticed.
        assert r.code == 0, (mode, request, r.err)
        assert len(c.proxy.log) > n, (mode, request)
        c.ends((mode, request))


def test_a_server_that_stops_saying_anything_is_given_up_and_asked_again(genstore, case):
    c = case(0)
    c.begin({1: "stall"})
    genstore("sync", c.req)
    c.ends("stall")


@pytest.mark.parametrize("mode", ["cut", "corrupt", "garble", "drop"])
def test_a_large_sync_that_goes_wrong_once_is_right_in_the_end(genstore, case, mode):
    c = case(17 * MIB)
    for request in ("begin", "part 2", "end", "look", "tidy"):
        c.begin({LARGE.index(request): mode})
        r = genstore("sync", c.req, code=None)
        assert r.code == 0, (mode, request, r.err)
        c.ends((mode, request))


@pytest.mark.parametrize("mode", ["slowdown", "drop"])
def test_a_sync_that_goes_wrong_again_and_again_is_told_and_can_be_run_again(genstore, case, mode):
    c = case(0)
    for n, request in enumerate(SMALL):
        c.begin({i: mode for i in range(n, 40)})
        r = genstore("sync", c.req, code=None)
        assert r.code in (0, 5) and r.err.count("\n") == (r.code != 0), (mode, request, r.err)
        assert genstore("status", c.req, "--json").json[0]["sync"] in ("queued", "failed", "synced")
        c.ends((mode, request))


@pytest.mark.parametrize("size, requests, when", [(0, SMALL, "hold"), (0, SMALL, "after"), (17 * MIB, LARGE, "after")])
def test_a_sync_that_is_killed_at_any_request_is_ended_by_the_next(genstore, case, running, size, requests, when):
    c = case(size)
    for n, request in enumerate(requests):
        c.begin({n: when})
        process = genstore.start("sync", c.req)
        running(process)
        assert c.proxy.held.wait(60), request
        process.kill()
        process.wait()
        c.ends((when, request))


def test_bytes_that_a_careless_server_got_wrong_are_found_and_put_right(genstore, lax, made, synced, answers):
    """One that neither looks at a signature nor at a checksum, and says what it took only by its ETag."""
    req = made()
    with answers.Proxy(lax.server.host, lax.server.port) as proxy:
        proxy.plan[1] = "corrupt"
        genstore("sync", req, env={"AWS_ENDPOINT_URL": proxy.endpoint})
        assert [r.method for r in proxy.log] == ["GET", "PUT", "GET", "PUT", "PUT"]
    synced(lax, req)


def test_parts_that_a_careless_server_got_wrong_are_found_and_put_right(genstore, lax, made, synced, answers):
    req = made(17 * MIB)
    with answers.Proxy(lax.server.host, lax.server.port) as proxy:
        proxy.plan[3] = "corrupt"
        genstore("sync", req, env={"AWS_ENDPOINT_URL": proxy.endpoint})
        assert len([r for r in proxy.log if "partNumber" in r.path]) == 4
    synced(lax, req)
