#include "store/bucket_upload.h"
#include "store/bucket_inside.h"

#define COLUMNS "SELECT id, bucket_id, upload_id, key, headers, tags, created_at FROM bucket_uploads WHERE "

void bucket_upload_release(struct bucket_upload *u)
{
	char **texts[] = { &u->upload_id, &u->key, &u->headers, &u->tags, &u->created_at };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(MOVE(*texts[i]));
}

static int load(struct stmt *q, struct bucket_upload *ret_u)
{
	AUTO(bucket_upload_release) struct bucket_upload u = { 0 };
	char **into[] = { &u.upload_id, &u.key, &u.headers, &u.tags, &u.created_at };
	int r;

	if ((r = stmt_step(q)) <= 0)
		return r;
	u.id = col_i64(q, 0);
	u.bucket_id = col_i64(q, 1);
	for (size_t i = 0; i < ARRAY_LEN(into); i++)
		if ((r = col_dup(q, (int)i + 2, into[i])))
			return r;
	bucket_upload_release(ret_u);
	*ret_u = u;
	u = (struct bucket_upload){ 0 };
	return 1;
}

int bucket_upload_begin(struct genstore *st, const struct bucket_upload *u, char ret_upload_id[33])
{
	STMT q = db_stmt(&st->db, "INSERT INTO main.bucket_uploads (upload_id, bucket_id, user_id, key, headers, tags, created_at)"
				  " VALUES (?, ?, ?, ?, ?, ?, ?)");
	const char *user = NULL;
	char now[CLOCK_TEXT];
	uint8_t bytes[16];
	int r;

	if ((r = bucket_owner(st, &user)) || (r = id_random(&st->ids, bytes, sizeof(bytes))))
		return r;
	hex_encode(bytes, sizeof(bytes), ret_upload_id);
	store_now(st, now);
	bind_text(&q, ret_upload_id);
	bind_i64(&q, u->bucket_id);
	bind_text(&q, user);
	bind_text(&q, u->key);
	bind_text(&q, u->headers);
	bind_text(&q, u->tags);
	bind_text(&q, now);
	return stmt_run(&q);
}

int bucket_upload_find(struct genstore *st, int64_t bucket_id, const char *key, const char *upload_id, struct bucket_upload *ret_u)
{
	STMT q = db_stmt(&st->db, COLUMNS "bucket_id = ? AND key = ? AND upload_id = ?");
	int r;

	bind_i64(&q, bucket_id);
	bind_text(&q, key);
	bind_text(&q, upload_id);
	r = load(&q, ret_u);
	return r < 0 ? r : r ? 0 : store_fail(st, -ENOENT, "no upload '%s' of '%s'", upload_id, key);
}

int bucket_upload_next(struct genstore *st, int64_t bucket_id, const char *key, int64_t id, struct bucket_upload *ret_u)
{
	STMT q = db_stmt(&st->db, COLUMNS "bucket_id = ? AND (key, id) > (?, ?) ORDER BY key, id LIMIT 1");

	bind_i64(&q, bucket_id);
	bind_text(&q, key);
	bind_i64(&q, id);
	return load(&q, ret_u);
}

int bucket_upload_end(struct genstore *st, int64_t id)
{
	STMT q = db_stmt(&st->db, "DELETE FROM main.bucket_uploads WHERE id = ?");

	bind_i64(&q, id);
	return stmt_run(&q);
}

int bucket_upload_put(struct genstore *st, int64_t upload, const struct bucket_part *part, const char *etag)
{
	STMT old = db_stmt(&st->db, "DELETE FROM main.bucket_upload_parts WHERE upload = ? AND number = ?");
	STMT q = db_stmt(&st->db, "INSERT INTO main.bucket_upload_parts (upload, number, content_id, size, etag, stored_at) VALUES (?, ?, ?, ?, ?, ?)");
	char now[CLOCK_TEXT];
	int r;

	bind_i64(&old, upload);
	bind_i64(&old, part->number);
	if ((r = stmt_run(&old)))
		return r;
	store_now(st, now);
	bind_i64(&q, upload);
	bind_i64(&q, part->number);
	bind_i64(&q, part->content_id);
	bind_i64(&q, part->size);
	bind_text(&q, etag);
	bind_text(&q, now);
	return stmt_run(&q);
}

int bucket_upload_part_next(struct genstore *st, int64_t upload, int64_t after, struct bucket_upload_part *ret_p)
{
	STMT q = db_stmt(&st->db, "SELECT number, content_id, size, etag, stored_at FROM bucket_upload_parts WHERE upload = ? AND number > ?"
				  " ORDER BY number LIMIT 1");
	int r;

	bind_i64(&q, upload);
	bind_i64(&q, after);
	if ((r = stmt_step(&q)) <= 0)
		return r;
	ret_p->part = (struct bucket_part){ col_i64(&q, 0), col_i64(&q, 1), col_i64(&q, 2) };
	snprintf(ret_p->etag, sizeof(ret_p->etag), "%s", col_text(&q, 3));
	snprintf(ret_p->stored_at, sizeof(ret_p->stored_at), "%s", col_text(&q, 4));
	return 1;
}
