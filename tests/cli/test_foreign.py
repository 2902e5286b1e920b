"""Archives that were made elsewhere: kept byte for byte, browsed where they are, refused with a reason."""

import contextlib
import gzip
import hashlib
import io
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from attack_archives import CASES, GOOD, NEUTRALISED, file, folder, link, tar, tgz  # noqa: E402


def made(case):
    return case() if callable(case) else case


def tree_of(top):
    """{path: content} of a folder, links as ("->", target), executables with a mark; folders have None."""
    found = {}
    for at, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(at, name)
            key = os.path.relpath(path, top)
            if os.path.islink(path):
                found[key] = ("->", os.readlink(path))
            elif os.path.isdir(path):
                found[key] = None
            else:
                found[key] = (pathlib.Path(path).read_bytes(), bool(os.stat(path).st_mode & 0o100))
    return found


def without_folders(tree):
    return {path: value[0] if isinstance(value[0], bytes) else value for path, value in tree.items() if value is not None}


@pytest.fixture
def archive(tmp_path):
    def write(data, name="in.tar.gz"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


@pytest.fixture
def restored(genstore, tmp_path):
    def restore(rev, name="out"):
        genstore("restore", rev, tmp_path / name)
        return tree_of(tmp_path / name)

    return restore


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


# what comes in comes out

@pytest.mark.threads
def test_an_archive_is_given_back_byte_for_byte(genstore, store, archive, tree, tmp_path):
    tree.real(tmp_path / "app", 60)
    subprocess.run(["tar", "czf", tmp_path / "in.tar.gz", "-C", tmp_path, "app"], check=True)
    data = (tmp_path / "in.tar.gz").read_bytes()
    r = genstore("import", tmp_path / "in.tar.gz", "--app-name", "x", "--prompt", "as it was")
    assert r.out.startswith("req_") and "60 files" in r.err
    genstore("get", "x", "-o", tmp_path / "out.tar.gz")
    assert (tmp_path / "out.tar.gz").read_bytes() == data
    shown = genstore("show", "x", "--json").json[0]
    assert shown["status"] == "completed" and shown["prompt"] == "as it was" and shown["archive_sha256"] == hashlib.sha256(data).hexdigest()
    genstore("check", "--read-data")


def test_it_comes_from_standard_input_too(genstore, store, archive, restored):
    with archive(GOOD).open("rb") as source:
        p = genstore.start("import", "-", "--app-name", "x", "--json", stdin=source)
        out, _ = p.communicate(timeout=30)
    assert p.returncode == 0 and [json.loads(line) for line in out.splitlines()][-1]["app_name"] == "x"
    assert without_folders(restored("x")) == {"d/f": b"hello\n"}


def test_a_pipe_that_trickles_is_read_to_its_end(genstore, store):
    p = genstore.start("import", "-", "--app-name", "x", stdin=subprocess.PIPE)
    for at in range(0, len(GOOD), 7):
        p.stdin.write(GOOD[at:at + 7])
        p.stdin.flush()
    p.stdin.close()
    assert p.wait(30) == 0
    p.stdout.close()
    p.stderr.close()
    assert genstore("cat", "x:d/f").stdout == b"hello\n"


def test_the_same_archive_twice_stores_its_bytes_once(genstore, store, archive, rows):
    path = archive(tgz(file(b"f", random.Random(1).randbytes(200000))))
    genstore("import", path, "--app-name", "x")
    pieces = rows("SELECT count(*), sum(stored) FROM piece WHERE codec = 4")
    genstore("import", path, "--app-name", "y")
    assert rows("SELECT count(*), sum(stored) FROM piece WHERE codec = 4") == pieces
    assert rows("SELECT count(DISTINCT content_id), count(*) FROM archive") == [[1, 2]]
    genstore("check", "--read-data")


def test_an_archive_of_ours_is_the_seal_that_it_was(genstore, store, generate, tmp_path, rows):
    generate("echo hello >f")
    genstore("get", "app", "-o", tmp_path / "in.tar.gz")
    pieces = rows("SELECT count(*) FROM piece")
    genstore("import", tmp_path / "in.tar.gz", "--app-name", "y")
    assert rows("SELECT count(DISTINCT seal_id), count(content_id) FROM archive") == [[1, 0]]
    assert rows("SELECT count(*) FROM piece WHERE codec = 4") == [[0]] and rows("SELECT count(*) FROM piece")[0][0] <= pieces[0][0] + 1
    assert genstore("diff", "app", "y", "--exit-code").out == ""
    genstore("check", "--read-data")


def test_an_archive_that_is_a_file_of_a_tree_is_that_content(genstore, store, archive, tmp_path, rows, restored):
    (tmp_path / "d").mkdir()
    path = archive(GOOD, "d/in.tar.gz")
    genstore("import", tmp_path / "d", "--app-name", "tree")
    genstore("import", path, "--app-name", "x")
    assert rows("SELECT count(*) FROM piece WHERE codec = 4") == [[0]]
    assert without_folders(restored("x")) == {"d/f": b"hello\n"}
    genstore("check", "--read-data")


def test_a_file_that_equals_an_archive_is_a_content_of_its_own(genstore, store, archive, tmp_path, restored):
    (tmp_path / "d").mkdir()
    path = archive(GOOD, "d/in.tar.gz")
    genstore("import", path, "--app-name", "x")
    genstore("import", tmp_path / "d", "--app-name", "tree")
    genstore("get", "tree", "-o", tmp_path / "tree.tar.gz")
    with tarfile.open(tmp_path / "tree.tar.gz") as t:
        assert t.extractfile("app/in.tar.gz").read() == GOOD
    genstore("check", "--read-data")


# trees

def real_archives(tree, tmp_path):
    """Archives as tools in the wild make them, of one folder that has of everything."""
    top = tmp_path / "tree"
    tree.real(top / "app", 40)
    (top / "app" / "empty").mkdir()
    (top / "app" / ("n" * 120)).mkdir()
    (top / "app" / ("n" * 120) / ("m" * 130)).write_text("long")
    (top / "app" / "caf\u00e9 \u2603").write_text("utf-8")
    (top / "app" / "run").write_text("#!/bin/sh\n")
    (top / "app" / "run").chmod(0o755)
    (top / "app" / "large").write_bytes(random.Random(2).randbytes(3 << 20))
    (top / "app" / "zeros").write_bytes(b"\0" * (5 << 20))
    (top / "app" / "nothing").write_bytes(b"")
    os.symlink("run", top / "app" / "link")
    os.symlink("../" + "n" * 120 + "/" + "m" * 130, top / "app" / "empty" / "up")
    os.link(top / "app" / "run", top / "app" / "run2")

    def py(name, fmt):
        with tarfile.open(tmp_path / name, "w:gz", format=fmt) as t:
            t.add(top / "app", "app")

    tools = {f"gnu-{fmt}": ["tar", f"--format={fmt}", "-czf", "{}", "-C", top, "app"] for fmt in ("gnu", "oldgnu", "posix")}
    tools |= {f"bsd-{fmt}": ["bsdtar", f"--format={fmt}", "-czf", "{}", "-C", top, "app"] for fmt in ("pax", "gnutar")}
    tools["gnu-dot"] = ["tar", "-czf", "{}", "-C", top / "app", "."]
    tools["busybox"] = ["busybox", "tar", "czf", "{}", "-C", top, "app"]
    tools["pigz"] = ["tar", "-I", "pigz -9", "-cf", "{}", "-C", top, "app"]
    tools["sorted"] = ["tar", "--sort=name", "-czf", "{}", "-C", top, "app"]
    for name, argv in tools.items():
        subprocess.run([str(a).replace("{}", str(tmp_path / f"{name}.tar.gz")) for a in argv], check=True,
                       env={**os.environ, "LC_ALL": "C.UTF-8"})
        yield name, top
    for name, fmt in (("py-gnu", tarfile.GNU_FORMAT), ("py-pax", tarfile.PAX_FORMAT)):
        py(f"{name}.tar.gz", fmt)
        yield name, top


def test_the_tree_of_what_tools_write_is_what_tar_extracts(genstore, store, tree, tmp_path):
    for name, _ in real_archives(tree, tmp_path):
        genstore("import", tmp_path / f"{name}.tar.gz", "--app-name", name)
        genstore("restore", name, tmp_path / f"{name}.out")
        by_tar = tmp_path / f"{name}.tar"
        by_tar.mkdir()
        subprocess.run(["tar", "xzf", tmp_path / f"{name}.tar.gz", "-C", by_tar], check=True)
        extracted = by_tar if name == "gnu-dot" else by_tar / "app"
        assert tree_of(tmp_path / f"{name}.out") == tree_of(extracted), name
        genstore("get", name, "-o", tmp_path / "got", "--force")
        assert digest(tmp_path / "got") == digest(tmp_path / f"{name}.tar.gz")
    genstore("check", "--read-data")


def test_trees_of_all_kinds_are_compared_by_their_bytes(genstore, store, archive, tree, tmp_path):
    tree.real(tmp_path / "app", 20)
    genstore("import", tmp_path / "app", "--app-name", "folder")
    subprocess.run(["tar", "czf", tmp_path / "a.tar.gz", "-C", tmp_path, "app"], check=True)
    subprocess.run(["tar", "--sort=name", "-cf", tmp_path / "b.tar", "-C", tmp_path, "app"], check=True)
    subprocess.run(["gzip", "-1", tmp_path / "b.tar"], check=True)
    genstore("import", tmp_path / "a.tar.gz", "--app-name", "a")
    genstore("import", tmp_path / "b.tar.gz", "--app-name", "b")
    for one, other in (("folder", "a"), ("a", "folder"), ("a", "b")):
        assert genstore("diff", one, other, "--exit-code").out == ""
    (tmp_path / "app" / "more").write_text("more")
    genstore("import", tmp_path / "app", "--app-name", "folder")
    assert genstore("diff", "a", "folder").out == "A\tmore\n"
    name = sorted(p for p in (tmp_path / "app").rglob("*.py"))[0]
    name.write_text(name.read_text() + "# more\n")
    name.chmod(0o755)
    genstore("import", tmp_path / "app", "--app-name", "folder")
    path = name.relative_to(tmp_path / "app")
    assert f"M\t{path}\n" in genstore("diff", "a", "folder").out
    assert "+# more" in genstore("diff", "-p", "a", "folder").out


def test_ls_says_what_is_in_it(genstore, store, archive):
    genstore("import", archive(tgz(folder(b"app/"), file(b"app/f", b"hello\n", mode=0o755), link(b"app/l", b"f"))), "--app-name", "x")
    assert genstore("ls", "-l", "x").out == "-rwxr-xr-x 6 f\nlrwxrwxrwx 0 l -> f\n"
    f = genstore("ls", "--json", "x").json[0]
    assert f["sha256"] == hashlib.sha256(b"hello\n").hexdigest() and f["size"] == 6


@pytest.mark.threads
def test_fork_gives_it_contents_of_its_own(genstore, store, archive, tree, tmp_path, restored):
    tree.real(tmp_path / "app", 30)
    (tmp_path / "app" / "large").write_bytes(random.Random(3).randbytes(700000))
    subprocess.run(["tar", "czf", tmp_path / "in.tar.gz", "-C", tmp_path, "app"], check=True)
    genstore("import", tmp_path / "in.tar.gz", "--app-name", "x")
    genstore("fork", "x", "--app-name", "y")
    genstore("rm", "--force", "x")
    genstore("gc")
    genstore("check", "--read-data")
    assert restored("y") == tree_of(tmp_path / "app")
    genstore("get", "y", "-o", tmp_path / "y.tar.gz")
    with tarfile.open(tmp_path / "y.tar.gz") as t:
        assert t.extractfile("app/large").read() == (tmp_path / "app" / "large").read_bytes()


def test_random_reads_through_the_mount_are_those_of_the_file(genstore, store, tmp_path, mounted):
    r = random.Random(4)
    (tmp_path / "app").mkdir()
    mixed = b"".join(r.randbytes(5000) + b"text " * r.randrange(2000) for _ in range(600))
    (tmp_path / "app" / "mixed").write_bytes(mixed)
    (tmp_path / "app" / "small").write_bytes(b"small")
    (tmp_path / "app" / "zeros").write_bytes(b"\0" * 3000000)
    subprocess.run(["tar", "czf", tmp_path / "in.tar.gz", "-C", tmp_path, "app"], check=True)
    request = genstore("import", tmp_path / "in.tar.gz", "--app-name", "x").out.strip()
    with mounted() as top:
        at = top / "generations" / request
        assert (at / "app.tar.gz").read_bytes() == (tmp_path / "in.tar.gz").read_bytes()
        assert tree_of(at / "app") == tree_of(tmp_path / "app")
        with (at / "app" / "mixed").open("rb", buffering=0) as f:
            for _ in range(300):
                offset, n = r.randrange(len(mixed) + 100), r.choice((1, 100, 4096, 200000))
                f.seek(offset)
                got = b""
                while len(got) < n and (more := f.read(n - len(got))):
                    got += more
                assert got == mixed[offset:offset + n]


# what is refused

@pytest.mark.parametrize("name", CASES)
def test_what_means_harm_or_is_broken_is_refused_with_a_reason(genstore, store, archive, name):
    data, reason = CASES[name]
    before = digest(store)
    r = genstore("import", archive(made(data)), "--app-name", "x", code=1)
    assert reason in r.err and r.err.startswith("genstore: cannot import '") and r.err.count("\n") == 1 and "\x1b" not in r.err
    assert genstore("list").out == "" and digest(store) == before


@pytest.mark.parametrize("name", NEUTRALISED)
def test_what_is_odd_comes_out_as_tar_reads_it_and_stays_inside(genstore, store, archive, tmp_path, restored, name):
    data, expected = NEUTRALISED[name]
    outside = set(tmp_path.iterdir())
    genstore("import", archive(data), "--app-name", "x")
    assert without_folders(restored("x")) == expected
    assert {p.name for p in set(tmp_path.iterdir()) - outside} == {"in.tar.gz", "out"}
    for path, value in tree_of(tmp_path / "out").items():
        assert value is None or value[0] == "->" or not os.stat(tmp_path / "out" / path).st_mode & 0o7000
    genstore("check", "--read-data")


@pytest.mark.parametrize("name", ["bomb", "many_entries", "pax_huge", "one_block"])
def test_what_is_too_much_takes_little_memory(genstore, store, archive, name, san):
    if san:
        pytest.skip("sanitizers take memory of their own")
    data, reason = CASES[name]
    limit = 256 << 20
    p = genstore.start("import", archive(made(data)), "--app-name", "x",
                       preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
    _, err = p.communicate(timeout=60)
    assert p.returncode == 1 and reason in err.decode()


def test_what_is_refused_after_it_was_staged_leaves_nothing(genstore, store, archive, rows):
    data = tgz(file(b"f", random.Random(5).randbytes(40 << 20)))
    r = genstore("import", archive(data[:-4] + b"\0\0\0\0"), "--app-name", "x", code=1)
    assert "does not match its checksum" in r.err
    assert rows("SELECT (SELECT count(*) FROM piece), (SELECT count(*) FROM piece_data), (SELECT count(*) FROM content)") == [[0, 0, 0]]
    genstore("check", "--read-data")


def test_what_is_refused_is_not_read_to_its_end(genstore, store):
    p = genstore.start("import", "-", "--app-name", "x", stdin=subprocess.PIPE)
    with contextlib.suppress(BrokenPipeError):
        while True:  # ends when nobody reads any more
            p.stdin.write(b"no gzip " * 8192)
    with contextlib.suppress(BrokenPipeError):
        p.stdin.close()
    assert p.wait(30) == 1 and b"it is not gzip" in p.stderr.read()
    p.stdout.close()
    p.stderr.close()


@pytest.mark.parametrize("seed", range(4))
def test_flipped_bits_never_come_out_as_something_else(genstore, store, archive, tmp_path, seed):
    """Whatever is damaged: refused, or the tree that was there."""
    r = random.Random(seed)
    good = bytearray(tgz(folder(b"d/"), *[file(b"d/%d" % i, b"%d" % i * 50) for i in range(20)]))
    for i in range(8):
        data = bytearray(good)
        data[r.randrange(10, len(data))] ^= 1 << r.randrange(8)
        done = genstore("import", archive(bytes(data)), "--app-name", f"x{seed}", code=None)
        if done.code:
            assert done.code == 1 and "cannot import" in done.err
        else:  # a bit that means nothing, as in the padding before the checksum
            out = tmp_path / f"out{i}"
            genstore("restore", f"x{seed}", out)
            assert without_folders(tree_of(out)) == {f"d/{k}": b"%d" % k * 50 for k in range(20)}


# care

@pytest.fixture
def kept(genstore, store, tmp_path):
    """An archive of several MiB that does not pack well, and its tree."""
    r = random.Random(6)
    (tmp_path / "app").mkdir()
    for i in range(6):
        (tmp_path / "app" / f"f{i}").write_bytes(r.randbytes(500000) + b"text" * 100000)
    subprocess.run(["tar", "czf", tmp_path / "in.tar.gz", "-C", tmp_path, "app"], check=True)
    genstore("import", tmp_path / "in.tar.gz", "--app-name", "x")
    return tmp_path / "app"


def damage(store, sql):
    with contextlib.closing(sqlite3.connect(store)) as db:
        db.execute(sql)
        db.commit()


WINDOW = "(SELECT id << 8 FROM piece WHERE codec = 2 AND size = 32768 LIMIT 1)"
INDEX = "(SELECT max(id) << 8 FROM piece WHERE codec = 2 AND id NOT IN (SELECT piece FROM manifest))"
PART = "(SELECT max(id) << 8 FROM piece WHERE codec = 4)"


@pytest.mark.parametrize("sql", [
    f"UPDATE piece_data SET bytes = zeroblob(length(bytes)) WHERE id = {WINDOW}",
    f"UPDATE piece_data SET bytes = zeroblob(length(bytes)) WHERE id = {INDEX}",
    f"UPDATE piece_data SET bytes = zeroblob(length(bytes)) WHERE id = {PART}",
    f"DELETE FROM piece WHERE id = {WINDOW} >> 8",
    f"DELETE FROM piece WHERE id = {INDEX} >> 8",
    "UPDATE foreign_index SET pieces = zeroblob(length(pieces))",
    "UPDATE foreign_index SET windows = x'02'",
    "DELETE FROM foreign_index",
    "UPDATE piece SET sha256 = zeroblob(32) WHERE codec = 4",
    "UPDATE content SET sha256 = zeroblob(32) WHERE git_blob = zeroblob(20)",
])
def test_damage_is_found_and_no_wrong_byte_is_served(genstore, store, kept, sql):
    damage(store, sql)
    assert genstore("check", "--read-data", code=13).err
    for path in sorted(kept.iterdir()):
        r = genstore("cat", f"x:{path.name}", code=None)
        assert path.read_bytes().startswith(r.stdout) and (r.code == 0 or r.code == 13), r.err


def test_what_is_gone_is_collected_with_its_index(genstore, store, kept, rows):
    genstore("gc")
    assert rows("SELECT count(*) FROM foreign_index") == [[1]]
    genstore("check", "--read-data")
    genstore("rm", "--force", "x")
    genstore("gc")
    assert rows("SELECT (SELECT count(*) FROM foreign_index), (SELECT count(*) FROM received), (SELECT count(*) FROM piece),"
                " (SELECT count(*) FROM piece_data), (SELECT count(*) FROM content), (SELECT count(*) FROM manifest)") == [[0] * 6]
    genstore("check", "--read-data")


def test_a_backup_has_it_all(genstore, store, kept, tmp_path):
    genstore("backup", tmp_path / "copy.genstore")
    genstore("--store", tmp_path / "copy.genstore", "check", "--read-data")
    genstore("--store", tmp_path / "copy.genstore", "restore", "x", tmp_path / "out")
    assert tree_of(tmp_path / "out") == tree_of(kept)


def test_a_store_with_foreign_archives_does_not_go_back_to_where_nobody_reads_them(genstore, store, archive):
    genstore("import", archive(GOOD), "--app-name", "x")
    assert "must_be_removed_first" in genstore("migrate", "--to", "7", code=None).err
    genstore("migrate")
    genstore("check")
    genstore("rm", "--force", "x")
    genstore("gc")
    genstore("migrate", "--to", "7")
    genstore("migrate")
    genstore("check")


def test_one_that_is_killed_leaves_garbage_only(genstore, store, archive, wait_for, rows):
    path = archive(tgz(file(b"f", random.Random(7).randbytes(60 << 20))))
    with path.open("rb") as source:
        p = genstore.start("import", "-", "--app-name", "x", stdin=subprocess.PIPE)
        p.stdin.write(source.read(50 << 20))
        p.stdin.flush()
        wait_for(lambda: rows("SELECT count(*) FROM piece")[0][0], "the first pieces")
        p.kill()
        p.communicate()
    assert genstore("list").out == ""
    genstore("check")
    genstore("gc")
    assert rows("SELECT count(*) FROM piece_data") == [[0]]


def test_the_index_is_small(genstore, store, kept, rows):
    size = rows("SELECT (SELECT size FROM content WHERE git_blob = zeroblob(20)), sum(stored) FROM piece WHERE codec = 2")[0]
    assert size[1] < size[0] * 0.05


def test_members_far_apart_are_read_where_they_begin(genstore, store, archive, tmp_path, restored):
    """As bgzip and pigz --independent make them: no place needs a window."""
    plain = io.BytesIO()
    r = random.Random(8)
    with tarfile.open(fileobj=plain, mode="w") as t:
        for i in range(8):
            info = tarfile.TarInfo(f"f{i}")
            data = r.randbytes(300000) + b"y" * 300000
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))
    import gzip
    data = plain.getvalue()
    path = archive(b"".join(gzip.compress(data[at:at + 65280]) for at in range(0, len(data), 65280)))
    genstore("import", path, "--app-name", "x")
    out = restored("x")
    with tarfile.open(path) as t:
        assert {n: v[0] for n, v in out.items()} == {m.name: t.extractfile(m).read() for m in t}
    genstore("check", "--read-data")
    shutil.rmtree(tmp_path / "out")


@pytest.mark.threads
@pytest.mark.parametrize("again", [True, False], ids=["a file", "a pipe"])
def test_a_collection_meanwhile_is_only_told_where_the_archive_cannot_be_read_again(genstore, store, archive, wait_for, again):
    data = gzip.compress(tar(file(b"r", random.Random(1).randbytes(90 << 20))), 0)
    source = archive(data)
    p = genstore.start("import", source if again else "-", "--app-name", "x", stdin=subprocess.PIPE)
    if not again:
        p.stdin.write(data[:60 << 20])
    with contextlib.closing(sqlite3.connect(store, isolation_level=None, timeout=30)) as db:
        wait_for(lambda: db.execute("select count(*) from piece").fetchone()[0], "the first pieces")
        db.executescript("begin immediate; delete from piece_data; delete from piece;"
                         "update store_state set value = value + 1 where key = 'gc_epoch'; commit")
    err = p.communicate(None if again else data[60 << 20:])[1].decode()
    assert p.returncode == (0 if again else 1) and err.count("genstore: ") == (not again) and ("try again" in err) == (not again), err
    assert len(genstore("list", "--json").json) == again
