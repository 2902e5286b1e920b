"""store/FORMAT.md says enough: what tests/reader.py, written from it alone, makes of a file is what the program makes."""

import contextlib
import hashlib
import os
import pathlib
import random
import sqlite3
import subprocess
import sys
import zlib

import pytest
import xxhash

READER = pathlib.Path(__file__).resolve().parents[1] / "reader.py"
CHANGES = """
n=$(($(cat counter 2>/dev/null || echo 0) + 1))
echo "iteration $n" && echo $n >counter
mkdir -p "src/part $n" && seq 1 $((n * 500)) >"src/part $n/numbers.txt"
rm -rf "src/part $((n - 2))"
printf '#!/bin/sh\\necho %s\\n' $n >run.sh && chmod 755 run.sh
ln -sfn "src/part $n" newest
test -d many || { mkdir many && for i in $(seq 200); do echo $i >many/$i; done; }
"""


def pathological(tree, to):
    """Everything that the text has a sentence for, at both sides of its limit."""
    data = random.Random(1)
    tree.real(to / "real", 60)
    tree.odd(to)
    link = pathlib.Path
    tree.write(to, {
        "lines.txt": b"".join(b"%d %d\n" % (i, data.getrandbits(24)) for i in range(120_000)),
        "noise": data.randbytes(1_500_001), "zeroes": bytes(3 << 20), "one piece": b"p" * 262_144, "two pieces": b"q" * 262_145,
        # A header is looked up in the one before when that begins at most 32,768 bytes earlier.
        "near/1": data.randbytes(32_256), "near/2": data.randbytes(32_257), "near/3": "",
        "pad/1": "x", "pad/511": b"x" * 511, "pad/512": b"x" * 512, "pad/513": b"x" * 513,
        # With app/ before it, a path has 100 bytes, 101, and is split where it must be, or cannot be.
        "n" * 96: "100", "m" * 97: "101", "folder" * 15 + "fives/x": "100 and one", "/".join(["s" * 50] * 3) + "/" + "t" * 97 + "/u": "",
        "a" * 151 + "/" + "b" * 100: "155 and 100", "a" * 151 + "/" + "c" * 101: "155 and 101", "A" * 152 + "/b": "156 and 1",
        "a" * 151 + "/" + "d" * 99 + "/x": "a folder of 100 with its slash", "a" * 151 + "/" + "e" * 100 + "/x": "and of 101",
        "v" * 255 + "/" + "w" * 255: "", "/".join(["k" * 200] * 14) + "/end": "", "ü" * 100 + "/" + "名" * 80: "not ASCII",
        "links/100": link("x" * 100), "links/101": link("x" * 101), "links/4000": link("y/" * 2000),
        "e/" * 60 + "split": link("z" * 200), "f" * 250 + "/unsplit": link("名" * 70),
    })
    (to / "pad/512").chmod(0o755)
    return to


@pytest.fixture
def reader(genstore):
    def run(*args, file=None, code=0):
        done = subprocess.run([sys.executable, READER, file or genstore.store, *map(str, args)], capture_output=True, check=False)
        assert done.returncode == code, done.stderr.decode()
        return done.stderr.decode() if code else done.stdout

    return run


@pytest.fixture
def same(genstore, reader, tree, tmp_path):
    """Compares the archive and the trees of a generation, as the program and as the reader have them."""
    def compare(request_id, iterations):
        ours, theirs = tmp_path / "ours.tar.gz", tmp_path / "theirs.tar.gz"
        reader("extract", request_id, "-o", ours)
        genstore("get", request_id, "-o", theirs)
        assert ours.read_bytes() == theirs.read_bytes()
        for revision in [request_id, *(f"{request_id}@{i}" for i in range(1, iterations + 1))]:
            left, right = tmp_path / f"ours {revision}", tmp_path / f"theirs {revision}"
            reader("tree", revision, left)
            genstore("restore", revision, right)
            assert tree.differences(left, right) == []
            assert tree.entries(left)
        return tmp_path / f"ours {request_id}"

    return compare


def sql(file, query, *values):
    with contextlib.closing(sqlite3.connect(file)) as db, db:
        return db.execute(query, values).fetchall()


