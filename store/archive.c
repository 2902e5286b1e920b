/*
 * The stitched archive, which is written nowhere as a whole:
 *
 *	gzip head | header fragment, content fragments | ... | end fragment | CRC-32, size
 *
 * Opening lays it out: the pieces' stored sizes are in their rows, the header fragments' are found by running the (pure,
 * fast) encoder. A read finds its place by binary search; header fragments are encoded again as they are read,
 * content fragments come from piece_data row by row, each checked. That pieces, manifest and seal belong together is checked at
 * opening, by size and CRC-32 of the tar.
 */
#include "store/archive.h"
#include "store/idlist.h"
#include "store/snapshot.h"
#include "store/stitch/gzip.h"
#include "store/stitch/headfrag.h"

/* An entry of the archive: number 0 is the top folder, then the manifest's. */
struct place {
	int64_t offset; /* of its header fragment in app.tar.gz */
	uint32_t head_length;
	uint32_t first_part;
};

/* A content fragment. */
struct part {
	int64_t id, offset;
	uint32_t stored, head;
};

struct archive {
	struct object object;
	struct manifest *manifest;
	int64_t mtime;
	int encoder;
	struct place *places; /* manifest->count + 1, and one that stands for the tail */
	struct part *parts;
	size_t part_count;
	struct buf tail; /* end fragment and gzip trailer */
	int64_t tar_size;
	uint32_t crc32;
};

static const char top_folder[] = "app/";

/* The header of entry i, and what stands between it and the entry before. */
struct heading {
	struct buf header, prev;
	struct headfrag frag;
};

static void heading_release(struct heading *h)
{
	buf_release(&h->header);
	buf_release(&h->prev);
}

static int64_t entry_size(const struct archive *a, size_t i)
{
	return i ? a->manifest->entries[i - 1].size : 0;
}

static int header_of(const struct archive *a, size_t i, struct buf *out)
{
	char path[sizeof(top_folder) + MANIFEST_PATH_MAX + 1];
	struct tar_entry t = { .path = path, .type = TAR_DIR, .mtime = a->mtime };
	const struct entry *e = i ? &a->manifest->entries[i - 1] : NULL;

	buf_reset(out);
	memcpy(path, top_folder, sizeof(top_folder));
	t.path_len = sizeof(top_folder) - 1;
	if (e) {
		memcpy(path + t.path_len, e->path, e->path_len + 1);
		t.path_len += e->path_len;
		t.type = e->type;
		t.executable = e->executable;
		t.size = e->size;
		t.link = e->link;
		t.link_len = e->link ? strlen(e->link) : 0;
	}
	return tar_header(&t, out);
}

/* Sets h up for entry i; h->prev must hold the header of i - 1, when there is one. */
static void heading_set(const struct archive *a, size_t i, struct heading *h)
{
	int64_t before = i ? entry_size(a, i - 1) : 0;

	h->frag = (struct headfrag){
		.padding = i ? tar_padding(before) : 0,
		.header = h->header.data,
		.header_len = h->header.len,
		.prev = i ? h->prev.data : NULL,
		.prev_len = i ? h->prev.len : 0,
	};
	h->frag.distance = (int64_t)h->frag.prev_len + before + (int64_t)h->frag.padding;
}

static void archive_release(struct object *o)
{
	struct archive *a = (struct archive *)o;

	manifest_unref(a->manifest);
	buf_release(&a->tail);
	free(a->places);
	free(a->parts);
	free(a);
}

static void archive_freep(struct archive **a)
{
	if (*a)
		archive_release(&(*a)->object);
}

/* The bytes of entry i's header fragment. */
static int head_fragment(const struct archive *a, size_t i, struct buf *out)
{
	AUTO(heading_release) struct heading h = { 0 };
	int r;

	if ((i && (r = header_of(a, i - 1, &h.prev))) || (r = header_of(a, i, &h.header)))
		return r;
	heading_set(a, i, &h);
	return headfrag_encode(a->encoder, &h.frag, out);
}

