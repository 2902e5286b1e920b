#include "store/idlist.h"
#include "store/piece.h"
#include "store/stitch/fragment.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/test.h"

#include <math.h>
#include <zstd.h>

/* Bytes that compress a little. */
static uint8_t *some_bytes(size_t n, uint64_t seed)
{
	uint8_t *data = malloc(n + 1);

	if (!data)
		return NULL;
	test_noise(data, n, seed);
	for (size_t i = 0; i < n; i++)
		data[i] = i / 512 % 2 ? (uint8_t)('a' + data[i] % 8) : data[i];
	return data;
}

static int insert_raw(struct genstore *st, const void *data, size_t n, struct piece *p)
{
	TXN t = txn_begin(&st->db);
	int r;

	*p = (struct piece){ .codec = PIECE_RAW };
	piece_describe(p, data, n);
	if ((r = piece_insert(st, p, data, n)))
		return r;
	return txn_commit(&t);
}

/* Compresses as the codec says, inserts, reads back. */
static void round_trip(struct test_run *test, struct genstore *st, int codec, size_t n)
{
	AUTO(free_ptr) uint8_t *data = some_bytes(n, n), *back = malloc(n);
	AUTO(buf_release) struct buf stored = BUF_INIT;
	struct piece p = { .codec = codec, .encoder = 1, .level = 6 }, again;
	TXN t = txn_begin(&st->db);

	CHECK(data && back);
	if (codec == PIECE_RAW) {
		buf_add(&stored, data, n);
	} else if (codec == PIECE_DEFLATE) {
		CHECK_EQ(fragment_encode(store_fragmenter(st), data, n, &stored), 0);
	} else {
		void *to = buf_reserve(&stored, ZSTD_compressBound(n));

		CHECK(to);
		buf_commit(&stored, ZSTD_compress(to, ZSTD_compressBound(n), data, n, 3));
	}
	piece_describe(&p, data, n);
	CHECK_EQ(piece_insert(st, &p, stored.data, stored.len), 0);
	CHECK_EQ(txn_commit(&t), 0);
	CHECK(p.id > 0);
	CHECK_EQ(p.stored, stored.len);
	CHECK_EQ(piece_get(st, p.id, &again), 0);
	CHECK_MEM(again.sha256, p.sha256, SHA256_SIZE);
	CHECK_MEM(again.xxh3, p.xxh3, XXH3_SIZE);
	CHECK_EQ(again.head, p.head);
	CHECK_EQ(again.codec, codec);
	CHECK_EQ(again.encoder, 1);
	CHECK_EQ(again.level, 6);
	CHECK_EQ(piece_read(st, &again, NULL, back), 0);
	CHECK_MEM(back, data, n);
}

TEST(pieces_of_every_size_and_codec_read_back_as_written)
{
	static const size_t sizes[] = { 1, 2, 127, 128, 5000, PIECE_ROW - 1, PIECE_ROW, PIECE_ROW + 1, 3 * PIECE_ROW,
					100000, 262144, PIECE_MAX };
	static const int codecs[] = { PIECE_RAW, PIECE_DEFLATE, PIECE_ZSTD };
	STORE st = store_fixture();

	CHECK(st);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		for (size_t k = 0; k < ARRAY_LEN(codecs); k++)
			round_trip(test, st, codecs[k], sizes[i]);
}

TEST(a_delta_piece_reads_back_with_its_base_and_not_without)
{
	AUTO(free_ptr) uint8_t *data = some_bytes(30000, 1), *back = malloc(30000), *frame = malloc(40000);
	AUTO(buf_release) struct buf base = BUF_INIT;
	STORE st = store_fixture();
	struct piece p = { .codec = PIECE_ZSTD_DELTA };
	ZSTD_CCtx *c = ZSTD_createCCtx();
	size_t n;

	CHECK(st && data && back && frame && c);
	buf_add(&base, data, 30000);
	data[15000] ^= 1;
	ZSTD_CCtx_refPrefix(c, base.data, base.len);
	n = ZSTD_compress2(c, frame, 40000, data, 30000);
	ZSTD_freeCCtx(c);
	CHECK(!ZSTD_isError(n) && n < 1000);
	piece_describe(&p, data, 30000);
	CHECK_EQ(piece_insert(st, &p, frame, n), 0);
	CHECK_EQ(piece_read(st, &p, &base, back), 0);
	CHECK_MEM(back, data, 30000);
	CHECK_EQ(piece_read(st, &p, NULL, back), -EINVAL);
	base.data[100] ^= 1;
	CHECK_EQ(piece_read(st, &p, &base, back), -EBADMSG);
}

