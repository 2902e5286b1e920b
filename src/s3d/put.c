#include "src/s3d/put.h"
#include "src/s3d/headers.h"
#include "src/facts/tree.h"
#include "src/serve/range.h"
#include "store/foreign.h"
#include "store/bucket_upload.h"

enum { TRIES = 5, STEP = 1 << 20 };

int put_condition(struct call *c, struct genstore *st, const struct bucket *b, const char *key)
{
	const char *match = call_header(c, "If-Match"), *none = call_header(c, "If-None-Match");
	AUTO(found_release) struct found f = { 0 };
	int r;

	if (!match && !none)
		return 0;
	if (none && strcmp(none, "*") != 0)
		return call_fail(c, S3_NotImplemented, "If-None-Match of what is put is *");
	r = key_find(st, b, key, &f);
	if (r && r != -ENOENT)
		return call_fail_store(c, r, st);
	if (match && r)
		return call_fail(c, S3_NoSuchKey, NULL);
	if ((none && !r) || (match && !etag_listed(match, f.etag, false)))
		return call_fail(c, S3_PreconditionFailed, NULL);
	return 0;
}

/* Reads on at *at. */
static ssize_t read_on(struct genstore *st, const struct put *p, int64_t *at, void *out, size_t n)
{
	ssize_t got;

	if (p->fd < 0)
		n = (size_t)min_i64((int64_t)n, p->size - *at);
	do
		got = p->fd >= 0 ? pread(p->fd, out, n, *at) : object_read(st, p->from, p->offset + *at, n, out);
	while (got < 0 && p->fd >= 0 && errno == EINTR);
	if (got < 0)
		return p->fd >= 0 ? store_fail(st, -errno, "cannot read what came: %s", strerror(errno)) : got;
	*at += got;
	return got;
}

struct reader { struct genstore *st; const struct put *p; int64_t at; };

static ssize_t read_stage(void *arg, void *out, size_t n)
{
	struct reader *r = arg;

	return read_on(r->st, r->p, &r->at, out, n);
}

int put_stage(struct genstore *st, const struct put *p, struct stage **ret_stage, struct bucket_part *ret_part, int64_t *ret_slot)
{
	AUTO(stage_freep) struct stage *stage = NULL;
	struct reader reader = { st, p, 0 };
	int r = stage_new(st, &stage);

	ret_part->number = 1;
	if (!r && p->fd >= 0) {
		if (lseek(p->fd, 0, SEEK_SET) < 0)
			return -errno;
		r = stage_file(stage, p->fd, INT64_MAX, &ret_part->size, ret_slot);
	} else if (!r) {
		ret_part->size = p->size;
		r = stage_stream(stage, ret_part->size, read_stage, &reader, ret_slot);
	}
	if (!r)
		*ret_stage = MOVE(stage);
	return r;
}

static int try_object(struct call *c, struct genstore *st, const struct put *p)
{
	struct bucket_object o = { .bucket_id = p->bucket->id, .key = (char *)(uintptr_t)p->key, .etag = (char *)(uintptr_t)p->etag,
				   .headers = (char *)(uintptr_t)p->headers, .tags = (char *)(uintptr_t)p->tags };
	AUTO(stage_freep) struct stage *stage = NULL;
	struct bucket_part part = { 0 };
	const struct bucket_parts one = { &part, 1, 1 };
	int64_t slot = -1;
	int r = p->parts ? 0 : put_stage(st, p, &stage, &part, &slot);

	if (r)
		return r;
	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = put_condition(c, st, p->bucket, p->key)))
		return r;
	if (stage && ((r = stage_flush(stage)) || (r = stage_content(stage, slot, &part.content_id))))
		return r;
	if ((r = bucket_object_put(st, &o, p->parts ? p->parts : &one)) || (p->upload && (r = bucket_upload_end(st, p->upload))))
		return r;
	return txn_commit(&t);
}

static int put_object(struct call *c, struct genstore *st, const struct put *p)
{
	int r = -ESTALE;

	for (int i = 0; i < TRIES && r == -ESTALE; i++)
		r = try_object(c, st, p);
	return r;
}

static int fill(struct genstore *st, const struct put *p, struct foreign *f)
{
	int64_t at = 0;
	ssize_t got = 1;
	size_t room;
	void *to;
	int r;

	while (got > 0 && !foreign_has_failed(f)) {
		if ((r = foreign_room(f, &to, &room)))
			return r;
		if ((got = read_on(st, p, &at, to, room)) > 0 && (r = foreign_fill(f, (size_t)got)))
			return r;
	}
	return got < 0 ? (int)got : 0;
}