def test_a_generation_of_three_iterations_is_read_byte_for_byte(store, generate, same):
    request_id = generate(CHANGES, "--max-iterations", "3")
    same(request_id, 3)
    assert {(2,), (3,)} == set(sql(store, "SELECT codec FROM manifest JOIN piece ON piece.id = piece"))


def test_what_the_built_in_generator_makes_is_read_byte_for_byte(genstore, reader, store, same):
    genstore("generate", "--app-name", "built-in", "--prompt", "a todo list", "--max-iterations", 3)
    same(reader("list").split()[0].decode(), 3)


def test_an_imported_tree_with_everything_in_it_is_read_byte_for_byte(genstore, store, reader, tree, same, tmp_path):
    source = pathological(tree, tmp_path / "source")
    genstore("import", source, "--app-name", "pathological")
    read = same(reader("list").split()[0].decode(), 1)
    assert tree.differences(source, read) == []


@pytest.mark.parametrize("pack", [["gzip", "-9"], ["pigz", "-i", "-b", "128"], ["sh", "-c", "split -b 300000 --filter='gzip -c'"]],
                         ids=["gzip", "pigz", "members"])
def test_an_archive_that_was_handed_in_is_read_byte_for_byte(genstore, store, reader, tree, same, tmp_path, pack):
    source = pathological(tree, tmp_path / "app")
    (source / "mixed").write_bytes(b"".join(os.urandom(3000) + b"text" * 2000 for _ in range(400)))
    with (tmp_path / "in.tar.gz").open("wb") as out:
        tar = subprocess.Popen(["tar", "c", "-C", tmp_path, "app"], stdout=subprocess.PIPE)
        subprocess.run(pack, stdin=tar.stdout, stdout=out, check=True)
        tar.stdout.close()
        assert tar.wait() == 0
    genstore("import", tmp_path / "in.tar.gz", "--app-name", "foreign")
    read = same(reader("list").split()[0].decode(), 1)
    assert tree.differences(source, read) == []


def test_typed_artifacts_are_read_byte_for_byte(genstore, store, reader, tree, tmp_path):
    put = ["artifact", "put", "--session", "s", "--org", "o", "--type"]
    files = {"main.tf": "m", "modules/vpc/main.tf": "v", "empty": b"", "large.bin": random.Random(5).randbytes(900_000)}
    for type in "terraform", "diagram":
        genstore(*put, type, tree.write(tmp_path / type, files))
    genstore(*put, "readme", "-", "--name", "README.md", input="# hi")
    paths = [row[0] for row in sql(store, "SELECT storage_path FROM artifacts")]
    assert len(paths) == 9
    for path in paths:
        name = path.split("/artifacts/")[1]
        assert reader("artifact", path) == genstore("artifact", "get", "--session", "s", name, "-o", "-").stdout
    assert "there is no artifacts" in reader("artifact", "nope", code=1)


def test_of_two_snapshots_of_one_iteration_the_last_counts(store, generate, same):
    request_id = generate(CHANGES, "--max-iterations", "2")
    sql(store, "INSERT INTO iteration_snapshots (generation_request_id, iteration_number, snapshot_type, files_snapshot) "
               "SELECT generation_request_id, 1, 'manual', files_snapshot FROM iteration_snapshots WHERE iteration_number = 2")
    same(request_id, 2)


def test_an_archive_that_was_written_by_the_text_is_read_by_both(genstore, store, generate, reader, tmp_path):
    request_id, data = generate(CHANGES), random.Random(2).randbytes(20_000)
    rows, sums = (data[:3_665], data[3_665:]), (hashlib.sha256(data).digest(), len(data), zlib.crc32(data), zlib.adler32(data))
    piece = sql(store, "INSERT INTO piece (sha256, size, crc32, adler32, codec, encoder, level, stored, head, xxh3) "
                       "VALUES (?, ?, ?, ?, 0, 0, 0, ?, ?, ?) RETURNING id",
                *sums, len(data), len(rows[0]), xxhash.xxh3_128_digest(data))[0][0]
    for row_id, row in zip((piece << 8, piece << 8 | 1), rows):
        row_sum = xxhash.xxh3_64_intdigest(row, row_id)
        sql(store, "INSERT INTO piece_data VALUES (?, ?, ?)", row_id, row_sum - (row_sum >> 63 << 64), row)
    zigzag = piece << 1
    content = sql(store, "INSERT INTO content (sha256, size, crc32, adler32, git_blob, pieces) VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
                  *sums, hashlib.sha1(b"blob 20000\0" + data).digest(),
                  bytes([zigzag]) if zigzag < 128 else bytes([zigzag & 127 | 128, zigzag >> 7]))[0][0]
    sql(store, "UPDATE archive SET seal_id = NULL, content_id = ?", content)
    genstore("get", request_id, "-o", tmp_path / "app.tar.gz")
    assert reader("extract", request_id) == data == (tmp_path / "app.tar.gz").read_bytes()