TEST(any_range_of_the_stored_bytes_can_be_read)
{
	enum { SIZE = 100000 };
	static const int64_t edges[] = { 0, 1, PIECE_ROW - 1, PIECE_ROW, PIECE_ROW + 1, 50000, SIZE - 1, SIZE };
	AUTO(free_ptr) uint8_t *data = some_bytes(SIZE, 7), *back = malloc(SIZE);
	STORE st = store_fixture();
	struct piece first, p;

	CHECK(st && data && back);
	CHECK_EQ(insert_raw(st, data, 9000, &first), 0); /* so that the next has a short head */
	CHECK_EQ(insert_raw(st, data, SIZE, &p), 0);
	CHECK(p.head < PIECE_ROW / 2);
	for (size_t i = 0; i < ARRAY_LEN(edges); i++)
		for (size_t k = i; k < ARRAY_LEN(edges); k++) {
			size_t n = (size_t)(edges[k] - edges[i]);

			CHECK_EQ(piece_read_stored(st, &p, edges[i], n, back), 0);
			CHECK_MEM(back, data + edges[i], n);
		}
	for (int64_t at = p.head - 2; at < p.head + 2; at++) {
		CHECK_EQ(piece_read_stored(st, &p, at, 3, back), 0);
		CHECK_MEM(back, data + at, 3);
	}
	CHECK_EQ(piece_read_stored(st, &p, -1, 1, back), -EINVAL);
	CHECK_EQ(piece_read_stored(st, &p, SIZE, 1, back), -EINVAL);
	CHECK_EQ(piece_read_stored(st, &p, 1, SIZE, back), -EINVAL);
	CHECK_EQ(piece_read_stored(st, &p, SIZE + 5, 1, back), -EINVAL);
	CHECK_EQ(piece_read_stored(st, &p, 1, SIZE_MAX, back), -EINVAL);
}

TEST(the_largest_piece_fits_behind_a_short_head_and_one_byte_more_is_efbig)
{
	AUTO(free_ptr) uint8_t *data = calloc(1, PIECE_STORED_MAX + 1), *back = malloc(PIECE_STORED_MAX);
	STORE st = store_fixture();
	struct piece first, p = { .codec = PIECE_ZSTD, .size = 1 };

	CHECK(st && data && back);
	test_noise(data, PIECE_STORED_MAX, 3);
	CHECK_EQ(insert_raw(st, data, 9000, &first), 0);
	CHECK_EQ(piece_insert(st, &p, data, PIECE_STORED_MAX), 0);
	CHECK_EQ(store_fixture_number(st, "SELECT max(id) & 255 FROM piece_data"), 255);
	CHECK_EQ(piece_read_stored(st, &p, 0, PIECE_STORED_MAX, back), 0);
	CHECK_MEM(back, data, PIECE_STORED_MAX);
	CHECK_EQ(piece_insert(st, &p, data, PIECE_STORED_MAX + 1), -EFBIG);
	CHECK_EQ(piece_insert(st, &p, data, 0), -EINVAL);
}