/* The last place that begins at or before offset; the one behind the entries is the tail. */
static size_t place_at(const struct archive *a, int64_t offset)
{
	size_t low = 0, high = a->manifest->count + 1;

	while (low < high) {
		size_t mid = low + (high - low + 1) / 2;

		if (a->places[mid].offset <= offset)
			low = mid;
		else
			high = mid - 1;
	}
	return low;
}

static const struct part *part_at(const struct archive *a, size_t place, int64_t offset)
{
	size_t low = a->places[place].first_part, high = a->places[place + 1].first_part - 1;

	while (low < high) {
		size_t mid = low + (high - low + 1) / 2;

		if (a->parts[mid].offset <= offset)
			low = mid;
		else
			high = mid - 1;
	}
	return &a->parts[low];
}

static size_t copy_from(const struct buf *from, int64_t skip, size_t n, void *out)
{
	n = (size_t)min_i64((int64_t)n, (int64_t)from->len - skip);
	memcpy(out, from->data + skip, n);
	return n;
}

/* Reads from the one segment that holds offset: at least a byte, or an error. */
static ssize_t read_segment(struct genstore *st, const struct archive *a, int64_t offset, size_t n, uint8_t *out)
{
	AUTO(buf_release) struct buf frag = BUF_INIT;
	size_t i;
	int r;

	if (offset < GZIP_HEAD) {
		n = (size_t)min_i64((int64_t)n, GZIP_HEAD - offset);
		memcpy(out, gzip_head + offset, n);
		return (ssize_t)n;
	}
	i = place_at(a, offset);
	if (i == a->manifest->count + 1)
		return (ssize_t)copy_from(&a->tail, offset - a->places[i].offset, n, out);
	if (offset < a->places[i].offset + a->places[i].head_length) {
		if ((r = head_fragment(a, i, &frag)))
			return r;
		return (ssize_t)copy_from(&frag, offset - a->places[i].offset, n, out);
	}

	const struct part *part = part_at(a, i, offset);
	const struct piece p = { .id = part->id, .stored = part->stored, .head = part->head };

	n = (size_t)min_i64((int64_t)n, part->offset + part->stored - offset);
	r = piece_read_stored(st, &p, offset - part->offset, n, out);
	return r ? r : (ssize_t)n;
}

static ssize_t archive_read(struct genstore *st, const struct object *o, int64_t offset, size_t n, void *out)
{
	const struct archive *a = (const struct archive *)o;
	TXN t = { .depth = 0 };
	size_t done = 0;

	n = (size_t)min_i64((int64_t)n, o->size - offset);
	while (done < n) {
		ssize_t got = read_segment(st, a, offset + (int64_t)done, n - done, (uint8_t *)out + done);

		if (got < 0)
			return got;
		done += (size_t)got;
		/* Where there are many fragments, the file is locked once and not for each. */
		if (done < n && !st->db.depth && (t = txn_begin_read(&st->db)).error)
			return t.error;
	}
	return (ssize_t)done;
}

static const struct object_class archive_class = { archive_read, archive_release };

/* The fragments of one file, from ids on; counts the ids it took. */
static int lay_parts(struct genstore *st, struct archive *a, const struct entry *e, const struct idlist *ids, size_t *used,
		     int64_t *offset)
{
	int64_t size = 0;
	struct piece p;
	int r;

	while (size < e->size) {
		if (*used == ids->count)
			return store_fail(st, -EBADMSG, "the archive's list of pieces ends at '%s'; run 'genstore check'", e->path);
		if ((r = piece_get(st, ids->ids[*used], &p)))
			return r == -ENOENT ? -EBADMSG : r;
		if (p.codec != PIECE_DEFLATE)
			return store_fail(st, -EBADMSG, "piece %lld of '%s' is no fragment; run 'genstore check'",
					  (long long)p.id, e->path);
		a->parts[(*used)++] = (struct part){ p.id, *offset, (uint32_t)p.stored, (uint32_t)p.head };
		a->crc32 = crc32_join(a->crc32, p.crc32, p.size);
		*offset += p.stored;
		size += p.size;
	}
	if (size != e->size)
		return store_fail(st, -EBADMSG, "the pieces of '%s' hold %lld bytes instead of %lld; run 'genstore check'", e->path,
				  (long long)size, (long long)e->size);
	return 0;
}

