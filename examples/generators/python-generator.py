#!/usr/bin/env python3
"""A generator that speaks WSI over WebSocket: copy it and put your own work into build(). Python's standard library is enough.

    genstore generate --app-name demo --prompt 'a page' --max-iterations 3 -- python3 /path/to/python-generator.py

WS_URL says where to connect. stdout and stderr are the log: print what you like. A connection that breaks is made again, and the
generation goes on; nothing has to be said twice but what was not sent.
"""

import base64
import html
import json
import os
import pathlib
import queue
import socket
import struct
import sys
import threading
import time
import urllib.parse
import uuid

# --- Your part -----------------------------------------------------------------------------------
# One iteration, in the current directory ($WORKSPACE/app). A resumed generation starts on the tree
# of an earlier one: look at what is there instead of counting.

def build(order):
    title = html.escape(order.get("app_name") or "Untitled")  # names and prompts come from people
    pages = len(list(pathlib.Path(".").glob("page-*.html"))) + 1
    pathlib.Path(f"page-{pages}.html").write_text(f"<!doctype html><title>Page {pages}</title>\n<p>Page {pages} of {title}\n")
    links = "".join(f'<p><a href="page-{n}.html">Page {n}</a>\n' for n in range(1, pages + 1))
    pathlib.Path("index.html").write_text(f"<!doctype html><title>{title}</title>\n<h1>{title}</h1>\n{links}")
    return f"page {pages}"


# --- WebSocket (RFC 6455), the client's side -----------------------------------------------------

TEXT, CLOSE, PING, PONG, FIN = 1, 8, 9, 10, 0x80


class Connection:
    """Sends texts, and puts those that come into `heard`; None there means that nothing more will come."""

    TRIES = 5

    def __init__(self, url):
        self.url = urllib.parse.urlsplit(url)
        self.heard = queue.Queue()
        self.lock = threading.Lock()
        self.open()
        threading.Thread(target=self.listen, daemon=True).start()

    def open(self):
        self.socket = socket.create_connection((self.url.hostname, self.url.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((
            f"GET {self.url.path} HTTP/1.1\r\nHost: {self.url.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n").encode())
        status = self.file.readline()
        while self.file.readline().strip():
            pass
        if b" 101 " not in status:
            raise ConnectionError(f"the server said {status.decode().strip()!r}")

    def send_frame(self, opcode, data):
        n, mask = len(data), os.urandom(4)
        head = bytes([FIN | opcode]) + (
            bytes([0x80 | n]) if n < 126 else struct.pack(">BH", 0x80 | 126, n) if n < 65536 else struct.pack(">BQ", 0x80 | 127, n))
        key = (mask * (n // 4 + 1))[:n]
        masked = (int.from_bytes(data, "big") ^ int.from_bytes(key, "big")).to_bytes(n, "big")
        with self.lock:
            self.socket.sendall(head + mask + masked)

    def send(self, text):
        for attempt in range(self.TRIES):
            try:
                return self.send_frame(TEXT, text.encode())
            except OSError:
                time.sleep(2**attempt)  # listen() is connecting again
        raise ConnectionError("the connection is gone")

    def read(self, n):
        data = self.file.read(n)
        if len(data) < n:
            raise ConnectionError("the connection broke")
        return data

    def frame(self):
        head, n = self.read(2)
        if n >= 126:
            n = int.from_bytes(self.read(2 if n == 126 else 8), "big")
        return bool(head & FIN), head & 15, self.read(n)

    def hear(self):
        """Frames, until a close frame: then False."""
        text = b""
        while True:
            fin, opcode, data = self.frame()
            if opcode == PING:
                self.send_frame(PONG, data)  # at once, whatever build() is doing: that is why this is a thread of its own
            elif opcode == CLOSE:
                self.send_frame(CLOSE, data[:2])
                return False
            elif opcode < CLOSE:
                text += data
                if fin:
                    self.heard.put(json.loads(text))
                    text = b""

    def listen(self):
        attempt = 0
        while attempt < self.TRIES:
            try:
                if attempt:
                    self.open()
                    attempt = 0
                if not self.hear():
                    break
            except OSError:
                time.sleep(min(2**attempt, 60))
                attempt += 1
        self.heard.put(None)


# --- The protocol --------------------------------------------------------------------------------

class Generator:
    def __init__(self):
        self.wish = "resume"  # the last control command
        self.connection = Connection(os.environ["WS_URL"])

    def send(self, type, **fields):
        self.connection.send(json.dumps({"type": type, **fields}))

    def hear(self, wait=True):
        """The next message, or None when there is none (yet). Unknown types are ignored: a later protocol may have more."""
        try:
            message = self.connection.heard.get(wait)
        except queue.Empty:
            return None
        if message is None:
            self.wish = "prepare_shutdown"
        elif message.get("type") == "control_command":
            self.wish = message["command"]
        return message

    def work(self, order):
        began, path = time.monotonic(), os.getcwd()
        session = order.get("resume_session_id") or str(uuid.uuid4())
        total, n = order.get("max_iterations", 1), 0
        while n < total and self.wish not in ("cancel", "stop_request", "prepare_shutdown"):
            start, n = time.monotonic(), n + 1
            self.send("progress", stage="building", step="writing", iteration=n, total_iterations=total)
            self.send("log", line=f"wrote {build(order)}", level="info")
            # Everything of this iteration is on the disk now: here the snapshot is taken.
            # With a model, say what it cost: iteration_cost in dollars, and the tokens.
            self.send("iteration_complete", iteration=n, app_path=path, session_id=session, iteration_cost=0,
                      duration=int((time.monotonic() - start) * 1000), stats={"input_tokens": 0, "output_tokens": 0})
            # Who asked for it in `ready` hears `resume` when the snapshot is taken: until then the tree stays as it is.
            if order.get("acknowledge_iterations") and n < total:
                self.hear()
            while self.hear(wait=False):
                pass
            while self.wish == "pause":
                self.hear()
        reasons = {"cancel": "user_cancelled", "stop_request": "user_done"}
        self.send("all_work_complete", completion_reason=reasons.get(self.wish, "max_iterations"), app_path=path, total_iterations=n,
                  session_id=session, total_duration=int((time.monotonic() - began) * 1000), total_cost=0)

    def run(self):
        self.send("ready", workspace=os.getcwd(), generator_mode="mock", acknowledge_iterations=True)
        while self.wish != "prepare_shutdown":
            message = self.hear()
            if message and message.get("type") == "start_generation":
                try:
                    self.work(message)
                except Exception as error:
                    # `fatal` ends the generation as failed; what was finished before is kept.
                    self.send("error", message=str(error), fatal=True)
                    raise
        self.send("shutdown_ready")
        while self.hear():  # until the connection is closed
            pass


if __name__ == "__main__":
    if "WS_URL" not in os.environ:
        sys.exit("WS_URL is not set: start this with genstore generate")
    Generator().run()