TEST(a_piece_is_found_by_content_and_codec_oldest_first)
{
	STORE st = store_fixture();
	struct piece a = { .codec = PIECE_RAW }, b = { .codec = PIECE_RAW, .level = 9 }, found;
	uint8_t other[SHA256_SIZE];

	CHECK(st);
	piece_describe(&a, "hello", 5);
	piece_describe(&b, "hello", 5);
	CHECK_EQ(piece_find(st, a.sha256, PIECE_RAW, &found), -ENOENT);
	CHECK_EQ(piece_insert(st, &a, "hello", 5), 0);
	CHECK_EQ(piece_insert(st, &b, "hello", 5), 0);
	CHECK_EQ(piece_find(st, a.sha256, PIECE_RAW, &found), 0);
	CHECK_EQ(found.id, a.id);
	CHECK_EQ(piece_find(st, a.sha256, PIECE_DEFLATE, &found), -ENOENT);
	memcpy(other, a.sha256, sizeof(other));
	other[31] ^= 1; /* the index knows the first bytes only */
	CHECK_EQ(piece_find(st, other, PIECE_RAW, &found), -ENOENT);
	CHECK_EQ(piece_get(st, 999, &found), -ENOENT);
}

static int flip(struct genstore *st, int64_t row, int64_t at)
{
	AUTO(buf_release) struct buf bytes = BUF_INIT;
	{
		STMT q = db_stmt(&st->db, "SELECT bytes FROM piece_data WHERE id = ?");

		bind_i64(&q, row);
		if (stmt_step(&q) <= 0)
			return -ENOENT;
		buf_add(&bytes, col_blob(&q, 0), col_size(&q, 0));
	}
	bytes.data[at] ^= 0x10;
	STMT q = db_stmt(&st->db, "UPDATE piece_data SET bytes = ? WHERE id = ?");

	bind_blob(&q, bytes.data, bytes.len);
	bind_i64(&q, row);
	return stmt_run(&q);
}

TEST(a_flipped_bit_in_any_stored_row_is_ebadmsg_and_leaves_the_others_readable)
{
	AUTO(free_ptr) uint8_t *data = some_bytes(50000, 7), *back = calloc(1, 50000);
	STORE st = store_fixture();
	struct piece p;

	CHECK(st && data && back);
	CHECK_EQ(insert_raw(st, data, 50000, &p), 0);
	for (int64_t row = 0; row < 4; row++) {
		int64_t start = row ? p.head + (row - 1) * PIECE_ROW : 0, other = row ? 0 : p.head;

		CHECK_EQ(flip(st, p.id << 8 | row, 77), 0);
		CHECK_EQ(piece_read_stored(st, &p, start + 500, 10, back), -EBADMSG);
		CHECK(strstr(genstore_errmsg(st), "piece '1'"));
		CHECK_EQ(back[0] | back[1] | back[2], 0);
		CHECK_EQ(piece_read_stored(st, &p, other, 10, back), 0);
		CHECK_EQ(piece_read(st, &p, NULL, back), -EBADMSG);
		memset(back, 0, 10);
		CHECK_EQ(flip(st, p.id << 8 | row, 77), 0);
	}
	CHECK_EQ(piece_read(st, &p, NULL, back), 0);
}

TEST(lost_moved_and_shortened_rows_are_ebadmsg)
{
	static const char *const harm[] = {
		"DELETE FROM piece_data WHERE id = 256",
		"DELETE FROM piece_data WHERE id = 257",
		"DELETE FROM piece_data WHERE id = 259",
		"UPDATE piece_data SET bytes = substr(bytes, 1, 100) WHERE id = 257",
		"UPDATE piece_data SET bytes = CAST(bytes || x'00' AS BLOB) WHERE id = 256",
		"UPDATE piece_data SET bytes = x'' WHERE id = 258",
		"UPDATE piece_data SET sum = sum + 1 WHERE id = 258",
		"UPDATE piece_data SET (sum, bytes) = (SELECT sum, bytes FROM piece_data WHERE id = 257) WHERE id = 258",
	};
	AUTO(free_ptr) uint8_t *data = some_bytes(50000, 7), *back = malloc(50000);

	CHECK(data && back);
	for (size_t i = 0; i < ARRAY_LEN(harm); i++) {
		STORE st = store_fixture();
		struct piece p;

		CHECK(st);
		CHECK_EQ(insert_raw(st, data, 50000, &p), 0);
		CHECK_EQ(piece_read(st, &p, NULL, back), 0);
		CHECK_EQ(db_exec(&st->db, harm[i]), 0);
		CHECK_EQ(piece_read(st, &p, NULL, back), -EBADMSG);
		CHECK(strstr(genstore_errmsg(st), "piece '1'"));
	}
}

