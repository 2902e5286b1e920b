#include "store/manifest_inside.h"
#include "store/base/hash.h"

#include <zstd.h>
#include <zstd_errors.h>

enum {
	LEVEL = 9,
	WINDOW_LOG_MIN = 10,
	WINDOW_LOG_MAX = 27,   /* what every decoder accepts */
	LARGE = 1 << 20,       /* from here on the tables below keep a put within 20 MB */
	LARGE_TABLE_LOG = 19,
	KEY_RATIO = 4,         /* a delta of more than a quarter of its key is a new key */
	ENCODER_ZSTD = 1,
};

/* The manifest that deltas are made against; id 0: none. */
struct key {
	int64_t id, stored;
	struct buf plain;
};

static void key_release(struct key *k)
{
	buf_release(&k->plain);
}

static void cctx_free(ZSTD_CCtx **c)
{
	ZSTD_freeCCtx(*c);
}

static int log2_up(size_t n)
{
	int log = WINDOW_LOG_MIN;

	while (log < WINDOW_LOG_MAX && ((size_t)1 << log) < n)
		log++;
	return log;
}

/* base NULL: a frame of its own. */
static int compress(const struct buf *plain, const struct buf *base, struct buf *out)
{
	AUTO(cctx_free) ZSTD_CCtx *c = ZSTD_createCCtx();
	size_t reach = plain->len + (base ? base->len : 0), room = ZSTD_compressBound(plain->len), n;
	void *to = buf_reserve(out, room);

	if (!c || !to)
		return buf_error(out) ? buf_error(out) : -ENOMEM;
	ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, LEVEL);
	ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 0);
	ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 1);
	ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, log2_up(reach));
	if (reach > LARGE) {
		ZSTD_CCtx_setParameter(c, ZSTD_c_hashLog, LARGE_TABLE_LOG);
		ZSTD_CCtx_setParameter(c, ZSTD_c_chainLog, LARGE_TABLE_LOG);
	}
	if (base)
		ZSTD_CCtx_refPrefix(c, base->data, base->len);
	n = ZSTD_compress2(c, to, room, plain->data, plain->len);
	if (ZSTD_isError(n))
		return ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation ? -ENOMEM : -EIO;
	buf_commit(out, n);
	return 0;
}

/* One row of the table, and what a hostile file may not make us reserve. */
struct row {
	int64_t base, entries, files, bytes;
	uint8_t sha256[SHA256_SIZE];
	struct piece piece;
};

static int bad(struct genstore *st, int64_t id, const char *why)
{
	return store_fail(st, -EBADMSG, "manifest %lld %s; run 'genstore check'", (long long)id, why);
}

static int read_row(struct genstore *st, int64_t id, struct row *ret_row)
{
	STMT q = db_stmt(&st->db, "SELECT coalesce(base, 0), piece, entries, files, bytes, sha256 FROM manifest WHERE id = ?");
	struct row row;
	int r;

	bind_i64(&q, id);
	if ((r = stmt_step(&q)) <= 0)
		return r ? r : store_fail(st, -ENOENT, "there is no manifest %lld", (long long)id);
	row.base = col_i64(&q, 0);
	row.entries = col_i64(&q, 2);
	row.files = col_i64(&q, 3);
	row.bytes = col_i64(&q, 4);
	if ((r = col_bytes(&q, 5, row.sha256, sizeof(row.sha256))))
		return r;
	r = piece_get(st, col_i64(&q, 1), &row.piece);
	if (r == -ENOENT)
		return bad(st, id, "has lost its piece");
	if (!r)
		*ret_row = row;
	return r;
}

/* The encoded bytes of a row; base is those of its key, or NULL for a key. */
static int read_plain(struct genstore *st, int64_t id, const struct row *row, const struct buf *base, struct buf *out)
{
	uint8_t sha256[SHA256_SIZE];
	void *to;
	int r;

	if (row->piece.size > MANIFEST_ENCODED_MAX || row->piece.codec != (base ? PIECE_ZSTD_DELTA : PIECE_ZSTD))
		return bad(st, id, "has a piece of another kind");
	to = buf_reserve(out, (size_t)row->piece.size);
	if (!to)
		return buf_error(out);
	if ((r = piece_read(st, &row->piece, base, to)))
		return r;
	buf_commit(out, (size_t)row->piece.size);
	sha256_of(out->data, out->len, sha256);
	return memcmp(sha256, row->sha256, sizeof(sha256)) ? bad(st, id, "does not match its hash") : 0;
}

