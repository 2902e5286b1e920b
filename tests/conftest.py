"""What the tests that run the program share. They see it from outside, as a user does.

Fixtures
  genstore   runs the program with a home, XDG folders and a store path of its own:
                 r = genstore("list", "--json")            fails the test unless it exits with 0
                 r = genstore("show", "nope", code=4)      ... unless it exits with 4; code=None: whatever
             options: input= (str or bytes), cwd=, env= (more variables; None removes one), timeout=
             r is a CompletedProcess: r.out and r.err are text, r.stdout bytes, r.json the list of
             the objects on stdout, one a line, r.returncode the exit code.
             genstore.start(...) is the same as a Popen, for what is interrupted or killed.
             genstore.store, genstore.home, genstore.env: where it all is.
  store      the path of a store that `genstore init` has just made; the program finds it by itself
  generate   generate(script, "--app-name", "x", ...): a generation made by a shell script; its request id
  mounted    with mounted() as top: ...     the store's mount; mounted("-o", "noviews", foreground=True)
             Ready at entry, gone at exit; one that is left over fails the test.
  tree       helpers that make and compare folders, of Debian's own files: see class Tree
  wait_for   wait_for(lambda: path.exists(), "the file"): polls until it is true, returns its value, fails
             after a deadline. There is no sleep as synchronisation anywhere else.

Every test with `genstore` fails when a sanitizer reported anything, in a background process too, and when
a process of the program outlives it. GENSTORE names the program, GENSTORE_SAN its sanitizers (`make` sets both);
`san` is true under any of them, for tests whose time or memory bounds mean nothing then.
"""

import contextlib
import filecmp
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("GENSTORE", str(ROOT / "build" / "genstore"))
SAN = os.environ.get("GENSTORE_SAN", "")
PATIENCE = 120 if SAN else 30
SAN_EXIT = 99
REPORT = re.compile(r"(ERROR|WARNING): \w+Sanitizer|: runtime error: ")


def why_no_mount():
    if os.environ.get("GENSTORE_FUSE") == "no":
        return "the program was built with FUSE=no"
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "/dev/fuse is not there, or not ours"
    return None if shutil.which("fusermount3") else "fusermount3 is not installed"


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent.name == "fs":
            item.add_marker("mount")
            item.add_marker("threads")
        reason = why_no_mount()
        if reason and (item.get_closest_marker("mount") or "mounted" in item.fixturenames):
            item.add_marker(pytest.mark.skip(reason=reason))


def poll(condition, what="the condition", deadline=PATIENCE):
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            pytest.fail(f"waited {deadline} s in vain for {what}")
        time.sleep(0.01)


def is_mounted(path):
    """Whether something is mounted exactly there, as the kernel says; touches no file system."""
    plain = str(path).replace("\\", "\\134").replace(" ", "\\040").replace("\n", "\\012").replace("\t", "\\011")
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as mounts:
        return any(line.split(" ")[4] == plain for line in mounts)


class Result(subprocess.CompletedProcess):
    @property
    def code(self):
        return self.returncode

    @property
    def out(self):
        return self.stdout.decode("utf-8", "surrogateescape")

    @property
    def err(self):
        return self.stderr.decode("utf-8", "surrogateescape")

    @property
    def json(self):
        return [json.loads(line) for line in self.out.splitlines()]


