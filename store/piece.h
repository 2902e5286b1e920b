/*
 * Pieces: at most 1 MiB of content, compressed once, kept in rows that fit one b-tree leaf.
 *
 * The first row of a piece may be short, so that it fills what is left of the last leaf; the rows
 * after it are full, but for the last. So a piece neither has overflow pages nor leaves holes.
 */
#ifndef GENSTORE_PIECE_H
#define GENSTORE_PIECE_H

#include "store/base/buf.h"
#include "store/base/hash.h"
#include "store/store.h"

enum piece_codec { PIECE_RAW = 0, PIECE_DEFLATE = 1, PIECE_ZSTD = 2, PIECE_ZSTD_DELTA = 3, PIECE_PART = 4 };

enum {
	PIECE_MAX = 1 << 20,      /* content bytes of a raw or deflate piece; manifests can be larger */
	PIECE_ZSTD_MAX = 32 << 20, /* content bytes of a zstd piece */
	PIECE_ROW = 16335,        /* stored bytes of a full row: the largest record without an overflow page at 16 KiB */
	PIECE_ROW_BITS = 8,
	PIECE_STORED_MAX = 255 * PIECE_ROW,
};

struct piece {
	int64_t id;
	uint8_t sha256[SHA256_SIZE]; /* of a PIECE_PART: of the archive it is part of, up to its end */
	int64_t size, stored;
	uint32_t crc32, adler32;
	int codec, encoder, level;
	int64_t head;
	uint8_t xxh3[XXH3_SIZE];
};

/* -ENOENT. The oldest encoding of that content with that codec. -EBADMSG: a description that cannot be true. */
int piece_find(struct genstore *st, const uint8_t sha256[SHA256_SIZE], int codec, struct piece *ret_piece);
int piece_get(struct genstore *st, int64_t id, struct piece *ret_piece);

/* Fills in what can be computed from the content: sha256, size, crc32, adler32. */
void piece_describe(struct piece *p, const void *data, size_t n);

/*
 * Writes stored bytes under p's description (all but id, stored, head, xxh3) inside the caller's transaction. Sets p->id and the rest.
 * -EFBIG beyond PIECE_STORED_MAX, -EINVAL for no bytes.
 */
int piece_insert(struct genstore *st, struct piece *p, const void *stored, size_t n);

/*
 * The same for many pieces of one transaction: piece_leaf_load(), any number of piece_append(), piece_leaf_save().
 * Nothing else may write pieces in between. A transaction that rolls back takes what is noted with it.
 */
struct leaf {
	int64_t row; /* the last row of piece_data, 0: none */
	size_t free; /* bytes that are left on its leaf, 0 when not known: a wrong value wastes room, nothing else */
};
int piece_leaf_load(struct genstore *st, struct leaf *ret_leaf);
int piece_append(struct genstore *st, struct leaf *leaf, struct piece *p, const void *stored, size_t n);
int piece_leaf_save(struct genstore *st, const struct leaf *leaf);

/*
 * A range of the stored bytes (of p, id, stored and head are enough); every row it touches is checked against its sum first.
 * -EBADMSG names the piece in the store's words; nothing of a bad row reaches `out`'s reader. -EINVAL outside.
 */
int piece_read_stored(struct genstore *st, const struct piece *p, int64_t offset, size_t n, void *out);

/*
 * The content, p->size bytes, of a raw (or PIECE_PART), deflate or zstd piece; decoded and checked against xxh3, crc32 and adler32. -EBADMSG.
 * base is the content of the key manifest for PIECE_ZSTD_DELTA, else NULL. The delta is a frame made with
 * base as ZSTD_CCtx_refPrefix().
 */
int piece_read(struct genstore *st, const struct piece *p, const struct buf *base, void *out);

/* The same of a deflate piece, whose stored bytes, a fragment, are appended to `fragment` besides. */
int piece_read_fragment(struct genstore *st, const struct piece *p, struct buf *fragment, void *out);

/*
 * The content of a piece that is `size` bytes, through the handle's cache of the last two: for readers that take a piece
 * in steps. Borrowed until the next call with this handle. -EBADMSG also when there is no such piece or it has another size.
 */
int piece_borrow(struct genstore *st, int64_t id, int64_t size, const uint8_t **ret_data);
/* The same into memory of the caller, past the cache. */
int piece_copy(struct genstore *st, int64_t id, int64_t size, void *out);

struct piece_cache;
void piece_cache_free(struct piece_cache *cache);

#endif
