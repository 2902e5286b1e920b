"""`artifact bundle`: a ZIP file that every reader takes, stitched from what is stored."""

import os
import random
import shutil
import sqlite3
import subprocess
import time
import zipfile
import zlib

import pytest

WHERE = ("--session", "session123", "--org", "acme")
FILES = {
    "terraform": {"main.tf": "module vpc {}\n", "modules/vpc/main.tf": "resource {}\n", "empty": b"", "grüße/名前 1.txt": "ünï\n"},
    "lambda": {"handler.py": "def handler(): pass\n" * 5000, "zeros": bytes(3_000_000), "spaced name'$(x).py": "x"},
    "diagram": {"architecture.png": random.Random(1).randbytes(700_000), "tiny.png": b"\x89"},
}
FOLDERS = {"diagram": "diagrams"}


@pytest.fixture
def session(genstore, store, tree, tmp_path):
    """A session with artifacts: {path in the bundle: bytes}."""
    whole = {}
    for type, files in {**FILES, "readme": {"README.md": "# read me\n"}}.items():
        top = tree.write(tmp_path / "in" / type, files)
        genstore("artifact", "put", *WHERE, "--type", type, top)
        for name, content in files.items():
            path = name if type == "readme" else f"{FOLDERS.get(type, type)}/{name}"
            whole[path] = content.encode() if isinstance(content, str) else content
    return whole


@pytest.fixture
def bundle(genstore, tmp_path):
    def run(*args, session="session123", to=tmp_path / "b.zip"):
        genstore("artifact", "bundle", "--session", session, "-o", to, "--force", *args)
        return to
    return run


def tool(*argv, cwd, code=0, **options):
    done = subprocess.run(list(map(str, argv)), cwd=cwd, capture_output=True, timeout=120, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"}, **options)
    assert done.returncode == code, f"{argv}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout.decode("utf-8", "replace")


# How each of them unpacks into the current folder; from a pipe where it can, which is another way through its code.
JUDGES = {
    "unzip": lambda zip, to: tool("unzip", "-q", zip, cwd=to),
    "7z": lambda zip, to: tool("7z", "x", "-bd", zip, cwd=to),
    "bsdtar": lambda zip, to: tool("bsdtar", "-xf", zip, cwd=to),
    "bsdtar from a pipe": lambda zip, to: tool("bsdtar", "-xf", "-", cwd=to, input=zip.read_bytes()),
    "busybox": lambda zip, to: tool("busybox", "unzip", "-q", zip, cwd=to),
    "python": lambda zip, to: zipfile.ZipFile(zip).extractall(to),
    "jar": lambda zip, to: tool("jar", "xf", zip, cwd=to),
    "jar from a pipe": lambda zip, to: tool("jar", "x", cwd=to, input=zip.read_bytes()),
}


def unpacked(top):
    return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}


@pytest.mark.parametrize("judge", JUDGES)
def test_every_reader_unpacks_it_byte_for_byte(session, bundle, tmp_path, judge):
    # Debian's JDK is too large to be installed for this: where it is there it has its say.
    if judge.startswith("jar") and not shutil.which("jar"):
        pytest.skip("there is no jar")
    zip, to = bundle(), tmp_path / "out"
    to.mkdir()
    JUDGES[judge](zip, to)
    assert unpacked(to) == session


def test_libzip_reads_it_and_its_consistency_checks_hold(session, bundle, tmp_path):
    zip = bundle()
    for i, (path, content) in enumerate(sorted(session.items(), key=lambda item: item[0].encode())):
        shown = tool("ziptool", "-c", zip, "stat", i, cwd=tmp_path)
        assert f"name: '{path}'\n" in shown and f"size: '{len(content)}'\n" in shown
        assert subprocess.run(["ziptool", "-c", zip, "cat", str(i)], capture_output=True, check=True).stdout == content


def test_every_tester_of_archives_is_content(session, bundle, tmp_path):
    zip = bundle()
    assert "No errors detected" in tool("unzip", "-t", zip, cwd=tmp_path)
    assert "Everything is Ok" in tool("7z", "t", zip, cwd=tmp_path)
    assert zipfile.ZipFile(zip).testzip() is None


