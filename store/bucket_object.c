/* What is in a bucket. */
#include "store/audit.h"
#include "store/base/json.h"
#include "store/bucket_inside.h"
#include "store/joined.h"
#include "store/sums.h"

#define COLUMNS "SELECT id, bucket_id, size, key, etag, headers, tags, stored_at FROM bucket_objects WHERE "

void bucket_object_release(struct bucket_object *o)
{
	char **texts[] = { &o->key, &o->etag, &o->headers, &o->tags, &o->stored_at };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(MOVE(*texts[i]));
}

static int load(struct genstore *st, struct stmt *q, struct bucket_object *ret_o)
{
	AUTO(bucket_object_release) struct bucket_object o = { 0 };
	char **into[] = { &o.key, &o.etag, &o.headers, &o.tags, &o.stored_at };
	int r;

	if ((r = stmt_step(q)) <= 0)
		return r;
	o.id = col_i64(q, 0);
	o.bucket_id = col_i64(q, 1);
	o.size = col_i64(q, 2);
	for (size_t i = 0; i < ARRAY_LEN(into); i++)
		if ((r = col_dup(q, (int)i + 3, into[i])))
			return r;
	if ((r = sums_verify(st, "bucket_objects", o.id)))
		return r;
	bucket_object_release(ret_o);
	*ret_o = o;
	o = (struct bucket_object){ 0 };
	return 1;
}

int bucket_object_find(struct genstore *st, int64_t bucket_id, const char *key, struct bucket_object *ret_o)
{
	STMT q = db_stmt(&st->db, COLUMNS "bucket_id = ? AND key = ?");
	int r;

	bind_i64(&q, bucket_id);
	bind_text(&q, key);
	r = load(st, &q, ret_o);
	return r < 0 ? r : r ? 0 : store_fail(st, -ENOENT, "no object '%s'", key);
}

int bucket_object_next(struct genstore *st, int64_t bucket_id, const char *from, bool or_at, struct bucket_object *ret_o)
{
	STMT q = or_at ? db_stmt(&st->db, COLUMNS "bucket_id = ? AND key >= ? ORDER BY key LIMIT 1")
		       : db_stmt(&st->db, COLUMNS "bucket_id = ? AND key > ? ORDER BY key LIMIT 1");

	bind_i64(&q, bucket_id);
	bind_text(&q, from);
	return load(st, &q, ret_o);
}

void bucket_parts_release(struct bucket_parts *p)
{
	free(p->items);
	*p = (struct bucket_parts){ 0 };
}

