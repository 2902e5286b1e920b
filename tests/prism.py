"""
Stoplight's prism between a client and a server: it compares every request and answer with an OpenAPI description.

    with prism(description, "http://127.0.0.1:7420") as judge:
        judge.url                       for the client
    judge.violations(headers)           what the answer that had these headers was not
"""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import time

NODE_MODULES = pathlib.Path(os.environ.get("GENSTORE_NODE_MODULES", "build/node/node_modules")).resolve()


def cut(description, paths, to):
    """A description with these paths only, and what they refer to: the judge reads it at once, not for a minute."""
    whole = json.loads(pathlib.Path(description).read_text())
    kept = {"openapi": whole["openapi"], "info": whole["info"], "servers": [{"url": "/"}], "paths": {path: whole["paths"][path] for path in paths},
            "components": {}}
    todo, seen = [kept["paths"]], set()
    while todo:
        node = todo.pop()
        if isinstance(node, list):
            todo += node
        elif isinstance(node, dict):
            todo += node.values()
            where = node.get("$ref")
            if isinstance(where, str) and where not in seen:
                seen.add(where)
                _, part, kind, name = where.split("/")
                assert part == "components"
                kept["components"].setdefault(kind, {})[name] = whole["components"][kind][name]
                todo.append(whole["components"][kind][name])
    pathlib.Path(to).write_text(json.dumps(kept))
    return to


class Judge:
    def __init__(self, port):
        self.port, self.url = port, f"http://127.0.0.1:{port}"

    @staticmethod
    def violations(headers):
        """headers: name in small letters -> value."""
        return json.loads(headers.get("sl-violations", "[]"))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


@contextlib.contextmanager
def prism(description, upstream, log):
    judge = Judge(free_port())
    with open(log, "wb") as out:
        process = subprocess.Popen([NODE_MODULES / ".bin/prism", "proxy", description, upstream, "-p", str(judge.port), "-h", "127.0.0.1"],
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", judge.port), 1):
                break
            assert process.poll() is None, pathlib.Path(log).read_text()
            time.sleep(0.1)
        yield judge
    finally:
        process.terminate()
        process.wait(30)
