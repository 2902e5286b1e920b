#include "store/piece.h"
#include "store/direct.h"
#include "store/stitch/fragment.h"

#include <zstd.h>
#include <zstd_errors.h>

enum {
	LEAF_BYTES = STORE_PAGE_SIZE - 8, /* of a b-tree leaf, less its header */
	SPLIT_MIN = 512,                  /* less room at the end of a leaf is not worth a row */
};

#define COLUMNS "id, sha256, size, crc32, adler32, codec, encoder, level, stored, head, xxh3"

static int bad(struct genstore *st, int64_t id, const char *why)
{
	return store_fail(st, -EBADMSG, "piece '%lld' is damaged: %s; run 'genstore check'", (long long)id, why);
}

static bool is_plain(const struct piece *p)
{
	return p->codec == PIECE_RAW || p->codec == PIECE_PART;
}

/* Whatever the columns hold: a reader can allocate and multiply with these without a second thought. */
static bool has_rows(const struct piece *p)
{
	return p->id > 0 && p->id <= INT64_MAX >> PIECE_ROW_BITS && p->stored > 0 && p->stored <= PIECE_STORED_MAX &&
	       p->head > 0 && p->head <= min_i64(p->stored, PIECE_ROW);
}

static bool is_plausible(const struct piece *p)
{
	int64_t max = is_plain(p) || p->codec == PIECE_DEFLATE ? PIECE_MAX : PIECE_ZSTD_MAX;

	return has_rows(p) && p->size > 0 && p->size <= max && p->codec >= PIECE_RAW && p->codec <= PIECE_PART;
}

static int from_row(struct genstore *st, const struct stmt *q, struct piece *ret_piece)
{
	struct piece p = {
		.id = col_i64(q, 0),
		.size = col_i64(q, 2),
		.crc32 = (uint32_t)col_i64(q, 3),
		.adler32 = (uint32_t)col_i64(q, 4),
		.codec = (int)col_i64(q, 5),
		.encoder = (int)col_i64(q, 6),
		.level = (int)col_i64(q, 7),
		.stored = col_i64(q, 8),
		.head = col_i64(q, 9),
	};

	if (col_size(q, 1) != SHA256_SIZE || col_size(q, 10) != XXH3_SIZE || col_i64(q, 3) != p.crc32 ||
	    col_i64(q, 4) != p.adler32 || col_i64(q, 5) != p.codec || !is_plausible(&p))
		return bad(st, p.id, "its description cannot be true");
	memcpy(p.sha256, col_blob(q, 1), SHA256_SIZE);
	memcpy(p.xxh3, col_blob(q, 10), XXH3_SIZE);
	*ret_piece = p;
	return 0;
}

int piece_find(struct genstore *st, const uint8_t sha256[SHA256_SIZE], int codec, struct piece *ret_piece)
{
	STMT q = db_stmt(&st->db, "SELECT " COLUMNS " FROM piece"
				  " WHERE substr(sha256, 1, 8) = ? AND sha256 = ? AND codec = ? ORDER BY id LIMIT 1");
	int r;

	bind_blob(&q, sha256, 8);
	bind_blob(&q, sha256, SHA256_SIZE);
	bind_i64(&q, codec);
	if ((r = stmt_step(&q)) <= 0)
		return r < 0 ? r : -ENOENT;
	return from_row(st, &q, ret_piece);
}

int piece_get(struct genstore *st, int64_t id, struct piece *ret_piece)
{
	STMT q = db_stmt(&st->db, "SELECT " COLUMNS " FROM piece WHERE id = ?");
	int r;

	bind_i64(&q, id);
	if ((r = stmt_step(&q)) < 0)
		return r;
	if (!r)
		return store_fail(st, -ENOENT, "no piece '%lld'", (long long)id);
	return from_row(st, &q, ret_piece);
}

void piece_describe(struct piece *p, const void *data, size_t n)
{
	sha256_of(data, n, p->sha256);
	p->size = (int64_t)n;
	p->crc32 = crc32_update(0, data, n);
	p->adler32 = adler32_update(1, data, n);
}

/* SQLite's varint (sqlite.org/fileformat2.html, 1.6). */
static size_t varint_size(uint64_t v)
{
	size_t n = 1;

	while (n < 9 && (v >>= 7))
		n++;
	return n;
}

