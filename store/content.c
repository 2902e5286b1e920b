#include "store/content.h"
#include "store/foreign_index.h"
#include "store/idlist.h"

void content_release(struct content *c)
{
	if (!c)
		return;
	free(c->pieces);
	*c = (struct content){ .pieces = NULL };
}

static int find(struct stmt *q, const uint8_t sha256[SHA256_SIZE], int64_t *ret_id)
{
	int r;

	bind_blob(q, sha256, 8);
	bind_blob(q, sha256, SHA256_SIZE);
	if ((r = stmt_step(q)) <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_id = col_i64(q, 0);
	return 0;
}

int content_find(struct genstore *st, const uint8_t sha256[SHA256_SIZE], int64_t *ret_id)
{
	STMT q = db_stmt(&st->db, "SELECT id FROM content WHERE substr(sha256, 1, 8) = ? AND sha256 = ?"
				  " AND git_blob <> zeroblob(20) ORDER BY id LIMIT 1");

	return find(&q, sha256, ret_id);
}

int content_find_whole(struct genstore *st, const uint8_t sha256[SHA256_SIZE], int64_t *ret_id)
{
	STMT q = db_stmt(&st->db, "SELECT id FROM content WHERE substr(sha256, 1, 8) = ? AND sha256 = ?"
				  " AND (size = 0 OR length(pieces) > 0) ORDER BY id LIMIT 1");

	return find(&q, sha256, ret_id);
}

bool content_is_away(const struct content *c)
{
	return c->size && !c->piece_count && !foreign_is_content(c->id);
}

bool content_has_git_name(const struct content *c)
{
	static const uint8_t none[SHA1_SIZE];

	return memcmp(c->git_blob, none, sizeof(none)) != 0;
}

static int decode_pieces(const void *data, size_t n, struct content *c)
{
	AUTO(idlist_release) struct idlist list = { .ids = NULL };
	int r = idlist_decode(data, n, &list);

	if (r)
		return r;
	c->piece_count = list.count;
	c->pieces = MOVE(list.ids);
	return 0;
}

/* Of an archive that is away nothing is known but its size and hash. */
static bool can_be_away(const struct stmt *q, const struct content *c)
{
	return c->size > 0 && !c->crc32 && !c->adler32 && !col_size(q, 5) && !content_has_git_name(c);
}

static int from_row(const struct stmt *q, struct content *c)
{
	c->size = col_i64(q, 0);
	c->crc32 = (uint32_t)col_i64(q, 1);
	c->adler32 = (uint32_t)col_i64(q, 2);
	if (col_size(q, 3) != SHA256_SIZE || col_size(q, 4) != SHA1_SIZE || col_i64(q, 1) != c->crc32 ||
	    col_i64(q, 2) != c->adler32 || c->size < 0)
		return -EBADMSG;
	memcpy(c->sha256, col_blob(q, 3), SHA256_SIZE);
	memcpy(c->git_blob, col_blob(q, 4), SHA1_SIZE);
	if (can_be_away(q, c))
		return 0;
	if ((c->size > 0) != (col_size(q, 5) > 0))
		return -EBADMSG;
	return c->size ? decode_pieces(col_blob(q, 5), col_size(q, 5), c) : 0;
}

static int get_foreign(struct genstore *st, int64_t id, struct content *ret_content)
{
	struct foreign_file f;
	int r = foreign_file_get(st, id, &f);

	if (r)
		return r;
	*ret_content = (struct content){ .id = id, .size = f.size };
	memcpy(ret_content->sha256, f.sha256, SHA256_SIZE);
	return 0;
}

int content_get(struct genstore *st, int64_t id, struct content *ret_content)
{
	if (foreign_is_content(id))
		return get_foreign(st, id, ret_content);

	AUTO(content_release) struct content c = { .id = id };
	STMT q = db_stmt(&st->db, "SELECT size, crc32, adler32, sha256, git_blob, pieces FROM content WHERE id = ?");
	int r;

	bind_i64(&q, id);
	if ((r = stmt_step(&q)) < 0)
		return r;
	if (!r)
		return store_fail(st, -ENOENT, "no content '%lld'", (long long)id);
	r = from_row(&q, &c);
	if (r == -EBADMSG)
		return store_fail(st, r, "content '%lld' is damaged: its description cannot be true; run 'genstore check'",
				  (long long)id);
	if (r)
		return r;
	*ret_content = c;
	c.pieces = NULL;
	return 0;
}

int content_insert(struct genstore *st, const struct content *c, int64_t *ret_id)
{
	AUTO(buf_release) struct buf pieces = BUF_INIT;
	int r;

	if ((r = idlist_encode(c->pieces, c->piece_count, &pieces)))
		return r;
	STMT q = db_stmt(&st->db, "INSERT INTO content (sha256, size, crc32, adler32, git_blob, pieces) VALUES (?, ?, ?, ?, ?, ?)");

	bind_blob(&q, c->sha256, SHA256_SIZE);
	bind_i64(&q, c->size);
	bind_i64(&q, c->crc32);
	bind_i64(&q, c->adler32);
	bind_blob(&q, c->git_blob, SHA1_SIZE);
	bind_blob(&q, buf_str(&pieces), pieces.len);
	if ((r = stmt_run(&q)))
		return r;
	*ret_id = db_last_id(&st->db);
	return 0;
}

int content_insert_away(struct genstore *st, int64_t size, const uint8_t sha256[SHA256_SIZE], int64_t *ret_id)
{
	struct content c = { .size = size };

	memcpy(c.sha256, sha256, SHA256_SIZE);
	return content_insert(st, &c, ret_id);
}
