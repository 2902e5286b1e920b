"""What the tests of `serve` share.

Fixtures
  s3         an S3 endpoint with an access key of the local user: see class S3
  serving    serving("--access-log", "f")   starts `genstore serve` on a free port; serving.url, .port, .stop(), .process
             server("GET", "/path", body, headers) -> Answer(status, headers, body), with .json
"""

import http.client
import json
import os
import signal

import pytest


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()

    @property
    def json(self):
        return json.loads(self.body)


class Server:
    def __init__(self, genstore, *options):
        self.process = genstore.start("serve", "--listen", "0", "--json", *options)
        self.url = json.loads(self.process.stdout.readline())["url"]
        self.port = int(self.url.rpartition(":")[2])

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def __call__(self, method, path, body=None, headers=None, status=None):
        connection = self.connect()
        try:
            connection.request(method, path, body, headers or {})
            answer = Answer(connection.getresponse())
        finally:
            connection.close()
        assert status in (None, answer.status), (answer.status, answer.body)
        return answer

    def stop(self, code=0):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == code, err
        return out, err


@pytest.fixture
def serving(genstore, store):
    assert store.exists()
    servers = []

    def start(*options):
        servers.append(Server(genstore, *options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def server(serving):
    return serving()


class S3:
    """An S3 endpoint on a free port: .url, .bucket, .client() for a user's access key, .signed() for raw requests."""

    def __init__(self, genstore, *options):
        key = genstore.home / "key"
        if not key.exists():
            key.touch(mode=0o600)
            key.write_bytes(os.urandom(32))
            genstore.env["GENSTORE_KEY_FILE"] = str(key)
            genstore("key", "init")
        self.genstore = genstore
        self.process = genstore.start("serve", "--listen", "0", "--s3", "0", "--s3-bucket", "main-bucket", "--json", *options)
        line = json.loads(self.process.stdout.readline())
        self.url, self.bucket, self.api = line["s3_url"], line["s3_bucket"], line["url"]
        self.host = self.url.rpartition("/")[2]
        self.key, self.secret = self.keys()

    def keys(self, *options):
        made = self.genstore("token", "add", "--s3", "--json", *options).json[0]
        return made["access_key_id"], made["secret_access_key"]

    def client(self, keys=None, **config):
        boto3 = pytest.importorskip("boto3")
        from botocore.config import Config
        key, secret = keys or (self.key, self.secret)
        return boto3.client("s3", endpoint_url=self.url, aws_access_key_id=key, aws_secret_access_key=secret, region_name="us-east-1",
                            config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}, **config))

    def send(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", int(self.host.rpartition(":")[2]), timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, err


@pytest.fixture
def s3(genstore, store):
    assert store.exists()
    endpoint = S3(genstore)
    yield endpoint
    endpoint.stop()
