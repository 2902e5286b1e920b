"""A proxy between a client and an HTTP server that goes wrong at a chosen request.

    with Proxy("127.0.0.1", port) as proxy:
        proxy.endpoint                        for the client
        proxy.plan[2] = "drop"                the third request from now on
        proxy.log                             what came: Request(method, path, headers, size)

What it can do to a request:
    cut       half of it reaches the server, then both connections end
    reset     nothing reaches the server, the client's connection is reset
    stall     nothing reaches the server, and nobody says a word
    503       a proxy's own 503, which is no XML
    slowdown  S3's 503
    corrupt   a bit flips on the way: in its body, else in its signature
    garble    a bit flips in the answer: in its body, else in its ETag
    half      half of the answer arrives, then the connection ends
    drop      the server does the work, and the answer is lost
    hold      proxy.held is set, and nothing goes on before proxy.release()
    after     the same when the server has done the work
or a function: the request's first line -> bytes of an answer.

proxy.most is how many requests there were at a time. Proxy(..., tls=context) speaks TLS to the client.
"""

import collections
import contextlib
import socket
import struct
import threading

Request = collections.namedtuple("Request", "method path headers size")
SLOW_DOWN = b"<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>Reduce your request rate</Message></Error>"


def answer(status, body, *headers):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def error(status, code, message="", *headers):
    return answer(status, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode(), *headers)


def flip(data, at):
    return data[:at] + bytes([data[at] ^ 4]) + data[at + 1:]


class Proxy:
    def __init__(self, host, port, tls=None):
        self.upstream, self.tls = (host, port), tls
        self.busy = self.most = 0
        self.plan, self.log = {}, []
        self.lock = threading.Lock()
        self.held, self.gate = threading.Event(), threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.endpoint = f"http{'s' if tls else ''}://127.0.0.1:{self.listener.getsockname()[1]}"
        self.open = set()

    def __enter__(self):
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.release()
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def reset(self):
        """Counts from the next request on again, with no plan."""
        with self.lock:
            self.release()
            self.plan, self.log = {}, []
            self.held, self.gate = threading.Event(), threading.Event()

    def release(self):
        self.gate.set()

    def requests(self, method=None):
        return [r for r in self.log if method in (None, r.method)]

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.open.add(connection)
                threading.Thread(target=self.converse, args=(connection,), daemon=True).start()

    def converse(self, client):
        """One request a connection."""
        with contextlib.suppress(OSError, ValueError), client:
            if self.tls:
                client = self.tls.wrap_socket(client, server_side=True)
            head, rest = self.read_head(client)
            if head:
                lines = head.decode("latin-1").split("\r\n")
                with self.lock:
                    self.busy += 1
                    self.most = max(self.most, self.busy)
                try:
                    reply = self.work(client, lines, rest)
                finally:
                    with self.lock:  # before the client hears of it: its next request is not at the same time
                        self.busy -= 1
                if reply is None:
                    self.abort(client)
                else:
                    client.sendall(reply)
        self.open.discard(client)

    def work(self, client, lines, body):
        method, path, _ = lines[0].split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        size = int(headers.get("content-length", 0))
        with self.lock:
            fault = self.plan.get(len(self.log))
            self.log.append(Request(method, path, headers, size))
            held, gate = self.held, self.gate
        if headers.get("expect") and len(body) < size:
            client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        parts, got = [body], len(body)
        while got < size:
            more = client.recv(1 << 20)
            if not more:
                return b""
            parts.append(more)
            got += len(more)
        return self.reply_to(lines, b"".join(parts)[:size], fault, held, gate)

    @staticmethod
    def read_head(client):
        buffered = b""
        while b"\r\n\r\n" not in buffered:
            more = client.recv(1 << 16)
            if not more:
                return None, b""
            buffered += more
        head, _, rest = buffered.partition(b"\r\n\r\n")
        return head, rest

    @staticmethod
    def abort(client):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()

    def reply_to(self, lines, body, fault, held, gate):
        """What the client gets; None: its connection is reset."""
        if callable(fault):
            return fault(lines[0])
        if fault == "stall":
            gate.wait(30)
            return b""
        if fault == "reset":
            return None
        if fault in ("503", "slowdown"):
            return answer("503 Service Unavailable", SLOW_DOWN if fault == "slowdown" else b"<html>busy</html>")
        if fault == "hold":
            held.set()
            gate.wait(60)
        if fault == "corrupt" and body:
            body = flip(body, len(body) // 2)
        elif fault == "corrupt":
            lines = [flip(line.encode(), len(line) - 1).decode("latin-1") if line.lower().startswith("authorization:") else line for line in lines]
        if fault == "cut":
            body = body[:len(body) // 2]
        got = self.ask(lines, body, fault == "cut")
        if fault == "after":
            held.set()
            gate.wait(60)
        if fault in ("drop", "cut"):
            return None
        if fault == "garble":
            got = self.garble(got)
        return got[:len(got) // 2] if fault == "half" else got

    def ask(self, lines, body, cut):
        kept = [line for line in lines if not line.lower().startswith(("expect:", "connection:"))]
        head = "\r\n".join([*kept, "Connection: close"]).encode("latin-1") + b"\r\n\r\n"
        with socket.create_connection(self.upstream) as server:
            if cut and not body:
                server.sendall(head[:len(head) // 2])
                return b""
            server.sendall(head + body)
            if cut:
                return b""
            parts = []
            with contextlib.suppress(ConnectionResetError):
                while more := server.recv(1 << 20):
                    parts.append(more)
            return b"".join(parts)

    @staticmethod
    def garble(got):
        head, _, body = got.partition(b"\r\n\r\n")
        if body:
            return head + b"\r\n\r\n" + flip(body, len(body) // 2)
        at = head.lower().find(b"etag:")
        return flip(got, at + 10) if at >= 0 else got
