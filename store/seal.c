/* The rows of table `seal`. */
#include "store/archive.h"

void seal_release(struct seal *s)
{
	if (s)
		buf_release(&s->pieces);
}

/* An equal seal has the same bytes as long as its encodings are the same. */
static int seal_find(struct genstore *st, const struct seal *s, int64_t *ret_id)
{
	STMT q = db_stmt(&st->db, "SELECT id FROM seal WHERE manifest_id = ? AND mtime = ? AND encoder = ? AND sha256 = ?"
				  " AND pieces = ? AND size = ? AND tar_size = ? AND crc32 = ? AND excludes = ?");
	int r;

	bind_i64(&q, s->manifest_id);
	bind_i64(&q, s->mtime);
	bind_i64(&q, s->encoder);
	bind_blob(&q, s->sha256, SHA256_SIZE);
	bind_blob(&q, buf_str(&s->pieces), s->pieces.len);
	bind_i64(&q, s->size);
	bind_i64(&q, s->tar_size);
	bind_i64(&q, s->crc32);
	bind_i64(&q, s->excludes);
	if ((r = stmt_step(&q)) <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_id = col_i64(&q, 0);
	return 0;
}

int seal_put(struct genstore *st, struct seal *s)
{
	STMT q = db_stmt(&st->db, "INSERT INTO seal(manifest_id, mtime, encoder, excludes, size, tar_size, crc32, sha256, pieces,"
				  " created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
	char now[CLOCK_TEXT];
	int r = seal_find(st, s, &s->id);

	if (r != -ENOENT)
		return r;
	store_now(st, now);
	bind_i64(&q, s->manifest_id);
	bind_i64(&q, s->mtime);
	bind_i64(&q, s->encoder);
	bind_i64(&q, s->excludes);
	bind_i64(&q, s->size);
	bind_i64(&q, s->tar_size);
	bind_i64(&q, s->crc32);
	bind_blob(&q, s->sha256, SHA256_SIZE);
	bind_blob(&q, buf_str(&s->pieces), s->pieces.len);
	bind_text(&q, now);
	if ((r = stmt_run(&q)))
		return r;
	s->id = db_last_id(&st->db);
	return 0;
}

int seal_get(struct genstore *st, int64_t id, struct seal *ret_seal)
{
	AUTO(seal_release) struct seal s = { .id = id };
	STMT q = db_stmt(&st->db, "SELECT manifest_id, mtime, encoder, excludes, size, tar_size, crc32, sha256, pieces"
				  " FROM seal WHERE id = ?");
	int r;

	bind_i64(&q, id);
	if ((r = stmt_step(&q)) <= 0)
		return r < 0 ? r : store_fail(st, -ENOENT, "no seal %lld", (long long)id);
	s.manifest_id = col_i64(&q, 0);
	s.mtime = col_i64(&q, 1);
	s.encoder = (int)col_i64(&q, 2);
	s.excludes = (int)col_i64(&q, 3);
	s.size = col_i64(&q, 4);
	s.tar_size = col_i64(&q, 5);
	s.crc32 = (uint32_t)col_i64(&q, 6);
	if ((r = col_bytes(&q, 7, s.sha256, SHA256_SIZE)) || (r = buf_add(&s.pieces, col_blob(&q, 8), col_size(&q, 8))))
		return r;
	*ret_seal = s;
	s.pieces = (struct buf)BUF_INIT;
	return 0;
}