class Genstore:
    """The program in surroundings of its own below one folder."""

    def __init__(self, top):
        self.home = top / "home"
        self.store = top / "test.genstore"
        self.san_logs = top / "san"
        self.home.mkdir()
        self.san_logs.mkdir()
        self.mark = f"GENSTORE_TEST_MARK={top}"
        keep = ("PATH", "LANG", "TMPDIR", "USER", "SHELL")
        self.env = {name: os.environ[name] for name in keep if name in os.environ}
        self.env.update(HOME=str(self.home), GENSTORE_STORE=str(self.store), LC_ALL="C.UTF-8", TZ="UTC")
        self.env["GENSTORE_TEST_MARK"] = str(top)
        for name in ("DATA", "CONFIG", "CACHE", "STATE"):
            self.env[f"XDG_{name}_HOME"] = str(self.home / f".{name.lower()}")
        runtime = self.home / ".runtime"
        runtime.mkdir(mode=0o700)
        self.env["XDG_RUNTIME_DIR"] = str(runtime)
        if SAN:
            common = f"log_path={self.san_logs}/report:exitcode={SAN_EXIT}"
            self.env["ASAN_OPTIONS"] = f"{common}:detect_leaks=1:detect_stack_use_after_return=1"
            self.env["UBSAN_OPTIONS"] = f"{common}:print_stacktrace=1:halt_on_error=1"
            self.env["TSAN_OPTIONS"] = f"{common}:die_after_fork=0:ignore_noninstrumented_modules=1"

    def environment(self, more):
        env = {**self.env, **(more or {})}
        return {name: str(value) for name, value in env.items() if value is not None}

    def __call__(self, *args, code=0, input=None, cwd=None, env=None, timeout=PATIENCE):
        argv = [PROGRAM, *map(str, args)]
        if isinstance(input, str):
            input = input.encode("utf-8", "surrogateescape")
        source = {"input": input} if input is not None else {"stdin": subprocess.DEVNULL}
        done = subprocess.run(argv, capture_output=True, cwd=cwd or self.home, env=self.environment(env),
                              timeout=timeout, check=False, **source)
        result = Result(argv, done.returncode, done.stdout, done.stderr)
        self.check_sanitizers(result.err)
        if code is not None and result.returncode != code:
            pytest.fail(f"{' '.join(argv)}\nexited with {result.returncode}, not {code}\n"
                        f"--- stdout\n{result.out[-4000:]}\n--- stderr\n{result.err[-4000:]}")
        return result

    def start(self, *args, cwd=None, env=None, **popen):
        popen = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **popen}
        return subprocess.Popen([PROGRAM, *map(str, args)], cwd=cwd or self.home, env=self.environment(env), **popen)

    def check_sanitizers(self, stderr=""):
        reports = [log.read_text(errors="replace") for log in sorted(self.san_logs.iterdir())]
        if REPORT.search(stderr):
            reports.append(stderr)
        if reports:
            pytest.fail("a sanitizer reported:\n" + "\n".join(reports)[:8000])

    def processes(self):
        """Every living process that was started from here, by the mark in its environment."""
        found = []
        for proc in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if self.mark.encode() in (proc / "environ").read_bytes().split(b"\0"):
                    found.append(int(proc.name))
        return found

    def close(self):
        end = time.monotonic() + 10
        while (left := self.processes()) and time.monotonic() < end:
            time.sleep(0.01)
        names = []
        for pid in left:
            with contextlib.suppress(OSError):
                names.append(pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode())
                os.kill(pid, signal.SIGKILL)
        self.check_sanitizers()
        if names:
            pytest.fail("processes were left over: " + "; ".join(names))


@pytest.fixture
def san():
    return bool(SAN)


@pytest.fixture
def wait_for():
    return poll


@pytest.fixture
def genstore(tmp_path):
    top = tmp_path / "genstore"
    top.mkdir()
    program = Genstore(top)
    yield program
    program.close()


@pytest.fixture
def store(genstore):
    genstore("init")
    return genstore.store


@pytest.fixture
def generate(genstore, store):
    def run(script, *args, code=0, **options):
        if "--app-name" not in args:
            args = ("--app-name", "app", *args)
        if not any(str(arg).startswith("--prompt") for arg in args):
            args = ("--prompt", "make it so", *args)
        known = {g["request_id"] for g in genstore("list", "--json").json if "request_id" in g}
        genstore("generate", *args, "--", "/bin/sh", "-c", script, code=code, **options)
        made = {g["request_id"] for g in genstore("list", "--json").json if "request_id" in g} - known
        return made.pop() if len(made) == 1 else sorted(made)

    return run