/* What an integer takes in a record (fileformat2.html, 2.1); for 0 and 1 a byte too many, which does no harm. */
static size_t int_size(int64_t v)
{
	static const struct { int64_t limit; size_t size; } sizes[] = {
		{ INT64_C(1) << 7, 1 },  { INT64_C(1) << 15, 2 }, { INT64_C(1) << 23, 3 },
		{ INT64_C(1) << 31, 4 }, { INT64_C(1) << 47, 6 },
	};

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		if (v >= -sizes[i].limit && v < sizes[i].limit)
			return sizes[i].size;
	return 8;
}

/* What a row of piece_data takes of its leaf: the cell, and the pointer to it. */
static size_t cell_size(int64_t id, int64_t sum, size_t n)
{
	size_t head = 3 + varint_size(2 * n + 12); /* its own size, a NULL for id, sum, bytes */
	size_t payload = head + int_size(sum) + n;

	return varint_size(payload) + varint_size((uint64_t)id) + payload + 2;
}

/*
 * How many bytes go into the first row. SQLite puts a row behind all others on the last leaf when it fits,
 * else alone on a new one, so that a piece that does not fit is split where the leaf ends.
 */
static size_t choose_head(const struct leaf *leaf, size_t n)
{
	int64_t id = leaf->row + (1 << 16); /* about the next: its varint counts */
	size_t whole = n < PIECE_ROW ? n : PIECE_ROW;

	if (leaf->free < SPLIT_MIN || cell_size(id, INT64_MAX, whole) <= leaf->free)
		return whole;
	return leaf->free - (cell_size(id, INT64_MAX, leaf->free) - leaf->free);
}

int piece_leaf_load(struct genstore *st, struct leaf *ret_leaf)
{
	STMT q = db_stmt(&st->db, "SELECT (SELECT max(id) FROM piece_data),"
				  " (SELECT value FROM store_state WHERE key = 'leaf_row'),"
				  " (SELECT value FROM store_state WHERE key = 'leaf_free')");
	int r;

	if ((r = stmt_step(&q)) <= 0)
		return r < 0 ? r : -EUCLEAN;
	int64_t row = col_i64(&q, 0), noted = col_i64(&q, 1), left = col_i64(&q, 2);

	if (!row)
		left = LEAF_BYTES;
	else if (row != noted || left < 0 || left > LEAF_BYTES)
		left = 0;
	*ret_leaf = (struct leaf){ .row = row, .free = (size_t)left };
	return 0;
}

int piece_leaf_save(struct genstore *st, const struct leaf *leaf)
{
	STMT q = db_stmt(&st->db, "INSERT OR REPLACE INTO store_state (key, value) VALUES ('leaf_row', ?), ('leaf_free', ?)");

	bind_i64(&q, leaf->row);
	bind_i64(&q, (int64_t)leaf->free);
	return stmt_run(&q);
}

static int insert_row(struct genstore *st, struct leaf *leaf, int64_t id, const uint8_t *bytes, size_t n)
{
	STMT q = db_stmt(&st->db, "INSERT INTO piece_data (id, sum, bytes) VALUES (?, ?, ?)");
	int64_t sum = xxh3_64(bytes, n, (uint64_t)id);
	size_t cell = cell_size(id, sum, n);
	int r;

	bind_i64(&q, id);
	bind_i64(&q, sum);
	bind_blob(&q, bytes, n);
	if ((r = stmt_run(&q)))
		return r;
	leaf->row = id;
	leaf->free = cell <= leaf->free ? leaf->free - cell : LEAF_BYTES - cell;
	return 0;
}

