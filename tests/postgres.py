"""Debian's PostgreSQL on a Unix socket in a folder of its own: no port, no password, nothing left behind."""

import contextlib
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

# Its programs are not in the PATH; the newest version that is there.
BIN = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), default=None)


class Postgres:
    def __init__(self, top):
        self.top = pathlib.Path(top)
        self.databases = 0
        self.database = None

    def as_owner(self, *argv):
        """It refuses to run as root."""
        if os.geteuid() == 0:
            argv = ("setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups", *argv)
        done = subprocess.run([*map(str, argv)], cwd=self.top, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{argv}\n{done.stdout}\n{done.stderr}"

    def start(self):
        self.as_owner(BIN / "initdb", "-D", self.top / "data", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        self.as_owner(BIN / "pg_ctl", "-D", self.top / "data", "-w", "-t", "100", "-l", self.top / "log",
                      "-o", f"-k {self.top} -c listen_addresses= -c fsync=off", "start")

    def stop(self):
        self.as_owner(BIN / "pg_ctl", "-D", self.top / "data", "-m", "immediate", "-w", "stop")

    def new_database(self):
        self.databases += 1
        self.database = None
        self.psql("-c", f"CREATE DATABASE test{self.databases}")
        self.database = f"test{self.databases}"

    def psql(self, *args, code=0, input=None):
        done = subprocess.run([BIN / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", self.top, "-U", "postgres", "-d", self.database or "postgres",
                               *map(str, args)], input=input, capture_output=True, text=True, timeout=120, check=False,
                              env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "America/New_York"})
        assert code is None or done.returncode == code, f"{args}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done

    def rows(self, sql):
        """Rows as lists of texts."""
        return [line.split("\x1f") for line in self.psql("-A", "-t", "-F", "\x1f", "-c", sql).stdout.splitlines()]

    def value(self, sql):
        return self.psql("-A", "-t", "-c", sql).stdout.removesuffix("\n")

    def copy_out(self, folder, *tables):
        """What the manual says: a file for each table."""
        folder.mkdir(exist_ok=True)
        for table in tables or [row[0] for row in self.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]:
            self.psql("-c", f"\\copy {table} to '{folder}/{table}.csv' csv header")
        return folder


@contextlib.contextmanager
def running():
    assert BIN, "PostgreSQL is not here: tools/install-deps test"
    top = tempfile.mkdtemp(prefix="genstore-pg-")
    try:
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(top, owner.pw_uid, owner.pw_gid)
        server = Postgres(top)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(top, ignore_errors=True)
