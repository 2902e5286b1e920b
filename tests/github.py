"""
A small GitHub: the part of its REST API that makes and finds repositories, with a state, in front of the git server of githttp.py.

It keeps to https://docs.github.com/en/rest/repos/repos: what it answers, what it wants (headers, a token), and that a name can be taken only once. What
a request does not keep to is in .violations. A plan says what goes wrong: plan[n] is called with request n (0 the first) and gives
(status, headers, body), or None for the usual answer; "drop" closes the connection after the work is done.
"""

import contextlib
import http.server
import json
import threading
import time

from githttp import TOKEN


def error(status, message, *errors, **headers):
    body = {"message": message, "documentation_url": "https://docs.github.com/rest"}
    if errors:
        body["errors"] = [{"resource": "Repository", "code": "custom", "field": "name", "message": e} for e in errors]
    return status, {k.replace("_", "-"): str(v) for k, v in headers.items()}, body


class GitHub:
    def __init__(self, git, organizations=("acme",)):
        self.git = git
        self.repos = {org: {} for org in organizations}
        self.log, self.violations, self.plan, self.made_at = [], [], {}, []
        self.lock = threading.Lock()
        self.clone_base = git.url
        self.on_made = None
        self.full_name = lambda org, name: f"{org}/{name}"
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def handler(self):
        github = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                github.answer(self, b"")

            def do_POST(self):
                github.answer(self, self.rfile.read(int(self.headers.get("Content-Length", 0))))

            def log_message(self, *_):
                pass

        return Handler

    def answer(self, h, body):
        with self.lock:
            number = len(self.log)
            self.log.append(f"{h.command} {h.path}")
        self.check(h, body)
        planned = self.plan.get(number, lambda: None)()
        status, headers, said = planned if isinstance(planned, tuple) else self.usual(h, body)
        if planned == "drop":
            h.close_connection = True
            return
        text = said if isinstance(said, bytes) else json.dumps(said).encode()
        with contextlib.suppress(OSError):
            h.send_response(status)
            for key, value in {"Content-Type": "application/json; charset=utf-8", **headers, "Content-Length": str(len(text))}.items():
                h.send_header(key, value)
            h.end_headers()
            h.wfile.write(text)

    def check(self, h, body):
        wants = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        for key, value in wants.items():
            if h.headers.get(key) != value:
                self.violations.append(f"{h.command} {h.path}: {key} is {h.headers.get(key)}")
        if not h.headers.get("User-Agent"):
            self.violations.append(f"{h.path}: no User-Agent")
        if h.command == "POST":
            fields = json.loads(body)
            unknown = fields.keys() - {"name", "private", "auto_init", "description"}
            if unknown or fields.get("auto_init") is not False or not isinstance(fields.get("name"), str) or not isinstance(fields.get("private"), bool):
                self.violations.append(f"{h.path}: {fields}")

    def usual(self, h, body):
        if h.headers.get("Authorization") != f"Bearer {TOKEN}":
            return error(401, "Bad credentials" if h.headers.get("Authorization") else "Requires authentication")
        parts = h.path.strip("/").split("/")
        if h.command == "GET" and parts[0] == "repos" and len(parts) == 3:
            repo = self.repos.get(parts[1], {}).get(parts[2])
            return (200, {}, self.shown(*parts[1:], repo)) if repo else error(404, "Not Found")
        if h.command == "POST" and parts[0] == "orgs" and parts[2:] == ["repos"] and parts[1] in self.repos:
            return self.create(parts[1], json.loads(body))
        return error(404, "Not Found")

    def create(self, org, fields):
        with self.lock:
            if fields["name"] in self.repos[org]:
                return error(422, "Repository creation failed.", "name already exists on this account")
            self.add(org, fields["name"], fields["private"])
        self.made_at.append(time.monotonic())
        if self.on_made:
            self.on_made(fields["name"])
        return 201, {}, self.shown(org, fields["name"], self.repos[org][fields["name"]])

    def add(self, org, name, private=True):
        self.repos[org][name] = {"private": private, "where": self.git.repository(f"{org}/{name}.git")}
        return self.repos[org][name]["where"]

    def shown(self, org, name, repo):
        return {"id": 1, "name": name, "full_name": self.full_name(org, name), "private": repo["private"],
                "html_url": f"https://github.example/{org}/{name}", "clone_url": f"{self.clone_base}/{org}/{name}.git"}

    def where(self, name, org="acme"):
        return self.repos[org][name]["where"]


@contextlib.contextmanager
def github(git, **options):
    fake = GitHub(git, **options)
    thread = threading.Thread(target=fake.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        fake.server.shutdown()
        fake.server.server_close()
        thread.join()
