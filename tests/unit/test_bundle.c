/* ZIP files stitched from what is stored. Other programs judge them in tests/cli/test_bundle.py. */
#include "store/bundle.h"
#include "store/idlist.h"
#include "store/stage.h"
#include "store/stitch/fragment.h"
#include "store/stitch/zip.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/test.h"

#include <zlib.h>
#include <zstd.h>

static uint64_t number(const uint8_t *p, int n)
{
	uint64_t v = 0;

	for (int i = n - 1; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

static const struct zip_entry plain_entry = { .name = "a.txt", .name_len = 5, .mode = 0100644, .mtime = 1700000000, .size = 3, .packed = 5,
					      .crc32 = 0x352441c2, .method = ZIP_DEFLATED };

TEST(zip_headers_have_the_bytes_of_the_specification)
{
	AUTO(buf_release) struct buf local = BUF_INIT, central = BUF_INIT, end = BUF_INIT;

	CHECK_EQ(zip_local(&plain_entry, &local), 0);
	CHECK_HEX(local.data, local.len, "504b0304" "1400" "0000" "0800" "aab1" "6e57" "c2412435" "05000000" "03000000" "0500" "0900"
					 "612e747874" "5554" "0500" "01" "00f15365");
	CHECK_EQ(zip_central(&plain_entry, &central), 0);
	CHECK_HEX(central.data, central.len, "504b0102" "2d03" "1400" "0000" "0800" "aab1" "6e57" "c2412435" "05000000" "03000000" "0500" "0900" "0000"
					     "0000" "0000" "0000a481" "00000000" "612e747874" "5554" "0500" "01" "00f15365");
	CHECK_EQ(zip_end(1, 49, 60, &end), 0);
	CHECK_HEX(end.data, end.len, "504b0506" "0000" "0000" "0100" "0100" "3c000000" "31000000" "0000");
}

TEST(a_name_that_is_not_ascii_says_that_it_is_utf8_and_a_folder_that_it_is_one)
{
	AUTO(buf_release) struct buf out = BUF_INIT;
	struct zip_entry e = plain_entry;

	e.name = "\xc3\xa4.txt";
	e.name_len = 6;
	CHECK_EQ(zip_local(&e, &out), 0);
	CHECK_EQ(number(out.data + 6, 2), 1 << 11);
	buf_reset(&out);
	e.name = "a/";
	e.name_len = 2;
	e.mode = 040755;
	CHECK_EQ(zip_central(&e, &out), 0);
	CHECK_EQ(number(out.data + 8, 2), 0);
	CHECK_EQ(number(out.data + 38, 4), 040755u << 16 | 0x10);
}

TEST(zip_times_stay_within_what_they_can_say)
{
	static const struct { int64_t mtime; uint32_t dos; bool extended; } cases[] = {
		{ -5, 0x00210000, false }, { 0, 0x00210000, true }, { 315532801, 0x00210000, true },
		{ 4354819199, 0xff9fbf7d, false }, { INT64_MAX, 0xff9fbf7d, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_release) struct buf out = BUF_INIT;
		struct zip_entry e = plain_entry;

		e.mtime = cases[i].mtime;
		CHECK_EQ(zip_local(&e, &out), 0);
		CHECK_EQ(number(out.data + 10, 4), cases[i].dos);
		CHECK_EQ(out.len, 35u + 9 * cases[i].extended);
	}
}

TEST(what_does_not_fit_4_bytes_goes_into_zip64)
{
	AUTO(buf_release) struct buf out = BUF_INIT;
	struct zip_entry e = plain_entry;

	e.size = 0xffffffff;
	e.packed = 7;
	e.mtime = -1;
	CHECK_EQ(zip_local(&e, &out), 0);
	CHECK_EQ(number(out.data + 4, 2), 45);
	CHECK_EQ(number(out.data + 18, 8), UINT64_MAX);
	CHECK_HEX(out.data + 35, out.len - 35, "0100" "1000" "ffffffff00000000" "0700000000000000");
	buf_reset(&out);
	CHECK_EQ(zip_central(&e, &out), 0);
	CHECK_EQ(number(out.data + 20, 4), 7);
	CHECK_HEX(out.data + 51, out.len - 51, "0100" "0800" "ffffffff00000000");
	buf_reset(&out);
	e.size = 3;
	e.offset = 0x100000001;
	CHECK_EQ(zip_local(&e, &out), 0);
	CHECK_EQ(number(out.data + 4, 2), 20);
	CHECK_EQ(out.len, 35);
	buf_reset(&out);
	CHECK_EQ(zip_central(&e, &out), 0);
	CHECK_EQ(number(out.data + 6, 2), 45);
	CHECK_EQ(number(out.data + 42, 4), 0xffffffff);
	CHECK_HEX(out.data + 51, out.len - 51, "0100" "0800" "0100000001000000");
	buf_reset(&out);
	CHECK_EQ(zip_end(0xfffe, 0xfffffffe, 0xfffffffe, &out), 0);
	CHECK_EQ(out.len, 22);
	static const int64_t large[][3] = { { 0xffff, 5, 5 }, { 1, 0xffffffff, 5 }, { 1, 5, 0x123456789 } };

	for (size_t i = 0; i < ARRAY_LEN(large); i++) {
		buf_reset(&out);
		CHECK_EQ(zip_end(large[i][0], large[i][1], large[i][2], &out), 0);
		CHECK_EQ(out.len, 56 + 20 + 22);
		CHECK_EQ(number(out.data + 32, 8), large[i][0]);
		CHECK_EQ(number(out.data + 40, 8), large[i][2]);
		CHECK_EQ(number(out.data + 48, 8), large[i][1]);
		CHECK_EQ(number(out.data + 56 + 8, 8), large[i][1] + large[i][2]);
		CHECK_EQ(number(out.data + 76 + 10, 2), large[i][0] < 0xffff ? large[i][0] : 0xffff);
	}
}

/* All of an object, read in one go. */
static int read_all(struct genstore *st, const struct object *o, struct buf *out)
{
	void *to = buf_reserve(out, (size_t)object_size(o));
	ssize_t n = to ? object_read(st, o, 0, (size_t)object_size(o), to) : -ENOMEM;

	buf_commit(out, n < 0 ? 0 : (size_t)n);
	return n < 0 ? (int)n : n == object_size(o) ? 0 : -EIO;
}

/* The n-th entry of the directory, its bytes unpacked by zlib. -EBADMSG for whatever is not as it should be. */
static int unpack(const struct buf *zip, int n, char name[100], struct buf *out)
{
	const uint8_t *end = zip->data + zip->len - 22, *p = zip->data + number(end + 16, 4);
	z_stream z = { .next_in = NULL };
	const uint8_t *local;
	size_t size;
	int code = Z_STREAM_END;

	if (n >= (int)number(end + 8, 2))
		return -ENOENT;
	while (n--)
		p += 46 + number(p + 28, 2) + number(p + 30, 2);
	snprintf(name, 100, "%.*s", (int)number(p + 28, 2), (const char *)p + 46);
	local = zip->data + number(p + 42, 4);
	size = (size_t)number(p + 24, 4);
	if (number(p, 4) != 0x02014b50 || number(local, 4) != 0x04034b50 || memcmp(p + 6, local + 4, 26) ||
	    memcmp(local + 30, name, number(local + 26, 2)) || !buf_reserve(out, size + 1))
		return -EBADMSG;
	const uint8_t *data = local + 30 + number(local + 26, 2) + number(local + 28, 2);

	if (!number(p + 10, 2)) {
		if (number(p + 20, 4) != size)
			return -EBADMSG;
		memcpy(out->data, data, size);
	} else {
		z.next_in = (uint8_t *)(uintptr_t)data;
		z.avail_in = (unsigned)number(p + 20, 4);
		z.next_out = out->data;
		z.avail_out = (unsigned)size + 1;
		inflateInit2(&z, -15);
		code = inflate(&z, Z_FINISH);
		inflateEnd(&z);
	}
	if (code != Z_STREAM_END || z.avail_in || (z.next_in && z.total_out != size) || crc32_update(0, out->data, size) != number(p + 16, 4))
		return -EBADMSG;
	buf_commit(out, size);
	return 0;
}

/* A content of one piece of that codec. */
static int64_t content_of(struct genstore *st, int codec, const void *data, size_t n)
{
	AUTO(buf_release) struct buf stored = BUF_INIT;
	struct piece p = { .codec = codec, .encoder = 1, .level = 1 };
	struct content c = { .size = (int64_t)n, .git_blob = { 1 }, .pieces = &p.id, .piece_count = 1 };
	int64_t id = -1;

	piece_describe(&p, data, n);
	c.crc32 = p.crc32;
	c.adler32 = p.adler32;
	memcpy(c.sha256, p.sha256, SHA256_SIZE);
	if (codec == PIECE_ZSTD) {
		void *to = buf_reserve(&stored, ZSTD_compressBound(n));

		buf_commit(&stored, ZSTD_compress(to, ZSTD_compressBound(n), data, n, 3));
	} else if (codec == PIECE_DEFLATE) {
		fragment_encode(store_fragmenter(st), data, n, &stored);
	} else {
		buf_add(&stored, data, n);
	}
	TXN t = txn_begin(&st->db);

	if (piece_insert(st, &p, stored.data, stored.len) || content_insert(st, &c, &id) || txn_commit(&t))
		return -1;
	return id;
}

static int add(struct bundle *b, const char *name, int64_t content)
{
	return bundle_add(b, &(struct bundle_file){ name, content, 1700000000, 0100644 });
}

TEST(a_bundle_holds_contents_of_every_kind_of_piece)
{
	enum { N = 100000 };
	static const int codecs[] = { PIECE_RAW, PIECE_DEFLATE, PIECE_ZSTD, PIECE_PART };
	STORE st = store_fixture();
	AUTO(bundle_freep) struct bundle *b = NULL;
	AUTO(object_unrefp) struct object *o = NULL;
	AUTO(buf_release) struct buf zip = BUF_INIT, again = BUF_INIT;
	AUTO(free_ptr) uint8_t *noise = malloc(N);
	char name[100];

	CHECK(st && noise);
	CHECK_EQ(bundle_new(st, &b), 0);
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
		test_noise(noise, N, i);
		snprintf(name, sizeof(name), "%zu", i);
		CHECK_EQ(add(b, name, content_of(st, codecs[i], noise, N)), 0);
	}
	CHECK_EQ(bundle_close(b, &o), 0);
	CHECK_EQ(read_all(st, o, &zip), 0);
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
		AUTO(buf_release) struct buf data = BUF_INIT;

		CHECK_EQ(unpack(&zip, (int)i, name, &data), 0);
		CHECK_EQ(name[0], '0' + (int)i);
		test_noise(noise, N, i);
		CHECK_EQ(data.len, N);
		CHECK_MEM(data.data, noise, N);
	}
	/* From anywhere, in steps of any size. */
	for (size_t step = 1; step < 20000; step = 3 * step + 7)
		for (size_t at = step == 1 ? zip.len - 2000 : 0; at < zip.len; at += step) {
			uint8_t out[20000];
			size_t want = step < zip.len - at ? step : zip.len - at;

			CHECK_EQ(object_read(st, o, (int64_t)at, step, out), want);
			CHECK_MEM(out, zip.data + at, want);
		}
	CHECK_EQ(object_read(st, o, object_size(o), 1, name), 0);
	CHECK_EQ(read_all(st, o, &again), 0);
	CHECK_MEM(again.data, zip.data, zip.len);
}

