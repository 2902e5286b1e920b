#include "store/mark.h"
#include "store/archive.h"
#include "store/foreign_index.h"
#include "store/idlist.h"

void mark_release(struct mark *m)
{
	bitmap_release(&m->seals);
	bitmap_release(&m->manifests);
	bitmap_release(&m->contents);
	bitmap_release(&m->pieces);
}

static int too_large(struct genstore *st, int r)
{
	return r == -EFBIG ? store_fail(st, r, "the store has ids that are too large to collect") : r;
}

static int mark_pieces(struct genstore *st, struct mark *m, const void *list, size_t n)
{
	AUTO(idlist_release) struct idlist ids = { .ids = NULL };
	int r = n ? idlist_decode(list, n, &ids) : 0;

	for (size_t i = 0; i < ids.count && r >= 0; i++)
		r = bitmap_add(&m->pieces, ids.ids[i]);
	return r < 0 ? too_large(st, r) : 0;
}

static int manifest_row(struct genstore *st, int64_t id, int64_t *ret_base, int64_t *ret_piece)
{
	STMT q = db_stmt(&st->db, "SELECT coalesce(base, 0), piece FROM manifest WHERE id = ?");
	int r;

	bind_i64(&q, id);
	if ((r = stmt_step(&q)) <= 0)
		return r ? r : store_fail(st, -EBADMSG, "manifest '%lld' is missing; run 'genstore check'", (long long)id);
	*ret_base = col_i64(&q, 0);
	*ret_piece = col_i64(&q, 1);
	return 0;
}

/* All files of a foreign tree are in one archive, which is what its tree leads back to. */
static int mark_tree(struct genstore *st, struct mark *m, int64_t id)
{
	int64_t base = 0, piece = 0;
	int r = bitmap_add(&m->manifests, id);

	if (r <= 0)
		return too_large(st, r);
	if ((r = manifest_row(st, id, &base, &piece)))
		return r;
	return (r = bitmap_add(&m->pieces, piece)) < 0 ? too_large(st, r) : 0;
}

static int mark_own_pieces(struct genstore *st, struct mark *m, int64_t id)
{
	STMT q = db_stmt(&st->db, "SELECT pieces FROM content WHERE id = ?");
	int r;

	bind_i64(&q, id);
	if ((r = stmt_step(&q)) < 0)
		return r;
	if (!r)
		return store_fail(st, -EBADMSG, "content '%lld' is missing; run 'genstore check'", (long long)id);
	if ((r = mark_pieces(st, m, col_blob(&q, 0), col_size(&q, 0))) == -EBADMSG)
		return store_fail(st, r, "content '%lld' is damaged; run 'genstore check'", (long long)id);
	return r;
}

/* An archive that was handed in keeps its index, and that its tree. *ret_tree is 0 where there is none. */
static int mark_index(struct genstore *st, struct mark *m, int64_t archive, int64_t *ret_tree)
{
	STMT q = db_stmt(&st->db, "SELECT pieces, windows, manifest_id FROM foreign_index WHERE content_id = ?");
	int r;

	*ret_tree = 0;
	bind_i64(&q, archive);
	if ((r = stmt_step(&q)) <= 0)
		return r;
	if ((r = mark_pieces(st, m, col_blob(&q, 0), col_size(&q, 0))) == -EBADMSG ||
	    (!r && (r = mark_pieces(st, m, col_blob(&q, 1), col_size(&q, 1))) == -EBADMSG))
		return store_fail(st, r, "the index of archive '%lld' is damaged; run 'genstore check'", (long long)archive);
	*ret_tree = col_i64(&q, 2);
	return r;
}

static int mark_content(struct genstore *st, struct mark *m, int64_t id)
{
	int64_t tree;
	int r;

	if (foreign_is_content(id))
		id = foreign_archive_of(id);
	if ((r = bitmap_add(&m->contents, id)) <= 0)
		return too_large(st, r);
	if ((r = mark_own_pieces(st, m, id)) || (r = mark_index(st, m, id, &tree)))
		return r;
	return tree ? mark_tree(st, m, tree) : 0;
}

