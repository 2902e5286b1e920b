"""The server behind WS_URL: what it lets in, and how it answers who breaks the rules. The generator's process only waits; what
connects is the test, byte by byte where a library would not do it."""

import asyncio
import base64
import contextlib
import json
import os
import socket
import struct

import pytest
import websockets

pytestmark = pytest.mark.threads

TEXT, BINARY, CLOSE, PING, PONG, FIN = 1, 2, 8, 9, 10, 0x80
MIB = 1 << 20


def frame(head, data=b"", mask=b"\1\2\3\4"):
    """A frame as a client sends it; mask None: as it must not."""
    n = len(data)
    size = bytes([n]) if n < 126 else b"\x7e" + struct.pack(">H", n) if n < 65536 else b"\x7f" + struct.pack(">Q", n)
    if mask is None:
        return bytes([head]) + size + data
    key = (mask * (n // 4 + 1))[:n]
    masked = (int.from_bytes(data, "big") ^ int.from_bytes(key, "big")).to_bytes(n, "big")
    return bytes([head, size[0] | 0x80]) + size[1:] + mask + masked


class Raw:
    """A client that does what it is told."""

    def __init__(self, play, upgrade=True, **fields):
        self.play = play
        self.socket = socket.create_connection(play.address, timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")
        if upgrade:
            self.send(self.request(**fields))
            assert self.head()[0] == 101

    def request(self, method="GET", path=None, version="HTTP/1.1", more="", **fields):
        """The opening handshake; fields replace the headers it has (with _ for -), None leaves one out."""
        head = {"Host": "%s:%d" % self.play.address, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode()}
        for name, value in fields.items():
            head[name.replace("_", "-")] = value
        lines = [f"{name}: {value}\r\n" for name, value in head.items() if value is not None]
        return (f"{method} {path or self.play.path} {version}\r\n" + "".join(lines) + more + "\r\n").encode()

    def send(self, data):
        self.socket.sendall(data)

    def head(self):
        """Status and headers of an answer."""
        status = int(self.file.readline().split()[1])
        fields = {}
        while (line := self.file.readline().strip()):
            name, value = line.decode().split(": ", 1)
            fields[name.lower()] = value
        return status, fields

    def answer(self):
        status, fields = self.head()
        return status, json.loads(self.file.read(int(fields["content-length"])))["detail"], fields

    def frame(self):
        head = self.file.read(2)
        if len(head) < 2:
            return None, b""
        n = head[1]
        if n >= 126:
            n = int.from_bytes(self.file.read(2 if n == 126 else 8), "big")
        return head[0] & 15, self.file.read(n)

    def frames_until(self, opcode):
        """The payload of the next frame of that kind."""
        while (got := self.frame())[0] not in (opcode, None):
            pass
        assert got[0] == opcode, "the connection ended"
        return got[1]

    def closed(self):
        """(code, reason) of the close frame, and then there must be nothing more."""
        body = self.frames_until(CLOSE)
        with contextlib.suppress(OSError):  # what is still under way of ours makes the end a reset
            self.send(frame(FIN | CLOSE, body[:2]))
            assert self.file.read() == b""
        return int.from_bytes(body[:2], "big"), body[2:].decode()

    def tell(self, type, **fields):
        self.send(frame(FIN | TEXT, json.dumps({"type": type, **fields}).encode()))

    def hear(self):
        return json.loads(self.frames_until(TEXT))

    def close(self):
        self.file.close()
        self.socket.close()


def complete(play, client=None):
    """The generation still works: over the client, or a new one, to its end."""
    client = client or Raw(play)
    client.tell("ready")
    client.tell("all_work_complete", completion_reason="completed", app_path=".", total_iterations=0)
    while client.hear().get("command") != "prepare_shutdown":
        pass
    client.tell("shutdown_ready")
    assert client.closed()[0] == 1000
    assert play.wait() == 0, play.err


# Before it is a WebSocket

REFUSED = [
    (404, {"path": "/wsi/req_aaaaaaaaaaaa"}), (404, {"path": "/wsi/"}), (404, {"path": "/"}), (404, {"path": "/wsi/%72eq_x"}),
    (405, {"method": "POST", "Content_Length": "0"}), (405, {"method": "HEAD"}),
    (400, {"version": "HTTP/1.0"}), (426, {"Upgrade": None}), (426, {"Connection": "keep-alive"}),
    (426, {"Sec_WebSocket_Version": "8"}), (426, {"Sec_WebSocket_Version": None}),
    (400, {"Sec_WebSocket_Key": None}), (400, {"Sec_WebSocket_Key": "short"}),
    (421, {"Host": "evil.example"}), (400, {"Host": None}), (400, {"more": "Host: 127.0.0.1\r\n"}),
    (403, {"Origin": "http://evil.example"}), (403, {"Origin": "null"}),
    (400, {"more": "Content-Length : 1\r\n"}), (501, {"Transfer_Encoding": "gzip"}), (400, {"more": "X: a\rContent-Length: 1\r\n"}),
    (400, {"Content_Length": "1", "more": "Content-Length: 1\r\n"}), (400, {"Content_Length": "1", "Transfer_Encoding": "chunked"}),
]


def test_what_is_no_handshake_is_refused_with_a_reason_and_the_generation_does_not_mind(stage):
    with stage() as play:
        for status, fields in REFUSED:
            client = Raw(play, upgrade=False)
            client.send(client.request(**fields))
            if fields.get("method") == "HEAD":
                assert client.head()[0] == status, fields
            else:
                got, words, head = client.answer()
                assert got == status and words, (fields, got, words)
                if status == 426:
                    assert (head["upgrade"], head["sec-websocket-version"]) == ("websocket", "13")
                if status == 405:
                    assert head["allow"] == "GET"
            client.close()
        complete(play)


def test_our_own_origin_is_let_in(stage):
    with stage() as play:
        complete(play, Raw(play, Origin="http://%s:%d" % play.address))


def test_nobody_beyond_loopback_is_listened_to(stage):
    with stage() as play, open("/proc/net/tcp", encoding="ascii") as table:
        listening = [line.split()[1] for line in table if line.split()[3] == "0A"]
        assert f"0100007F:{play.address[1]:04X}" in listening
        assert not os.path.exists("/proc/net/tcp6") or f":{play.address[1]:04X} " not in open("/proc/net/tcp6", encoding="ascii").read()


def test_a_body_that_nobody_wants_is_swallowed_and_answered_after_it(stage):
    with stage() as play:
        client = Raw(play, upgrade=False)
        client.send(client.request(method="PUT", Content_Length=str(3 * MIB), Upgrade=None, Connection=None) + bytes(3 * MIB))
        assert client.answer()[0] == 405
        client.send(client.request(path="/nothing", Upgrade=None, Connection=None))  # the same connection goes on
        assert client.answer()[0] == 404
        client.close()


def test_a_head_that_is_too_large_is_refused(stage):
    with stage() as play:
        client = Raw(play, upgrade=False)
        client.send(client.request(more="X: " + "x" * 40000 + "\r\n"))
        assert client.head()[0] in (413, 431)


@pytest.mark.slow
def test_who_sends_head_or_body_byte_by_byte_is_cut_and_others_are_served_meanwhile(stage):
    with stage() as play:
        slow = [Raw(play, upgrade=False) for _ in range(50)]
        for client in slow[::2]:
            client.send(b"GET /wsi/x HTTP/1.1\r\n")
        for client in slow[1::2]:
            client.send(client.request(method="PUT", Content_Length=str(MIB), Upgrade=None, Connection=None))
        other = Raw(play)
        alive, x = set(slow), b"X"
        while alive:
            for client in list(alive):
                client.socket.settimeout(0.02)
                try:
                    client.send(x)  # never silent for long
                    if client.socket.recv(1) == b"":
                        alive.remove(client)
                except TimeoutError:
                    pass
                except OSError:
                    alive.remove(client)
        complete(play, other)


# Frames

BROKEN = [
    (1002, frame(FIN | TEXT, b"abc", mask=None), "masked"), (1002, frame(FIN | 0x40 | TEXT, b"x"), "reserved bit"),
    (1002, frame(FIN | 3, b""), "opcode"), (1002, frame(FIN, b"x"), "continuation"),
    (1002, frame(TEXT, b"x") + frame(FIN | TEXT, b"y"), "before the end"), (1002, frame(PING, b""), "length"),
    (1003, frame(FIN | BINARY, b"\0\1"), "text"), (1007, frame(FIN | TEXT, b'{"type": "\xff"}'), "UTF-8"),
    (1007, frame(TEXT, b"\xe2\x82") + frame(FIN, b"("), "UTF-8"),
]


def test_each_broken_frame_is_closed_with_its_code_and_the_next_connection_goes_on(stage, rows):
    with stage() as play:
        for code, data, word in BROKEN:
            client = Raw(play)
            client.send(data)
            got, reason = client.closed()
            assert (got, word in reason) == (code, True), (data, got, reason)
        complete(play)
    assert len(rows("SELECT 1 FROM generation_events WHERE line LIKE 'WebSocket: closed with code 100_:%'")) == len(BROKEN)


def test_a_message_of_16_MiB_is_taken_and_one_byte_more_is_closed_with_1009(stage, rows):
    def shot(size):
        left, right = b'{"type":"screenshot","timestamp":1,"filename":"a.png","image_base64":"', b'"}'
        return left + b"A" * (size - len(left) - len(right)) + right

    with stage() as play:
        client = Raw(play)
        client.tell("ready")
        client.send(frame(FIN | TEXT, shot(16 * MIB)))
        client.send(frame(FIN | TEXT, shot(16 * MIB + 1)))
        assert client.closed()[0] == 1009
        client = Raw(play)
        parts = shot(16 * MIB)
        for at in range(0, len(parts), 5 * MIB):
            part = parts[at:at + 5 * MIB]
            client.send(frame((0 if at else TEXT) | (FIN if at + 5 * MIB >= len(parts) else 0), part))
            client.send(frame(FIN | PING, b"still here?"))
            assert client.frames_until(PONG) == b"still here?"
        for head in (TEXT, 0, 0, 0):
            client.send(frame(head, b"x" * (5 * MIB)))
        assert client.closed()[0] == 1009
        complete(play)
    assert rows("SELECT count(*) FROM generation_events WHERE type = 'screenshot'") == [[2]]


def test_what_came_with_the_handshake_is_not_lost(stage):
    with stage() as play:
        client = Raw(play, upgrade=False)
        client.send(client.request() + frame(FIN | TEXT, b'{"type": "ready"}'))
        assert client.head()[0] == 101
        assert client.hear()["type"] == "start_generation"
        complete(play, client)


def test_a_socket_that_is_cut_inside_a_frame_leaves_nothing_behind(stage, rows):
    whole = frame(FIN | TEXT, b'{"type": "log", "line": "cut"}')
    with stage() as play:
        for n in (1, 2, 6, len(whole) - 1):
            client = Raw(play)
            client.send(whole[:n])
            client.close()
        complete(play)
    assert rows("SELECT count(*) FROM generation_events WHERE line = 'cut'") == [[0]]


def test_a_newer_connection_takes_the_place_of_the_older_one_and_loses_nothing_of_it(stage, rows):
    with stage() as play:
        old = Raw(play)
        old.tell("ready")
        for n in range(500):
            old.tell("log", line=f"old {n}")
        new = Raw(play)
        assert old.closed() == (1008, "replaced by a newer connection")
        complete(play, new)
    assert rows("SELECT count(*) FROM generation_events WHERE line LIKE 'old %'") == [[500]]


def test_a_client_that_never_reads_is_closed_when_too_much_waits_for_it(stage, wait_for, rows):
    with stage() as play:
        client = Raw(play)
        client.socket.settimeout(None)
        pings = frame(FIN | PING, b"x" * 125) * 500
        with pytest.raises(OSError):
            while True:  # each is answered, and no answer is read
                client.send(pings)
        complete(play)
    assert rows("SELECT count(*) FROM generation_events WHERE line LIKE '%1008: what is sent is not read'") == [[1]]


def test_every_order_is_followed_by_a_ping_and_pings_of_theirs_are_answered(stage):
    with stage() as play:
        client = Raw(play)
        client.tell("ready")
        assert client.frame()[0] == TEXT
        opcode, number = client.frame()
        assert opcode == PING
        client.send(frame(FIN | PONG, number) + frame(FIN | PONG, b"unasked") + frame(FIN | PING, b"?"))
        assert client.frames_until(PONG) == b"?"
        complete(play, client)


def test_what_was_ordered_and_not_read_is_ordered_again_and_what_was_read_is_not(stage):
    with stage() as play:
        client = Raw(play)
        client.tell("ready")
        client.socket.recv(1, socket.MSG_PEEK)  # it is there, but nobody reads it: the end is a reset
        client.close()
        client = Raw(play)
        assert client.hear()["type"] == "start_generation"
        client.send(frame(FIN | PONG, client.frames_until(PING)))
        client.tell("log", line="and now")
        client.send(frame(FIN | PING, b"!"))
        client.frames_until(PONG)
        client.close()
        client = Raw(play)
        client.tell("ready")
        client.tell("decision_prompt", id="d", prompt="?")
        assert client.hear()["type"] == "decision_response"
        client.close()
        complete(play)


def test_who_is_connected_from_elsewhere_counts_when_the_process_has_ended(stage, wait_for, rows):
    with stage() as play:
        client = Raw(play)
        client.tell("ready")
        client.hear()
        play.leave()
        wait_for(lambda: not [p for p in play.genstore.processes() if p != play.process.pid], "the end of the process")
        complete(play, client)


# What is said

def test_messages_that_are_none_are_logged_and_ignored(stage, rows):
    with stage() as play:
        client = Raw(play)
        client.tell("iteration_complete", iteration=1, app_path=".")
        client.tell("ready")
        for text in ("", "hello", "[1]", "{", '{"type": 1}', '{"a": "b"}', '{"type": "log"}', '{"type": "telepathy", "x": [null]}',
                     '{"type": "log", "line": "l", "more": {"unknown": [1]}}', '{"type":"x","a":[' + "0," * 200000 + "0]}"):
            client.send(frame(FIN | TEXT, text.encode()))
        complete(play, client)
    found = [tuple(row) for row in rows("SELECT level, line FROM generation_events ORDER BY id")]
    assert [line for level, line in found if level == "warn" and line.startswith("ignored: no JSON object")] == [
        f"ignored: no JSON object with a 'type': {text}" for text in ("", "hello", "[1]", "{", '{"type": 1}', '{"a": "b"}')]
    assert ("warn", "ignored: message 'log' without its text 'line'") in found
    assert ("debug", "message of unknown type 'telepathy'") in found and ("info", "l") in found
    assert any("too many values" in line for _, line in found)
    assert ("warn", "'iteration_complete' has no effect: the generator is connecting") in found


def test_a_flood_is_taken_in_order_and_whole(stage, rows):
    with stage() as play:
        client = Raw(play)
        client.tell("ready")
        client.send(b"".join(frame(FIN | TEXT, b'{"type":"log","line":"%d"}' % n) for n in range(100000)))
        complete(play, client)
    assert rows("SELECT count(*), max(CAST(line AS INTEGER)) FROM generation_events WHERE level = 'info' AND type = 'log'") == [
        [100000, 99999]]


def test_the_client_of_python_websockets_is_content(stage):
    async def talk(url):
        async with websockets.connect(url, ping_interval=0.05, ping_timeout=10, max_size=None) as client:
            await client.send('{"type": "ready"}')
            assert json.loads(await client.recv())["type"] == "start_generation"
            await (await client.ping())
            await client.send(['{"type": "log", ', '"line": "in ', 'parts"}'])
            await client.send('{"type": "all_work_complete", "completion_reason": "completed", "app_path": ".", "total_iterations": 0}')
            assert json.loads(await client.recv())["command"] == "prepare_shutdown"
            await client.send('{"type": "shutdown_ready"}')
            await client.wait_closed()
            assert client.close_code == 1000

    with stage() as play:
        asyncio.run(talk(play.url))
        assert play.wait() == 0
