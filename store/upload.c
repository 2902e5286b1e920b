#include "store/upload.h"

void upload_release(struct upload *u)
{
	free(u->bucket);
	free(u->key);
	free(u->upload_id);
	*u = (struct upload){ 0 };
}

int upload_add(struct genstore *st, struct upload *u)
{
	STMT q = db_stmt(&st->db, "INSERT INTO uploads(outbox_id, bucket, key, upload_id, part_size, sha256, begun_at)"
				  " VALUES (?, ?, ?, ?, ?, ?, ?)");
	char now[CLOCK_TEXT];
	int r;

	store_now(st, now);
	bind_i64(&q, u->outbox_id);
	bind_text(&q, u->bucket);
	bind_text(&q, u->key);
	bind_text(&q, u->upload_id);
	bind_i64(&q, u->part_size);
	bind_blob(&q, u->sha256, SHA256_SIZE);
	bind_text(&q, now);
	if ((r = stmt_run(&q)))
		return r;
	u->id = db_last_id(&st->db);
	return 0;
}

/* Steps q over id, outbox_id, part_size, bucket, key, upload_id, sha256: 1, 0, or an error. */
static int load(struct stmt *q, struct upload *ret_u)
{
	AUTO(upload_release) struct upload u = { 0 };
	int r = stmt_step(q);

	if (r <= 0)
		return r;
	u.id = col_i64(q, 0);
	u.outbox_id = col_i64(q, 1);
	u.part_size = col_i64(q, 2);
	if ((r = col_dup(q, 3, &u.bucket)) || (r = col_dup(q, 4, &u.key)) || (r = col_dup(q, 5, &u.upload_id)) ||
	    (r = col_bytes(q, 6, u.sha256, SHA256_SIZE)))
		return r;
	*ret_u = u;
	u = (struct upload){ 0 };
	return 1;
}

int upload_find(struct genstore *st, int64_t outbox_id, const char *bucket, const char *key, const uint8_t sha256[SHA256_SIZE],
		struct upload *ret_u)
{
	STMT q = db_stmt(&st->db, "SELECT id, outbox_id, part_size, bucket, key, upload_id, sha256 FROM uploads"
				  " WHERE outbox_id = ? AND bucket = ? AND key = ? AND sha256 = ? ORDER BY id DESC LIMIT 1");
	int r;

	bind_i64(&q, outbox_id);
	bind_text(&q, bucket);
	bind_text(&q, key);
	bind_blob(&q, sha256, SHA256_SIZE);
	r = load(&q, ret_u);
	return r > 0 ? 0 : r < 0 ? r : -ENOENT;
}

int upload_drop(struct genstore *st, int64_t id)
{
	STMT q = db_stmt(&st->db, "DELETE FROM uploads WHERE id = ?");

	bind_i64(&q, id);
	return stmt_run(&q);
}

int upload_orphan(struct genstore *st, int64_t after_id, struct upload *ret_u)
{
	STMT q = db_stmt(&st->db, "SELECT id, outbox_id, part_size, bucket, key, upload_id, sha256 FROM uploads AS u WHERE id > ?"
				  " AND NOT EXISTS (SELECT 1 FROM outbox WHERE id = u.outbox_id AND state <> 'synced')"
				  " AND NOT EXISTS (SELECT 1 FROM artifact_remotes WHERE id = -u.outbox_id AND state <> 'synced') ORDER BY id LIMIT 1");

	bind_i64(&q, after_id);
	return load(&q, ret_u);
}

int upload_part_add(struct genstore *st, int64_t upload, const struct upload_part *part)
{
	STMT q = db_stmt(&st->db, "INSERT OR REPLACE INTO upload_parts(upload, number, sha256, md5, etag) VALUES (?, ?, ?, ?, ?)");

	bind_i64(&q, upload);
	bind_i64(&q, part->number);
	bind_blob(&q, part->sha256, SHA256_SIZE);
	bind_blob(&q, part->md5, UPLOAD_MD5);
	bind_text(&q, part->etag);
	return stmt_run(&q);
}

int upload_parts(struct genstore *st, int64_t upload, int (*each)(void *arg, const struct upload_part *part), void *arg)
{
	STMT q = db_stmt(&st->db, "SELECT number, sha256, md5, etag FROM upload_parts WHERE upload = ? ORDER BY number");
	int r;

	bind_i64(&q, upload);
	while ((r = stmt_step(&q)) > 0) {
		struct upload_part part = { .number = col_i64(&q, 0) };
		const char *etag = col_text(&q, 3);

		if ((r = col_bytes(&q, 1, part.sha256, SHA256_SIZE)) || (r = col_bytes(&q, 2, part.md5, UPLOAD_MD5)))
			return r;
		snprintf(part.etag, sizeof(part.etag), "%s", etag ? etag : "");
		if ((r = each(arg, &part)))
			return r;
	}
	return r;
}
