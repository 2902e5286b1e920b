"""Typed artifacts in the mount: under their storage paths, as `artifact put` has them, to be read."""

import contextlib
import hashlib
import os
import sqlite3
import subprocess
import threading
import zipfile

import pytest

WHERE = ("--session", "s1", "--org", "acme")
FILES = {"main.tf": "module {}\n", "a b.tf": "x\n", "modules/vpc/main.tf": "resource {}\n", "modules/vpc.tf": "between\n", "empty": ""}


@pytest.fixture
def put(genstore, store, tree, tmp_path):
    """Puts files of one type; the folder of the session's artifacts below the top of a mount."""
    assert store.exists()
    numbers = iter(range(1000))

    def run(type, files, where=WHERE):
        folder = tree.write(tmp_path / f"put-{next(numbers)}", files)
        genstore("artifact", "put", *where, "--type", type, folder)
        with contextlib.closing(sqlite3.connect(store)) as db:
            path, = db.execute("SELECT max(storage_path) FROM artifacts JOIN sessions USING (session_id) WHERE name = ?", where[1:2]).fetchone()
        return path.split("/artifacts/")[0] + "/artifacts"
    return run


def files_below(top):
    return {os.path.relpath(os.path.join(folder, name), top): open(os.path.join(folder, name), "rb").read()
            for folder, _, files in os.walk(top) for name in files}


@pytest.mark.parametrize("options", [(), ("-o", "ro")], ids=["writable", "ro"])
def test_artifacts_are_where_their_storage_path_says(genstore, put, mounted, tmp_path, options):
    put("terraform", FILES)
    place = put("diagram", {"plan.svg": "<svg/>"})
    genstore("artifact", "bundle", "--session", "s1", "-o", tmp_path / "bundle.zip")
    with mounted(*options) as top:
        found = files_below(top / place)
        assert found.pop("bundle.zip") == (tmp_path / "bundle.zip").read_bytes()
        assert found == {**{f"terraform/{name}": text.encode() for name, text in FILES.items()}, "diagrams/plan.svg": b"<svg/>"}
        assert os.getxattr(top / place / "terraform/main.tf", "user.genstore.sha256").decode() == \
            hashlib.sha256(FILES["main.tf"].encode()).hexdigest()
        assert os.getxattr(top / place / "terraform/main.tf", "user.genstore.sync") == b"local"
        for name in ("nope", "terraform/nope", "terraform/main.tf/x", "terraform/bundle.zip", "../artifact"):
            with pytest.raises((FileNotFoundError, NotADirectoryError)):
                os.stat(f"{top / place}/{name}")