static int lay_tail(struct archive *a, int64_t offset, int64_t last_size)
{
	size_t padding = tar_padding(last_size);
	int r;

	a->crc32 = crc32_zeros(a->crc32, padding + TAR_END);
	a->tar_size += (int64_t)padding + TAR_END;
	if ((r = endfrag_encode(a->encoder, padding, &a->tail)))
		return r;
	if (!buf_reserve(&a->tail, GZIP_TAIL))
		return buf_error(&a->tail);
	gzip_tail(a->crc32, a->tar_size, a->tail.data + a->tail.len);
	buf_commit(&a->tail, GZIP_TAIL);
	a->object.size = offset + (int64_t)a->tail.len;
	return 0;
}

/* Fills places and parts, size and CRC-32, from the manifest and the list of encodings. */
static int lay_out(struct genstore *st, struct archive *a, const struct idlist *ids)
{
	AUTO(heading_release) struct heading h = { 0 };
	AUTO(buf_release) struct buf frag = BUF_INIT;
	size_t count = a->manifest->count + 1, used = 0;
	int64_t offset = GZIP_HEAD;
	int r;

	for (size_t i = 0; i < count; i++) {
		if ((r = header_of(a, i, &h.header)))
			return r;
		heading_set(a, i, &h);
		buf_reset(&frag);
		if ((r = headfrag_encode(a->encoder, &h.frag, &frag)))
			return r;
		a->places[i] = (struct place){ offset, (uint32_t)frag.len, (uint32_t)used };
		a->crc32 = crc32_update(crc32_zeros(a->crc32, h.frag.padding), h.header.data, h.header.len);
		offset += (int64_t)frag.len;
		if (i && (r = lay_parts(st, a, &a->manifest->entries[i - 1], ids, &used, &offset)))
			return r;
		/* After its pieces, which prove that there is a file of that size. */
		a->tar_size += (int64_t)(h.frag.padding + h.header.len) + entry_size(a, i);

		struct buf swap = h.prev;
		h.prev = h.header;
		h.header = swap;
	}
	if (used != ids->count)
		return store_fail(st, -EBADMSG, "the archive's list of pieces is too long; run 'genstore check'");
	a->places[count] = (struct place){ offset, 0, (uint32_t)used };
	return lay_tail(a, offset, entry_size(a, count - 1));
}

static int archive_new(struct genstore *st, struct manifest *m, int64_t mtime, int encoder, const struct idlist *ids,
		       struct archive **ret_a)
{
	AUTO(archive_freep) struct archive *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return -ENOMEM;
	a->object = (struct object){ .class = &archive_class, .refs = 1 };
	a->manifest = manifest_ref(m);
	a->mtime = mtime;
	a->encoder = encoder;
	a->places = calloc(m->count + 2, sizeof(*a->places));
	a->parts = calloc(ids->count + 1, sizeof(*a->parts));
	if (!a->places || !a->parts)
		return -ENOMEM;
	if ((r = lay_out(st, a, ids)))
		return r;
	a->object.cost = sizeof(*a) + (m->count + 2) * sizeof(*a->places) + ids->count * sizeof(*a->parts);
	*ret_a = MOVE(a);
	return 0;
}