static int insert_description(struct genstore *st, struct piece *p)
{
	STMT q = db_stmt(&st->db, "INSERT INTO piece (sha256, size, crc32, adler32, codec, encoder, level, stored, head, xxh3)"
				  " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
	int r;

	bind_blob(&q, p->sha256, SHA256_SIZE);
	bind_i64(&q, p->size);
	bind_i64(&q, p->crc32);
	bind_i64(&q, p->adler32);
	bind_i64(&q, p->codec);
	bind_i64(&q, p->encoder);
	bind_i64(&q, p->level);
	bind_i64(&q, p->stored);
	bind_i64(&q, p->head);
	bind_blob(&q, p->xxh3, XXH3_SIZE);
	if ((r = stmt_run(&q)))
		return r;
	p->id = db_last_id(&st->db);
	return 0;
}

int piece_append(struct genstore *st, struct leaf *leaf, struct piece *p, const void *stored, size_t n)
{
	const uint8_t *bytes = stored;
	int64_t id;
	int r;

	if (!n)
		return store_fail(st, -EINVAL, "a piece cannot be empty");
	if (n > PIECE_STORED_MAX)
		return store_fail(st, -EFBIG, "%zu stored bytes are too many for a piece", n);
	p->stored = (int64_t)n;
	p->head = (int64_t)choose_head(leaf, n);
	xxh3_128(stored, n, p->xxh3);
	if ((r = insert_description(st, p)))
		return r;
	id = p->id << PIECE_ROW_BITS;
	for (size_t row = (size_t)p->head; n; row = n < PIECE_ROW ? n : PIECE_ROW) {
		if ((r = insert_row(st, leaf, id++, bytes, row)))
			return r;
		bytes += row;
		n -= row;
	}
	return 0;
}

int piece_insert(struct genstore *st, struct piece *p, const void *stored, size_t n)
{
	struct leaf leaf;
	int r;

	if ((r = piece_leaf_load(st, &leaf)) || (r = piece_append(st, &leaf, p, stored, n)))
		return r;
	return piece_leaf_save(st, &leaf);
}

/* Where row `seq` begins in the stored bytes; one past the last row: where they end. */
static int64_t row_start(const struct piece *p, int64_t seq)
{
	return seq ? min_i64(p->head + (seq - 1) * PIECE_ROW, p->stored) : 0;
}

static int64_t row_at(const struct piece *p, int64_t offset)
{
	return offset < p->head ? 0 : 1 + (offset - p->head) / PIECE_ROW;
}

/* What is read of a piece: [offset, offset + n) of its stored bytes, to `out`. */
struct range {
	const struct piece *p;
	int64_t offset, end;
	uint8_t *out;
};

static int64_t row_id(const struct piece *p, int64_t seq)
{
	return p->id << PIECE_ROW_BITS | seq;
}

static size_t row_size(const struct piece *p, int64_t seq)
{
	return (size_t)(row_start(p, seq + 1) - row_start(p, seq));
}

/* What of the range is in row `seq`, whose bytes these are. */
static void copy_row(const struct range *range, int64_t seq, const uint8_t *bytes)
{
	int64_t start = row_start(range->p, seq), end = row_start(range->p, seq + 1);
	int64_t from = max_i64(start, range->offset), to = min_i64(end, range->end);

	memcpy(range->out + (from - range->offset), bytes + (from - start), (size_t)(to - from));
}

/* Checks the row the statement stands on. */
static int check_row(struct genstore *st, const struct piece *p, const struct stmt *q, int64_t seq)
{
	const uint8_t *bytes = col_blob(q, 2);
	size_t size = col_size(q, 2);

	if (col_i64(q, 0) != row_id(p, seq))
		return bad(st, p->id, "stored bytes are missing");
	if (!bytes || size != row_size(p, seq))
		return bad(st, p->id, "a row has not the length it should have");
	if (xxh3_64(bytes, size, (uint64_t)row_id(p, seq)) != col_i64(q, 1))
		return bad(st, p->id, "stored bytes do not match their checksum");
	return 0;
}

static int read_rows(struct genstore *st, const struct range *range, int64_t seq, int64_t last)
{
	STMT q = db_stmt(&st->db, "SELECT id, sum, bytes FROM piece_data WHERE id BETWEEN ? AND ? ORDER BY id");
	int r;

	bind_i64(&q, row_id(range->p, seq));
	bind_i64(&q, row_id(range->p, last));
	for (; seq <= last; seq++) {
		if ((r = stmt_step(&q)) < 0)
			return r;
		if (!r)
			return bad(st, range->p->id, "stored bytes are missing");
		if ((r = check_row(st, range->p, &q, seq)))
			return r;
		copy_row(range, seq, col_blob(&q, 2));
	}
	return 0;
}

int piece_read_stored(struct genstore *st, const struct piece *p, int64_t offset, size_t n, void *out)
{
	struct range range = { .p = p, .offset = offset, .out = out };
	int64_t seq, last;
	const uint8_t *bytes;

	if (!has_rows(p))
		return bad(st, p->id, "its description cannot be true");
	if (offset < 0 || offset > p->stored || n > (uint64_t)(p->stored - offset))
		return store_fail(st, -EINVAL, "piece '%lld' has %lld stored bytes, not more", (long long)p->id,
				  (long long)p->stored);
	if (!n)
		return 0;
	range.end = offset + (int64_t)n;
	last = row_at(p, range.end - 1);
	for (seq = row_at(p, offset); seq <= last; seq++) {
		if (!(bytes = direct_row(st, row_id(p, seq), row_size(p, seq), last - seq)))
			return read_rows(st, &range, seq, last);
		copy_row(&range, seq, bytes);
	}
	return 0;
}

/* A frame of exactly size bytes, with or without what it refers back to. */
static int decode_zstd(const uint8_t *frame, size_t n, const struct buf *base, uint8_t *out, size_t size)
{
	ZSTD_DCtx *ctx = ZSTD_createDCtx();
	size_t got = 0;

	if (!ctx)
		return -ENOMEM;
	if (base)
		got = ZSTD_DCtx_refPrefix(ctx, base->data, base->len);
	if (!ZSTD_isError(got))
		got = ZSTD_decompressDCtx(ctx, out, size, frame, n);
	ZSTD_freeDCtx(ctx);
	if (ZSTD_getErrorCode(got) == ZSTD_error_memory_allocation)
		return -ENOMEM;
	return got == size ? 0 : -EBADMSG;
}

static int decode(struct genstore *st, const struct piece *p, const struct buf *base, const uint8_t *stored, uint8_t *out)
{
	size_t n = (size_t)p->stored, size = (size_t)p->size;

	switch (p->codec) {
	case PIECE_RAW:
	case PIECE_PART:
		return 0; /* they were read where they belong */
	case PIECE_DEFLATE:
		return store_fragmenter(st) ? fragment_decode(st->fragmenter, stored, n, out, size) : -ENOMEM;
	case PIECE_ZSTD:
		return decode_zstd(stored, n, NULL, out, size);
	case PIECE_ZSTD_DELTA:
		return decode_zstd(stored, n, base, out, size);
	}
	return -EBADMSG;
}

/* The content to out; what is stored is read to its own place, or to `stored`. */
static int read_checked(struct genstore *st, const struct piece *p, const struct buf *base, uint8_t *stored, void *out)
{
	uint8_t sum[XXH3_SIZE];
	int r;

	if ((r = piece_read_stored(st, p, 0, (size_t)p->stored, stored)))
		return r;
	xxh3_128(stored, (size_t)p->stored, sum);
	if (memcmp(sum, p->xxh3, sizeof(sum)) != 0)
		return bad(st, p->id, "stored bytes do not match their checksum");
	r = decode(st, p, base, stored, out);
	if (r == -EBADMSG)
		return bad(st, p->id, "stored bytes cannot be decoded");
	if (r)
		return r;
	if (crc32_update(0, out, (size_t)p->size) != p->crc32 || adler32_update(1, out, (size_t)p->size) != p->adler32)
		return bad(st, p->id, "its content does not match its checksum");
	return 0;
}

int piece_read(struct genstore *st, const struct piece *p, const struct buf *base, void *out)
{
	AUTO(buf_release) struct buf memory = BUF_INIT;
	uint8_t *stored = out;

	if (p->codec == PIECE_ZSTD_DELTA && !base)
		return store_fail(st, -EINVAL, "piece '%lld' is a delta and needs its base", (long long)p->id);
	if (is_plain(p) ? p->stored != p->size : !is_plausible(p))
		return bad(st, p->id, "its description cannot be true");
	if (!is_plain(p) && !(stored = buf_reserve(&memory, (size_t)p->stored)))
		return buf_error(&memory);
	return read_checked(st, p, base, stored, out);
}

int piece_read_fragment(struct genstore *st, const struct piece *p, struct buf *fragment, void *out)
{
	uint8_t *stored;
	int r;

	if (p->codec != PIECE_DEFLATE || !is_plausible(p))
		return bad(st, p->id, "its description cannot be true");
	if (!(stored = buf_reserve(fragment, (size_t)p->stored)))
		return buf_error(fragment);
	if ((r = read_checked(st, p, NULL, stored, out)))
		return r;
	buf_commit(fragment, (size_t)p->stored);
	return 0;
}
