/* The bytes: pieces, contents, manifests, seals. */
#include "store/archive.h"
#include "store/check_inside.h"
#include "store/foreign_index.h"

enum { READ_STEP = 1 << 20 };

/* Everything a content says of itself, computed anew. */
struct sums {
	struct sha256 sha256;
	struct git_blob git;
	uint32_t crc32, adler32;
	int64_t size;
};

static int differs(struct check *c, const char *kind, int64_t id, const char *what)
{
	char subject[24];

	snprintf(subject, sizeof(subject), "%lld", (long long)id);
	return check_found(c, kind, subject, "%s", what);
}

/* Reads a piece that stands by itself, into out. 1: read, 0: a problem was reported. */
static int read_piece(struct check *c, const struct piece *p, struct buf *out)
{
	uint8_t sha256[SHA256_SIZE];
	void *to;
	int r;

	buf_reset(out);
	if (!(to = buf_reserve(out, (size_t)p->size)))
		return buf_error(out);
	if ((r = piece_read(c->st, p, NULL, to)))
		return check_verdict_id(c, "piece", p->id, r);
	buf_commit(out, (size_t)p->size);
	c->result.bytes += p->size;
	/* That of a part covers what comes before it: its archive is compared. */
	if (p->codec == PIECE_PART)
		return 1;
	sha256_of(out->data, out->len, sha256);
	if (memcmp(sha256, p->sha256, sizeof(sha256)) != 0)
		return differs(c, "piece", p->id, "its content does not match its sha256");
	return 1;
}

static int compare_part(struct check *c, const struct piece *p, const struct sha256 *h)
{
	struct sha256 so_far = *h;
	uint8_t sha256[SHA256_SIZE];

	if (p->codec != PIECE_PART)
		return 0;
	sha256_final(&so_far, sha256);
	return memcmp(sha256, p->sha256, sizeof(sha256)) ? differs(c, "piece", p->id, "the archive up to its end does not match its sha256") : 0;
}

static void add(struct sums *s, const struct buf *data)
{
	sha256_update(&s->sha256, data->data, data->len);
	git_blob_update(&s->git, data->data, data->len);
	s->crc32 = crc32_update(s->crc32, data->data, data->len);
	s->adler32 = adler32_update(s->adler32, data->data, data->len);
	s->size += (int64_t)data->len;
}

static int compare(struct check *c, const struct content *content, struct sums *s, bool parts)
{
	uint8_t sha256[SHA256_SIZE], git[SHA1_SIZE];

	sha256_final(&s->sha256, sha256);
	git_blob_final(&s->git, git);
	if (s->size != content->size)
		differs(c, "content", content->id, "it has another size than its row says");
	if (memcmp(sha256, content->sha256, sizeof(sha256)) != 0)
		differs(c, "content", content->id, "it does not match its sha256");
	/* An archive that was handed in goes into no git. */
	if ((content_has_git_name(content) || !parts) && memcmp(git, content->git_blob, sizeof(git)) != 0)
		differs(c, "content", content->id, "it does not match its name in git");
	if (s->crc32 != content->crc32 || s->adler32 != content->adler32)
		differs(c, "content", content->id, "it does not match its crc32 or adler32");
	return 0;
}

static int read_content(struct check *c, const struct content *content)
{
	AUTO(buf_release) struct buf data = BUF_INIT;
	struct sums s = { .adler32 = 1 };
	bool parts = content->piece_count;
	struct piece p;
	int r;

	sha256_init(&s.sha256);
	git_blob_init(&s.git, content->size);
	for (size_t i = 0; i < content->piece_count; i++) {
		if ((r = piece_get(c->st, content->pieces[i], &p)))
			return check_verdict_id(c, "content", content->id, r);
		if (p.codec != PIECE_RAW && p.codec != PIECE_DEFLATE && p.codec != PIECE_PART)
			return differs(c, "content", content->id, "it has a piece of another kind");
		if ((r = read_piece(c, &p, &data)) <= 0)
			return r;
		if ((r = bitmap_add(&c->read, p.id)) < 0 && r != -EFBIG)
			return r;
		parts &= p.codec == PIECE_PART;
		add(&s, &data);
		compare_part(c, &p, &s.sha256);
	}
	return compare(c, content, &s, parts);
}