static int read_key(struct genstore *st, int64_t id, struct key *key)
{
	struct row row;
	int r;

	if ((r = read_row(st, id, &row)))
		return r;
	if (row.base)
		return bad(st, id, "is not the key that others are stored against");
	if ((r = read_plain(st, id, &row, NULL, &key->plain)))
		return r;
	key->id = id;
	key->stored = row.piece.stored;
	return 0;
}

/* A key that is gone or damaged is no obstacle: the new manifest stands by itself then. */
static int find_key(struct genstore *st, int64_t near, struct key *key)
{
	struct row row;
	int r;

	if (!near)
		return 0;
	r = read_row(st, near, &row);
	if (!r)
		r = read_key(st, row.base ? row.base : near, key);
	if (r == -ENOENT || r == -EBADMSG) {
		buf_reset(&key->plain);
		r = 0;
	}
	return r;
}

static int find_equal(struct genstore *st, const uint8_t sha256[SHA256_SIZE], int64_t *ret_id)
{
	STMT q = db_stmt(&st->db, "SELECT id FROM manifest WHERE substr(sha256, 1, 8) = ? AND sha256 = ? ORDER BY id LIMIT 1");
	int r;

	bind_blob(&q, sha256, 8);
	bind_blob(&q, sha256, SHA256_SIZE);
	if ((r = stmt_step(&q)) > 0)
		*ret_id = col_i64(&q, 0);
	return r;
}

static int insert(struct genstore *st, struct manifest *m, const struct piece *p, int64_t base)
{
	STMT q = db_stmt(&st->db, "INSERT INTO manifest(sha256, base, piece, entries, files, bytes) VALUES (?, ?, ?, ?, ?, ?)");
	int r;

	bind_blob(&q, p->sha256, sizeof(p->sha256));
	if (base)
		bind_i64(&q, base);
	else
		bind_null(&q);
	bind_i64(&q, p->id);
	bind_i64(&q, (int64_t)m->count);
	bind_i64(&q, m->files);
	bind_i64(&q, m->bytes);
	if ((r = stmt_run(&q)))
		return r;
	m->id = db_last_id(&st->db);
	return 0;
}

/* Against the key where that is small, else alone. Sets key->id to 0 when it is a key itself. */
static int pack(const struct buf *plain, struct key *key, struct buf *out)
{
	int r;

	if (key->id) {
		if ((r = compress(plain, &key->plain, out)))
			return r;
		if ((int64_t)out->len <= key->stored / KEY_RATIO)
			return 0;
		buf_reset(out);
		key->id = 0;
	}
	return compress(plain, NULL, out);
}

int manifest_put(struct genstore *st, struct manifest *m, int64_t near)
{
	AUTO(buf_release) struct buf plain = BUF_INIT, packed = BUF_INIT;
	AUTO(key_release) struct key key = { 0 };
	struct piece p = { .encoder = ENCODER_ZSTD, .level = LEVEL };
	int r;

	plain.max = MANIFEST_ENCODED_MAX;
	if ((r = manifest_encode(m, &plain)))
		return store_fail(st, r, "cannot encode a tree of %zu entries: %s", m->count, strerror(-r));
	piece_describe(&p, plain.data, plain.len);
	if ((r = find_equal(st, p.sha256, &m->id)))
		return r < 0 ? r : 0;
	if ((r = find_key(st, near, &key)))
		return r;
	if ((r = pack(&plain, &key, &packed)))
		return store_fail(st, r, "cannot compress a tree of %zu entries: %s", m->count, strerror(-r));
	p.codec = key.id ? PIECE_ZSTD_DELTA : PIECE_ZSTD;
	if ((r = piece_insert(st, &p, packed.data, packed.len)))
		return r;
	return insert(st, m, &p, key.id);
}

int manifest_load(struct genstore *st, int64_t id, struct manifest **ret_m)
{
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	AUTO(buf_release) struct buf plain = BUF_INIT;
	AUTO(key_release) struct key key = { 0 };
	struct row row;
	int r;

	if ((r = read_row(st, id, &row)))
		return r;
	if (row.base && (r = read_key(st, row.base, &key)))
		return r == -ENOENT ? bad(st, id, "has lost the key it is stored against") : r;
	if ((r = read_plain(st, id, &row, key.id ? &key.plain : NULL, &plain)))
		return r;
	if ((r = manifest_decode(plain.data, plain.len, &m)))
		return r == -EBADMSG ? bad(st, id, "does not decode") : r;
	if ((int64_t)m->count != row.entries || m->files != row.files || m->bytes != row.bytes)
		return bad(st, id, "does not hold what its row says");
	m->id = id;
	*ret_m = MOVE(m);
	return 0;
}
