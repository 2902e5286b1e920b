/*
 * The stitched ZIP, which is written nowhere as a whole:
 *
 *	local header, fragments, final block | ... | central directory, end
 *
 * Local headers are encoded again as they are read; a read finds its place by binary search.
 */
#include "store/bundle.h"
#include "store/content.h"
#include "store/stitch/zip.h"

/* A fragment. */
struct part {
	int64_t id, offset; /* in the file */
	uint32_t stored, head;
};

struct place {
	struct zip_entry entry; /* its name is an offset until the bundle is closed: the names move as they grow */
	size_t name;
	uint32_t head_length, first_part;
	struct object *plain; /* what is stored as it is, or NULL */
};

struct zip_object {
	struct object object;
	struct place *places;
	struct part *parts;
	size_t count, part_count;
	struct buf names, tail; /* tail: central directory and end */
	int64_t tail_offset;
};

struct bundle {
	struct genstore *st;
	struct zip_object *zip;
	size_t cap, part_cap;
	int64_t end; /* of what is laid out so far */
};

static void zip_release(struct object *o)
{
	struct zip_object *z = (struct zip_object *)o;

	for (size_t i = 0; i < z->count; i++)
		object_unref(z->places[i].plain);
	free(z->places);
	free(z->parts);
	buf_release(&z->names);
	buf_release(&z->tail);
	free(z);
}

void bundle_free(struct bundle *b)
{
	if (!b)
		return;
	if (b->zip)
		zip_release(&b->zip->object);
	free(b);
}

void bundle_freep(struct bundle **b)
{
	bundle_free(*b);
}

int bundle_new(struct genstore *st, struct bundle **ret_b)
{
	AUTO(bundle_freep) struct bundle *b = calloc(1, sizeof(*b));

	if (!b || !(b->zip = calloc(1, sizeof(*b->zip))))
		return -ENOMEM;
	b->st = st;
	*ret_b = MOVE(b);
	return 0;
}

/* Room for one more of `size` bytes in an array of *cap. */
static int grow(void **array, size_t count, size_t *cap, size_t size)
{
	size_t more = *cap ? 2 * *cap : 64;
	void *bigger;

	if (count < *cap)
		return 0;
	if (!(bigger = reallocarray(*array, more, size)))
		return -ENOMEM;
	*array = bigger;
	*cap = more;
	return 0;
}

static int add_part(struct bundle *b, const struct piece *p, int64_t offset)
{
	struct zip_object *z = b->zip;
	int r = grow((void **)&z->parts, z->part_count, &b->part_cap, sizeof(*z->parts));

	if (!r)
		z->parts[z->part_count++] = (struct part){ p->id, offset, (uint32_t)p->stored, (uint32_t)p->head };
	return r;
}

static int damaged(struct bundle *b, const struct content *c)
{
	return store_fail(b->st, -EBADMSG, "content '%lld' is damaged: its pieces do not make it up; run 'genstore check'", (long long)c->id);
}

/* 1: all of it is fragments, which are laid out behind each other from 0 on. 0: it is not, and nothing was added. */
static int lay_fragments(struct bundle *b, const struct content *c, int64_t *ret_stored)
{
	size_t before = b->zip->part_count;
	int64_t size = 0, stored = 0;
	uint32_t crc = 0;
	struct piece p;
	int r;

	for (size_t i = 0; i < c->piece_count; i++) {
		if ((r = piece_get(b->st, c->pieces[i], &p)))
			return r == -ENOENT ? damaged(b, c) : r;
		if (p.codec != PIECE_DEFLATE) {
			b->zip->part_count = before;
			return 0;
		}
		if ((r = add_part(b, &p, stored)))
			return r;
		crc = crc32_join(crc, p.crc32, p.size);
		size += p.size;
		stored += p.stored;
	}
	if (size != c->size || crc != c->crc32)
		return damaged(b, c);
	*ret_stored = stored;
	return 1;
}

