"""What independent readers make of app.tar.gz: ten that unpack or inflate it, and GNU tar as the judge of every byte."""

import gzip
import hashlib
import io
import json
import os
import pathlib
import random
import shutil
import subprocess
import tarfile
import zlib

import pytest

LARGE = 5_000_000


def make_tree(tree, to):
    """Real files, and beside them what is easily got wrong in a tar."""
    tree.real(to / "lib", 150)
    tree.odd(to / "odd")
    noise = random.Random(5).randbytes(400_000)
    words = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(LARGE // 65 + 1)]
    tree.write(to / "more", {
        "noise.png": noise, "large.txt": "\n".join(words)[:LARGE], "0": b"", "512": b"x" * 512, "511": b"x" * 511,
        "513": b"x" * 513, "256K": noise[:1 << 18], "256K+1": noise[:1 << 18] + b"+", "a.b": "1", "a/c": "2", "a-d": "3",
        "/".join(["a folder with a long name"] * 12) + "/leaf": "over 255 bytes in all",
        "p" * 99: "99", "p" * 100: "100", "p" * 101: "101", "d" * 154 + "/" + "f" * 100: "the longest that splits",
        "ünïcödé/" * 20 + "漢字.txt": "many bytes", "long-link": pathlib.Path("../" * 60 + "odd/run.sh"),
        "folder-link": pathlib.Path("a"), "modes/x": "#!/bin/sh\n", "modes/r": "read only", "modes/w": "world",
    })
    for name, mode in ("x", 0o711), ("r", 0o400), ("w", 0o666):
        (to / "more/modes" / name).chmod(mode)
    (to / "more/modes").chmod(0o700)
    tree.stamp(to)
    return to


@pytest.fixture
def app(genstore, store, tree, tmp_path):
    """A folder, its app.tar.gz, and the moment that is in every header of it."""
    class App:
        source = make_tree(tree, tmp_path / "source")
        archive = tmp_path / "app.tar.gz"

        @staticmethod
        def same_as(top):
            assert tree.differences(App.source, top) == []
            for path in sorted(top.rglob("*")):
                if not path.is_symlink():
                    wanted = 0o755 if path.is_dir() or (App.source / path.relative_to(top)).stat().st_mode & 0o111 else 0o644
                    assert path.stat().st_mode & 0o7777 == wanted, path
                if path.is_file() and not path.is_symlink():
                    assert path.stat().st_mtime == App.when, path

    genstore("import", App.source, "--app-name", "app")
    genstore("get", "app", "-o", App.archive)
    with tarfile.open(App.archive) as tar:
        App.when = next(iter(tar)).mtime
    return App


def need(*programs):
    for program in programs:
        if shutil.which(program):
            return program
    pytest.skip(f"{programs[0]} is not here")


def run(*argv, **options):
    env = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run([*map(str, argv)], capture_output=True, check=False, timeout=120, env=env, **options)
    assert done.returncode == 0, f"{argv}: {done.returncode}\n{done.stderr.decode(errors='replace')}"
    assert not done.stderr.strip(), f"{argv} complained: {done.stderr.decode(errors='replace')}"
    return done.stdout


@pytest.mark.parametrize("reader", [
    ["tar", "xzpf"],
    ["bsdtar", "xzpf"],
    ["busybox", "tar", "xzpf"],
])
def test_a_tar_program_unpacks_the_tree_that_was_kept(app, tmp_path, reader):
    need(reader[0])
    (tmp_path / "out").mkdir()
    run(*reader, app.archive, "-C", tmp_path / "out")
    assert os.listdir(tmp_path / "out") == ["app"]
    app.same_as(tmp_path / "out/app")


@pytest.mark.parametrize("mode", ["r:gz", "r|gz"])
def test_python_unpacks_it_seeking_and_streaming(app, tmp_path, mode):
    with tarfile.open(app.archive, mode) as tar:
        tar.extractall(tmp_path / "out")
    app.same_as(tmp_path / "out/app")


def plain(app):
    """The tar inside, as Python's gzip reads it, which goes on over members: one reader more, and the measure for the others."""
    data = app.archive.read_bytes()
    inside = zlib.decompressobj(31)
    content = inside.decompress(data)
    assert inside.eof and inside.unused_data == b"", "more than one member"
    assert gzip.decompress(data) == content
    return content


def test_zlib_finds_one_member_and_nothing_behind_it(app, tmp_path):
    with tarfile.open(fileobj=io.BytesIO(plain(app))) as tar:
        tar.extractall(tmp_path / "out")
    app.same_as(tmp_path / "out/app")


@pytest.mark.parametrize("argv", [
    ["gzip", "-dc"],
    ["pigz", "-dc"],
    ["7z", "e", "-so", "-tgzip"],
    ["perl", "-MIO::Uncompress::Gunzip=gunzip,$GunzipError", "-e", "gunzip(shift, '-') or die $GunzipError"],
    ["node", "-e", "process.stdout.write(require('zlib').gunzipSync(require('fs').readFileSync(process.argv[1])))"],
    ["node", "-e", "const fs = require('fs'); require('stream').pipeline(fs.createReadStream(process.argv[1], "
                   "{highWaterMark: 777}), require('zlib').createGunzip(), process.stdout, e => { if (e) throw e; })"],
], ids=["gzip", "pigz", "7z", "perl", "node", "node-streaming"])
def test_an_inflater_gives_the_same_tar(app, argv):
    need(argv[0])
    assert run(*argv, app.archive) == plain(app)


@pytest.mark.parametrize("argv", [["gzip", "-t"], ["pigz", "-t"], ["7z", "t", "-tgzip"]], ids=lambda argv: argv[0])
def test_a_compressor_finds_no_fault_in_it(app, argv):
    need(argv[0])
    run(*argv, app.archive)


def test_perl_unpacks_it(app, tmp_path):
    need("perl")
    (tmp_path / "out").mkdir()
    # Its core module reads pax headers as files of their own, so what needs one is left to the others.
    script = r"""
        use Archive::Tar; use Digest::SHA qw(sha256_hex);
        my $tar = Archive::Tar->new(shift, COMPRESS_GZIP) or die Archive::Tar->error;
        for ($tar->get_files) { printf "%s %s\n", sha256_hex($_->get_content // ''), $_->full_path if $_->is_file }
    """
    found = dict(line.split(" ", 1)[::-1] for line in run("perl", "-e", script, app.archive).decode(errors="replace").split("\n")
                 if " " in line)
    names = [p for p in sorted((app.source / "lib").rglob("*")) if p.is_file()]
    assert len(names) == 150
    for path in [*names, app.source / "more/large.txt", app.source / "more/0"]:
        name = f"app/{path.relative_to(app.source)}"
        assert found.get(name) == hashlib.sha256(path.read_bytes()).hexdigest(), name


def test_7z_lists_every_entry(app, tmp_path):
    need("7z")
    (tmp_path / "app.tar").write_bytes(plain(app))
    listed = run("7z", "l", "-slt", "-ttar", tmp_path / "app.tar").decode(errors="surrogateescape")
    with tarfile.open(app.archive) as tar:
        entries = len(tar.getmembers())
    assert listed.count("\nPath = app") == entries


def fits_ustar(name):
    """Whether name[:155] "/" name[:100] holds it, as POSIX splits it."""
    raw = name.encode()
    if len(raw) <= 100:
        return True
    return any(raw[i:i + 1] == b"/" and i <= 155 and 0 < len(raw) - i - 1 <= 100 for i in range(len(raw)))


def test_the_bytes_inside_are_those_that_gnu_tar_writes(genstore, store, tree, tmp_path):
    """The oracle of the format: GNU tar with a list of names in bytewise order; what does not fit ustar is left aside."""
    top = tmp_path / "top"
    source = make_tree(tree, top / "app")
    too_long = [p for p in source.rglob("*")
                if not fits_ustar(f"app/{p.relative_to(source)}" + ("/" if p.is_dir() and not p.is_symlink() else ""))
                or (p.is_symlink() and len(os.readlink(p)) > 100)]
    assert too_long
    for path in sorted(too_long, reverse=True):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    genstore("import", source, "--app-name", "app")
    ours = gzip.decompress(genstore("get", "app", "-o", "-").stdout)
    names = [f"app/{p.relative_to(source)}" + ("/" if p.is_dir() and not p.is_symlink() else "") for p in source.rglob("*")]
    names = sorted([os.fsencode(n) for n in ["app/", *names]])
    (tmp_path / "names").write_bytes(b"".join(n + b"\0" for n in names))
    with tarfile.open(fileobj=io.BytesIO(ours)) as tar:
        when = next(iter(tar)).mtime
    theirs = subprocess.run(
        ["tar", "--format=ustar", "--no-recursion", "--numeric-owner", "--owner=0", "--group=0", f"--mtime=@{when}",
         "--mode=u+rw,go-w,go+r,a+X,a-st", "-b", "1", "--hard-dereference", "--null", "-T", tmp_path / "names", "-cf", "-"],
        cwd=top, env={**os.environ, "LC_ALL": "C"}, capture_output=True, check=True).stdout
    assert len(names) > 180
    end = max(len(ours), len(theirs))
    assert ours.ljust(end, b"\0") == theirs.ljust(end, b"\0"), first_difference(ours, theirs)


def first_difference(a, b):
    at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    block = at // 512 * 512
    return f"at {at}:\nours   {a[block:block + 512]!r}\ntheirs {b[block:block + 512]!r}"


def test_metadata_says_what_the_archive_is(app, genstore):
    shown = genstore("show", "app", "--json").json[0]
    data = app.archive.read_bytes()
    assert hashlib.sha256(data).hexdigest() in json.dumps(shown)


def test_the_same_tree_and_moment_give_the_same_bytes_in_another_store(genstore, tree, tmp_path):
    source = make_tree(tree, tmp_path / "source")
    found = set()
    for name in "one", "two":
        where = {"GENSTORE_STORE": tmp_path / name, "SOURCE_DATE_EPOCH": "1234567890"}
        genstore("init", env=where)
        genstore("import", source, "--app-name", "app", env=where)
        archive = genstore("get", "app", "-o", "-", env=where).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            assert next(iter(tar)).mtime == 1234567890
        found.add(hashlib.sha256(archive).hexdigest())
    assert len(found) == 1


def test_a_source_date_that_is_none_is_refused(genstore, store):
    bad = genstore("list", env={"SOURCE_DATE_EPOCH": "yesterday"}, code=2)
    assert "SOURCE_DATE_EPOCH is 'yesterday'" in bad.err
