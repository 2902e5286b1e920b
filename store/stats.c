#include "store/stats.h"

#define AWAY "c.size > 0 AND length(c.pieces) = 0"

static const struct {
	size_t field;
	const char *sql;
} counts[] = {
#define COUNT(name, sql) { offsetof(struct store_stats, name), sql }
	COUNT(users, "SELECT count(*) FROM users"),
	COUNT(apps, "SELECT count(*) FROM apps"),
	COUNT(generations, "SELECT count(*) FROM generation_requests"),
	COUNT(completed, "SELECT count(*) FROM generation_requests WHERE status = 'completed'"),
	COUNT(iterations, "SELECT count(*) FROM iteration_snapshots"),
	COUNT(archives, "SELECT count(*) FROM archive"),
	COUNT(archive_bytes, "SELECT coalesce(sum(coalesce(s.size, c.size)), 0) FROM archive AS a"
			     " LEFT JOIN seal AS s ON s.id = a.seal_id LEFT JOIN content AS c ON c.id = a.content_id"),
	COUNT(foreign, "SELECT count(*) FROM archive AS a JOIN content AS c ON c.id = a.content_id WHERE length(c.pieces) > 0"),
	COUNT(evicted, "SELECT count(*) FROM archive AS a JOIN content AS c ON c.id = a.content_id WHERE " AWAY),
	COUNT(evicted_bytes, "SELECT coalesce(sum(c.size), 0) FROM archive AS a JOIN content AS c ON c.id = a.content_id WHERE " AWAY),
	COUNT(contents, "SELECT count(*) FROM content AS c WHERE NOT (" AWAY ")"),
	COUNT(content_bytes, "SELECT coalesce(sum(size), 0) FROM content AS c WHERE NOT (" AWAY ")"),
	COUNT(pieces, "SELECT count(*) FROM piece"),
	COUNT(stored_bytes, "SELECT coalesce(sum(stored), 0) FROM piece"),
	COUNT(logical_bytes, "SELECT coalesce(sum(m.bytes), 0) FROM iteration_snapshots AS s"
			     " JOIN manifest AS m ON m.id = iif(json_valid(s.files_snapshot), s.files_snapshot ->> '$.manifest', 0)"),
	COUNT(events, "SELECT count(*) FROM generation_events"),
	COUNT(organizations, "SELECT count(*) FROM organizations"),
	COUNT(sessions, "SELECT count(*) FROM sessions"),
	COUNT(artifacts, "SELECT count(*) FROM artifacts"),
	COUNT(artifact_bytes, "SELECT coalesce(sum(file_size), 0) FROM artifacts"),
	COUNT(file_bytes, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"),
	COUNT(page_size, "PRAGMA page_size"),
	COUNT(free_pages, "PRAGMA freelist_count"),
#undef COUNT
};

static int count(struct genstore *st, const char *sql, int64_t *ret_count)
{
	STMT q = db_stmt(&st->db, sql);
	int r = stmt_step(&q);

	if (r > 0)
		*ret_count = col_i64(&q, 0);
	return r < 0 ? r : 0;
}

int stats_read(struct genstore *st, struct store_stats *ret_stats)
{
	TXN t = txn_begin_read(&st->db);
	struct store_stats s = { 0 };
	int r = t.error;

	for (size_t i = 0; i < ARRAY_LEN(counts) && !r; i++)
		r = count(st, counts[i].sql, (int64_t *)(void *)((char *)&s + counts[i].field));
	if (r)
		return r;
	if (s.stored_bytes)
		s.ratio = (double)s.logical_bytes / (double)s.stored_bytes;
	*ret_stats = s;
	return txn_commit(&t);
}