TEST(a_short_row_with_a_right_sum_is_ebadmsg)
{
	AUTO(free_ptr) uint8_t *data = some_bytes(50000, 7), *back = malloc(50000);
	STORE st = store_fixture();
	struct piece p;

	CHECK(st && data && back);
	CHECK_EQ(insert_raw(st, data, 50000, &p), 0);
	STMT q = db_stmt(&st->db, "UPDATE piece_data SET bytes = x'41424344', sum = ? WHERE id = 257");

	bind_i64(&q, xxh3_64("ABCD", 4, 257));
	CHECK_EQ(stmt_run(&q), 0);
	CHECK_EQ(piece_read_stored(st, &p, p.head, 4, back), -EBADMSG);
}

TEST(a_gap_between_rows_is_told_as_missing_bytes)
{
	AUTO(free_ptr) uint8_t *data = some_bytes(50000, 7), *back = malloc(50000);
	STORE st = store_fixture();
	struct piece p;

	CHECK(st && data && back);
	CHECK_EQ(insert_raw(st, data, 50000, &p), 0);
	CHECK_EQ(db_exec(&st->db, "DELETE FROM piece_data WHERE id = 257"), 0);
	CHECK_EQ(piece_read(st, &p, NULL, back), -EBADMSG);
	CHECK(strstr(genstore_errmsg(st), "missing"));
}

/* As raw it would be read into `size` bytes, which are fewer than are stored. */
TEST(a_raw_piece_with_more_stored_bytes_than_content_is_not_read)
{
	STORE st = store_fixture();
	struct piece p;
	char back[8] = "";

	CHECK(st);
	CHECK_EQ(insert_raw(st, "12345678", 8, &p), 0);
	p.size = 3;
	CHECK_EQ(piece_read(st, &p, NULL, back), -EBADMSG);
	CHECK_STR(back, "");
}

TEST(a_description_that_was_tampered_with_never_gives_wrong_bytes)
{
	static const char *const harm[] = {
		"UPDATE piece SET size = size + 1",      "UPDATE piece SET size = size - 1",
		"UPDATE piece SET size = 1 << 40",       "UPDATE piece SET size = 1 << 62",
		"UPDATE piece SET crc32 = crc32 + 1",    "UPDATE piece SET crc32 = crc32 + (1 << 32)",
		"UPDATE piece SET adler32 = adler32 + 1", "UPDATE piece SET adler32 = -1",
		"UPDATE piece SET codec = 0",            "UPDATE piece SET codec = 2",
		"UPDATE piece SET codec = 4",            "UPDATE piece SET codec = -1",
		"UPDATE piece SET stored = stored + 1",  "UPDATE piece SET stored = stored - 1",
		"UPDATE piece SET stored = 16335",       "UPDATE piece SET stored = 1 << 50",
		"UPDATE piece SET head = head + 1",      "UPDATE piece SET head = head - 1",
		"UPDATE piece SET head = 1",             "UPDATE piece SET head = stored",
		"UPDATE piece SET xxh3 = zeroblob(16)",
	};
	AUTO(free_ptr) uint8_t *data = some_bytes(60000, 7), *back = malloc(70000);

	CHECK(data && back);
	for (size_t i = 0; i < ARRAY_LEN(harm); i++) {
		STORE st = store_fixture();
		struct piece p;
		int r;

		CHECK(st);
		round_trip(test, st, PIECE_DEFLATE, 60000);
		CHECK_EQ(db_exec(&st->db, harm[i]), 0);
		r = piece_get(st, 1, &p);
		if (!r)
			r = piece_read(st, &p, NULL, back);
		CHECK_EQ(r, -EBADMSG);
	}
}