def test_names_order_times_and_modes_are_those_of_the_artifacts(session, bundle, genstore):
    with sqlite3.connect(genstore.store) as db:
        stored = [when for when, in db.execute("SELECT stored_at FROM artifact_content JOIN artifacts USING (artifact_id) ORDER BY storage_path")]
    infos = zipfile.ZipFile(bundle()).infolist()
    assert [i.filename for i in infos] == sorted(session, key=str.encode)
    for info, when in zip(infos, stored):
        then = time.strptime(when, "%Y-%m-%dT%H:%M:%SZ")
        assert info.date_time == (*then[:5], then.tm_sec // 2 * 2)
        assert info.external_attr >> 16 == 0o100644
        assert info.flag_bits == (0 if info.filename.isascii() else 0x800)
        assert info.extra.startswith(b"UT\5\0\1") and info.create_system == 3
        assert (info.compress_type, info.compress_size) == (0, 0) if not info.file_size else info.compress_type == zipfile.ZIP_DEFLATED
    # An empty final block is all that stands behind what is stored.
    with sqlite3.connect(genstore.store) as db:
        stored, = db.execute("SELECT p.stored FROM piece AS p WHERE p.size = 1 AND p.crc32 = ?", (zlib.crc32(b"\x89"),)).fetchone()
    assert next(i for i in infos if i.filename == "diagrams/tiny.png").compress_size == stored + 2


def test_it_is_the_same_every_time_wherever_it_goes(session, bundle, genstore, tmp_path):
    first = bundle().read_bytes()
    assert genstore("artifact", "bundle", "--session", "session123", "-o", "-").stdout == first
    said = genstore("artifact", "bundle", "--session", "session123", "--json", cwd=tmp_path).json[-1]
    assert said["size"] == len(first) and said["artifacts"] == len(session)
    assert (tmp_path / f"artifacts-{said['session_id']}.zip").read_bytes() == first
    genstore("gc", "--compact")
    genstore("backup", tmp_path / "copy")
    assert genstore("artifact", "bundle", "--session", "session123", "-o", "-", env={"GENSTORE_STORE": tmp_path / "copy"}).stdout == first
    dated = bundle()
    env = {"SOURCE_DATE_EPOCH": "1700000000"}
    genstore("artifact", "bundle", "--session", "session123", "-o", dated, "-f", env=env)
    assert {i.date_time for i in zipfile.ZipFile(dated).infolist()} == {(2023, 11, 14, 22, 13, 20)}


def test_it_has_what_is_there_now_and_only_that_type_when_asked(session, bundle, genstore, tmp_path):
    assert set(zipfile.ZipFile(bundle("--type", "diagrams")).namelist()) == {p for p in session if p.startswith("diagrams/")}
    genstore("artifact", "rm", "--session", "session123", "terraform/", "--force")
    (tmp_path / "handler.py").write_text("new")
    genstore("artifact", "put", *WHERE, "--type", "lambda", tmp_path / "handler.py")
    now = zipfile.ZipFile(bundle())
    assert not [n for n in now.namelist() if n.startswith("terraform/")] and now.read("lambda/handler.py") == b"new"


def test_without_artifacts_there_is_no_bundle(session, genstore, tmp_path):
    assert "no artifacts of this type" in genstore("artifact", "bundle", "--session", "session123", "--type", "pricing", code=4).err
    assert "no session 'nope'" in genstore("artifact", "bundle", "--session", "nope", code=4).err
    genstore("artifact", "bundle", code=2)
    (tmp_path / "there").write_text("mine")
    assert "--force replaces it" in genstore("artifact", "bundle", "--session", "session123", "-o", tmp_path / "there", code=1).err
    assert (tmp_path / "there").read_text() == "mine"
    with sqlite3.connect(genstore.store) as db:
        db.execute("DELETE FROM artifact_content WHERE id = 1")
    failed = genstore("artifact", "bundle", "--session", "session123", "-o", tmp_path / "b.zip", code=1)
    assert "are not in this store" in failed.err and not (tmp_path / "b.zip").exists()


def test_more_than_65535_files_are_in_zip64(session, bundle, genstore, tmp_path):
    """Rows as another program would add them: empty files of names of their own."""
    many = 66_000
    genstore("artifact", "put", *WHERE, "--type", "many", "-", "--name", "000000", input=b"")
    with sqlite3.connect(genstore.store) as db:
        number = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        columns = "session_id, organization_id, artifact_type, file_size, mime_type, created_at"
        db.execute(f"""{number} INSERT INTO artifacts ({columns}, artifact_name, storage_path)
                       SELECT {columns}, printf('%06d', i), substr(storage_path, 1, length(storage_path) - 6) || printf('%06d', i)
                       FROM n, artifacts WHERE artifact_type = 'many'""", (many - 1,))
        db.execute("""INSERT INTO artifact_content (artifact_id, content_id, stored_at) SELECT a.artifact_id, c.content_id, c.stored_at
                      FROM artifacts AS a, artifact_content AS c WHERE a.artifact_type = 'many' AND a.artifact_name <> '000000'
                      AND c.artifact_id = (SELECT artifact_id FROM artifacts WHERE artifact_type = 'many' AND artifact_name = '000000')""")
    zip = bundle()
    count = many + len(session)
    assert len(zipfile.ZipFile(zip).namelist()) == count
    assert tool("unzip", "-Z", "-1", zip, cwd=tmp_path).count("\n") == count
    assert f"Files: {count}\n" in tool("7z", "t", zip, cwd=tmp_path)
    assert tool("bsdtar", "-tf", zip, cwd=tmp_path).count("\n") == count
    if shutil.which("jar"):
        assert tool("jar", "tf", zip, cwd=tmp_path).count("\n") == count
    assert f"index: '{count - 1}'" in tool("ziptool", "-c", zip, "stat", count - 1, cwd=tmp_path)


def combined(crc, length, times):
    """The CRC-32 of something `times` over, from that of one: polynomials modulo 2, as crc32_combine() of zlib has it."""
    def multiply(a, b):
        product = 0
        for i in range(32):
            if a >> (31 - i) & 1:
                product ^= b
            b = b >> 1 ^ (0xedb88320 if b & 1 else 0)
        return product

    behind, square, whole = 1 << 31, 1 << 23, 0  # 1; x^8
    while length:
        if length & 1:
            behind = multiply(behind, square)
        square = multiply(square, square)
        length >>= 1
    for _ in range(times):
        whole = multiply(behind, whole) ^ crc
    return whole


def test_a_file_of_more_than_4_gib_is_in_zip64(genstore, store, bundle, tmp_path):
    """One piece of zeros, named 16,400 times: 4.3 GB that take 5 MB."""
    assert combined(zlib.crc32(b"abc"), 3, 5) == zlib.crc32(b"abc" * 5)
    piece, times = 262_144, 16_400
    genstore("artifact", "put", *WHERE, "--type", "pricing", "-", "--name", "zeros", input=bytes(piece))
    (tmp_path / "small").write_text("behind it")
    genstore("artifact", "put", *WHERE, "--type", "terraform", tmp_path / "small")
    crc = combined(zlib.crc32(bytes(piece)), piece, times)
    with sqlite3.connect(genstore.store) as db:
        pieces, = db.execute("SELECT pieces FROM content WHERE size = ?", (piece,)).fetchone()
        db.execute("UPDATE content SET size = ?, crc32 = ?, pieces = ? WHERE size = ?", (piece * times, crc, pieces + bytes(times - 1), piece))
        db.execute("UPDATE artifacts SET file_size = ? WHERE file_size = ?", (piece * times, piece))
    zip = bundle()
    large, small = zipfile.ZipFile(zip).infolist()
    assert (large.file_size, large.CRC, large.extract_version) == (piece * times, crc, 45)
    assert zipfile.ZipFile(zip).read(small) == b"behind it"
    assert str(piece * times) in tool("unzip", "-Z", "-l", zip, cwd=tmp_path)
    assert str(piece * times) in tool("7z", "l", zip, cwd=tmp_path)
    assert str(piece * times) in tool("bsdtar", "-tvf", zip, cwd=tmp_path)
    assert f"size: '{piece * times}'" in tool("ziptool", "-c", zip, "stat", 0, cwd=tmp_path)
    assert tool("unzip", "-p", zip, "terraform/small", cwd=tmp_path) == "behind it"