def test_the_log_has_the_times_and_lines_of_all_events(genstore, generate, reader):
    request_id = generate("echo one; echo; echo 'zwölf ☃' >&2; printf 'no newline'")
    events = [e for e in genstore("log", "--json", request_id).json if e["message_type"] == "event"]
    assert len(events) >= 3
    assert reader("log", request_id).decode() == "".join(f"{e['at']}  {e['line']}\n" for e in events)


def test_log_and_metadata_are_those_in_the_mount(genstore, generate, reader, mounted):
    request_id = generate(CHANGES, "--max-iterations", "2")
    with mounted() as top:
        folder = top / "generations" / request_id
        assert reader("log", request_id) == (folder / "log.txt").read_bytes()
        assert reader("metadata", request_id) == (folder / "metadata.json").read_bytes()
        assert reader("extract", request_id) == (folder / "app.tar.gz").read_bytes()


def test_the_list_has_names_numbers_states_and_sizes(genstore, generate, reader, tmp_path):
    done, failed = generate("echo x >x", "--app-name", "two words"), generate("exit 3", "--app-name", "bad", code=1)
    genstore("get", done, "-o", tmp_path / "app.tar.gz")
    size = (tmp_path / "app.tar.gz").stat().st_size
    assert reader("list").decode().splitlines() == [f"{done}\ttwo words\t1\tcompleted\t{size}", f"{failed}\tbad\t1\tfailed\t-"]


@pytest.mark.parametrize("damage, said", [
    ("UPDATE piece_data SET bytes = zeroblob(length(bytes))", "row 0 of piece"),
    ("UPDATE seal SET mtime = mtime + 1", "is not what was sealed"),
    ("UPDATE seal SET encoder = 2", "header encoder"),
    ("PRAGMA user_version = 99", "version"),
])
def test_the_reader_refuses_what_is_damaged_or_newer(genstore, store, generate, reader, tmp_path, damage, said):
    request_id = generate(CHANGES)
    sql(store, damage)
    assert said in reader("extract", request_id, "-o", tmp_path / "app.tar.gz", code=1)
    assert not (tmp_path / "app.tar.gz").exists()


def test_the_sum_of_an_event_covers_the_whole_row(store, generate, reader):
    request_id = generate("echo said")
    for column in ("type", "level", "line", "data", "at"):
        before = sql(store, f"SELECT {column} FROM generation_events WHERE line = 'said'")[0][0]
        sql(store, f"UPDATE generation_events SET {column} = ? WHERE position = 0", "[1]" if column == "data" else "debug")
        assert "is damaged" in reader("log", request_id, code=1)
        sql(store, f"UPDATE generation_events SET {column} = ? WHERE position = 0", before)
    reader("log", request_id)


def test_the_trail_is_proved_by_what_the_text_says(genstore, generate, store, reader, tmp_path):
    assert reader("trail") == b""
    (tmp_path / "größe.md").write_text("x")
    genstore("artifact", "put", "--session", "s", "--org", "o", "--type", "readme", tmp_path / "größe.md")
    genstore("rm", "--force", generate("echo x >a"))
    rows = [line.split("\t") for line in reader("trail").decode().splitlines()]
    assert [r[0] for r in rows] == [str(r["id"]) for r in reversed(genstore("audit", "--json").json)] and len(rows) >= 2
    sql(store, "DROP TRIGGER audit_log_is_never_changed")
    sql(store, "UPDATE audit_log SET created_at = '2001-01-01T00:00:00Z' WHERE id = 2")
    assert "row 2 of the trail does not fit its link" in reader("trail", code=1)