/* Whether what is there are these bytes. */
static int is_same(struct genstore *st, const char *id, const struct foreign_archive *a)
{
	AUTO(generation_release) struct generation g = { 0 };

	return !generation_by_request(st, id, &g) && g.archive_size == a->size && !memcmp(g.archive_sha256, a->sha256, SHA256_SIZE);
}

static int try_archive(struct genstore *st, const struct put *p, const struct foreign_receive *how)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(foreign_freep) struct foreign *f = NULL;
	struct foreign_archive a;
	int r;

	if ((r = foreign_new(st, NULL, &f)) || (r = fill(st, p, f)) || (r = foreign_end(f, &a)))
		return r;
	if (a.error)
		return store_fail(st, -EINVAL, "the archive is refused: %s", a.reason);
	if ((r = foreign_receive(f, how, &g)))
		return r == -EEXIST && is_same(st, how->request_id, &a) ? 0 : r;
	/* What tables it makes is a help, and no reason to fail. */
	tree_note_schema(st, g.id);
	return 0;
}

static int put_archive(struct call *c, struct genstore *st, const struct put *p, const char *id)
{
	const struct foreign_receive how = { .request_id = id, .user_id = c->who.user_id };
	int r;

	if (*c->who.organization_id)
		return store_fail(st, -EPERM, "a key for one organization has no generations; make one without --org");
	if ((r = put_condition(c, st, p->bucket, p->key)))
		return r;
	r = -ESTALE;
	for (int i = 0; i < TRIES && r == -ESTALE; i++)
		r = try_archive(st, p, &how);
	return r;
}

static int read_all(struct genstore *st, const struct put *p, struct buf *out)
{
	int64_t at = 0;
	ssize_t got;
	void *to;

	out->max = FOREIGN_METADATA_MAX + 2;
	do {
		if (!(to = buf_reserve(out, (size_t)min_i64(64 << 10, (int64_t)(out->max - out->len)))))
			return buf_error(out);
		if ((got = read_on(st, p, &at, to, (size_t)min_i64(64 << 10, (int64_t)(out->max - out->len)))) > 0)
			buf_commit(out, (size_t)got);
	} while (got > 0 && out->len <= FOREIGN_METADATA_MAX);
	return got < 0 ? (int)got : 0;
}

static int is_same_metadata(struct genstore *st, const char *id, const struct buf *bytes)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(object_unrefp) struct object *o = NULL;
	AUTO(buf_release) struct buf there = BUF_INIT;
	void *to;

	return !generation_by_request(st, id, &g) && !generation_metadata(st, &g, &o) && object_size(o) == (int64_t)bytes->len &&
	       (to = buf_reserve(&there, bytes->len + 1)) && object_read(st, o, 0, bytes->len, to) == (ssize_t)bytes->len &&
	       !memcmp(to, bytes->data, bytes->len);
}

static int put_metadata(struct call *c, struct genstore *st, const struct put *p, const char *id)
{
	AUTO(buf_release) struct buf bytes = BUF_INIT;
	int r;

	if ((r = put_condition(c, st, p->bucket, p->key)) || (r = read_all(st, p, &bytes)))
		return r;
	r = foreign_metadata(st, id, buf_str(&bytes), bytes.len);
	return r == -EEXIST && is_same_metadata(st, id, &bytes) ? 0 : r;
}

static int end_upload(struct genstore *st, const struct put *p)
{
	return p->upload ? bucket_upload_end(st, p->upload) : 0;
}

int put_key(struct call *c, struct genstore *st, const struct put *p, struct found *ret_f)
{
	char id[ID_REQUEST_MAX + 1];
	enum key_kind kind = p->bucket->is_shared ? key_kind(p->key, id) : KEY_OBJECT;
	int r;

	switch (kind) {
	case KEY_ARCHIVE:
		r = put_archive(c, st, p, id);
		r = r ? r : end_upload(st, p);
		break;
	case KEY_METADATA:
		r = put_metadata(c, st, p, id);
		r = r ? r : end_upload(st, p);
		break;
	default:
		r = put_object(c, st, p);
	}
	if (r)
		return r < 0 ? call_fail_store(c, r, st) : r;
	r = key_find(st, p->bucket, p->key, ret_f);
	/* A metadata.json that came before its archive is shown with it. */
	return r == -ENOENT && kind == KEY_METADATA ? 0 : r ? call_fail_store(c, r, st) : 0;
}