/* Of a file inside of an archive nothing but its SHA-256 is known. */
static int sum(struct bundle *b, const struct object *o, uint32_t *ret_crc)
{
	enum { STEP = 256 << 10 };
	AUTO(free_ptr) uint8_t *bytes = malloc(STEP);
	uint32_t crc = 0;
	ssize_t n;

	if (!bytes)
		return -ENOMEM;
	for (int64_t at = 0; (n = object_read(b->st, o, at, STEP, bytes)) > 0; at += n)
		crc = crc32_update(crc, bytes, (size_t)n);
	*ret_crc = crc;
	return (int)n;
}

static int lay_plain(struct bundle *b, const struct content *c, struct place *place)
{
	int r = object_of_content(b->st, c->id, &place->plain);

	if (r)
		return r;
	place->entry.packed = c->size;
	place->entry.crc32 = c->crc32;
	return content_has_git_name(c) || c->piece_count ? 0 : sum(b, place->plain, &place->entry.crc32);
}

/* What it takes, where its parts are, relative to where its data begins. */
static int lay_content(struct bundle *b, struct place *place, int64_t content)
{
	AUTO(content_release) struct content c = { .id = 0 };
	int64_t stored = 0;
	int r = content_get(b->st, content, &c);

	if (r)
		return r == -ENOENT ? -EBADMSG : r;
	place->entry.size = c.size;
	if (!c.size)
		return 0;
	if ((r = c.piece_count ? lay_fragments(b, &c, &stored) : 0) <= 0)
		return r ? r : lay_plain(b, &c, place);
	place->entry.method = ZIP_DEFLATED;
	place->entry.crc32 = c.crc32;
	place->entry.packed = stored + ZIP_FINAL;
	return 0;
}

static int lay_head(struct bundle *b, struct place *place, const char *name)
{
	AUTO(buf_release) struct buf head = BUF_INIT;
	int r;

	place->entry.name = name;
	if ((r = zip_local(&place->entry, &head)))
		return r;
	place->head_length = (uint32_t)head.len;
	place->entry.offset = b->end;
	place->entry.name = NULL;
	for (size_t i = place->first_part; i < b->zip->part_count; i++)
		b->zip->parts[i].offset += b->end + (int64_t)head.len;
	b->end += (int64_t)head.len + place->entry.packed;
	return 0;
}

int bundle_add(struct bundle *b, const struct bundle_file *f)
{
	struct zip_object *z = b->zip;
	size_t n = strlen(f->name);
	struct place place = {
		.entry = { .name_len = (uint32_t)n, .mode = f->mode, .mtime = f->mtime }, .name = z->names.len,
		.first_part = (uint32_t)z->part_count,
	};
	int r;

	if (z->count == BUNDLE_ENTRIES_MAX)
		return store_fail(b->st, -EFBIG, "a bundle cannot have more than %d files", BUNDLE_ENTRIES_MAX);
	if (n > UINT16_MAX)
		return store_fail(b->st, -ENAMETOOLONG, "a name in a bundle cannot have more than 65,535 bytes");
	/* Counted before anything can fail: whatever it holds by then is released. */
	if ((r = grow((void **)&z->places, z->count, &b->cap, sizeof(*z->places))) || (r = buf_add(&z->names, f->name, n)))
		return r;
	r = lay_content(b, &place, f->content);
	if (!r)
		r = lay_head(b, &place, f->name);
	z->places[z->count++] = place;
	return r;
}

/* The last place that begins at or before offset. */
static const struct place *place_at(const struct zip_object *z, int64_t offset)
{
	size_t low = 0, high = z->count - 1;

	while (low < high) {
		size_t mid = low + (high - low + 1) / 2;

		if (z->places[mid].entry.offset <= offset)
			low = mid;
		else
			high = mid - 1;
	}
	return &z->places[low];
}

