/*
 * Files inside of foreign archives, as objects. A read unpacks the span that it lies in, whole, and compares it with its checksum; the
 * last spans are kept by the handle, as is the last index.
 */
#include "store/foreign_inside.h"

enum { CACHED = 4, INPUT = 64 << 10, LARGE = 4 << 20 };

struct foreign_cache {
	struct foreign_index *index;
	struct { int64_t archive; size_t span; struct buf bytes; } spans[CACHED]; /* archive 0: none */
	int last;
};

void foreign_cache_free(struct foreign_cache *c)
{
	if (!c)
		return;
	foreign_index_unref(c->index);
	for (int i = 0; i < CACHED; i++)
		buf_release(&c->spans[i].bytes);
	free(c);
}

static struct foreign_cache *cache_of(struct genstore *st)
{
	if (!st->foreign)
		st->foreign = calloc(1, sizeof(*st->foreign));
	return st->foreign;
}

/* What a write transaction may still take back is not kept: its ids would be given out again. */
static bool may_keep(struct genstore *st)
{
	return sqlite3_txn_state(st->db.handle, NULL) != SQLITE_TXN_WRITE;
}

int foreign_index_get(struct genstore *st, int64_t archive, struct foreign_index **ret_i)
{
	struct foreign_cache *c = cache_of(st);
	struct foreign_index *i;
	int r;

	if (!c)
		return -ENOMEM;
	if (!c->index || c->index->archive != archive) {
		if ((r = foreign_index_load(st, archive, &i)))
			return r;
		if (!may_keep(st)) {
			*ret_i = i;
			return 0;
		}
		foreign_index_unref(c->index);
		c->index = i;
	}
	*ret_i = foreign_index_ref(c->index);
	return 0;
}

/* The archive's bytes from some place on. */
struct input {
	struct genstore *st;
	const struct object *bytes;
	int64_t at;
	uint8_t data[INPUT];
};

static ssize_t next_input(void *arg, const uint8_t **ret_bytes)
{
	struct input *in = arg;
	ssize_t n = object_read(in->st, in->bytes, in->at, INPUT, in->data);

	if (n > 0)
		in->at += n;
	*ret_bytes = in->data;
	return n;
}

static int bad(struct genstore *st, const struct foreign_index *i, const char *why)
{
	return store_fail(st, -EBADMSG, "a file of archive '%lld' cannot be read: %s; run 'genstore check'", (long long)i->archive, why);
}

static int read_window(struct genstore *st, const struct foreign_index *i, int64_t piece, uint8_t *out, size_t *ret_n)
{
	struct piece p;
	int r = piece_get(st, piece, &p);

	if (r == -ENOENT || (!r && (p.size > GUNZIP_WINDOW || p.codec != PIECE_ZSTD)))
		return bad(st, i, "its index has lost a piece");
	if (r || (r = piece_read(st, &p, NULL, out)))
		return r;
	*ret_n = (size_t)p.size;
	return 0;
}

static int unpack(struct genstore *st, const struct foreign_index *i, struct gunzip *g, int64_t size, struct buf *out)
{
	const char *words = NULL;
	struct gunzip_run run;
	int r;

	while ((int64_t)out->len < size) {
		if ((r = gunzip_next(g, false, &run, &words)) <= 0)
			return words || !r ? bad(st, i, words ? words : "it ends too early") : r;
		run.n = (size_t)min_i64((int64_t)run.n, size - (int64_t)out->len);
		if ((r = buf_add(out, run.bytes, run.n)))
			return r;
	}
	return 0;
}

static int read_span(struct genstore *st, const struct foreign_index *i, size_t k, struct buf *out)
{
	const struct foreign_span *s = &i->spans[k];
	const struct gunzip_place place = { .in = s->in, .bits = s->bits, .member = s->member };
	AUTO(gunzip_freep) struct gunzip *g = NULL;
	AUTO(free_ptr) struct input *in = malloc(sizeof(*in));
	uint8_t window[GUNZIP_WINDOW];
	size_t n = 0;
	int r;

	if (!in)
		return -ENOMEM;
	in->st = st;
	in->bytes = i->bytes;
	in->at = s->in - (s->bits != 0);
	if (s->window && (r = read_window(st, i, s->window, window, &n)))
		return r;
	r = gunzip_new((struct gunzip_source){ next_input, in }, &place, window, n, &g);
	if (r == -EINVAL || r == -EBADMSG)
		return bad(st, i, "its index leads nowhere");
	if (r || (r = unpack(st, i, g, s->size, out)))
		return r;
	return crc32_update(0, out->data, out->len) == s->crc32 ? 0 : bad(st, i, "what was unpacked does not match its checksum");
}

