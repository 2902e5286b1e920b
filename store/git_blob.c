#include "store/git_blob.h"
#include "store/stitch/fragment.h"

enum { AT_ONCE = 256 << 10 };

static int add_head(enum git_type type, int64_t size, struct buf *out)
{
	uint8_t head[GITPACK_OBJECT_MAX];

	buf_add(out, head, gitpack_object(type, size, head));
	return buf_add(out, zlib_head, ZLIB_HEAD);
}

static int add_tail(uint32_t adler, struct buf *out)
{
	uint8_t tail[ZLIB_TAIL];

	zlib_tail(adler, tail);
	return buf_add(out, tail, ZLIB_TAIL);
}

static int add_fragments(struct genstore *st, const uint8_t *data, size_t n, struct buf *out)
{
	struct fragmenter *f = store_fragmenter(st);
	int r = f ? 0 : -ENOMEM;

	for (size_t at = 0; at < n && !r; at += AT_ONCE)
		r = fragment_encode(f, data + at, n - at < AT_ONCE ? n - at : AT_ONCE, out);
	return r;
}

int git_pack_bytes(struct genstore *st, enum git_type type, const void *data, size_t n, struct buf *out)
{
	int r;

	if ((r = add_head(type, (int64_t)n, out)) || (r = add_fragments(st, data, n, out)))
		return r;
	return add_tail(adler32_update(1, data, n), out);
}

static int bad(const struct git_blob_reader *b, const char *why)
{
	return store_fail(b->st, -EBADMSG, "content '%lld' is damaged: %s; run 'genstore check'", (long long)b->content.id, why);
}

int git_blob_begin(struct git_blob_reader *b, int64_t content, int64_t size, const uint8_t id[SHA1_SIZE], struct buf *out)
{
	int r = content_get(b->st, content, &b->content);

	b->content.id = content;
	if (r)
		return r == -ENOENT ? bad(b, "it is missing") : r;
	if (b->content.size != size)
		return bad(b, "it has not the size that its tree says");
	if (size && !b->content.piece_count && (r = object_of_content(b->st, content, &b->object)))
		return r;
	memcpy(b->id, id, SHA1_SIZE);
	b->piece = 0;
	b->at = 0;
	b->adler = 1;
	git_blob_init(&b->hash, size);
	return add_head(GIT_BLOB, size, out);
}

/* What a step unpacked, as its reader has it. */
static void count(struct git_blob_reader *b, const void *data, size_t n)
{
	git_blob_update(&b->hash, data, n);
	b->adler = adler32_update(b->adler, data, n);
	b->at += (int64_t)n;
}

static int step_object(struct git_blob_reader *b, struct buf *out)
{
	uint8_t *to = buf_reserve(&b->plain, AT_ONCE);
	ssize_t n;

	if (!to)
		return -ENOMEM;
	n = object_read(b->st, b->object, b->at, AT_ONCE, to);
	if (n <= 0)
		return n < 0 ? (int)n : bad(b, "it is shorter than it says");
	count(b, to, (size_t)n);
	return add_fragments(b->st, to, (size_t)n, out);
}

static int step_piece(struct git_blob_reader *b, struct buf *out)
{
	struct piece p;
	uint8_t *to;
	int r = piece_get(b->st, b->content.pieces[b->piece++], &p);

	if (r)
		return r == -ENOENT ? bad(b, "a piece of it is missing") : r;
	if (p.size > b->content.size - b->at)
		return bad(b, "its pieces do not make it up");
	if (!(to = buf_reserve(&b->plain, (size_t)p.size)))
		return -ENOMEM;
	if (p.codec == PIECE_DEFLATE)
		r = piece_read_fragment(b->st, &p, out, to);
	else if (!(r = piece_read(b->st, &p, NULL, to)))
		r = add_fragments(b->st, to, (size_t)p.size, out);
	if (!r)
		count(b, to, (size_t)p.size);
	return r;
}

int git_blob_step(struct git_blob_reader *b, struct buf *out)
{
	uint8_t id[SHA1_SIZE];
	int r;

	if (b->at < b->content.size) {
		if (!b->object && b->piece == b->content.piece_count)
			return bad(b, "its pieces do not make it up");
		r = b->object ? step_object(b, out) : step_piece(b, out);
		return r ? r : 1;
	}
	if (b->piece != b->content.piece_count)
		return bad(b, "its pieces do not make it up");
	git_blob_final(&b->hash, id);
	if (memcmp(id, b->id, SHA1_SIZE) != 0)
		return bad(b, "its name in git is another one");
	return add_tail(b->adler, out);
}

void git_blob_end(struct git_blob_reader *b)
{
	content_release(&b->content);
	object_unref(MOVE(b->object));
}

void git_blob_release(struct git_blob_reader *b)
{
	git_blob_end(b);
	buf_release(&b->plain);
}
