"""What the tests of sync share: real servers, started here, that nobody of this project wrote.

Fixtures
  radosgw    the S3 endpoint of RADOS Gateway, which checks every signature: .host, .port, .endpoint, .key, .secret
  s3rver     that of npm's s3rver, which checks nothing
  bucket     a new bucket of radosgw: .name, .keys(), .get(key), .put(key, bytes), .uploads(), .client (boto3). The
             program under test knows it: the environment has the keys and the endpoint, the store has its name
  lax        the same at s3rver
  proxy      tests/fault/proxy.py in front of radosgw; the program's endpoint is it
  git_host   git's http-backend behind lighttpd, with TLS (tests/githttp.py)
  bare, hub  a GitHub (tests/github.py) in front of it, of whose violations a test fails; hub: the store knows its organization, acme
  sync       sync(...): genstore sync, in whose output there is no token
  synced     synced(request_id): fails unless the bucket has what the store has, to the byte
  made       made(size=0): the request id of a new generation, by import; of that many bytes that do not compress
"""

import contextlib
import importlib.util
import itertools
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import types

import boto3
import botocore.config
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from githttp import BACKEND, LIGHTTPD, TOKEN, git_server  # noqa: E402
from github import github  # noqa: E402

KEY, SECRET = "AKLOCALMAIN000000001", "localSecretMain/0000000000000000000000+1"


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


faulty = load("proxy", ROOT / "tests/fault/proxy.py")


def client_of(endpoint, key=KEY, secret=SECRET):
    config = botocore.config.Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1})
    return boto3.client("s3", endpoint_url=endpoint, aws_access_key_id=key, aws_secret_access_key=secret,
                        region_name="us-east-1", config=config)


@pytest.fixture(scope="session")
def radosgw():
    if not shutil.which("radosgw"):
        pytest.skip("radosgw is not installed")
    top = pathlib.Path(tempfile.mkdtemp(prefix="genstore-rgw-"))
    up = subprocess.run([ROOT / "tests/servers/radosgw-up", top / "d", "0"], capture_output=True, text=True, timeout=120,
                        env={**os.environ, "RGW_KEY": KEY, "RGW_SECRET": SECRET}, check=False)
    if up.returncode:
        pytest.fail(f"radosgw does not start: {up.stderr}")
    port = int(dict(line.split("=", 1) for line in up.stdout.splitlines() if "=" in line and line[0] != "#")["S3_PORT"])
    yield types.SimpleNamespace(host="127.0.0.1", port=port, endpoint=f"http://127.0.0.1:{port}", key=KEY, secret=SECRET)
    subprocess.run([ROOT / "tests/servers/radosgw-down", top / "d"], check=True, timeout=60)
    top.rmdir()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture(scope="session")
def s3rver(tmp_path_factory):
    script = pathlib.Path(os.environ.get("GENSTORE_NODE_MODULES", ROOT / "build/node/node_modules")) / "s3rver/bin/s3rver.js"
    if not script.exists() or not shutil.which("node"):
        pytest.skip("s3rver is not installed")
    port = free_port()
    server = subprocess.Popen(["node", "--no-deprecation", script, "-d", tmp_path_factory.mktemp("s3rver"), "-a", "127.0.0.1", "-p", str(port)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    while line := server.stdout.readline():
        if b"listening on" in line.lower():
            break
    yield types.SimpleNamespace(host="127.0.0.1", port=port, endpoint=f"http://127.0.0.1:{port}", key="S3RVER", secret="S3RVER")
    server.kill()
    server.communicate()


class Bucket:
    numbers = itertools.count(1)

    def __init__(self, server, name=None):
        self.server = server
        self.name = name or f"bucket-{os.getpid()}-{next(self.numbers)}"
        self.client = client_of(server.endpoint, server.key, server.secret)
        self.client.create_bucket(Bucket=self.name)

    def keys(self, prefix=""):
        return [o["Key"] for o in self.client.list_objects_v2(Bucket=self.name, Prefix=prefix).get("Contents", [])]

    def get(self, key):
        return self.client.get_object(Bucket=self.name, Key=key)["Body"].read()

    def put(self, key, body):
        return self.client.put_object(Bucket=self.name, Key=key, Body=body)

    def uploads(self):
        if self.server.key == "S3RVER":
            return []  # it keeps no list of them
        return self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])


def tell(genstore, server, endpoint=None):
    genstore.env.update(AWS_ACCESS_KEY_ID=server.key, AWS_SECRET_ACCESS_KEY=server.secret, AWS_ENDPOINT_URL=endpoint or server.endpoint)


@pytest.fixture
def bucket(genstore, store, radosgw):
    b = Bucket(radosgw)
    tell(genstore, radosgw)
    genstore("config", "set", "s3.bucket", b.name)
    return b


@pytest.fixture
def lax(genstore, store, s3rver):
    b = Bucket(s3rver)
    tell(genstore, s3rver)
    genstore("config", "set", "s3.bucket", b.name)
    return b


@pytest.fixture
def proxy(genstore, bucket, radosgw):
    with faulty.Proxy(radosgw.host, radosgw.port) as p:
        genstore.env["AWS_ENDPOINT_URL"] = p.endpoint
        yield p


@pytest.fixture
def answers():
    """error(status, code, message, *headers) for the plan of a proxy."""
    return faulty


@pytest.fixture
def synced(genstore):
    def check(bucket, request_id, prefix=""):
        key = f"{prefix}generations/{request_id}/"
        assert sorted(bucket.keys(key)) == [f"{key}app.tar.gz", f"{key}metadata.json"]
        assert bucket.get(key + "app.tar.gz") == genstore("get", request_id, "-o", "-").stdout
        assert bucket.uploads() == []
        state, = genstore("status", request_id, "--json").json
        assert state["sync"] == "synced" and state["s3"]["url"] == f"s3://{bucket.name}/{key}"
    return check


@pytest.fixture
def made(genstore, store, tree, tmp_path):
    numbers = itertools.count(1)

    def make(size=0, app="app"):
        number = next(numbers)
        folder = tree.write(tmp_path / f"made-{number}", {"README.md": f"number {number}\n"})
        if size:
            (folder / "noise.bin").write_bytes(os.urandom(size))
        return genstore("import", folder, "--app-name", app).out.strip()
    return make


@pytest.fixture
def running():
    """Processes that end with the test."""
    started = []
    yield started.append
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def git_host(tmp_path_factory):
    if not LIGHTTPD or not BACKEND.exists():
        pytest.fail("lighttpd and git's http-backend have to be installed: tools/install-deps")
    with git_server(tmp_path_factory.mktemp("githttp")) as running:
        yield running


@pytest.fixture
def bare(genstore, store, git_host):
    """The server and the fake, of which the program knows nothing but the token."""
    with github(git_host) as fake:
        for repos in fake.repos.values():
            repos.clear()
        genstore.env.update(GIT_SSL_CAINFO=str(git_host.ca), GENSTORE_GIT_TOKEN=TOKEN, GIT_CONFIG_NOSYSTEM="1", GIT_TERMINAL_PROMPT="0",
                            GITHUB_API_URL=fake.url)
        yield fake
    assert fake.violations == []


@pytest.fixture
def hub(genstore, bare):
    genstore("config", "set", "github.organization", "acme")
    return bare


@pytest.fixture
def sync(genstore):
    def run(*args, code=0, **env):
        done = genstore("sync", *args, code=code, env=env)
        assert TOKEN not in done.out + done.err and done.err.count("Traceback") == 0
        return done
    return run
