/* The index of a foreign archive, as rows and back. FORMAT.md, "Foreign archives", has the bytes. */
#include "store/foreign_index.h"
#include "store/foreign_inside.h"
#include "store/idlist.h"
#include "store/sums.h"

#include <zstd.h>

enum { VERSION = 1, LEVEL = 1, ENCODER_ZSTD = 1, MEMBER = 8, WINDOW = 16, CRC = 4 };

struct foreign_index *foreign_index_ref(struct foreign_index *i)
{
	if (i)
		atomic_fetch_add_explicit(&i->refs, 1, memory_order_relaxed);
	return i;
}

void foreign_index_unref(struct foreign_index *i)
{
	if (!i || atomic_fetch_sub_explicit(&i->refs, 1, memory_order_acq_rel) != 1)
		return;
	object_unref(i->bytes);
	free(i->spans);
	free(i->files);
	free(i);
}

void foreign_index_unrefp(struct foreign_index **i)
{
	foreign_index_unref(*i);
}

static int encode(const struct foreign_index *i, struct buf *out)
{
	int64_t before = 0;

	buf_addc(out, VERSION);
	buf_add_varint(out, i->span_count);
	for (size_t k = 0; k < i->span_count; k++) {
		const struct foreign_span *s = &i->spans[k];

		buf_add_varint(out, (uint64_t)(s->in - before));
		buf_addc(out, (uint8_t)(s->bits | (s->member ? MEMBER : 0) | (s->window ? WINDOW : 0)));
		buf_add_varint(out, (uint64_t)s->size);
		buf_add_u32le(out, s->crc32);
		before = s->in;
	}
	before = 0;
	buf_add_varint(out, i->file_count);
	for (size_t k = 0; k < i->file_count; k++) {
		buf_add_zigzag(out, i->files[k].offset - before);
		buf_add_varint(out, (uint64_t)i->files[k].size);
		before = i->files[k].offset;
	}
	for (size_t k = 0; k < i->file_count; k++)
		buf_add(out, i->files[k].sha256, SHA256_SIZE);
	return buf_error(out);
}

/* *window goes on to the next of the list's. */
static int decode_span(struct cursor *c, const struct foreign_span *before, const struct idlist *windows, size_t *window,
		       struct foreign_span *ret_s)
{
	uint64_t in = cursor_varint(c), size;
	const uint8_t *flags = cursor_bytes(c, 1), *crc;
	struct foreign_span s = { .in = before ? before->in : 0, .out = before ? before->out + before->size : 0 };

	size = cursor_varint(c);
	crc = cursor_bytes(c, CRC);
	if (c->error || in > (uint64_t)(INT64_MAX - s.in) || size > FOREIGN_SPAN_MAX + GUNZIP_RUN || *flags > (WINDOW | MEMBER | 7))
		return -EBADMSG;
	s.in += (int64_t)in;
	s.size = (int64_t)size;
	s.crc32 = u32le(crc);
	s.bits = *flags & 7;
	s.member = *flags & MEMBER;
	if (*flags & WINDOW) {
		if (*window == windows->count)
			return -EBADMSG;
		s.window = windows->ids[(*window)++];
	}
	if (!s.member && !s.in)
		return -EBADMSG;
	*ret_s = s;
	return 0;
}

static int decode_spans(struct cursor *c, const struct idlist *windows, struct foreign_index *i)
{
	uint64_t count = cursor_varint(c);
	size_t window = 0;
	int r;

	if (c->error || !count || count > cursor_left(c))
		return -EBADMSG;
	if (!(i->spans = calloc(count, sizeof(*i->spans))))
		return -ENOMEM;
	for (; i->span_count < count; i->span_count++)
		if ((r = decode_span(c, i->span_count ? &i->spans[i->span_count - 1] : NULL, windows, &window, &i->spans[i->span_count])))
			return r;
	return window == windows->count ? 0 : -EBADMSG;
}

static int decode_files(struct cursor *c, struct foreign_index *i)
{
	const struct foreign_span *last = &i->spans[i->span_count - 1];
	uint64_t count = cursor_varint(c), size;
	int64_t end = last->out + last->size, offset = 0;
	const uint8_t *sha256;

	if (c->error || count > MANIFEST_ENTRIES_MAX)
		return -EBADMSG;
	if (count && !(i->files = calloc(count, sizeof(*i->files))))
		return -ENOMEM;
	for (i->file_count = 0; i->file_count < count; i->file_count++) {
		offset = (int64_t)((uint64_t)offset + (uint64_t)cursor_zigzag(c));
		size = cursor_varint(c);
		if (c->error || offset < 0 || offset > end || size > (uint64_t)(end - offset))
			return -EBADMSG;
		i->files[i->file_count] = (struct foreign_file){ .offset = offset, .size = (int64_t)size };
	}
	sha256 = cursor_bytes(c, count * SHA256_SIZE);
	for (size_t k = 0; sha256 && k < count; k++)
		memcpy(i->files[k].sha256, sha256 + k * SHA256_SIZE, SHA256_SIZE);
	return c->error || cursor_left(c) ? -EBADMSG : 0;
}

static int decode(const struct buf *plain, const struct idlist *windows, struct foreign_index *i)
{
	struct cursor c = cursor_of(plain->data, plain->len);
	const uint8_t *version = cursor_bytes(&c, 1);
	int r;

	if (!version || *version != VERSION)
		return version ? -EPROTO : -EBADMSG;
	r = decode_spans(&c, windows, i);
	return r ? r : decode_files(&c, i);
}

