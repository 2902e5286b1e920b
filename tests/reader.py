#!/usr/bin/python3
"""Reads genstore files without genstore: written from store/FORMAT.md and the comments in the schema alone.

    reader.py FILE list                                  request id, app, number, status, bytes of the archive
    reader.py FILE extract REQUEST_ID [-o app.tar.gz]    the archive, byte for byte
    reader.py FILE log REQUEST_ID [-o log.txt]           what the generator said
    reader.py FILE metadata REQUEST_ID [-o FILE]         metadata.json
    reader.py FILE commits REQUEST_ID                    its history in git, the newest first
    reader.py FILE tree REQUEST_ID[@ITERATION] DIR       the tree (as it was sealed, or after an iteration) in a new folder

Every sum in the file that lies on the way is checked. Needs Debian's python3-zstandard and python3-xxhash.
"""

import argparse
import bisect
import collections
import contextlib
import datetime
import gzip
import hashlib
import itertools
import json
import os
import pathlib
import re
import sqlite3
import struct
import sys
import zlib

import xxhash
import zstandard

FILE, EXECUTABLE, DIRECTORY, LINK = range(4)
Entry = collections.namedtuple("Entry", "path kind size content target", defaults=(0, None, b""))


class Damaged(Exception):
    """The file does not hold what it says."""


def need(condition, what):
    if not condition:
        raise Damaged(what)


def same_sums(data, row):
    return (len(data), zlib.crc32(data), zlib.adler32(data), hashlib.sha256(data).digest()) \
        == (row["size"], row["crc32"], row["adler32"], row["sha256"])


# ---- Numbers

class Cursor:
    """Goes through a blob."""

    def __init__(self, blob):
        self.blob, self.at = blob, 0

    def byte(self):
        need(self.at < len(self.blob), "a blob ends too early")
        self.at += 1
        return self.blob[self.at - 1]

    def varint(self):
        value = shift = 0
        while (byte := self.byte()) & 0x80:
            value |= (byte & 0x7f) << shift
            shift += 7
        return value | byte << shift

    def zigzag(self):
        n = self.varint()
        return n >> 1 ^ -(n & 1)

    def string(self):
        begin, self.at = self.at, self.blob.find(b"\0", self.at) + 1
        need(self.at > begin, "a string has no end")
        return self.blob[begin:self.at - 1]


def id_list(blob):
    cursor, ids, last = Cursor(blob), [], 0
    while cursor.at < len(blob):
        last += cursor.zigzag()
        need(last > 0, "an id list holds what is no id")
        ids.append(last)
    return ids


# ---- Fragments and header fragments

LITERALS = [(280, 0xc0, 8), (256, 0, 7), (144, 0x190, 9), (0, 0x30, 8)]  # first symbol, its code, bits
LENGTH_BITS = [max(0, (i >> 2) - 1) for i in range(28)]
LENGTHS = [3 + sum(1 << bits for bits in LENGTH_BITS[:i]) for i in range(28)] + [258]
LENGTH_BITS.append(0)
DISTANCE_BITS = [max(0, (i >> 1) - 1) for i in range(30)]
DISTANCES = [1 + sum(1 << bits for bits in DISTANCE_BITS[:i]) for i in range(30)]


def inflate(fragment):
    return zlib.decompress(fragment + b"\x03\x00", wbits=-15)