static int stage_all(struct genstore *st, const void *const data[], const size_t n[], size_t count, int64_t ids[])
{
	AUTO(stage_freep) struct stage *s = NULL;
	int64_t slots[8];
	int r = stage_new(st, &s);

	for (size_t i = 0; i < count && !r; i++)
		r = stage_bytes(s, data[i], n[i], &slots[i]);
	if (!r)
		r = stage_flush(s);
	for (size_t i = 0; i < count && !r; i++)
		r = stage_content(s, slots[i], &ids[i]);
	return r;
}

TEST(nothing_is_compressed_again_and_files_of_many_pieces_are_one_stream)
{
	enum { N = 900000 };
	STORE st = store_fixture();
	AUTO(bundle_freep) struct bundle *b = NULL;
	AUTO(object_unrefp) struct object *o = NULL;
	AUTO(buf_release) struct buf zip = BUF_INIT, large = BUF_INIT, one = BUF_INIT, none = BUF_INIT;
	AUTO(free_ptr) uint8_t *noise = malloc(N);
	const void *data[] = { noise, "tiny", "" };
	const size_t n[] = { N, 4, 0 };
	int64_t ids[3], stored;
	char name[100];

	CHECK(st && noise);
	test_noise(noise, N, 1);
	memset(noise + 300000, 'x', 300000);
	CHECK_EQ(stage_all(st, data, n, 3, ids), 0);
	stored = store_fixture_number(st, "SELECT sum(stored) FROM piece");
	CHECK(store_fixture_number(st, "SELECT count(*) FROM piece") > 4);
	CHECK_EQ(bundle_new(st, &b), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(add(b, i ? i == 1 ? "b" : "c" : "a", ids[i]), 0);
	CHECK_EQ(bundle_close(b, &o), 0);
	/* Two final blocks, 3 local and central headers with the time and names of 1, the end. */
	CHECK(object_size(o) <= stored + 300000 * 2 + 2 * ZIP_FINAL + 3 * (30 + 46 + 2 * (9 + 1)) + 22);
	CHECK_EQ(read_all(st, o, &zip), 0);
	CHECK_EQ(unpack(&zip, 0, name, &large), 0);
	CHECK_EQ(large.len, N);
	CHECK_MEM(large.data, noise, N);
	CHECK_EQ(unpack(&zip, 1, name, &one), 0);
	CHECK_STR(buf_str(&one), "tiny");
	CHECK_EQ(unpack(&zip, 2, name, &none), 0);
	CHECK_EQ(none.len, 0);
	CHECK_EQ(unpack(&zip, 3, name, &none), -ENOENT);
}

TEST(files_of_more_than_4_gib_and_places_behind_4_gib_are_in_zip64)
{
	enum { N = 256 << 10, TIMES = 17000 };
	STORE st = store_fixture();
	AUTO(bundle_freep) struct bundle *b = NULL;
	AUTO(object_unrefp) struct object *o = NULL;
	AUTO(free_ptr) uint8_t *noise = malloc(N);
	AUTO(idlist_release) struct idlist ids = { .ids = NULL };
	struct content c = { .git_blob = { 1 } };
	int64_t id, tail;
	struct piece p;
	uint8_t out[400];

	CHECK(st && noise);
	test_noise(noise, N, 1);
	CHECK(content_of(st, PIECE_DEFLATE, noise, N) > 0);
	CHECK_EQ(piece_get(st, 1, &p), 0);
	for (int i = 0; i < TIMES; i++) {
		CHECK_EQ(idlist_add(&ids, 1), 0);
		c.crc32 = crc32_join(c.crc32, p.crc32, N);
		c.size += N;
	}
	c.pieces = ids.ids;
	c.piece_count = ids.count;
	CHECK_EQ(content_insert(st, &c, &id), 0);
	CHECK_EQ(bundle_new(st, &b), 0);
	CHECK_EQ(add(b, "large", id), 0);
	CHECK_EQ(add(b, "small", 1), 0);
	CHECK_EQ(bundle_close(b, &o), 0);
	int64_t packed = TIMES * p.stored + ZIP_FINAL, second = 30 + 5 + 20 + 9 + packed;

	/* The local header, then the bytes of the first piece; the second file; the directory; the end. */
	CHECK_EQ(object_read(st, o, 0, sizeof(out), out), sizeof(out));
	CHECK_EQ(number(out + 35 + 4, 8), c.size);
	CHECK_EQ(number(out + 35 + 12, 8), packed);
	CHECK_EQ(object_read(st, o, second - ZIP_FINAL, 6, out), 6);
	CHECK_HEX(out, 6, "0300504b0304");
	tail = second + 30 + 5 + 9 + p.stored + ZIP_FINAL;
	CHECK_EQ(object_read(st, o, tail, sizeof(out), out), object_size(o) - tail);
	CHECK_EQ(number(out, 4), 0x02014b50);
	CHECK_EQ(number(out + 46 + 5 + 4, 8), c.size);
	CHECK_EQ(number(out + 46 + 5 + 12, 8), packed);
	const uint8_t *small = out + 46 + 5 + 20 + 9;

	CHECK_EQ(number(small, 4), 0x02014b50);
	CHECK_EQ(number(small + 46 + 5 + 4, 8), second);
	const uint8_t *end64 = small + 46 + 5 + 12 + 9;

	CHECK_EQ(number(end64, 4), 0x06064b50);
	CHECK_EQ(number(end64 + 48, 8), tail);
	CHECK_EQ(end64 + 56 + 20 + 22 - out, object_size(o) - tail);
}

TEST(a_bundle_of_damaged_contents_is_refused_or_ends_in_an_error)
{
	STORE st = store_fixture();
	AUTO(bundle_freep) struct bundle *b = NULL, *again = NULL;
	AUTO(object_unrefp) struct object *o = NULL;
	AUTO(buf_release) struct buf zip = BUF_INIT;
	int64_t id;

	CHECK(st);
	id = content_of(st, PIECE_DEFLATE, "some bytes", 10);
	CHECK_EQ(bundle_new(st, &b), 0);
	CHECK_EQ(add(b, "a", id), 0);
	CHECK_EQ(add(b, "b", 77), -EBADMSG);
	CHECK_EQ(bundle_new(st, &again), 0);
	CHECK_EQ(add(again, "a", id), 0);
	CHECK_EQ(bundle_close(again, &o), 0);
	CHECK_EQ(db_exec(&st->db, "UPDATE piece_data SET bytes = CAST(x'55' || substr(bytes, 2) AS BLOB)"), 0);
	CHECK_EQ(read_all(st, o, &zip), -EBADMSG);
	CHECK_EQ(db_exec(&st->db, "UPDATE piece SET crc32 = 1"), 0);
	CHECK_EQ(add(b, "c", id), -EBADMSG);
	CHECK(strstr(genstore_errmsg(st), "its pieces do not make it up"));
}