/* 100 bytes to 40 KB, half of them below 1 KB. */
static size_t realistic_size(struct id_source *source)
{
	uint32_t bits;

	id_random(source, &bits, sizeof(bits));
	return (size_t)(100 * exp(pow((double)bits / UINT32_MAX, 1.5) * log(400)));
}

/* One transaction: by ones, or as a stage does it. */
static int insert_many(struct genstore *st, struct id_source *source, int count, bool by_ones)
{
	AUTO(free_ptr) uint8_t *data = malloc(50000);
	struct leaf leaf;
	TXN t = txn_begin(&st->db);
	int r = piece_leaf_load(st, &leaf);

	for (int i = 0; !r && i < count; i++) {
		size_t n = realistic_size(source);
		struct piece p = { .codec = PIECE_RAW };

		id_random(source, data, n);
		piece_describe(&p, data, n);
		r = by_ones ? piece_insert(st, &p, data, n) : piece_append(st, &leaf, &p, data, n);
	}
	if (!r && !by_ones)
		r = piece_leaf_save(st, &leaf);
	return r ? r : txn_commit(&t);
}

TEST(leaves_are_filled_to_97_percent_without_overflow_pages)
{
	STORE st = store_fixture();
	HANDLE second = st ? store_fixture_again(st) : NULL;
	HANDLE third = st ? store_fixture_again(st) : NULL;
	struct genstore *handles[] = { st, second, third };
	struct id_source source = { .seed = 11 };
	int64_t leaves, unused;

	CHECK(st && second && third);
	if (store_fixture_number(st, "SELECT count(*) FROM dbstat") < 0)
		SKIP("this SQLite has no dbstat table");
	for (int i = 0; i < 12; i++)
		CHECK_EQ(insert_many(handles[i % 3], &source, 250, i % 4 == 3), 0);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM piece"), 3000);
	leaves = store_fixture_number(st, "SELECT count(*) FROM dbstat WHERE name = 'piece_data' AND pagetype = 'leaf'");
	unused = store_fixture_number(st, "SELECT sum(unused) FROM dbstat WHERE name = 'piece_data' AND pagetype = 'leaf'");
	CHECK(leaves > 500);
	CHECK(unused * 100 <= leaves * STORE_PAGE_SIZE * 3);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM dbstat WHERE pagetype = 'overflow'"), 0);
}

TEST(what_is_noted_of_the_last_leaf_is_what_sqlite_has)
{
	STORE st = store_fixture();
	struct id_source source = { .seed = 12 };

	CHECK(st);
	if (store_fixture_number(st, "SELECT count(*) FROM dbstat") < 0)
		SKIP("this SQLite has no dbstat table");
	for (int i = 0; i < 200; i++) {
		CHECK_EQ(insert_many(st, &source, 1, i % 2), 0);
		CHECK_EQ(store_fixture_number(st, "SELECT value FROM store_state WHERE key = 'leaf_free'"),
			 store_fixture_number(st, "SELECT unused FROM dbstat WHERE name = 'piece_data' AND pagetype = 'leaf'"
						  " ORDER BY path DESC LIMIT 1"));
	}
}

TEST(a_wrong_note_of_the_last_leaf_does_no_harm)
{
	static const char *const harm[] = {
		"UPDATE store_state SET value = 16376 WHERE key = 'leaf_free'",
		"UPDATE store_state SET value = -5 WHERE key = 'leaf_free'",
		"UPDATE store_state SET value = 1 << 60 WHERE key = 'leaf_free'",
		"UPDATE store_state SET value = 'words' WHERE key = 'leaf_free'",
		"UPDATE store_state SET value = 1 WHERE key = 'leaf_row'",
		"DELETE FROM store_state WHERE key LIKE 'leaf%'",
	};
	AUTO(free_ptr) uint8_t *data = some_bytes(40000, 7), *back = malloc(40000);
	STORE st = store_fixture();
	struct piece p;

	CHECK(st && data && back);
	for (size_t i = 0; i < ARRAY_LEN(harm); i++) {
		CHECK_EQ(insert_raw(st, data, 3000 + 900 * i, &p), 0);
		CHECK_EQ(db_exec(&st->db, harm[i]), 0);
		CHECK_EQ(insert_raw(st, data, 40000, &p), 0);
		CHECK_EQ(piece_read(st, &p, NULL, back), 0);
		CHECK_MEM(back, data, 40000);
	}
}