static int mark_entries(struct genstore *st, struct mark *m, int64_t id)
{
	AUTO(manifest_unrefp) struct manifest *manifest = NULL;
	int r = manifest_load(st, id, &manifest);

	for (size_t i = 0; !r && i < manifest->count; i++)
		if (manifest->entries[i].type == TAR_FILE)
			r = mark_content(st, m, manifest->entries[i].content);
	return r;
}

/* The key that a manifest is stored against is needed to read it, so it stays, with what it names. */
static int mark_manifest(struct genstore *st, struct mark *m, int64_t id)
{
	int64_t base = 0, piece = 0;
	int r;

	/* A key has no key of its own: what a damaged file says beyond that is not followed. */
	for (int depth = 0; id && depth < 2; depth++, id = base) {
		if ((r = bitmap_add(&m->manifests, id)) <= 0)
			return too_large(st, r);
		if ((r = manifest_row(st, id, &base, &piece)) || (r = mark_entries(st, m, id)))
			return r;
		if ((r = bitmap_add(&m->pieces, piece)) < 0)
			return too_large(st, r);
	}
	return 0;
}

static int mark_seal(struct genstore *st, struct mark *m, int64_t id)
{
	AUTO(seal_release) struct seal s = { 0 };
	int r = bitmap_add(&m->seals, id);

	if (r <= 0)
		return too_large(st, r);
	if ((r = seal_get(st, id, &s)) || (r = mark_manifest(st, m, s.manifest_id)))
		return r == -ENOENT ? -EBADMSG : r;
	if ((r = mark_pieces(st, m, s.pieces.data, s.pieces.len)) == -EBADMSG)
		return store_fail(st, r, "seal '%lld' is damaged; run 'genstore check'", (long long)id);
	return r;
}

/* The column may hold anything in a row from before manifests; only an integer names one. */
static int next_snapshot(struct genstore *st, int64_t *id, int64_t *ret_manifest)
{
	STMT q = db_stmt(&st->db, "SELECT id, iif(json_valid(files_snapshot), iif(json_type(files_snapshot, '$.manifest') = 'integer',"
				  " files_snapshot ->> '$.manifest', 0), 0) FROM iteration_snapshots WHERE id > ? ORDER BY id LIMIT 1");
	int r;

	bind_i64(&q, *id);
	if ((r = stmt_step_after(&q, id)) > 0)
		*ret_manifest = col_i64(&q, 1);
	return r;
}

/* metadata.json that came before its archive. */
static int next_received(struct genstore *st, char **id, int64_t *ret_metadata)
{
	STMT q = db_stmt(&st->db, "SELECT request_id, metadata_id FROM received WHERE request_id > ? AND metadata_id IS NOT NULL"
				  " ORDER BY request_id LIMIT 1");
	AUTO(free_ptr) char *before = *id;
	int r;

	bind_text(&q, before ? before : "");
	*id = NULL;
	if ((r = stmt_step(&q)) <= 0)
		return r;
	*ret_metadata = col_i64(&q, 1);
	r = col_dup(&q, 0, id);
	if (!r && before && strcmp(*id, before) <= 0)
		return store_fail(st, -EUCLEAN, "the table 'received' is damaged: it is out of order; run 'genstore check'");
	return r ? r : 1;
}

static int mark_received(struct genstore *st, struct mark *m)
{
	AUTO(free_ptr) char *id = NULL;
	int64_t metadata = 0;
	int r;

	while ((r = next_received(st, &id, &metadata)) > 0)
		if ((r = mark_content(st, m, metadata)))
			return r;
	return r;
}

