"""Archives that mean harm, or are merely broken, made byte by byte: what tarfile would not write.

CASES maps a name to (bytes or a function that makes them, the words of the reason); NEUTRALISED maps a name to (bytes, the tree that
comes out of it: {path: content}, a symbolic link's content being ("->", target)).
"""

import gzip
import struct
import zlib

BLOCK = 512


def octal(n, width):
    return b"%0*o\0" % (width - 1, n)


def checksum(header):
    block = header[:148] + b" " * 8 + header[156:]
    return header[:148] + b"%06o\0 " % sum(block) + header[156:]


def header(name=b"f", size=0, flag=b"0", link=b"", mode=0o644, prefix=b"", magic=b"ustar\x0000", size_field=None, sign=True):
    """One block; size_field are the 12 bytes as they are."""
    block = (name.ljust(100, b"\0") + octal(mode, 8) + octal(0, 8) + octal(0, 8) + (size_field or octal(size, 12)) + octal(0, 12)
             + b" " * 8 + flag + link.ljust(100, b"\0") + magic + b"\0" * 64 + octal(0, 8) + octal(0, 8) + prefix.ljust(155, b"\0"))
    block = block.ljust(BLOCK, b"\0")
    assert len(block) == BLOCK, name
    return checksum(block) if sign else block


def pad(data):
    return data + b"\0" * (-len(data) % BLOCK)


def file(name, data=b"x", **more):
    return header(name, len(data), **more) + pad(data)


def link(name, target, flag=b"2"):
    return header(name, flag=flag, link=target)


def folder(name):
    return header(name, flag=b"5", mode=0o755)


def record(key, value):
    body = b" " + key + b"=" + value + b"\n"
    n = len(body)
    while len(b"%d" % n) + len(body) != n:
        n = len(b"%d" % n) + len(body)
    return b"%d" % n + body


def pax(*records, flag=b"x"):
    data = b"".join(records)
    return header(b"PaxHeader", len(data), flag) + pad(data)


def long_name(name, flag=b"L"):
    return header(b"././@LongLink", len(name) + 1, flag, magic=b"ustar  \0") + pad(name + b"\0")


def tar(*parts):
    return b"".join(parts) + b"\0" * 1024


def tgz(*parts):
    return gzip.compress(tar(*parts), 6, mtime=0)


def fake_huge(size_field):
    return gzip.compress(header(b"f", size_field=size_field) + b"x" * BLOCK, mtime=0)