static int put_piece(struct genstore *st, struct leaf *leaf, const uint8_t *bytes, size_t n, struct idlist *pieces)
{
	AUTO(buf_release) struct buf packed = BUF_INIT;
	struct piece p = { .codec = PIECE_ZSTD, .encoder = ENCODER_ZSTD, .level = LEVEL };
	size_t room = ZSTD_compressBound(n), size;
	void *to = buf_reserve(&packed, room);
	int r;

	if (!to)
		return buf_error(&packed);
	size = ZSTD_compress(to, room, bytes, n, LEVEL);
	if (ZSTD_isError(size))
		return -ENOMEM;
	piece_describe(&p, bytes, n);
	r = piece_append(st, leaf, &p, to, size);
	return r ? r : idlist_add(pieces, p.id);
}

static int put_pieces(struct genstore *st, const struct foreign_index *i, struct idlist *pieces)
{
	AUTO(buf_release) struct buf plain = { .max = FOREIGN_INDEX_MAX };
	struct leaf leaf;
	int r = encode(i, &plain);

	if (r)
		return store_fail(st, r, "cannot encode the index of an archive: %s", strerror(-r));
	if ((r = piece_leaf_load(st, &leaf)))
		return r;
	for (size_t at = 0, n; at < plain.len && !r; at += n) {
		n = plain.len - at < PIECE_MAX ? plain.len - at : PIECE_MAX;
		r = put_piece(st, &leaf, plain.data + at, n, pieces);
	}
	return r ? r : piece_leaf_save(st, &leaf);
}

int foreign_index_put(struct genstore *st, const struct foreign_index *i, int64_t manifest)
{
	STMT q = db_stmt(&st->db, "INSERT INTO foreign_index (content_id, manifest_id, pieces, windows) VALUES (?, ?, ?, ?)");
	AUTO(buf_release) struct buf piece_list = BUF_INIT, window_list = BUF_INIT;
	AUTO(idlist_release) struct idlist pieces = { 0 }, windows = { 0 };
	int r;

	for (size_t k = 0; k < i->span_count; k++)
		if (i->spans[k].window && (r = idlist_add(&windows, i->spans[k].window)))
			return r;
	if ((r = put_pieces(st, i, &pieces)) || (r = idlist_encode(pieces.ids, pieces.count, &piece_list)) ||
	    (r = idlist_encode(windows.ids, windows.count, &window_list)))
		return r;
	bind_i64(&q, i->archive);
	bind_i64(&q, manifest);
	bind_blob(&q, buf_str(&piece_list), piece_list.len);
	bind_blob(&q, buf_str(&window_list), window_list.len);
	return stmt_run(&q);
}

static int bad(struct genstore *st, int64_t archive)
{
	return store_fail(st, -EBADMSG, "the index of archive '%lld' is damaged; run 'genstore check'", (long long)archive);
}

static int read_row(struct genstore *st, int64_t archive, struct idlist *pieces, struct idlist *windows)
{
	STMT q = db_stmt(&st->db, "SELECT pieces, windows FROM foreign_index WHERE content_id = ?");
	int r = sums_verify(st, "foreign_index", archive);

	if (r)
		return r;
	bind_i64(&q, archive);
	if ((r = stmt_step(&q)) <= 0)
		return r ? r : store_fail(st, -ENOENT, "archive '%lld' has no index", (long long)archive);
	if (!col_size(&q, 0) || idlist_decode(col_blob(&q, 0), col_size(&q, 0), pieces) ||
	    (col_size(&q, 1) && idlist_decode(col_blob(&q, 1), col_size(&q, 1), windows)))
		return bad(st, archive);
	return 0;
}

static int read_pieces(struct genstore *st, int64_t archive, const struct idlist *pieces, struct buf *out)
{
	struct piece p;
	void *to;
	int r;

	for (size_t k = 0; k < pieces->count; k++) {
		if ((r = piece_get(st, pieces->ids[k], &p)))
			return r == -ENOENT ? bad(st, archive) : r;
		if (p.codec != PIECE_ZSTD || p.size > PIECE_MAX)
			return bad(st, archive);
		if (!(to = buf_reserve(out, (size_t)p.size)))
			return buf_error(out);
		if ((r = piece_read(st, &p, NULL, to)))
			return r;
		buf_commit(out, (size_t)p.size);
	}
	return 0;
}

int foreign_index_load(struct genstore *st, int64_t archive, struct foreign_index **ret_i)
{
	AUTO(foreign_index_unrefp) struct foreign_index *i = calloc(1, sizeof(*i));
	AUTO(idlist_release) struct idlist pieces = { 0 }, windows = { 0 };
	AUTO(buf_release) struct buf plain = { .max = FOREIGN_INDEX_MAX };
	TXN t = txn_begin_read(&st->db);
	int r = t.error;

	if (!i)
		return -ENOMEM;
	i->archive = archive;
	i->refs = 1;
	if (r || (r = read_row(st, archive, &pieces, &windows)) || (r = read_pieces(st, archive, &pieces, &plain)))
		return r;
	if ((r = decode(&plain, &windows, i)))
		return r == -EBADMSG ? bad(st, archive) : r;
	if ((r = object_of_content(st, archive, &i->bytes)))
		return r == -ENOENT ? bad(st, archive) : r;
	*ret_i = MOVE(i);
	return 0;
}
