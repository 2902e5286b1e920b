#include "store/evict.h"
#include "store/audit.h"
#include "store/outbox.h"

int evict_fail(struct genstore *st, const char *request_id)
{
	return store_fail(st, -EREMOTE, "the bytes of '%s' are in the bucket only; 'genstore pull %s' fetches them", request_id, request_id);
}

/* Once more, now that nobody can change it: what the bucket acknowledged is this archive. */
static int is_synced(struct genstore *st, const struct generation *g)
{
	STMT q = db_stmt(&st->db, "SELECT 1 FROM outbox AS o JOIN remote_objects AS r ON r.outbox_id = o.id WHERE o.generation_request_id = ?"
				  " AND o.remote = 's3' AND o.state = 'synced' AND r.name = 'app.tar.gz' AND r.size = ? AND r.sha256 = ?");
	int r;

	bind_i64(&q, g->id);
	bind_i64(&q, g->archive_size);
	bind_blob(&q, g->archive_sha256, SHA256_SIZE);
	if ((r = stmt_step(&q)) > 0)
		return 0;
	return r ? r : store_fail(st, -ESTALE, "'%s' is not synced; 'genstore sync %s' sends it", g->request_id, g->request_id);
}

static int find_tree(struct genstore *st, const struct generation *g, int64_t *ret_manifest)
{
	STMT q = db_stmt(&st->db, "SELECT manifest_id FROM foreign_index WHERE content_id = ?");
	int r;

	*ret_manifest = g->manifest_id;
	if (g->seal_id)
		return 0;
	bind_i64(&q, g->content_id);
	if ((r = stmt_step(&q)) > 0)
		*ret_manifest = col_i64(&q, 0);
	return r < 0 ? r : 0;
}

static int set_archive(struct genstore *st, const struct generation *g, int64_t content)
{
	STMT q = db_stmt(&st->db, "UPDATE main.archive SET seal_id = NULL, content_id = ?2 WHERE generation_request_id = ?1");

	bind_i64(&q, g->id);
	bind_i64(&q, content);
	return stmt_run(&q);
}

static int count_trees(struct genstore *st, int64_t generation, int64_t *ret_count)
{
	STMT q = db_stmt(&st->db, "SELECT count(*) FROM iteration_snapshots WHERE generation_request_id = ? AND json_valid(files_snapshot)"
				  " AND json_type(files_snapshot, '$.manifest') = 'integer'");
	int r;

	bind_i64(&q, generation);
	if ((r = stmt_step(&q)) > 0)
		*ret_count = col_i64(&q, 0);
	return r < 0 ? r : 0;
}

static int let_go(struct genstore *st, const struct generation *g)
{
	char details[64];
	int64_t manifest, content;
	int r;

	if ((r = find_tree(st, g, &manifest)) || (r = content_insert_away(st, g->archive_size, g->archive_sha256, &content)) ||
	    (r = set_archive(st, g, content)) || (manifest && (r = iterations_go(st, g->id, manifest))))
		return r;
	snprintf(details, sizeof(details), "{\"archive_size\":%lld}", (long long)g->archive_size);
	return audit_write(st, "generation.evict", g->request_id, details);
}

int evict_generation(struct genstore *st, const struct generation *g, int64_t *ret_stay)
{
	AUTO(generation_release) struct generation now = { 0 };
	int r;

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = generation_get(st, g->id, &now)))
		return r;
	if (!now.metadata_id || !generation_is_final(now.status))
		return store_fail(st, -EBUSY, "'%s' is %s%s", now.request_id, now.status, now.metadata_id ? "" : " and has no archive");
	if (now.away)
		return store_fail(st, -EALREADY, "the bytes of '%s' are in the bucket only already", now.request_id);
	if ((r = is_synced(st, &now)) || (r = let_go(st, &now)) || (r = count_trees(st, now.id, ret_stay)))
		return r;
	return txn_commit(&t);
}

int evict_count(struct genstore *st, int64_t *ret_count)
{
	return db_number(&st->db, "SELECT count(*) FROM archive AS a JOIN content AS c ON c.id = a.content_id"
				  " WHERE c.size > 0 AND length(c.pieces) = 0", ret_count);
}