/* Borrowed until the next call. */
static int borrow_span(struct genstore *st, const struct foreign_index *i, size_t k, const uint8_t **ret_bytes)
{
	struct foreign_cache *c = cache_of(st);
	int at, r;

	if (!c)
		return -ENOMEM;
	for (at = 0; at < CACHED; at++)
		if (c->spans[at].archive == i->archive && c->spans[at].span == k)
			break;
	if (at == CACHED) {
		at = (c->last + 1) % CACHED;
		/* A span of a damaged or hostile archive can be many times what it should be: then it is the only one. */
		for (int n = 0; n < CACHED; n++)
			if (n == at || i->spans[k].size > LARGE || c->spans[n].bytes.len > LARGE) {
				c->spans[n].archive = 0;
				buf_release(&c->spans[n].bytes);
			}
		if ((r = read_span(st, i, k, &c->spans[at].bytes)))
			return r;
		if (may_keep(st)) {
			c->spans[at].archive = i->archive;
			c->spans[at].span = k;
		}
	}
	c->last = at;
	*ret_bytes = c->spans[at].bytes.data;
	return 0;
}

static size_t span_at(const struct foreign_index *i, int64_t offset)
{
	size_t low = 0, high = i->span_count - 1;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (offset < i->spans[middle].out + i->spans[middle].size)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

struct file_object {
	struct object object;
	struct foreign_index *index;
	int64_t offset;
};

static ssize_t file_read(struct genstore *st, const struct object *o, int64_t offset, size_t n, void *out)
{
	const struct file_object *f = (const struct file_object *)o;
	int64_t at = f->offset + offset, end = at + (int64_t)n;
	uint8_t *to = out;
	int r;

	for (size_t k = span_at(f->index, at); at < end; k++) {
		const struct foreign_span *s = &f->index->spans[k];
		int64_t stop = min_i64(end, s->out + s->size);
		const uint8_t *bytes;

		if ((r = borrow_span(st, f->index, k, &bytes)))
			return r;
		memcpy(to, bytes + (at - s->out), (size_t)(stop - at));
		to += stop - at;
		at = stop;
	}
	return (ssize_t)n;
}

static void file_release(struct object *o)
{
	foreign_index_unref(((struct file_object *)o)->index);
	free(o);
}

static int find(struct genstore *st, int64_t id, struct foreign_index **ret_i, const struct foreign_file **ret_f)
{
	size_t number = foreign_number_of(id);
	int64_t archive = foreign_archive_of(id);
	int r = foreign_index_get(st, archive, ret_i);

	/* A tree names it, so it has to be there. */
	if (r == -ENOENT)
		return store_fail(st, -EBADMSG, "the index of archive '%lld' is missing; run 'genstore check'", (long long)archive);
	if (r)
		return r;
	if (number >= (*ret_i)->file_count)
		return bad(st, *ret_i, "its index does not have it");
	*ret_f = &(*ret_i)->files[number];
	return 0;
}

int foreign_file_get(struct genstore *st, int64_t id, struct foreign_file *ret_f)
{
	AUTO(foreign_index_unrefp) struct foreign_index *i = NULL;
	const struct foreign_file *f;
	int r = find(st, id, &i, &f);

	if (!r)
		*ret_f = *f;
	return r;
}

/* Its part of the index that it holds on to: all files of an archive together answer for all of it. */
static size_t cost_of(const struct foreign_index *i)
{
	size_t index = sizeof(*i) + i->span_count * sizeof(*i->spans) + i->file_count * sizeof(*i->files) + object_cost(i->bytes);

	return sizeof(struct file_object) + index / (i->file_count + 1);
}

int foreign_file_open(struct genstore *st, int64_t id, struct object **ret_o)
{
	static const struct object_class class = { file_read, file_release };
	AUTO(foreign_index_unrefp) struct foreign_index *i = NULL;
	const struct foreign_file *f;
	struct file_object *o;
	int r = find(st, id, &i, &f);

	if (r)
		return r;
	if (!(o = malloc(sizeof(*o))))
		return -ENOMEM;
	*o = (struct file_object){ .object = { .class = &class, .size = f->size, .cost = cost_of(i), .refs = 1 }, .offset = f->offset };
	o->index = MOVE(i);
	*ret_o = &o->object;
	return 0;
}