/* The encodings that the contents of a manifest have now. */
static int choose_pieces(struct genstore *st, const struct manifest *m, struct idlist *ids)
{
	int r;

	for (size_t i = 0; i < m->count; i++) {
		const struct entry *e = &m->entries[i];
		AUTO(content_release) struct content c = { 0 };

		if (e->type != TAR_FILE || !e->size)
			continue;
		if ((r = content_get(st, e->content, &c)))
			return r == -ENOENT ? store_fail(st, -EBADMSG, "the content of '%s' is lost; run 'genstore check'", e->path) : r;
		for (size_t k = 0; k < c.piece_count; k++)
			if ((r = idlist_add(ids, c.pieces[k])))
				return r;
	}
	return 0;
}

static int hash_object(struct genstore *st, const struct object *o, uint8_t out[SHA256_SIZE])
{
	enum { STEP = 256 << 10 };
	AUTO(free_ptr) uint8_t *bytes = malloc(STEP);
	struct sha256 h;
	ssize_t got;

	if (!bytes)
		return -ENOMEM;
	sha256_init(&h);
	for (int64_t at = 0; at < o->size; at += got) {
		got = object_read(st, o, at, STEP, bytes);
		if (got <= 0)
			return got ? (int)got : -EIO;
		sha256_update(&h, bytes, (size_t)got);
	}
	sha256_final(&h, out);
	return 0;
}

/* The archive as it would be sealed now. Many look-ups: the file is locked once for all. */
static int plan(struct genstore *st, struct manifest *m, struct seal *s, struct archive **ret_a)
{
	AUTO(idlist_release) struct idlist ids = { 0 };
	TXN t = txn_begin_read(&st->db);
	int r = t.error;

	if (r || (r = choose_pieces(st, m, &ids)) || (r = idlist_encode(ids.ids, ids.count, &s->pieces)))
		return r;
	return archive_new(st, m, s->mtime, s->encoder, &ids, ret_a);
}

int seal_compute(struct genstore *st, struct manifest *m, int64_t mtime, struct seal *ret_seal)
{
	AUTO(archive_freep) struct archive *a = NULL;
	AUTO(seal_release) struct seal s = {
		.manifest_id = m->id, .mtime = mtime, .encoder = HEADFRAG_VERSION, .excludes = EXCLUDE_VERSION,
	};
	int r = plan(st, m, &s, &a);

	if (r)
		return r;
	s.size = a->object.size;
	s.tar_size = a->tar_size;
	s.crc32 = a->crc32;
	if ((r = hash_object(st, &a->object, s.sha256)))
		return r;
	*ret_seal = s;
	s.pieces = (struct buf)BUF_INIT;
	return 0;
}

int archive_open(struct genstore *st, int64_t seal_id, struct object **ret_o)
{
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	AUTO(archive_freep) struct archive *a = NULL;
	AUTO(idlist_release) struct idlist ids = { 0 };
	AUTO(seal_release) struct seal s = { 0 };
	TXN t = txn_begin_read(&st->db);
	int r = t.error;

	if (r || (r = seal_get(st, seal_id, &s)))
		return r;
	if (s.encoder != HEADFRAG_VERSION)
		return store_fail(st, -EPROTO, "seal %lld was made by a newer genstore; upgrade genstore", (long long)seal_id);
	if ((r = manifest_load(st, s.manifest_id, &m)))
		return r;
	if ((r = idlist_decode(s.pieces.data, s.pieces.len, &ids)))
		return store_fail(st, r, "the list of pieces of seal %lld is damaged; run 'genstore check'", (long long)seal_id);
	if ((r = archive_new(st, m, s.mtime, s.encoder, &ids, &a)))
		return r;
	if (a->object.size != s.size || a->tar_size != s.tar_size || a->crc32 != s.crc32)
		return store_fail(st, -EBADMSG, "seal %lld and what it was made of do not agree; run 'genstore check'",
				  (long long)seal_id);
	*ret_o = &MOVE(a)->object;
	return 0;
}