TEST(a_note_that_cannot_be_true_of_the_last_leaf_is_not_believed)
{
	static const char *const harm[] = {
		"UPDATE store_state SET value = value - 1 WHERE key = 'leaf_row'",
		"UPDATE store_state SET value = value + 1 WHERE key = 'leaf_row'",
		"UPDATE store_state SET value = 16377 WHERE key = 'leaf_free'",
		"UPDATE store_state SET value = -1 WHERE key = 'leaf_free'",
	};
	STORE st = store_fixture();
	struct leaf leaf;
	struct piece p;

	CHECK(st);
	CHECK_EQ(piece_leaf_load(st, &leaf), 0);
	CHECK_EQ(leaf.free, 16376);
	for (size_t i = 0; i < ARRAY_LEN(harm); i++) {
		CHECK_EQ(insert_raw(st, "12345678", 8, &p), 0);
		CHECK_EQ(piece_leaf_load(st, &leaf), 0);
		CHECK(leaf.free > 0);
		CHECK_EQ(leaf.row, p.id << 8);
		CHECK_EQ(db_exec(&st->db, harm[i]), 0);
		CHECK_EQ(piece_leaf_load(st, &leaf), 0);
		CHECK_EQ(leaf.free, 0);
	}
}

TEST(a_piece_that_was_rolled_back_is_not_served_from_the_cache)
{
	STORE st = store_fixture();
	const uint8_t *data;
	struct piece p = { .codec = PIECE_RAW };

	CHECK(st);
	{
		TXN t = txn_begin(&st->db);

		CHECK_EQ(t.error, 0);
		piece_describe(&p, "first", 5);
		CHECK_EQ(piece_insert(st, &p, "first", 5), 0);
		CHECK_EQ(piece_borrow(st, p.id, 5, &data), 0);
		CHECK_MEM(data, "first", 5);
	}
	CHECK_EQ(insert_raw(st, "other", 5, &p), 0);
	CHECK_EQ(p.id, 1);
	CHECK_EQ(piece_borrow(st, p.id, 5, &data), 0);
	CHECK_MEM(data, "other", 5);
	CHECK_EQ(piece_borrow(st, p.id, 4, &data), -EBADMSG);
	CHECK_EQ(piece_borrow(st, 77, 4, &data), -EBADMSG);
}

TEST(a_list_of_ids_has_an_end)
{
	AUTO(idlist_release) struct idlist ids = { 0 };
	AUTO(free_ptr) uint8_t *data = calloc(1, IDLIST_MAX + 1);

	CHECK(data);
	data[0] = 2; /* id 1, and it again and again */
	CHECK_EQ(idlist_decode(data, IDLIST_MAX, &ids), 0);
	CHECK_EQ(ids.count, IDLIST_MAX);
	CHECK_EQ(idlist_add(&ids, 1), -EFBIG);
	idlist_release(&ids);
	CHECK_EQ(idlist_decode(data, IDLIST_MAX + 1, &ids), -EBADMSG);
}

TEST(a_piece_that_says_it_is_larger_than_any_is_not_read)
{
	STORE st = store_fixture();
	struct piece p = { .codec = PIECE_ZSTD }, found;

	CHECK(st);
	piece_describe(&p, "x", 1);
	CHECK_EQ(piece_insert(st, &p, "x", 1), 0);
	CHECK_EQ(store_fixture_number(st, "UPDATE piece SET size = 33554432 RETURNING id"), p.id);
	CHECK_EQ(piece_get(st, p.id, &found), 0);
	CHECK_EQ(store_fixture_number(st, "UPDATE piece SET size = 33554433 RETURNING id"), p.id);
	CHECK_EQ(piece_get(st, p.id, &found), -EBADMSG);
}