class FixedBlock:
    """A deflate block of fixed Huffman codes that is being written (RFC 1951, 3.2.6)."""

    def __init__(self, final):
        self.value = self.count = 0
        self.bits(final | 1 << 1, 3)

    def bits(self, value, count):
        self.value |= value << self.count
        self.count += count

    def code(self, code, count):
        self.bits(int(f"{code:0{count}b}"[::-1], 2), count)  # codes go most significant bit first

    def symbol(self, symbol):
        first, code, count = next(row for row in LITERALS if symbol >= row[0])
        self.code(code + symbol - first, count)

    def match(self, length, distance):
        i = bisect.bisect_right(LENGTHS, length) - 1
        self.symbol(257 + i)
        self.bits(length - LENGTHS[i], LENGTH_BITS[i])
        i = bisect.bisect_right(DISTANCES, distance) - 1
        self.code(i, 5)
        self.bits(distance - DISTANCES[i], DISTANCE_BITS[i])

    def bytes(self):
        return self.value.to_bytes((self.count + 7) // 8, "little")


def same(a, i, b, j):
    """How many bytes from a[i] on are those from b[j] on, 258 at most."""
    n, end = 0, min(258, len(a) - i, len(b) - j)
    while n < end and a[i + n] == b[j + n]:
        n += 1
    return n


def fixed_block(padding, header, before=b"", distance=0, final=False):
    """The block over padding and header; `before` is the header before, which began `distance` bytes earlier."""
    data, block, at = padding + header, FixedBlock(final), 0
    while at < len(data):
        candidates = [(same(data, at, data, at - d), d) for d in (1, 8) if d <= at]
        offset = at - len(padding)
        if 0 <= offset < len(before) and distance <= 32768:
            candidates.append((same(data, at, before, offset), distance))
        length, where = max(candidates, key=lambda c: c[0], default=(0, 0))  # of equals max() takes the first
        if length >= 3:
            block.match(length, where)
            at += length
        else:
            block.symbol(data[at])
            at += 1
    block.symbol(256)
    if not final:
        block.bits(0, 3)  # an empty stored block
    return block.bytes() + (b"" if final else b"\0\0\xff\xff")


# ---- Tar headers

TYPES = {FILE: b"0", EXECUTABLE: b"0", DIRECTORY: b"5", LINK: b"2"}


def ustar(name, prefix, mode, size, mtime, kind, target=b""):
    def octal(value, width):
        return b"%0*o\0" % (width - 1, value)

    head = b"".join([
        name.ljust(100, b"\0"), octal(mode, 8), octal(0, 8), octal(0, 8), octal(size, 12), octal(mtime, 12), b" " * 8, kind,
        target.ljust(100, b"\0"), b"ustar\0" b"00", bytes(64), octal(0, 8), octal(0, 8), prefix.ljust(155, b"\0"), bytes(12)])
    return head[:148] + b"%06o\0 " % sum(head) + head[156:]


def split(path):
    """(prefix, name) as ustar has them; None where they do not suffice."""
    if len(path) <= 100:
        return b"", path
    slash = path.rfind(b"/", 0, min(156, len(path) - 1))
    return (path[:slash], path[slash + 1:]) if slash > 0 and len(path) - slash - 1 <= 100 else None


def pax_record(key, value):
    rest = b" %s=%s\n" % (key, value)
    length = len(rest)
    while len(str(length)) + len(rest) != length:
        length = len(str(length)) + len(rest)
    return b"%d%s" % (length, rest)


def tar_header(entry, mtime):
    """All that stands before an entry's content."""
    place, records, size = split(entry.path), [], entry.size
    if not place:
        records.append(pax_record(b"path", entry.path))
    if len(entry.target) > 100:
        records.append(pax_record(b"linkpath", entry.target))
    if size >= 8 ** 11:
        records.append(pax_record(b"size", b"%d" % size))
        size = 0
    prefix, name = place or (b"", entry.path[:100])
    head = ustar(name, prefix, 0o644 if entry.kind == FILE else 0o755, size, mtime, TYPES[entry.kind], entry.target[:100])
    if not records:
        return head
    pax, parts = b"".join(records), entry.path.rstrip(b"/").split(b"/")
    pax_name = (parts[0] + b"/PaxHeaders/" + parts[-1])[:100]
    return ustar(pax_name, b"", 0o644, len(pax), mtime, b"x") + pax + bytes(-len(pax) % 512) + head


# ---- The store

class Store:
    def __init__(self, path):
        self.db = sqlite3.connect(f"{pathlib.Path(path).absolute().as_uri()}?mode=ro", uri=True)
        self.db.row_factory = sqlite3.Row
        self.archives = {}  # of those that were handed in, the files
        need(self.db.execute("PRAGMA application_id").fetchone()[0] == 0x67656e73, "this is no genstore file")
        need(self.db.execute("PRAGMA user_version").fetchone()[0] == 16, "the file has a version that is not known here")

    def row(self, table, key, what="id"):
        row = self.db.execute(f"SELECT * FROM {table} WHERE {what} = ?", (key,)).fetchone()
        need(row, f"there is no {table} with {what} {key}")
        return row

    def stored(self, piece):
        """The stored bytes of a piece."""
        rows = self.db.execute("SELECT * FROM piece_data WHERE id BETWEEN ? AND ? ORDER BY id",
                               (piece["id"] << 8, piece["id"] << 8 | 255))
        stored, want = bytearray(), piece["head"]
        for k, row in enumerate(rows):
            need(row["id"] == piece["id"] << 8 | k and len(row["bytes"]) == min(want, piece["stored"] - len(stored))
                 and xxhash.xxh3_64_intdigest(row["bytes"], row["id"]) == row["sum"] % 2 ** 64,
                 f"row {k} of piece {piece['id']} is damaged")
            stored += row["bytes"]
            want = 16335
        need(len(stored) == piece["stored"] and xxhash.xxh3_128_digest(stored) == piece["xxh3"],
             f"the stored bytes of piece {piece['id']} are damaged")
        return bytes(stored)

    def plain(self, piece_id, prefix=None):
        """The plain bytes of a piece; `prefix` are those that codec 3 refers to."""
        piece = self.row("piece", piece_id)
        need((piece["codec"] == 3) == (prefix is not None), f"piece {piece_id} has a codec that cannot be there")
        if piece["codec"] in (0, 4):
            plain = self.stored(piece)
        elif piece["codec"] == 1:
            plain = inflate(self.stored(piece))
        else:
            raw = zstandard.ZstdCompressionDict(prefix or b"", dict_type=zstandard.DICT_TYPE_RAWCONTENT)
            plain = zstandard.ZstdDecompressor(dict_data=raw if prefix else None).decompress(self.stored(piece))
        need(same_sums(plain, {**piece, "sha256": hashlib.sha256(plain).digest()} if piece["codec"] == 4 else piece),
             f"piece {piece_id} is damaged")
        return plain

    def content(self, content_id):
        if content_id >= 2 ** 62:
            return self.foreign(content_id >> 18 & 2 ** 44 - 1)[content_id & 2 ** 18 - 1]
        row = self.row("content", content_id)
        need(row["pieces"] or not row["size"], f"the bytes of content {content_id} are not in this file")
        data = b"".join(map(self.plain, id_list(row["pieces"])))
        parts = [self.row("piece", i) for i in id_list(row["pieces"])]
        if parts and all(p["codec"] == 4 for p in parts):
            need(not any(row["git_blob"]), f"content {content_id} has a name in git")
            ends = list(itertools.accumulate(p["size"] for p in parts))
            need(all(hashlib.sha256(data[:end]).digest() == p["sha256"] for end, p in zip(ends, parts)), f"a part of {content_id} is damaged")
        else:
            need(hashlib.sha1(b"blob %d\0" % len(data) + data).digest() == row["git_blob"], f"content {content_id} is damaged")
        need(same_sums(data, row), f"content {content_id} is damaged")
        return data

    def foreign(self, archive_id):
        """All files in an archive that was handed in, each read by its span, or its spans."""
        if archive_id not in self.archives:
            row = self.row("foreign_index", archive_id, "content_id")
            index = Cursor(b"".join(map(self.plain, id_list(row["pieces"]))))
            windows = iter([self.plain(i) for i in id_list(row["windows"])])
            need(index.byte() == 1, "the index of an archive has a version that is not known here")
            tar = read_spans(index, windows, self.content(archive_id))
            self.archives[archive_id] = read_files(index, tar)
            need(next(windows, None) is None and index.at == len(index.blob), "an index has something left over")
        return self.archives[archive_id]

    def manifest(self, manifest_id):
        """The entries of a tree."""
        row = self.row("manifest", manifest_id)
        key = self.row("manifest", row["base"]) if row["base"] else None
        encoded = self.plain(row["piece"], self.plain(key["piece"]) if key else None)
        need(hashlib.sha256(encoded).digest() == row["sha256"], f"manifest {manifest_id} is damaged")
        entries = decode_manifest(encoded)
        files = [e for e in entries if e.kind in (FILE, EXECUTABLE)]
        need((len(entries), len(files), sum(e.size for e in files)) == (row["entries"], row["files"], row["bytes"]),
             f"manifest {manifest_id} does not hold what its row says")
        return entries

    def generation(self, request_id):
        return self.row("generation_requests", request_id, "request_id")

    def archive(self, request_id):
        return self.row("archive", self.generation(request_id)["id"], "generation_request_id")

    def tar_gz(self, request_id):
        archive = self.archive(request_id)
        if archive["content_id"]:
            return self.content(archive["content_id"])
        seal = self.row("seal", archive["seal_id"])
        need(seal["encoder"] == 1, "the header encoder has a version that is not known here")
        data = b"".join(self.stitch(seal))
        need(len(data) == seal["size"] and hashlib.sha256(data).digest() == seal["sha256"],
             f"the archive of {request_id} is not what was sealed")
        return data

    def stitch(self, seal):
        """The parts of an app.tar.gz; `at` counts the bytes of the tar in it."""
        yield bytes.fromhex("1f8b08000000000000ff")
        pieces = iter(id_list(seal["pieces"]))
        padding, before, before_at, at = b"", b"", 0, 0
        for entry in [Entry(b"", DIRECTORY), *self.manifest(seal["manifest_id"])]:
            header = tar_header(entry._replace(path=b"app/" + entry.path), seal["mtime"])
            at += len(padding)
            yield fixed_block(padding, header, before, at - before_at)
            before, before_at = header, at
            left = entry.size
            while left > 0:
                piece = self.row("piece", next(pieces, None))
                need(piece["codec"] == 1, f"piece {piece['id']} is no fragment")
                yield self.stored(piece)
                left -= piece["size"]
            need(left == 0, "pieces do not end where files do")
            at += len(header) + entry.size
            padding = bytes(-entry.size % 512)
        need(at + len(padding) + 1024 == seal["tar_size"] and next(pieces, None) is None, "a seal does not fit its manifest")
        yield fixed_block(padding, bytes(1024), final=True)
        yield struct.pack("<II", seal["crc32"], seal["tar_size"] % 2 ** 32)

    def metadata(self, request_id):
        return self.content(self.archive(request_id)["metadata_id"])

    def artifact(self, storage_path):
        artifact = self.row("artifacts", storage_path, "storage_path")
        folder = {"diagram": "diagrams/", "readme": ""}.get(artifact["artifact_type"], artifact["artifact_type"] + "/")
        need(storage_path == f"organizations/{artifact['organization_id']}/sessions/{artifact['session_id']}/artifacts/{folder}"
             f"{artifact['artifact_name']}", f"the path {storage_path} is not that of its artifact")
        data = self.content(self.row("artifact_content", artifact["artifact_id"], "artifact_id")["content_id"])
        need(len(data) == artifact["file_size"], f"the artifact at {storage_path} has another size")
        return data

    def tree(self, revision):
        """The manifest id of REQUEST_ID or REQUEST_ID@ITERATION."""
        request_id, _, iteration = revision.partition("@")
        generation = self.generation(request_id)
        if not iteration:
            sealed = self.db.execute("SELECT manifest_id FROM archive JOIN seal ON seal.id = seal_id "
                                     "WHERE generation_request_id = ?", (generation["id"],)).fetchone()
            if sealed:
                return sealed[0]
        snapshot = self.db.execute(
            "SELECT files_snapshot FROM iteration_snapshots WHERE generation_request_id = ? AND iteration_number = ifnull(?, "
            "iteration_number) ORDER BY iteration_number DESC, id DESC", (generation["id"], iteration or None)).fetchone()
        need(snapshot, f"there is no tree of {revision}")
        return self.named(snapshot[0])

    @staticmethod
    def named(files_snapshot):
        manifest = json.loads(files_snapshot)["manifest"]
        need(manifest != "archive", "the tree is in an archive whose bytes are not in this file")
        return manifest

    def setting(self, key):
        row = self.db.execute("SELECT value FROM deployment_config WHERE key = ?", (key,)).fetchone()
        return row and row[0]

    def commits(self, request_id):
        """The ids of a generation's commits in git, the newest first."""
        g = self.db.execute("SELECT * FROM generation_requests WHERE request_id = ?", (request_id,)).fetchone()
        if not g:
            return []
        ids = self.commits(g["parent_request_id"])
        rows = self.db.execute(
            "SELECT iteration_number, files_snapshot, timestamp, prompt_used, max(id) FROM iteration_snapshots WHERE generation_request_id = ? "
            "AND (iteration_number > 0 OR snapshot_type = 'automatic') GROUP BY iteration_number ORDER BY iteration_number", (g["id"],))
        steps = [(f"iteration {r[0]}", self.named(r[1]), r[2], r[3] or g["prompt"]) for r in rows]
        sealed = self.db.execute("SELECT manifest_id FROM archive JOIN seal ON seal.id = seal_id WHERE generation_request_id = ?",
                                 (g["id"],)).fetchone()
        last = steps[-1][1] if steps else None
        if sealed and sealed[0] != last:
            steps.append(("as sealed", sealed[0], g["completed_at"] or g["created_at"], g["prompt"]))
        author = self.setting("git.author") or "genstore <genstore@localhost>"
        for what, manifest, when, prompt in steps:
            seconds = int(datetime.datetime.fromisoformat(when.replace("Z", "+00:00")).timestamp())
            name = re.sub(r"[\0-\x1f]", " ", g["app_name"]) or "app"
            text = f"tree {git_tree(self, self.manifest(manifest))}\n" + (f"parent {ids[0]}\n" if ids else "")
            text += "".join(f"{role} {author} {seconds} +0000\n" for role in ("author", "committer"))
            text += f"\n{name}: generation {g['generation_number']}, {what}\n\n"
            if self.setting("git.prompts") == "yes" and (prompt or "").rstrip(" \n"):
                text += prompt.rstrip(" \n") + "\n\n"
            text += f"Genstore-Request: {request_id}\n"
            ids.insert(0, git_object(b"commit", text.encode()))
        return ids

    def log(self, request_id):
        generation, log = self.generation(request_id)["id"], bytearray()
        for event in self.db.execute("SELECT * FROM generation_events WHERE generation_request_id = ? ORDER BY position",
                                     (generation,)):
            need(event["position"] == len(log), f"a line of the log is missing before byte {event['position']}")
            need(event["sum"] is None or event["sum"] % 2 ** 64 == event_sum(event, generation),
                 f"the line of the log at byte {event['position']} is damaged")
            log += f"{event['at']}  {event['line']}\n".encode()
        return bytes(log)

    def trail(self):
        """The rows of the trail, each proved by its link."""
        links = dict(self.db.execute("SELECT id, hash FROM audit_chain"))
        before, head, last = bytes(32), self.db.execute("SELECT * FROM audit_head").fetchone(), 0
        rows = self.db.execute("SELECT id, created_at, user_id, action, subject, details FROM audit_log ORDER BY id").fetchall()
        for row in rows:
            columns = [b"\1" + struct.pack("<q", c) if isinstance(c, int) else b"\5" if c is None else
                       b"\3" + struct.pack("<Q", len(c.encode())) + c.encode() for c in row]
            before = hashlib.sha256(before + b"".join(columns)).digest()
            need(row["id"] == last + 1 and links.get(row["id"]) == before, f"row {row['id']} of the trail does not fit its link")
            last = row["id"]
        need((head["links"], head["last_id"], head["hash"]) == (len(rows), last, before), "the trail does not end where its head says")
        return rows

    def list(self):
        return self.db.execute(
            "SELECT request_id, app_name, generation_number, status, ifnull(seal.size, content.size) FROM generation_requests AS g "
            "LEFT JOIN archive ON generation_request_id = g.id LEFT JOIN seal ON seal.id = seal_id "
            "LEFT JOIN content ON content.id = content_id ORDER BY g.id")


def read_spans(index, windows, archive):
    """The tar in an archive; every span is unpacked from its own place."""
    whole, at, spans = gzip.decompress(archive), 0, b""
    for _ in range(index.varint()):
        at += index.varint()
        flags = index.byte()
        size, crc = index.varint(), int.from_bytes(bytes(index.byte() for _ in range(4)), "little")
        window = next(windows) if flags & 16 else b""
        need(spans.endswith(window), "a window is not what comes before its span")
        if not flags & 8:
            # Python's zlib begins at bytes: what is left of the byte before is shifted away.
            bits = flags & 7
            rest = int.from_bytes(archive[at - 1:], "little") >> (8 - bits) if bits else int.from_bytes(archive[at:], "little")
            unpacked = b""
            # Stored blocks are at whole bytes, where the shift takes them from: one of them can be misread without an error. So it is the
            # beginning of a block of another kind that is compared.
            with contextlib.suppress(zlib.error):
                if rest & 6 or not bits:
                    data = rest.to_bytes(len(archive) - at + 1, "little")
                    unpacked = zlib.decompressobj(-15, zdict=window).decompress(data, min(size, 1000))
            need(whole[len(spans):].startswith(unpacked), "a span does not begin where its place is")
        else:
            need(archive[at:at + 2] == b"\x1f\x8b", "no member begins where a span does")
        spans += whole[len(spans):len(spans) + size]
        need(zlib.crc32(spans[len(spans) - size:]) == crc, "a span is damaged")
    need(spans == whole, "the spans are not the tar")
    return whole


def read_files(index, tar):
    places, at = [], 0
    for _ in range(index.varint()):
        at += index.zigzag()
        places.append((at, index.varint()))
    files = [tar[offset:offset + size] for offset, size in places]
    for data in files:
        need(hashlib.sha256(data).digest() == bytes(index.byte() for _ in range(32)), "a file in an archive is damaged")
    return files


def decode_manifest(encoded):
    cursor = Cursor(encoded)
    need(cursor.byte() == 1, "a manifest has a version that is not known here")
    count = cursor.varint()
    shared = [cursor.varint() for _ in range(count)]
    paths, path = [], b""
    for n in shared:
        path = path[:n] + cursor.string()
        paths.append(path)
    kinds = [cursor.byte() for _ in range(count)]
    need(paths == sorted(set(paths)) and not set(kinds) - {FILE, EXECUTABLE, DIRECTORY, LINK}, "a manifest is damaged")
    files = [i for i, kind in enumerate(kinds) if kind in (FILE, EXECUTABLE)]
    entries = [Entry(path, kind) for path, kind in zip(paths, kinds)]
    for i in files:
        entries[i] = entries[i]._replace(size=cursor.varint())
    last = 0
    for i in files:
        last += cursor.zigzag()
        entries[i] = entries[i]._replace(content=last)
    for i, kind in enumerate(kinds):
        if kind == LINK:
            entries[i] = entries[i]._replace(target=cursor.string())
    need(cursor.at == len(encoded), "a manifest has more than it should")
    return entries


def event_sum(event, generation):
    s = xxhash.xxh3_64_intdigest(struct.pack("<Q", event["position"]), generation)
    for text in (event[name] for name in ("at", "type", "level", "line", "data")):
        s = xxhash.xxh3_64_intdigest(b"", (s + 1) % 2 ** 64) if text is None else xxhash.xxh3_64_intdigest(text.encode(), s)
    return s


def git_object(kind, data):
    return hashlib.sha1(b"%s %d\0" % (kind, len(data)) + data).hexdigest()


UNSEEN = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
NEVER = re.compile(r"(\.git|git~1)[ .]*($|[\\:])", re.I | re.S)


def git_tree(store, entries):
    """The id of the tree of the entries, whose order is git's within each folder."""
    top = {}
    for entry in entries:
        names = entry.path.rstrip(b"/").split(b"/")
        if any(NEVER.match(n.decode()) or UNSEEN.sub("", n.decode()).lower() == ".git" for n in names):
            continue
        folder = top
        for name in names[:-1]:
            folder = folder[name]
        folder[names[-1]] = {} if entry.kind == DIRECTORY else entry

    def tree(folder):
        lines = b""
        for name, what in folder.items():
            if isinstance(what, dict):
                mode, made = b"40000", tree(what)
            else:
                mode = {FILE: b"100644", EXECUTABLE: b"100755", LINK: b"120000"}[what.kind]
                made = git_object(b"blob", what.target if what.kind == LINK else store.content(what.content))
            lines += b"" if made is None else mode + b" " + name + b"\0" + bytes.fromhex(made)
        return git_object(b"tree", lines) if lines or folder is top else None

    return tree(top)


def write_tree(store, entries, top):
    """Nothing goes through a link: what something is in has been made as a directory, by this call."""
    top, made = os.fsencode(top), {b""}
    os.mkdir(top)
    for entry in entries:
        folder, _, name = entry.path.rstrip(b"/").rpartition(b"/")
        need(folder in made and name not in (b"", b".", b".."), f"{entry.path!r} cannot be in a tree")
        path = os.path.join(top, folder, name)
        if entry.kind == DIRECTORY:
            os.mkdir(path)
            made.add(entry.path.rstrip(b"/"))
        elif entry.kind == LINK:
            os.symlink(entry.target, path)
        else:
            with open(path, "xb") as out:
                out.write(store.content(entry.content))
            os.chmod(path, 0o755 if entry.kind == EXECUTABLE else 0o644)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list")
    commands.add_parser("trail")
    readers = {"extract": Store.tar_gz, "log": Store.log, "metadata": Store.metadata, "artifact": Store.artifact}
    for name in readers:
        command = commands.add_parser(name)
        command.add_argument("what", metavar="STORAGE_PATH" if name == "artifact" else "REQUEST_ID")
        command.add_argument("-o", dest="output", help="default: stdout")
    commands.add_parser("commits").add_argument("request_id")
    tree = commands.add_parser("tree")
    tree.add_argument("revision")
    tree.add_argument("dir")
    args = parser.parse_args()
    try:
        store = Store(args.file)
        if args.command in ("list", "trail"):
            for row in getattr(store, args.command)():
                print(*("-" if value is None else value for value in row), sep="\t")
        elif args.command == "commits":
            print(*store.commits(args.request_id), sep="\n")
        elif args.command == "tree":
            write_tree(store, store.manifest(store.tree(args.revision)), args.dir)
        else:
            data = readers[args.command](store, args.what)
            with open(args.output, "wb") if args.output else sys.stdout.buffer as out:
                out.write(data)
    except (Damaged, OSError, sqlite3.Error, zlib.error, zstandard.ZstdError) as error:
        sys.exit(f"reader.py: {error}")


if __name__ == "__main__":
    main()
