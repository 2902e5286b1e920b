/* An archive that has arrived, as rows: a seal of ours, a content that is there, or the pieces that were staged. */
#include "store/foreign_arrived.h"

/* -ENOENT. */
static int seal_by_sha256(struct genstore *st, const struct sink_result *a, int64_t *ret_id)
{
	STMT q = db_stmt(&st->db, "SELECT id FROM seal WHERE substr(sha256, 1, 8) = ? AND sha256 = ? AND size = ? ORDER BY id LIMIT 1");
	int r;

	bind_blob(&q, a->sha256, 8);
	bind_blob(&q, a->sha256, SHA256_SIZE);
	bind_i64(&q, a->size);
	if ((r = stmt_step(&q)) > 0)
		*ret_id = col_i64(&q, 0);
	return r < 0 ? r : r ? 0 : -ENOENT;
}

void put_release(struct put *p)
{
	manifest_unref(p->tree);
}

static int tree_of_index(struct genstore *st, int64_t content, struct manifest **ret_m)
{
	STMT q = db_stmt(&st->db, "SELECT manifest_id FROM foreign_index WHERE content_id = ?");
	int r;

	bind_i64(&q, content);
	if ((r = stmt_step(&q)) <= 0)
		return r ? r : -ENOENT;
	return manifest_load(st, col_i64(&q, 0), ret_m);
}

static int has_index(struct genstore *st, int64_t content)
{
	STMT q = db_stmt(&st->db, "SELECT 1 FROM foreign_index WHERE content_id = ?");
	int r;

	bind_i64(&q, content);
	r = stmt_step(&q);
	return r < 0 ? r : r ? 0 : -ENOENT;
}

/* The spans have marks where their windows belong: these are in order. */
static int number_windows(struct foreign *f, struct scan *s)
{
	const struct idlist *windows = sink_windows(f->sink);
	size_t k = 0;

	for (size_t i = 0; i < s->span_count; i++) {
		if (!s->spans[i].window)
			continue;
		if (k == windows->count)
			return -EINVAL;
		s->spans[i].window = windows->ids[k++];
	}
	return 0;
}

static int put_index(struct foreign *f, int64_t content, struct manifest **ret_m)
{
	struct scan *s = sink_scan(f->sink);
	const struct foreign_index index = {
		.archive = content, .span_count = s->span_count, .spans = s->spans, .file_count = (size_t)f->tree->files, .files = f->files,
	};
	size_t n = 0;
	int r;

	if (!sink_is_flushed(f->sink))
		return store_fail(f->st, -ESTALE, "the index of the archive was removed just now; try again");
	if ((r = number_windows(f, s)))
		return r;
	for (size_t i = 0; i < f->tree->count; i++)
		if (f->tree->entries[i].type == TAR_FILE)
			f->tree->entries[i].content = foreign_content(content, n++);
	if ((r = manifest_put(f->st, f->tree, 0)) || (r = foreign_index_put(f->st, &index, f->tree->id)))
		return r;
	*ret_m = manifest_ref(f->tree);
	return 0;
}

static int put_content(struct foreign *f, int64_t *ret_id)
{
	const struct idlist *pieces = sink_pieces(f->sink);
	struct content c = {
		.size = f->result.size, .crc32 = f->result.crc32, .adler32 = f->result.adler32,
		.pieces = pieces->ids, .piece_count = pieces->count,
	};

	memcpy(c.sha256, f->result.sha256, SHA256_SIZE);
	if (!sink_is_flushed(f->sink))
		return store_fail(f->st, -ESTALE, "the archive was in the store, and was removed just now; try again");
	return content_insert(f->st, &c, ret_id);
}

int foreign_put(struct foreign *f, struct put *p)
{
	AUTO(seal_release) struct seal s = { 0 };
	int r = seal_by_sha256(f->st, &f->result, &p->seal);

	if (!r)
		return (r = seal_get(f->st, p->seal, &s)) ? r : manifest_load(f->st, s.manifest_id, &p->tree);
	if (r != -ENOENT)
		return r;
	r = content_find_whole(f->st, f->result.sha256, &p->content);
	if (r == -ENOENT) {
		p->bytes = true;
		r = put_content(f, &p->content);
	}
	if (r || (r = tree_of_index(f->st, p->content, &p->tree)) != -ENOENT)
		return r;
	if (!f->tree)
		return 0;
	p->windows = true;
	return put_index(f, p->content, &p->tree);
}

int foreign_is_new(struct foreign *f)
{
	TXN t = txn_begin_read(&f->st->db);
	int64_t id;
	int r = t.error ? t.error : seal_by_sha256(f->st, &f->result, &id);

	if (r == -ENOENT)
		r = content_find_whole(f->st, f->result.sha256, &id);
	if (!r)
		r = has_index(f->st, id);
	return r == -ENOENT ? 1 : r;
}