static const struct part *part_at(const struct zip_object *z, const struct place *p, int64_t offset)
{
	size_t low = p->first_part, high = (p == &z->places[z->count - 1] ? z->part_count : p[1].first_part) - 1;

	while (low < high) {
		size_t mid = low + (high - low + 1) / 2;

		if (z->parts[mid].offset <= offset)
			low = mid;
		else
			high = mid - 1;
	}
	return &z->parts[low];
}

static ssize_t copy_from(const void *from, size_t len, int64_t skip, size_t n, void *out)
{
	n = (size_t)min_i64((int64_t)n, (int64_t)len - skip);
	memcpy(out, (const uint8_t *)from + skip, n);
	return (ssize_t)n;
}

static ssize_t read_head(const struct place *p, int64_t skip, size_t n, void *out)
{
	AUTO(buf_release) struct buf head = BUF_INIT;
	int r = zip_local(&p->entry, &head);

	return r ? r : copy_from(head.data, head.len, skip, n, out);
}

static ssize_t read_part(struct genstore *st, const struct part *part, int64_t skip, size_t n, void *out)
{
	const struct piece p = { .id = part->id, .stored = part->stored, .head = part->head };
	int r;

	n = (size_t)min_i64((int64_t)n, part->stored - skip);
	return (r = piece_read_stored(st, &p, skip, n, out)) ? r : (ssize_t)n;
}

/* Reads from the one segment that holds offset: at least a byte, or an error. */
static ssize_t read_segment(struct genstore *st, const struct zip_object *z, int64_t offset, size_t n, void *out)
{
	const struct place *p;
	const struct part *part;
	int64_t skip;

	if (offset >= z->tail_offset)
		return copy_from(z->tail.data, z->tail.len, offset - z->tail_offset, n, out);
	p = place_at(z, offset);
	skip = offset - p->entry.offset;
	if (skip < p->head_length)
		return read_head(p, skip, n, out);
	skip -= p->head_length;
	n = (size_t)min_i64((int64_t)n, p->entry.packed - skip);
	if (p->plain)
		return object_read(st, p->plain, skip, n, out);
	if (skip >= p->entry.packed - ZIP_FINAL)
		return copy_from(zip_final, ZIP_FINAL, skip - (p->entry.packed - ZIP_FINAL), n, out);
	part = part_at(z, p, offset);
	return read_part(st, part, offset - part->offset, n, out);
}

static ssize_t zip_read(struct genstore *st, const struct object *o, int64_t offset, size_t n, void *out)
{
	const struct zip_object *z = (const struct zip_object *)o;
	TXN t = { .depth = 0 };
	size_t done = 0;

	while (done < n) {
		ssize_t got = read_segment(st, z, offset + (int64_t)done, n - done, (uint8_t *)out + done);

		if (got <= 0)
			return got ? got : -EBADMSG;
		done += (size_t)got;
		/* Where there are many fragments, the file is locked once and not for each. */
		if (done < n && !st->db.depth && (t = txn_begin_read(&st->db)).error)
			return t.error;
	}
	return (ssize_t)done;
}

static int lay_tail(struct bundle *b, struct zip_object *z)
{
	int64_t size;
	int r;

	for (size_t i = 0; i < z->count; i++) {
		struct place *p = &z->places[i];

		p->entry.name = (const char *)z->names.data + p->name;
		if ((r = zip_central(&p->entry, &z->tail)))
			return r;
	}
	size = (int64_t)z->tail.len;
	z->tail_offset = b->end;
	return zip_end((int64_t)z->count, b->end, size, &z->tail);
}

int bundle_close(struct bundle *b, struct object **ret_o)
{
	static const struct object_class class = { zip_read, zip_release };
	struct zip_object *z = b->zip;
	int r = lay_tail(b, z);

	if (r)
		return r;
	z->object = (struct object){
		.class = &class, .size = z->tail_offset + (int64_t)z->tail.len, .refs = 1,
		.cost = sizeof(*z) + b->cap * sizeof(*z->places) + b->part_cap * sizeof(*z->parts) + z->names.cap + z->tail.cap,
	};
	*ret_o = &MOVE(b->zip)->object;
	return 0;
}
