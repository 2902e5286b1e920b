/* What is in buckets: rows against their bytes. */
#include "store/check_inside.h"

static int check_object(struct check *c, int64_t id)
{
	STMT q = db_stmt(&c->st->db, "SELECT b.name || '/' || o.key, o.size, (SELECT coalesce(sum(size), 0) FROM bucket_object_parts WHERE object_id = o.id),"
				     " EXISTS (SELECT 1 FROM bucket_object_parts AS p LEFT JOIN content AS k ON k.id = p.content_id"
				     "  WHERE p.object_id = o.id AND k.size IS NOT p.size), o.stored_at"
				     " FROM bucket_objects AS o JOIN buckets AS b ON b.id = o.bucket_id WHERE o.id = ?");
	const char *name;
	int64_t seconds;
	int r;

	bind_i64(&q, id);
	if ((r = stmt_step(&q)) <= 0)
		return check_verdict_id(c, "object", id, r);
	name = col_text(&q, 0);
	if (col_i64(&q, 1) != col_i64(&q, 2))
		check_found(c, "object", name, "it has %lld bytes, its parts %lld", (long long)col_i64(&q, 1), (long long)col_i64(&q, 2));
	if (col_i64(&q, 3))
		check_found(c, "object", name, "a part of it has another size than its content");
	if (clock_parse(col_text(&q, 4), &seconds))
		check_found(c, "object", name, "stored_at is not a time");
	return 0;
}

int check_buckets(struct check *c)
{
	return check_each(c, "SELECT id FROM bucket_objects WHERE id > ? ORDER BY id LIMIT 1", check_object);
}