def test_the_bundle_is_read_from_anywhere_and_unpacks(put, mounted):
    place = put("terraform", {**FILES, "large.bin": bytes(range(256)) * 4000})
    with mounted() as top:
        path = top / place / "bundle.zip"
        whole = path.read_bytes()
        assert len(whole) == path.stat().st_size
        with open(path, "rb", buffering=0) as f:
            for offset in (len(whole) - 1, 1, len(whole) // 2, 0):
                f.seek(offset)
                assert f.read(100) == whole[offset:offset + 100]
        with zipfile.ZipFile(path) as z:
            assert z.testzip() is None
            assert z.read("terraform/a b.tf") == b"x\n"
        subprocess.run(["unzip", "-tq", path], check=True, stdout=subprocess.DEVNULL)


def test_what_another_process_puts_replaces_and_removes_is_seen(genstore, put, mounted, wait_for):
    place = put("terraform", {"sub dir/a": "one", "b": "two"})
    with mounted() as top:
        here = top / place
        assert sorted(os.listdir(here / "terraform")) == ["b", "sub dir"]
        assert (here / "terraform/sub dir/a").read_text() == "one"
        with zipfile.ZipFile(here / "bundle.zip") as z:
            assert z.read("terraform/sub dir/a") == b"one"
        put("terraform", {"sub dir/a": "1st", "sub dir/c": "new"})
        put("lambda", {"handler.py": "pass"})
        wait_for(lambda: sorted(os.listdir(here / "terraform/sub dir")) == ["a", "c"], "the new file")
        wait_for(lambda: sorted(os.listdir(here)) == ["bundle.zip", "lambda", "terraform"], "the new folder")
        wait_for(lambda: (here / "terraform/sub dir/a").read_text() == "1st", "the new bytes")
        wait_for(lambda: len(zipfile.ZipFile(here / "bundle.zip").namelist()) == 4, "the new bundle")
        with zipfile.ZipFile(here / "bundle.zip") as z:
            assert z.read("terraform/sub dir/a") == b"1st"
        genstore("artifact", "rm", "--session", "s1", "terraform/b", "--force")
        wait_for(lambda: os.listdir(here / "terraform") == ["sub dir"], "the end of a file")
        wait_for(lambda: not (here / "terraform/b").exists(), "the end of its name")


def test_long_listings_have_every_name_once(put, mounted):
    names = {f"{n:04}-{'x' * 200}" for n in range(1500)} | {f"{n:04}-folder/f" for n in range(0, 1500, 50)}
    place = put("terraform", {name: name for name in names})
    with mounted() as top:
        listed = os.listdir(top / place / "terraform")
        assert sorted(listed) == sorted(name.removesuffix("/f") for name in names)


def test_a_limited_mount_shows_the_artifacts_of_its_organization_only(put, mounted):
    mine, other = put("terraform", {"a": "1"}), put("terraform", {"b": "2"}, ("--session", "s2", "--org", "other"))
    with mounted("-o", "org=acme") as top:
        assert os.listdir(top / "organizations") == [mine.split("/")[1]]
        assert (top / mine / "terraform/a").read_text() == "1"
        assert not (top / other / "terraform/b").exists() and not (top / other / "bundle.zip").exists()
        assert not (top / "organizations" / other.split("/")[1]).exists()


def test_without_views_there_is_no_bundle(put, mounted):
    place = put("terraform", {"a": "1"})
    with mounted("-o", "noviews") as top:
        assert os.listdir(top / place) == ["terraform"] and not (top / place / "bundle.zip").exists()


def test_a_mount_of_then_shows_what_there_was_by_then(put, mounted):
    place = put("terraform", {"old": "1"})
    with mounted("-o", "at=2001-01-01T00:00:00Z") as top:
        assert os.listdir(top / "organizations") == [] and not (top / place).exists()


def test_readers_never_see_a_mixture_while_artifacts_are_put(put, mounted):
    place = put("terraform", {"f": "0" * 70000})
    wrong, stop = [], threading.Event()

    def read(path):
        while not stop.is_set():
            try:
                data = path.read_bytes()
            except OSError as error:
                if error.errno not in (2, 116):  # replaced between open and read
                    wrong.append(str(error))
                continue
            if len(data) not in (0, 70000) or len(set(data)) > 1:
                wrong.append(f"{len(data)} bytes of {set(data)}")

    with mounted() as top:
        threads = [threading.Thread(target=read, args=(top / place / "terraform/f",)) for _ in range(16)]
        for t in threads:
            t.start()
        for n in range(1, 8):
            put("terraform", {"f": str(n) * 70000})
        stop.set()
        for t in threads:
            t.join()
    assert not wrong, wrong[:5]


def test_export_writes_artifacts_and_their_bundle_too(genstore, put, tmp_path):
    place = put("terraform", FILES)
    genstore("artifact", "bundle", "--session", "s1", "-o", tmp_path / "bundle.zip")
    genstore("export", "--format", "files", tmp_path / "out")
    found = files_below(tmp_path / "out" / place)
    assert found.pop("bundle.zip") == (tmp_path / "bundle.zip").read_bytes()
    assert found == {f"terraform/{name}": text.encode() for name, text in FILES.items()}