static int next_artifact(struct genstore *st, int64_t *id, int64_t *ret_content)
{
	STMT q = db_stmt(&st->db, "SELECT id, content_id FROM artifact_content WHERE id > ? ORDER BY id LIMIT 1");
	int r;

	bind_i64(&q, *id);
	if ((r = stmt_step_after(&q, id)) > 0)
		*ret_content = col_i64(&q, 1);
	return r;
}

static int next_object_part(struct genstore *st, int64_t *id, int64_t *ret_content)
{
	STMT q = db_stmt(&st->db, "SELECT id, content_id FROM bucket_object_parts WHERE id > ? ORDER BY id LIMIT 1");
	int r;

	bind_i64(&q, *id);
	if ((r = stmt_step_after(&q, id)) > 0)
		*ret_content = col_i64(&q, 1);
	return r;
}

static int next_upload_part(struct genstore *st, int64_t *id, int64_t *ret_content)
{
	STMT q = db_stmt(&st->db, "SELECT id, content_id FROM bucket_upload_parts WHERE id > ? ORDER BY id LIMIT 1");
	int r;

	bind_i64(&q, *id);
	if ((r = stmt_step_after(&q, id)) > 0)
		*ret_content = col_i64(&q, 1);
	return r;
}

static int next_archive(struct genstore *st, int64_t *id, int64_t ret_ids[3])
{
	STMT q = db_stmt(&st->db, "SELECT generation_request_id, coalesce(seal_id, 0), coalesce(content_id, 0), metadata_id"
				  " FROM archive WHERE generation_request_id > ? ORDER BY generation_request_id LIMIT 1");
	int r;

	bind_i64(&q, *id);
	r = stmt_step_after(&q, id);
	for (int i = 0; i < 3 && r > 0; i++)
		ret_ids[i] = col_i64(&q, i + 1);
	return r;
}

static int mark_archive(struct genstore *st, struct mark *m, const int64_t ids[3])
{
	int r = ids[0] ? mark_seal(st, m, ids[0]) : mark_content(st, m, ids[1]);

	return r ? r : mark_content(st, m, ids[2]);
}

/* Marks all rows behind *last. */
static int mark_new(struct genstore *st, struct mark *m, const char *next,
		    int (*mark)(struct genstore *st, struct mark *m, int64_t id), int64_t *last)
{
	int r;

	for (;;) {
		{
			STMT q = db_stmt(&st->db, next);

			bind_i64(&q, *last);
			if ((r = stmt_step_after(&q, last)) <= 0)
				return r;
		}
		if ((r = mark(st, m, *last)))
			return r;
	}
}

int mark_more(struct genstore *st, struct mark *m)
{
	int64_t manifest = 0, content = 0, generation = 0, ids[3];
	int r;

	if ((r = mark_new(st, m, "SELECT id FROM seal WHERE id > ? ORDER BY id LIMIT 1", mark_seal, &m->last_seal)) ||
	    (r = mark_new(st, m, "SELECT id FROM manifest WHERE id > ? ORDER BY id LIMIT 1", mark_manifest, &m->last_manifest)) ||
	    (r = mark_new(st, m, "SELECT id FROM content WHERE id > ? ORDER BY id LIMIT 1", mark_content, &m->last_content)))
		return r;

	while ((r = next_snapshot(st, &m->last_snapshot, &manifest)) > 0)
		if (manifest && (r = mark_manifest(st, m, manifest)))
			return r;
	while (!r && (r = next_artifact(st, &m->last_artifact, &content)) > 0)
		r = mark_content(st, m, content);
	while (!r && (r = next_object_part(st, &m->last_object_part, &content)) > 0)
		r = mark_content(st, m, content);
	while (!r && (r = next_upload_part(st, &m->last_upload_part, &content)) > 0)
		r = mark_content(st, m, content);
	/* Archives come in any order of their generations: all are looked at, and most are marked already. */
	while (!r && (r = next_archive(st, &generation, ids)) > 0)
		r = mark_archive(st, m, ids);
	return r ? r : mark_received(st, m);
}
