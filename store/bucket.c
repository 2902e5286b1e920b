#include "store/bucket_inside.h"
#include "store/audit.h"
#include "store/sums.h"

#define LOCAL_USER "00000000-0000-4000-8000-000000000001"

void bucket_release(struct bucket *b)
{
	free(MOVE(b->name));
	free(MOVE(b->created_at));
}

bool bucket_is_name(const char *name)
{
	static const char ends[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	size_t n = strlen(name);

	return n >= 3 && n <= 63 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == n && strchr(ends, *name) &&
	       strchr(ends, name[n - 1]) && !strstr(name, "..");
}

static int load(struct genstore *st, struct stmt *q, struct bucket *ret_b)
{
	AUTO(bucket_release) struct bucket b = { 0 };
	int r;

	if ((r = stmt_step(q)) <= 0)
		return r;
	b.id = col_i64(q, 0);
	b.is_shared = col_null(q, 3);
	if ((r = col_dup(q, 1, &b.name)) || (r = col_dup(q, 2, &b.created_at)) || (r = sums_verify(st, "buckets", b.id)))
		return r;
	bucket_release(ret_b);
	*ret_b = b;
	b = (struct bucket){ 0 };
	return 1;
}

int bucket_find(struct genstore *st, const char *name, struct bucket *ret_b)
{
	STMT q = db_stmt(&st->db, "SELECT id, name, created_at, user_id FROM buckets WHERE name = ?");
	int r;

	bind_text(&q, name);
	r = load(st, &q, ret_b);
	return r < 0 ? r : r ? 0 : store_fail(st, -ENOENT, "no bucket '%s'", name);
}

int bucket_next(struct genstore *st, const char *after, struct bucket *ret_b)
{
	STMT q = db_stmt(&st->db, "SELECT id, name, created_at, user_id FROM buckets WHERE name > ? ORDER BY name LIMIT 1");

	bind_text(&q, after);
	return load(st, &q, ret_b);
}

int bucket_owner(struct genstore *st, const char **ret_user)
{
	if (*st->subject.organization_id)
		return store_fail(st, -EPERM, "a key for one organization has no buckets of its own; make one without --org");
	*ret_user = *st->subject.user_id ? st->subject.user_id : LOCAL_USER;
	return 0;
}

/* 1: there is one, whoever sees it. */
static int is_taken(struct genstore *st, const char *name)
{
	STMT q = db_stmt(&st->db, "SELECT 1 FROM main.buckets WHERE name = ?");

	bind_text(&q, name);
	return stmt_step(&q);
}

static int insert(struct genstore *st, const char *name, const char *user)
{
	STMT q = db_stmt(&st->db, "INSERT INTO main.buckets (name, user_id, created_at) VALUES (?, ?, ?)");
	char now[CLOCK_TEXT];

	store_now(st, now);
	bind_text(&q, name);
	bind_text(&q, user);
	bind_text(&q, now);
	return stmt_run(&q);
}

static int create(struct genstore *st, const char *name, const char *user)
{
	TXN t = txn_begin(&st->db);
	int r = t.error;

	if (r || (r = is_taken(st, name)))
		return r < 0 ? r : store_fail(st, -EEXIST, "there is a bucket '%s' already", name);
	if ((r = insert(st, name, user)) || (r = audit_write(st, "bucket.create", name, NULL)))
		return r;
	return txn_commit(&t);
}

int bucket_create(struct genstore *st, const char *name)
{
	const char *user = NULL;
	int r;

	if (!bucket_is_name(name))
		return store_fail(st, -EINVAL, "'%s' cannot be the name of a bucket: 3 to 63 of a-z 0-9 . -", name);
	return (r = bucket_owner(st, &user)) ? r : create(st, name, user);
}

int bucket_share(struct genstore *st, const char *name)
{
	int r = is_taken(st, name);

	if (r)
		return r < 0 ? r : 0;
	r = create(st, name, NULL);
	return r == -EEXIST ? 0 : r;
}

static int check_empty(struct genstore *st, const struct bucket *b)
{
	STMT q = db_stmt(&st->db, "SELECT 1 FROM main.bucket_objects WHERE bucket_id = ?1 UNION ALL SELECT 1 FROM main.bucket_uploads WHERE bucket_id = ?1");
	int r;

	bind_i64(&q, b->id);
	r = stmt_step(&q);
	return r <= 0 ? r : store_fail(st, -ENOTEMPTY, "the bucket '%s' is not empty", b->name);
}

int bucket_remove(struct genstore *st, const struct bucket *b)
{
	STMT q = db_stmt(&st->db, "DELETE FROM main.buckets WHERE id = ?");
	int r;

	if (b->is_shared)
		return store_fail(st, -EPERM, "the bucket '%s' is everybody's, it stays", b->name);
	TXN t = txn_begin(&st->db);

	bind_i64(&q, b->id);
	if ((r = t.error) || (r = check_empty(st, b)) || (r = stmt_run(&q)) || (r = audit_write(st, "bucket.remove", b->name, NULL)))
		return r;
	return txn_commit(&t);
}
