"""A git server that nobody here wrote: git-http-backend behind lighttpd, with passwords, and TLS by a CA of its own. Needs no root, and leaves nothing."""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import time

BACKEND = pathlib.Path("/usr/lib/git-core/git-http-backend")
LIGHTTPD = shutil.which("lighttpd") or shutil.which("lighttpd", path="/usr/sbin")
USER, TOKEN = "x-access-token", "s3cret-token"

CONFIG = """
server.modules = ( "mod_auth", "mod_authn_file", "mod_setenv", "mod_redirect", "mod_alias", "mod_cgi", "mod_openssl", "mod_accesslog" )
server.bind = "127.0.0.1"
server.port = {http}
server.document-root = "{top}/repos"
server.errorlog = "{top}/error.log"
accesslog.filename = "{top}/access.log"
server.upload-dirs = ( "{top}/tmp" )
server.max-request-size = 0
server.breakagelog = "{top}/cgi.log"
url.redirect = ( "^/moved/(.*)" => "/$1", "^/gone/(.*)" => "https://127.0.0.1:{https}/$1" )
url.redirect-code = 301
auth.backend = "plain"
auth.backend.plain.userfile = "{top}/users"
auth.require = ( "" => ( "method" => "basic", "realm" => "git", "require" => "valid-user" ) )
alias.url = ( "/" => "{backend}/" )
cgi.assign = ( "" => "" )
setenv.set-environment = ( "GIT_PROJECT_ROOT" => "{top}/repos", "GIT_HTTP_EXPORT_ALL" => "1", "HOME" => "{top}" )
$SERVER["socket"] == "127.0.0.1:{https}" {{
  ssl.engine = "enable"
  ssl.pemfile = "{top}/server.pem"
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def certify(top):
    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=top, check=True, capture_output=True)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=a CA for tests", "-addext",
            "keyUsage=critical,keyCertSign", "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-keyout", "server.key", "-out",
            "server.csr")
    (top / "server.ext").write_text("subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "server.ext",
            "-out", "server.crt")
    (top / "server.pem").write_text((top / "server.key").read_text() + (top / "server.crt").read_text())


class GitServer:
    def __init__(self, top):
        self.top = top
        self.http_port, self.https_port = free_port(), free_port()
        self.url = f"https://localhost:{self.https_port}"
        self.http = f"http://localhost:{self.http_port}"
        self.ca = top / "ca.pem"

    def repository(self, name, **config):
        """A bare repository on the server; its folder."""
        where = self.top / "repos" / name
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", where], check=True)
        for key, value in {"http.receivepack": "true", "receive.fsckObjects": "true", **config}.items():
            subprocess.run(["git", "config", key.replace("_", "."), value], cwd=where, check=True)
        return where


@contextlib.contextmanager
def git_server(top):
    server = GitServer(top)
    for name in ("repos", "tmp"):
        (top / name).mkdir()
    (top / "users").write_text(f"{USER}:{TOKEN}\n")
    certify(top)
    (top / "lighttpd.conf").write_text(CONFIG.format(top=top, backend=BACKEND, http=server.http_port, https=server.https_port))
    env = {"PATH": os.environ["PATH"], "HOME": str(top)}
    process = subprocess.Popen([LIGHTTPD, "-D", "-f", top / "lighttpd.conf"], env=env, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", server.https_port), 1):
                break
            assert process.poll() is None and time.monotonic() < deadline, (top / "error.log").read_text()
            time.sleep(0.02)
        yield server
    finally:
        process.terminate()
        process.wait(30)