def zeros(megabytes):
    """A bomb: a MB of it is 1 KB. Deflated in pieces, so that making it takes no memory."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = packer.compress(header(b"zeros", megabytes << 20))
    block = b"\0" * (1 << 20)
    for _ in range(megabytes):
        data += packer.compress(block)
    return data + packer.compress(b"\0" * 1024) + packer.flush()


def many(count):
    """Empty files, whose headers differ in a number of seven digits: their checksums are counted on."""
    first = header(b"%07d" % 0)
    start = int(first[148:154], 8)
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    data, batch = b"", []
    for i in range(count):
        name = b"%07d" % i
        batch.append(name + first[7:148] + b"%06o" % (start + sum(name) - 7 * 48) + first[154:])
        if len(batch) == 4096:
            data += packer.compress(b"".join(batch))
            batch = []
    return data + packer.compress(b"".join(batch) + b"\0" * 1024) + packer.flush()


def one_block(megabytes):
    """All of it in one deflate block of fixed codes, which does not end: nowhere in it can reading be taken up."""
    bits = [1, 1, 0]

    def code(value, n):  # Huffman codes begin with their highest bit
        bits.extend(int(bit) for bit in format(value, f"0{n}b"))

    for byte in header(b"f", megabytes << 20) + b"\0":
        if byte < 144:
            code(0x30 + byte, 8)
        else:
            code(0x190 + byte - 144, 9)
    while len(bits) % 8:
        code(0x190, 9)
    # 258 bytes (symbol 285) at distance 1: 13 bits, so that eight of them are 13 bytes.
    head, bits = bits, []
    for _ in range(8):
        code(0xc0 + 285 - 280, 8)
        code(0, 5)
    pack = lambda b: bytes(sum(bit << k for k, bit in enumerate(b[i:i + 8])) for i in range(0, len(b), 8))  # noqa: E731
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + pack(head) + pack(bits) * ((megabytes << 20) // 258 // 8)


GOOD = tgz(folder(b"d/"), file(b"d/f", b"hello\n"))
INCOMPRESSIBLE = bytes(zlib.crc32(struct.pack("<I", i)) & 255 for i in range(70000))
LARGE = tgz(file(b"f", INCOMPRESSIBLE))
DEEP = b"/".join([b"d"] * 257)


def flip(data, at):
    return data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1:]


CASES = {
    # where names lead
    "up": (tgz(file(b"../f")), "'../f' has '..' in its path"),
    "up_inside": (tgz(file(b"d/../../f")), "has '..' in its path"),
    "up_that_stays": (tgz(folder(b"d/"), file(b"d/../f")), "has '..' in its path"),
    "up_as_last": (tgz(folder(b"d/..")), "has '..' in its path"),
    "up_in_prefix": (tgz(file(b"f", prefix=b"..")), "has '..' in its path"),
    "up_in_pax": (tgz(pax(record(b"path", b"../f")), file(b"f")), "has '..' in its path"),
    "up_in_long_name": (tgz(long_name(b"../" + b"f" * 200), file(b"f")), "has '..' in its path"),
    "absolute": (tgz(file(b"/etc/passwd")), "'/etc/passwd' is an absolute path"),
    "absolute_in_pax": (tgz(pax(record(b"path", b"/f")), file(b"f")), "is an absolute path"),
    "absolute_folder": (tgz(folder(b"/")), "is an absolute path"),
    "no_name": (tgz(header(b"")), "an entry has no name"),
    "no_name_in_pax": (tgz(pax(record(b"path", b"")), file(b"f")), "an entry has no name"),
    "file_named_dot": (tgz(file(b".")), "a file has the name of the top folder"),
    "link_named_dot": (tgz(link(b"./", b"x")), "a link has the name of the top folder"),
    "nul_in_name": (tgz(pax(record(b"path", b"f\0../../x")), file(b"f")), "has a NUL in its path"),
    "nul_in_link": (tgz(pax(record(b"linkpath", b"f\0x")), link(b"l", b"f")), "a NUL in its target"),
    "not_utf8": (tgz(file(b"caf\xe9")), "is not UTF-8"),
    "overlong_utf8": (tgz(file(b"..\xc0\xaff")), "is not UTF-8"),
    "surrogate": (tgz(file(b"\xed\xa0\x80")), "is not UTF-8"),
    "long_part": (tgz(long_name(b"n" * 256), file(b"f")), "has a name that is too long"),
    "long_path": (tgz(long_name(b"/".join([b"n" * 200] * 30)), file(b"f")), "a name has more than 4095 bytes"),
    "deep": (tgz(long_name(DEEP), file(b"f")), "is too deep"),
    # links
    "link_up": (tgz(link(b"l", b"../x")), "'l' is a link that leads out of the archive"),
    "link_far_up": (tgz(folder(b"d/"), link(b"d/l", b"../../x")), "leads out of the archive"),
    "link_down_and_up": (tgz(folder(b"d/"), link(b"l", b"d/../../x")), "leads out of the archive"),
    "link_up_by_another": (tgz(folder(b"a/b/"), link(b"a/b/l", b"../.."), link(b"a/b/m", b"l/../x")), "leads out of the archive"),
    "link_up_below_app": (tgz(folder(b"app/"), link(b"app/l", b"../x")), "leads out of the archive"),
    "link_absolute": (tgz(link(b"l", b"/etc/passwd")), "is a link to an absolute path"),
    "link_empty": (tgz(link(b"l", b"")), "whose target is empty"),
    "link_not_utf8": (tgz(link(b"l", b"\xff")), "not UTF-8"),
    "through_link": (tgz(link(b"l", b"d"), file(b"l/f")), "'l/f' goes through a symbolic link"),
    "through_later_link": (tgz(file(b"l/f"), link(b"l", b"d")), "goes through a symbolic link"),
    "through_link_deep": (tgz(folder(b"d/"), link(b"d/l", b"x"), folder(b"d/l/e/"), file(b"d/l/e/f")), "goes through a symbolic link"),
    "through_link_with_others_between": (tgz(link(b"l", b"d"), file(b"l+"), file(b"l-x"), file(b"l.y"), file(b"l/f")), "'l/f' goes through a symbolic link"),
    "hard_link_to_nothing": (tgz(link(b"h", b"f", b"1")), "'h' is a hard link to nothing that comes before it"),
    "hard_link_forward": (tgz(link(b"h", b"f", b"1"), file(b"f")), "is a hard link to nothing"),
    "hard_link_to_folder": (tgz(folder(b"d/"), link(b"h", b"d", b"1")), "is a hard link to nothing"),
    "hard_link_up": (tgz(link(b"h", b"../f", b"1")), "has '..' in its path"),
    "hard_link_absolute": (tgz(link(b"h", b"/etc/shadow", b"1")), "is an absolute path"),
    "hard_link_with_data": (tgz(file(b"f"), header(b"h", 1, b"1", b"f") + pad(b"x")), "is no file and has data"),
    # what is kept by nobody
    "character_device": (tgz(header(b"null", flag=b"3")), "'null' is a device or a fifo"),
    "block_device": (tgz(header(b"sda", flag=b"4")), "is a device or a fifo"),
    "fifo": (tgz(header(b"pipe", flag=b"6")), "is a device or a fifo"),
    "unknown_kind": (tgz(header(b"f", flag=b"Z")), "an entry of the unknown kind 0x5a"),
    "multi_volume": (tgz(header(b"f", flag=b"M")), "unknown kind 0x4d"),
    "gnu_sparse": (tgz(header(b"f", flag=b"S", magic=b"ustar  \0")), "a sparse file"),
    "pax_sparse": (tgz(pax(record(b"GNU.sparse.major", b"1"), record(b"GNU.sparse.realsize", b"9" * 15)), file(b"f")), "a sparse file"),
    "pax_sparse_map": (tgz(pax(record(b"GNU.sparse.map", b"0,1,9223372036854775807,1")), file(b"f")), "a sparse file"),
    "file_and_folder": (tgz(file(b"x"), folder(b"x/")), "'x' is a folder and something else"),
    "folder_and_file": (tgz(folder(b"x/"), file(b"x")), "is a folder and something else"),
    "below_a_file": (tgz(file(b"x"), file(b"x/y")), "'x/y' is below what is no folder"),
    "folder_with_data": (tgz(header(b"d/", 1, b"5") + pad(b"x")), "is no file and has data"),
    # numbers
    "size_negative": (fake_huge(b"\xff" * 12), "a size that is no number"),
    "size_too_large": (fake_huge(b"\x80" + b"\x7f" * 11), "a size that is no number"),
    "size_of_8_eib": (fake_huge(b"\x80\0\0\0" + b"\x7f" + b"\xff" * 7), "is larger than an archive may be"),
    "size_octal_max": (fake_huge(b"777777777777"), "is larger than an archive may be"),
    "size_no_number": (fake_huge(b"0000000000x\0"), "a size that is no number"),
    "size_in_pax_negative": (tgz(pax(record(b"size", b"-1")), file(b"f")), "a size that is no number"),
    "size_in_pax_huge": (tgz(pax(record(b"size", b"9" * 30)), file(b"f")), "a size that is no number"),
    "size_in_pax_too_long": (tgz(pax(record(b"size", b"99999")), file(b"f")), "ends too early"),
    "checksum": (tgz(header(b"f", sign=False).replace(b" " * 8, b"0000001\0", 1), file(b"g")), "there is no tar in it"),
    "checksum_later": (tgz(file(b"f"), flip(header(b"g"), 3)), "a tar header does not match its checksum"),
    # headers before headers
    "pax_huge": (tgz(header(b"p", 2 << 20, b"x") + b" " * (2 << 20)), "a pax header has more than 1048576 bytes"),
    "long_name_huge": (tgz(header(b"p", 1 << 30, b"L")), "a long name has more than 1048576 bytes"),
    "pax_length_too_large": (tgz(header(b"p", 12, b"x") + pad(b"99 path=abc\n"), file(b"f")), "a pax header is damaged"),
    "pax_length_zero": (tgz(header(b"p", 9, b"x") + pad(b"0 path=a\n"), file(b"f")), "a pax header is damaged"),
    "pax_length_wraps": (tgz(header(b"p", 26, b"x") + pad(b"99999999999999999999 a=b\n\n"), file(b"f")), "a pax header is damaged"),
    "pax_without_equals": (tgz(header(b"p", 8, b"x") + pad(b"8 path \n"), file(b"f")), "a pax header is damaged"),
    "pax_global_path": (tgz(pax(record(b"path", b"x"), flag=b"g"), file(b"f")), "a global pax header gives a path"),
    "pax_before_the_end": (tgz(pax(record(b"path", b"x"))), "behind a header of an entry that is not there"),
    # the stream
    "empty": (b"", "it is empty"),
    "not_gzip": (b"PK\x03\x04" + b"\0" * 100, "it is not gzip"),
    "plain_tar": (tar(file(b"f")), "it is not gzip"),
    "gzip_of_nothing": (gzip.compress(b"", mtime=0), "there is nothing in it"),
    "gzip_of_no_tar": (gzip.compress(b"hello " * 1000, mtime=0), "there is no tar in it"),
    "gzip_of_short_tar": (gzip.compress(b"hello", mtime=0), "the tar in it ends too early"),
    "unknown_method": (b"\x1f\x8b\x07" + GOOD[3:], "it is not gzip"),
    "cut_in_header": (GOOD[:7], "it ends too early"),
    "cut_in_data": (LARGE[:len(LARGE) // 2], "it ends too early"),
    "cut_in_trailer": (GOOD[:-3], "it ends too early"),
    "tar_cut_in_file": (gzip.compress(tar(file(b"f", b"x" * 5000))[:2000], mtime=0), "ends too early"),
    "crc": (flip(GOOD, len(GOOD) - 7), "it does not match its checksum"),
    "length": (flip(GOOD, len(GOOD) - 2), "it does not match its checksum"),
    "deflate": (LARGE[:30] + b"\xff" * 40 + LARGE[70:], "data is damaged"),
    "garbage_behind": (GOOD + b"garbage", "something follows behind the end"),
    "zip_behind": (GOOD + b"PK\x05\x06" + b"\0" * 18, "something follows behind the end"),
    "half_a_member_behind": (GOOD + GOOD[:20], "it ends too early"),
    "second_member_damaged": (GOOD + flip(GOOD, len(GOOD) - 5), "it does not match its checksum"),
    # too much
    "bomb": (lambda: zeros(100), "it unpacks to more than 250 times its size"),
    "bomb_behind_the_end": (lambda: gzip.compress(tar(file(b"f")), mtime=0) + gzip.compress(b"\0" * (100 << 20), 9, mtime=0),
                            "it unpacks to more than 250 times its size"),
    "many_entries": (lambda: many(200001), "it has more than 200000 entries"),
    "hard_link_bomb": (lambda: tgz(file(b"f", b"\0" * (40 << 20)), *[link(b"%d" % i, b"f", b"1") for i in range(1000)]),
                       "its files have more than"),
    "one_block": (lambda: one_block(40), "a deflate block in it has more than"),
}

NEUTRALISED = {
    "dots": (tgz(folder(b"./"), folder(b"./d/"), file(b"./d/./f", b"1"), file(b"d//g", b"2")), {"d/f": b"1", "d/g": b"2"}),
    "app_on_top": (tgz(folder(b"app/"), file(b"app/f", b"1")), {"f": b"1"}),
    "app_is_a_file": (tgz(file(b"app", b"1")), {"app": b"1"}),
    "twice": (tgz(file(b"f", b"old"), file(b"f", b"new")), {"f": b"new"}),
    "file_then_link": (tgz(file(b"f", b"1"), file(b"g", b"2"), link(b"f", b"g")), {"f": ("->", "g"), "g": b"2"}),
    "link_then_file": (tgz(file(b"g", b"2"), link(b"f", b"g"), file(b"f", b"1")), {"f": b"1", "g": b"2"}),
    "folder_twice": (tgz(folder(b"d/"), file(b"d/f", b"1"), folder(b"d/")), {"d/f": b"1"}),
    "hard_link": (tgz(file(b"f", b"1"), link(b"d/h", b"./f", b"1")), {"f": b"1", "d/h": b"1"}),
    "hard_link_to_link": (tgz(file(b"f", b"1"), link(b"l", b"f"), link(b"h", b"l", b"1")), {"f": b"1", "l": ("->", "f"), "h": ("->", "f")}),
    "hard_link_to_what_is_replaced": (tgz(file(b"f", b"1"), link(b"h", b"f", b"1"), file(b"f", b"2")), {"f": b"2", "h": b"1"}),
    "setuid": (tgz(file(b"f", b"1", mode=0o6755)), {"f": b"1"}),
    "members": (gzip.compress(tar(file(b"f", b"1"))[:700], mtime=0) + gzip.compress(tar(file(b"f", b"1"))[700:], mtime=0), {"f": b"1"}),
    "empty_members": (gzip.compress(b"", mtime=0) * 50 + tgz(file(b"f", b"1")) + gzip.compress(b"", mtime=0) * 50, {"f": b"1"}),
    "zeros_behind": (tgz(file(b"f", b"1")) + b"\0" * 5000, {"f": b"1"}),
    "second_tar_behind": (gzip.compress(tar(file(b"f", b"1")) + tar(file(b"g", b"2")), mtime=0), {"f": b"1"}),
    "no_end": (gzip.compress(file(b"f", b"1"), mtime=0), {"f": b"1"}),
    "one_block_at_the_end": (gzip.compress(file(b"f", b"1") + b"\0" * 512, mtime=0), {"f": b"1"}),
    "nothing_in_it": (tgz(), {}),
    "gzip_header_with_all": (b"\x1f\x8b\x08\x1e\0\0\0\0\0\3" + b"\5\0extra" + b"name\0" + b"comment\0" + b"\0\0" + tgz(file(b"f", b"1"))[10:],
                             {"f": b"1"}),
    "base_256": (gzip.compress(header(b"f", size_field=b"\x80" + b"\0" * 10 + b"\1") + pad(b"1") + b"\0" * 1024, mtime=0), {"f": b"1"}),
    "v7": (tgz(file(b"d/", b"", flag=b"\0", magic=b"\0" * 8), file(b"d/f", b"1", flag=b"\0", magic=b"\0" * 8)), {"d/f": b"1"}),
    "pax_size": (gzip.compress(pax(record(b"size", b"1")) + header(b"f", 0) + pad(b"1") + b"\0" * 1024, mtime=0), {"f": b"1"}),
    "pax_twice": (tgz(pax(record(b"path", b"a"), record(b"path", b"b")), file(b"f", b"1")), {"b": b"1"}),
    "pax_comment": (tgz(pax(record(b"comment", b"c" * 40), flag=b"g"), file(b"f", b"1")), {"f": b"1"}),
    "label": (tgz(header(b"backup", flag=b"V"), file(b"f", b"1")), {"f": b"1"}),
    "long_names": (tgz(long_name(b"d/" + b"n" * 150), file(b"f", b"1"), long_name(b"t" * 150, b"K"), link(b"l", b"t")),
                   {"d/" + "n" * 150: b"1", "l": ("->", "t" * 150)}),
    "control_characters": (tgz(file(b"a\nb\x1b[31m", b"1")), {"a\nb\x1b[31m": b"1"}),
    "link_inside": (tgz(folder(b"d/"), file(b"f", b"1"), link(b"d/l", b"../f")), {"f": b"1", "d/l": ("->", "../f")}),
}