int bucket_parts_add(struct bucket_parts *p, const struct bucket_part *part)
{
	if (p->count == BUCKET_PARTS_MAX)
		return -EFBIG;
	if (p->count == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 4;
		struct bucket_part *more = realloc(p->items, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		p->items = more;
		p->cap = cap;
	}
	p->items[p->count++] = *part;
	return 0;
}

int bucket_object_parts(struct genstore *st, int64_t object_id, struct bucket_parts *ret_p)
{
	STMT q = db_stmt(&st->db, "SELECT number, content_id, size, id FROM bucket_object_parts WHERE object_id = ? ORDER BY number");
	int r;

	bind_i64(&q, object_id);
	while ((r = stmt_step(&q)) > 0)
		if ((r = sums_verify(st, "bucket_object_parts", col_i64(&q, 3))) ||
		    (r = bucket_parts_add(ret_p, &(struct bucket_part){ col_i64(&q, 0), col_i64(&q, 1), col_i64(&q, 2) })))
			return r;
	return r;
}

int bucket_parts_open(struct genstore *st, const struct bucket_parts *p, struct object **ret_o)
{
	AUTO(joined_freep) struct joined *j = NULL;
	int r = joined_new(p->count, &j);

	for (size_t i = 0; i < p->count && !r; i++) {
		AUTO(object_unrefp) struct object *part = NULL;

		if ((r = object_of_content(st, p->items[i].content_id, &part)))
			return r;
		if (object_size(part) != p->items[i].size)
			return store_fail(st, -EBADMSG, "a part has not the size of its content; run 'genstore check'");
		joined_add(j, part);
	}
	if (!r)
		*ret_o = joined_object(MOVE(j));
	return r;
}

int bucket_object_open(struct genstore *st, const struct bucket_object *o, struct object **ret_o)
{
	AUTO(bucket_parts_release) struct bucket_parts p = { 0 };
	AUTO(object_unrefp) struct object *whole = NULL;
	int r = bucket_object_parts(st, o->id, &p);

	if (r || (r = bucket_parts_open(st, &p, &whole)))
		return r;
	if (object_size(whole) != o->size)
		return store_fail(st, -EBADMSG, "the object '%s' is damaged: its parts do not make it up; run 'genstore check'", o->key);
	*ret_o = MOVE(whole);
	return 0;
}

/* -EPERM where the key is somebody else's, whom the handle does not show. */
static int remove_old(struct genstore *st, int64_t bucket_id, const char *key, const char *user)
{
	STMT q = db_stmt(&st->db, "SELECT 1 FROM main.bucket_objects WHERE bucket_id = ? AND key = ? AND user_id <> ?");
	STMT old = db_stmt(&st->db, "DELETE FROM main.bucket_objects WHERE bucket_id = ? AND key = ?");
	int r = 0;

	bind_i64(&q, bucket_id);
	bind_text(&q, key);
	bind_text(&q, user);
	if (access_is_limited(st) && (r = stmt_step(&q)))
		return r < 0 ? r : store_fail(st, -EPERM, "the key '%s' is somebody else's", key);
	bind_i64(&old, bucket_id);
	bind_text(&old, key);
	return stmt_run(&old);
}

static int insert(struct genstore *st, const struct bucket_object *o, const char *user)
{
	STMT q = db_stmt(&st->db, "INSERT INTO main.bucket_objects (bucket_id, user_id, key, size, etag, headers, tags, stored_at)"
				  " VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
	char now[CLOCK_TEXT];

	store_now(st, now);
	bind_i64(&q, o->bucket_id);
	bind_text(&q, user);
	bind_text(&q, o->key);
	bind_i64(&q, o->size);
	bind_text(&q, o->etag);
	bind_text(&q, o->headers);
	bind_text(&q, o->tags);
	bind_text(&q, now);
	return stmt_run(&q);
}

static int insert_part(struct genstore *st, int64_t object_id, int64_t number, const struct bucket_part *p)
{
	STMT q = db_stmt(&st->db, "INSERT INTO main.bucket_object_parts (object_id, number, content_id, size) VALUES (?, ?, ?, ?)");

	bind_i64(&q, object_id);
	bind_i64(&q, number);
	bind_i64(&q, p->content_id);
	bind_i64(&q, p->size);
	return stmt_run(&q);
}

static int audit(struct genstore *st, const char *action, int64_t bucket_id, const char *key, const struct bucket_object *o)
{
	STMT q = db_stmt(&st->db, "SELECT name FROM main.buckets WHERE id = ?");
	AUTO(buf_release) struct buf subject = BUF_INIT, details = BUF_INIT;
	struct jw j;
	int r;

	bind_i64(&q, bucket_id);
	if ((r = stmt_step(&q)) <= 0)
		return r < 0 ? r : -ENOENT;
	buf_addf(&subject, "%s/%s", col_text(&q, 0), key);
	jw_begin(&j, &details, 0);
	jw_object(&j, NULL);
	if (o) {
		jw_int(&j, "size", o->size);
		jw_str(&j, "etag", o->etag);
	}
	jw_end(&j);
	if ((r = buf_error(&subject)) || (r = buf_error(&details)))
		return r;
	return audit_write(st, action, buf_str(&subject), buf_str(&details));
}

int bucket_object_put(struct genstore *st, struct bucket_object *o, const struct bucket_parts *parts)
{
	const char *user = NULL;
	int r;

	o->size = 0;
	for (size_t i = 0; i < parts->count; i++)
		o->size += parts->items[i].size;
	if ((r = bucket_owner(st, &user)) || (r = remove_old(st, o->bucket_id, o->key, user)) || (r = insert(st, o, user)))
		return r;
	o->id = db_last_id(&st->db);
	for (size_t i = 0; i < parts->count && !r; i++)
		r = insert_part(st, o->id, (int64_t)i + 1, &parts->items[i]);
	return r ? r : audit(st, "object.put", o->bucket_id, o->key, o);
}

int bucket_object_remove(struct genstore *st, int64_t bucket_id, const char *key)
{
	AUTO(bucket_object_release) struct bucket_object o = { 0 };
	STMT q = db_stmt(&st->db, "DELETE FROM main.bucket_objects WHERE id = ?");
	TXN t = txn_begin(&st->db);
	int r = t.error;

	if (r || (r = bucket_object_find(st, bucket_id, key, &o)))
		return r;
	bind_i64(&q, o.id);
	if ((r = stmt_run(&q)) || (r = audit(st, "object.remove", bucket_id, key, &o)))
		return r;
	return txn_commit(&t);
}

int bucket_object_set_tags(struct genstore *st, int64_t object_id, const char *tags)
{
	STMT q = db_stmt(&st->db, "UPDATE main.bucket_objects SET tags = ? WHERE id = ?");

	bind_text(&q, tags);
	bind_i64(&q, object_id);
	return stmt_run(&q);
}
