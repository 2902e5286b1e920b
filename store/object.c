#include "store/object.h"
#include "store/foreign_index.h"

#include <limits.h>

struct object *object_ref(struct object *o)
{
	if (o)
		atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
	return o;
}

void object_unref(struct object *o)
{
	if (o && atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) == 1)
		o->class->release(o);
}

void object_unrefp(struct object **o)
{
	object_unref(*o);
}

int64_t object_size(const struct object *o)
{
	return o->size;
}

size_t object_cost(const struct object *o)
{
	return o->cost;
}

ssize_t object_read(struct genstore *st, const struct object *o, int64_t offset, size_t n, void *out)
{
	if (offset < 0)
		return store_fail(st, -EINVAL, "cannot read before the beginning");
	if (offset >= o->size)
		return 0;
	n = n < SSIZE_MAX ? n : SSIZE_MAX;
	n = (size_t)min_i64((int64_t)n, o->size - offset);
	return n ? o->class->read(st, o, offset, n, out) : 0;
}

/* Bytes in memory. */

struct buf_object {
	struct object object;
	struct buf bytes;
};

static ssize_t buf_object_read(struct genstore *st UNUSED, const struct object *o, int64_t offset, size_t n, void *out)
{
	const struct buf_object *b = (const struct buf_object *)o;

	memcpy(out, b->bytes.data + offset, n);
	return (ssize_t)n;
}

static void buf_object_release(struct object *o)
{
	struct buf_object *b = (struct buf_object *)o;

	buf_release(&b->bytes);
	free(b);
}

int object_of_buf(struct buf *bytes, struct object **ret_o)
{
	static const struct object_class class = { buf_object_read, buf_object_release };
	struct buf_object *b;

	if (buf_error(bytes))
		return buf_error(bytes);
	if (!(b = malloc(sizeof(*b))))
		return -ENOMEM;
	*b = (struct buf_object){
		.object = { .class = &class, .size = (int64_t)bytes->len, .cost = sizeof(*b) + bytes->cap, .refs = 1 },
		.bytes = *bytes,
	};
	*bytes = (struct buf)BUF_INIT;
	*ret_o = &b->object;
	return 0;
}

/* A content: where its pieces end, for a binary search. */

struct part {
	int64_t piece, end;
};

struct content_object {
	struct object object;
	struct piece only; /* of a content that is one piece, as most are: read without a look-up */
	size_t count;
	struct part parts[];
};

static size_t part_at(const struct content_object *c, int64_t offset)
{
	size_t low = 0, high = c->count - 1;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (offset < c->parts[middle].end)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* A piece that is wanted whole goes straight where it belongs, one that is read in steps through the cache. */
static ssize_t content_object_read(struct genstore *st, const struct object *o, int64_t offset, size_t n, void *out)
{
	const struct content_object *c = (const struct content_object *)o;
	int64_t at = offset, end = offset + (int64_t)n;
	int r;

	/* The pieces of a read are many look-ups: in one transaction they lock the file once. */
	TXN t = { .depth = 0 };

	if (c->count > 1 && (t = txn_begin_read(&st->db)).error)
		return t.error;
	for (size_t i = part_at(c, offset); at < end; i++) {
		int64_t start = i ? c->parts[i - 1].end : 0, stop = min_i64(c->parts[i].end, end);
		int64_t size = c->parts[i].end - start;
		uint8_t *to = (uint8_t *)out + (at - offset);
		const uint8_t *data;

		if (at == start && stop == c->parts[i].end) {
			r = c->count == 1 ? piece_read(st, &c->only, NULL, to) : piece_copy(st, c->parts[i].piece, size, to);
		} else {
			r = piece_borrow(st, c->parts[i].piece, size, &data);
			if (!r)
				memcpy(to, data + (at - start), (size_t)(stop - at));
		}
		if (r)
			return r;
		at = stop;
	}
	return (ssize_t)n;
}

static void content_object_release(struct object *o)
{
	free(o);
}

/* Looks all pieces up and compares what they add up to with what the content says of itself. */
static int lay_out(struct genstore *st, const struct content *c, struct content_object *o)
{
	uint32_t crc = 0, adler = 1;
	int64_t end = 0;
	int r;

	for (size_t i = 0; i < c->piece_count; i++) {
		struct piece p;

		if ((r = piece_get(st, c->pieces[i], &p)) && r != -ENOENT)
			return r;
		if (r)
			return -EBADMSG;
		crc = crc32_join(crc, p.crc32, p.size);
		adler = adler32_join(adler, p.adler32, p.size);
		o->parts[i] = (struct part){ .piece = p.id, .end = end += p.size };
		o->only = p;
	}
	return end == c->size && crc == c->crc32 && adler == c->adler32 ? 0 : -EBADMSG;
}

int object_of_content(struct genstore *st, int64_t content_id, struct object **ret_o)
{
	static const struct object_class class = { content_object_read, content_object_release };
	AUTO(content_release) struct content c = { .id = 0 };
	AUTO(free_ptr) struct content_object *o = NULL;
	size_t cost;
	int r;

	if (foreign_is_content(content_id))
		return foreign_file_open(st, content_id, ret_o);
	if ((r = content_get(st, content_id, &c)))
		return r;
	if (content_is_away(&c))
		return store_fail(st, -EREMOTE, "the bytes of content '%lld' are not in this store", (long long)content_id);
	cost = sizeof(*o) + c.piece_count * sizeof(o->parts[0]);
	if (!(o = malloc(cost)))
		return -ENOMEM;
	/* Many look-ups in one read transaction lock the file once. */
	TXN t = { .depth = 0 };

	if (c.piece_count > 1)
		t = txn_begin_read(&st->db);
	if ((r = t.error) || ((r = lay_out(st, &c, o)) && r != -EBADMSG))
		return r;
	if (r)
		return store_fail(st, r, "content '%lld' is damaged: its pieces do not make it up; run 'genstore check'",
				  (long long)content_id);
	o->object = (struct object){ .class = &class, .size = c.size, .cost = cost, .refs = 1 };
	o->count = c.piece_count;
	*ret_o = &MOVE(o)->object;
	return 0;
}
