"""What the tests of `serve` share.

Fixtures
  serving    serving("--access-log", "f")   starts `genstore serve` on a free port; serving.url, .port, .stop(), .process
             server("GET", "/path", body, headers) -> Answer(status, headers, body), with .json
"""

import http.client
import json
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