static int check_content(struct check *c, int64_t id)
{
	AUTO(content_release) struct content content = { .id = 0 };
	AUTO(object_unrefp) struct object *o = NULL;
	TXN t = txn_begin_read(&c->st->db);
	int r = t.error ? t.error : content_get(c->st, id, &content);

	if (r == -ENOENT)
		return 0; /* removed meanwhile */
	c->result.contents++;
	/* Whether the bucket has it is asked of its generation. */
	if (!r && content_is_away(&content))
		return 0;
	if (r || (r = object_of_content(c->st, id, &o)))
		return check_verdict_id(c, "content", id, r);
	return c->read_data ? read_content(c, &content) : 0;
}

int check_contents(struct check *c)
{
	return check_each(c, "SELECT id FROM content WHERE id > ? ORDER BY id LIMIT 1", check_content);
}

/* The rows of piece_data by their number and length. Their sums are looked at when they are read. */
static int check_layout(struct check *c, const struct piece *p)
{
	STMT q = db_stmt(&c->st->db, "SELECT count(*), coalesce(sum(length(bytes)), 0), coalesce(max(id), 0),"
				     " coalesce(max(iif(id = ?1, length(bytes), 0)), 0) FROM piece_data WHERE id BETWEEN ?1 AND ?2");
	int64_t first = p->id << PIECE_ROW_BITS, rows = 1 + (p->stored - p->head + PIECE_ROW - 1) / PIECE_ROW;
	int r;

	bind_i64(&q, first);
	bind_i64(&q, first | ((1 << PIECE_ROW_BITS) - 1));
	if ((r = stmt_step(&q)) < 0)
		return check_verdict_id(c, "piece", p->id, r);
	if (col_i64(&q, 0) != rows || col_i64(&q, 1) != p->stored || col_i64(&q, 2) != first + rows - 1 ||
	    col_i64(&q, 3) != p->head)
		return differs(c, "piece", p->id, "its stored bytes are not complete");
	return 1;
}

/* A delta is decoded with its manifest; here only what is stored. */
static int read_stored(struct check *c, const struct piece *p)
{
	AUTO(buf_release) struct buf stored = BUF_INIT;
	uint8_t sum[XXH3_SIZE];
	void *to = buf_reserve(&stored, (size_t)p->stored);
	int r;

	if (!to)
		return buf_error(&stored);
	if ((r = piece_read_stored(c->st, p, 0, (size_t)p->stored, to)))
		return check_verdict_id(c, "piece", p->id, r);
	xxh3_128(to, (size_t)p->stored, sum);
	return memcmp(sum, p->xxh3, sizeof(sum)) ? differs(c, "piece", p->id, "stored bytes do not match their checksum") : 0;
}

static int check_piece(struct check *c, int64_t id)
{
	AUTO(buf_release) struct buf data = BUF_INIT;
	TXN t = txn_begin_read(&c->st->db);
	struct piece p;
	int r = t.error ? t.error : piece_get(c->st, id, &p);

	if (r == -ENOENT)
		return 0;
	c->result.pieces++;
	if (r)
		return check_verdict_id(c, "piece", id, r);
	if ((r = check_layout(c, &p)) <= 0 || !c->read_data || bitmap_has(&c->read, id))
		return r < 0 ? r : 0;
	if (p.codec == PIECE_ZSTD_DELTA)
		return read_stored(c, &p);
	r = read_piece(c, &p, &data);
	return r < 0 ? r : 0;
}

int check_pieces(struct check *c)
{
	return check_each(c, "SELECT id FROM piece WHERE id > ? ORDER BY id LIMIT 1", check_piece);
}

/* -1 when there is no such content. */
static int content_size(struct check *c, int64_t id, int64_t *ret_size)
{
	size_t slot = (size_t)id % CHECK_SIZES;
	int r;

	if (foreign_is_content(id)) {
		struct foreign_file f;

		r = foreign_file_get(c->st, id, &f);
		*ret_size = r ? -1 : f.size;
		return r == -ENOENT || r == -EBADMSG ? 0 : r;
	}
	if (c->sizes[slot].id != id) {
		STMT q = db_stmt(&c->st->db, "SELECT size FROM content WHERE id = ?");

		bind_i64(&q, id);
		if ((r = stmt_step(&q)) < 0)
			return r;
		*ret_size = r ? col_i64(&q, 0) : -1;
		if (!r)
			return 0;
		c->sizes[slot].id = id;
		c->sizes[slot].size = *ret_size;
	}
	*ret_size = c->sizes[slot].size;
	return 0;
}

