"""What the tests that hurt share: the library that makes the program fail at a chosen call, and what a store shows."""

import concurrent.futures
import hashlib
import io
import os
import pathlib
import re
import shutil
import subprocess
import tarfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
REQUEST = re.compile(r"\breq_[a-z2-7]{12}\b")


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Fault:
    """tools/fault/faultlib.c, whose head says what can be done, and at which calls."""

    def __init__(self, library, folder):
        self.library = library
        self.counted = folder / "calls"

    def env(self, store, do=None, at=None, seed=1):
        env = {"LD_PRELOAD": self.library, "FAULT_PATH": store, "FAULT_COUNT": self.counted,
               "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
        if do:
            env.update(FAULT_DO=do, FAULT_AT=at, FAULT_SEED=seed)
        return env

    def calls(self):
        """How many there were in the last run that ended by itself."""
        count = int(self.counted.read_text())
        self.counted.unlink()
        return count


@pytest.fixture(scope="session")
def faultlib(tmp_path_factory):
    library = tmp_path_factory.mktemp("faultlib") / "faultlib.so"
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        pytest.skip("there is no C compiler")
    subprocess.run([compiler, "-std=c17", "-D_GNU_SOURCE", "-O2", "-shared", "-fPIC", "-o", library,
                    ROOT / "tools/fault/faultlib.c"], check=True)
    return library


@pytest.fixture
def fault(faultlib, tmp_path):
    return Fault(faultlib, tmp_path)


class Shown:
    """What a store shows to the world, by the program alone. `at` names another file than the test's store."""

    def __init__(self, genstore, at=None):
        self.genstore = genstore
        self.env = {"GENSTORE_STORE": at} if at else {}

    def run(self, *args, **options):
        return self.genstore(*args, env=self.env, **options)

    def list(self, **options):
        found = self.run("list", "--json", **options).json
        return {g["request_id"]: g for g in found if "request_id" in g}

    def archive(self, request):
        return self.run("get", request, "-o", "-").stdout

    def check(self, *args, code=0):
        return self.run("check", *args, code=code)


@pytest.fixture
def shown(genstore):
    return lambda at=None: Shown(genstore, at)


def inside(archive):
    """{path: (kind, executable, digest or target)} of an app.tar.gz; the top folder is left away."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for entry in tar:
            name = entry.name.partition("/")[2]
            if not name:
                continue
            if entry.issym():
                found[name] = ("link", False, entry.linkname)
            elif entry.isdir():
                found[name] = ("folder", False, None)
            else:
                found[name] = ("file", bool(entry.mode & 0o100), digest(tar.extractfile(entry).read()))
    return found


def folder(top):
    """The same of a folder."""
    found = {}
    for path in pathlib.Path(top).rglob("*"):
        name = str(path.relative_to(top))
        if path.is_symlink():
            found[name] = ("link", False, os.readlink(path))
        elif path.is_dir():
            found[name] = ("folder", False, None)
        else:
            found[name] = ("file", bool(path.stat().st_mode & 0o100), digest(path.read_bytes()))
    return found


@pytest.fixture
def contents():
    class Contents:
        of_archive = staticmethod(inside)
        of_folder = staticmethod(folder)
        digest = staticmethod(digest)
        requests = staticmethod(lambda text: list(dict.fromkeys(REQUEST.findall(text))))
    return Contents


@pytest.fixture
def parallel():
    """Runs function(item) for all items on both cores; the first failure is raised."""
    def run(function, items):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            return list(pool.map(function, items))
    return run