@pytest.fixture
def mounted(genstore, store, tmp_path):
    @contextlib.contextmanager
    def mount(*args, at=None, foreground=False):
        top = pathlib.Path(at) if at else tmp_path / "mnt"
        top.mkdir(exist_ok=True)
        server = genstore.start("mount", top, "-f", *args) if foreground else None
        try:
            if not server:
                genstore("mount", top, *args)
            poll(lambda: is_mounted(top) or (server and server.poll() is not None), f"the mount at {top}")
            if not is_mounted(top):
                pytest.fail(f"mount -f ended: {server.communicate()[1].decode(errors='replace')}")
            yield top
        finally:
            if is_mounted(top):
                genstore("umount", top, code=None)
            left = is_mounted(top)
            if left:
                subprocess.run(["fusermount3", "-u", "-z", str(top)], check=False)
            if server:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    server.communicate(timeout=10)
                server.kill()
        if left:
            pytest.fail(f"'genstore umount {top}' left the mount there")

    return mount


class Tree:
    """Folders for tests. The same call makes the same bytes, modes and times on one machine."""

    SOURCE = pathlib.Path(os.__file__).parent  # Debian's Python library: real text, on every machine that tests
    WHEN = 1_765_000_000

    def real(self, to, files=100):
        """A folder of that many real source files, in the subfolders they come from."""
        to = pathlib.Path(to)
        paths = [p for p in sorted(self.SOURCE.rglob("*")) if p.is_file() and not p.is_symlink()
                 and "__pycache__" not in p.parts and "-packages" not in str(p)]
        if len(paths) < files:
            pytest.fail(f"{self.SOURCE} has {len(paths)} files, not {files}")
        for source in paths[:: len(paths) // files][:files]:
            target = to / source.relative_to(self.SOURCE)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        self.stamp(to)
        return to

    def write(self, to, files):
        """{"path": content}: str or bytes; None makes a folder, a Path a symlink to it."""
        to = pathlib.Path(to)
        to.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            path = to / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.mkdir()
            elif isinstance(content, pathlib.Path):
                path.symlink_to(content)
            else:
                path.write_bytes(content.encode() if isinstance(content, str) else content)
        return to

    def odd(self, to):
        """What a tree can hold that is easily got wrong: empty, executable, long, not ASCII, links."""
        self.write(to, {
            "empty": b"", "folder/none": None, "run.sh": "#!/bin/sh\nexit 0\n", "zeros": bytes(70_000),
            "grüße/名前.txt": "ok\n", " space ' \" \\": "x", "-dash": "x", "line\nbreak": "x",
            "d" * 100 + "/" + "f" * 200: "long", "/".join(["deep"] * 30) + "/leaf": "deep",
            "link": pathlib.Path("run.sh"), "broken": pathlib.Path("nowhere"), "up": pathlib.Path("folder/none"),
        })
        (pathlib.Path(to) / "run.sh").chmod(0o755)
        self.stamp(pathlib.Path(to))
        return pathlib.Path(to)

    def change(self, to, files=5):
        """Adds a line to that many files, spread over the tree; their paths."""
        paths = [p for p in sorted(pathlib.Path(to).rglob("*")) if p.is_file() and not p.is_symlink()]
        chosen = paths[:: max(1, len(paths) // files)][:files]
        for path in chosen:
            with open(path, "ab") as out:
                out.write(b"# changed\n")
        return chosen

    def stamp(self, to):
        for path in [to, *to.rglob("*")]:
            os.utime(path, (self.WHEN, self.WHEN), follow_symlinks=False)

    def entries(self, top):
        """{path: (kind, executable, size or link target)} of all that is below."""
        found = {}
        for path in sorted(pathlib.Path(top).rglob("*")):
            name = str(path.relative_to(top))
            if path.is_symlink():
                found[name] = ("link", False, os.readlink(path))
            elif path.is_dir():
                found[name] = ("folder", False, None)
            else:
                status = path.stat()
                found[name] = ("file", bool(status.st_mode & 0o100), status.st_size)
        return found

    def differences(self, a, b, ignore=()):
        """What is not the same in two folders, as sentences; [] when nothing is."""
        left, right = self.entries(a), self.entries(b)
        said = []
        for name in sorted(left.keys() | right.keys()):
            if name in ignore:
                continue
            if left.get(name) != right.get(name):
                said.append(f"{name}: {left.get(name)} and {right.get(name)}")
            elif left[name][0] == "file" and not filecmp.cmp(os.path.join(a, name), os.path.join(b, name), False):
                said.append(f"{name}: the bytes differ")
        return said


@pytest.fixture
def tree():
    return Tree()