static int check_entries(struct check *c, const struct manifest *m)
{
	char subject[24];
	int64_t size = 0;
	int r;

	snprintf(subject, sizeof(subject), "%lld", (long long)m->id);
	for (size_t i = 0; i < m->count; i++) {
		const struct entry *e = &m->entries[i];

		if (e->type != TAR_FILE)
			continue;
		if ((r = content_size(c, e->content, &size)))
			return check_verdict(c, "manifest", subject, r);
		if (size < 0)
			check_found(c, "manifest", subject, "the content of '%s' is missing", e->path);
		else if (size != e->size)
			check_found(c, "manifest", subject, "the content of '%s' has another size", e->path);
	}
	return 0;
}

static int check_manifest_row(struct check *c, int64_t id)
{
	STMT q = db_stmt(&c->st->db, "SELECT m.sha256 = p.sha256 FROM manifest AS m JOIN piece AS p ON p.id = m.piece WHERE m.id = ?");
	int r;

	bind_i64(&q, id);
	if ((r = stmt_step(&q)) < 0)
		return check_verdict_id(c, "manifest", id, r);
	return r && !col_i64(&q, 0) ? differs(c, "manifest", id, "its piece is another tree's") : 0;
}

static int check_manifest(struct check *c, int64_t id)
{
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	TXN t = txn_begin_read(&c->st->db);
	int r = t.error ? t.error : manifest_load(c->st, id, &m);

	if (r == -ENOENT)
		return 0;
	c->result.manifests++;
	if (r)
		return check_verdict_id(c, "manifest", id, r);
	return (r = check_manifest_row(c, id)) ? r : check_entries(c, m);
}

int check_manifests(struct check *c)
{
	return check_each(c, "SELECT id FROM manifest WHERE id > ? ORDER BY id LIMIT 1", check_manifest);
}

/* Stitches the archive again. */
static int read_archive(struct check *c, const struct seal *s, const struct object *o)
{
	AUTO(free_ptr) uint8_t *data = malloc(READ_STEP);
	uint8_t sha256[SHA256_SIZE];
	struct sha256 h;
	int64_t at = 0;
	ssize_t n;

	if (!data)
		return -ENOMEM;
	sha256_init(&h);
	while ((n = object_read(c->st, o, at, READ_STEP, data)) > 0) {
		sha256_update(&h, data, (size_t)n);
		at += n;
		c->result.bytes += n;
	}
	if (n < 0)
		return (int)n;
	sha256_final(&h, sha256);
	if (at != s->size || memcmp(sha256, s->sha256, sizeof(sha256)) != 0)
		return store_fail(c->st, -EBADMSG, "app.tar.gz does not match its sha256");
	return 0;
}

/* Not in one transaction, because a large archive would keep writers waiting: what a collection took meanwhile is no problem. */
static int check_seal(struct check *c, int64_t id)
{
	AUTO(seal_release) struct seal s = { 0 }, again = { 0 };
	AUTO(object_unrefp) struct object *o = NULL;
	AUTO(free_ptr) char *words = NULL;
	int r = seal_get(c->st, id, &s);

	c->result.seals++;
	if (!r)
		r = archive_open(c->st, id, &o);
	if (!r && object_size(o) != s.size)
		r = store_fail(c->st, -EBADMSG, "app.tar.gz has another size than its seal says");
	if (!r && c->read_data)
		r = read_archive(c, &s, o);
	if (!r || !(words = strdup(c->st->errmsg)))
		return r;
	if (seal_get(c->st, id, &again) == -ENOENT)
		return 0;
	store_fail(c->st, r, "%s", words);
	return check_verdict_id(c, "seal", id, r);
}

int check_seals(struct check *c)
{
	return check_each(c, "SELECT id FROM seal WHERE id > ? ORDER BY id LIMIT 1", check_seal);
}
