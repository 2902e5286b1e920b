#include "store/sums.h"
#include "store/base/hash.h"

/* The tables whose triggers keep row_sums (store/schema/0005-store.sql). */
static const struct { const char *name, *row; } tables[] = {
	{ "generation_requests", "SELECT * FROM main.generation_requests WHERE id = ?" },
	{ "iteration_snapshots", "SELECT * FROM main.iteration_snapshots WHERE id = ?" },
	{ "generation_costs", "SELECT * FROM main.generation_costs WHERE id = ?" },
	{ "users", "SELECT * FROM main.users WHERE id = ?" },
	{ "apps", "SELECT * FROM main.apps WHERE id = ?" },
	{ "deployment_config", "SELECT * FROM main.deployment_config WHERE key = ?" },
	{ "user_secrets", "SELECT * FROM main.user_secrets WHERE id = ?" },
	{ "seal", "SELECT * FROM main.seal WHERE id = ?" },
	{ "archive", "SELECT * FROM main.archive WHERE generation_request_id = ?" },
	{ "foreign_index", "SELECT * FROM main.foreign_index WHERE content_id = ?" },
	{ "received", "SELECT * FROM main.received WHERE request_id = ?" },
	{ "outbox", "SELECT * FROM main.outbox WHERE id = ?" },
	{ "remote_objects", "SELECT * FROM main.remote_objects WHERE id = ?" },
	{ "artifacts", "SELECT * FROM main.artifacts WHERE artifact_id = ?" },
	{ "artifact_content", "SELECT * FROM main.artifact_content WHERE id = ?" },
	{ "artifact_remotes", "SELECT * FROM main.artifact_remotes WHERE id = ?" },
	{ "organizations", "SELECT * FROM main.organizations WHERE organization_id = ?" },
	{ "sessions", "SELECT * FROM main.sessions WHERE session_id = ?" },
	{ "buckets", "SELECT * FROM main.buckets WHERE id = ?" },
	{ "bucket_objects", "SELECT * FROM main.bucket_objects WHERE id = ?" },
	{ "bucket_object_parts", "SELECT * FROM main.bucket_object_parts WHERE id = ?" },
	{ "conversations", "SELECT * FROM main.conversations WHERE conversation_id = ?" },
};

/* A row of row_sums. */
struct sum {
	char *table, *key;
	bool is_text; /* the key */
	int64_t value;
};

static void sum_release(struct sum *s)
{
	free(s->table);
	free(s->key);
}

static void bind_key(struct stmt *q, const struct sum *s)
{
	if (s->is_text || !s->key)
		bind_text(q, s->key);
	else
		bind_i64(q, strtoll(s->key, NULL, 10));
}

/* FORMAT.md, "Row sums": chained over the columns, each with its type. */
static int64_t sum_of_row(const struct stmt *q)
{
	uint64_t sum = 0;

	for (int i = 0; i < sqlite3_column_count(q->s); i++) {
		int type = sqlite3_column_type(q->s, i);
		int64_t number = col_i64(q, i);
		double real = col_real(q, i);
		const void *bytes = type == SQLITE_INTEGER ? &number : type == SQLITE_FLOAT ? (const void *)&real : col_blob(q, i);
		size_t n = type == SQLITE_INTEGER || type == SQLITE_FLOAT ? 8 : type == SQLITE_NULL ? 0 : col_size(q, i);

		sum = (uint64_t)xxh3_64(bytes ? bytes : "", n, sum + (uint64_t)type);
	}
	return (int64_t)sum;
}

/* 1 and the sum of the row as it is, 0 when it is gone, or of a table that this program does not know. */
static int sum_now(struct genstore *st, const struct sum *s, int64_t *ret_value)
{
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		STMT q = strcmp(tables[i].name, s->table) == 0 ? db_stmt(&st->db, tables[i].row) : (struct stmt){ 0 };
		int r;

		if (!q.db)
			continue;
		bind_key(&q, s);
		if ((r = stmt_step(&q)) > 0)
			*ret_value = sum_of_row(&q);
		return r;
	}
	return 0;
}

static int take(struct stmt *q, struct sum *ret_s)
{
	AUTO(sum_release) struct sum s = { .value = col_i64(q, 2), .is_text = sqlite3_column_type(q->s, 1) == SQLITE_TEXT };
	int r;

	if ((r = col_dup(q, 0, &s.table)) || (r = col_dup(q, 1, &s.key)))
		return r;
	sum_release(ret_s);
	*ret_s = s;
	s = (struct sum){ 0 };
	return 1;
}

/* The row behind *s, by a statement that takes its table and key. */
static int next(struct stmt *q, struct sum *s)
{
	int r;

	bind_text(q, s->table ? s->table : "");
	bind_key(q, s);
	r = stmt_step(q);
	return r > 0 ? take(q, s) : r;
}

static int next_missing(struct genstore *st, struct sum *s)
{
	STMT q = db_stmt(&st->db, "SELECT table_name, key, 0 FROM row_sums WHERE sum IS NULL AND (table_name, key) > (?, ?)"
				  " ORDER BY table_name, key LIMIT 1");

	return next(&q, s);
}

static int write_sum(struct genstore *st, const struct sum *s, int64_t value)
{
	STMT q = db_stmt(&st->db, "UPDATE row_sums SET sum = ? WHERE table_name = ? AND key = ?");

	bind_i64(&q, value);
	bind_text(&q, s->table);
	bind_key(&q, s);
	return stmt_run(&q);
}

int sums_fill(struct genstore *st)
{
	AUTO(sum_release) struct sum s = { .key = strdup(""), .is_text = true };
	int64_t value;
	int r;

	if (!s.key)
		return -ENOMEM;
	while ((r = next_missing(st, &s)) > 0) {
		if ((r = sum_now(st, &s, &value)) < 0 || (r && (r = write_sum(st, &s, value))))
			return r;
	}
	return r;
}

static int sum_kept(struct genstore *st, struct sum *s)
{
	STMT q = db_stmt(&st->db, "SELECT sum FROM row_sums WHERE table_name = ? AND key = ? AND sum IS NOT NULL");
	int r;

	bind_text(&q, s->table);
	bind_key(&q, s);
	if ((r = stmt_step(&q)) > 0)
		s->value = col_i64(&q, 0);
	return r;
}

static int verify(struct genstore *st, struct sum *s)
{
	/* Both of one state. */
	TXN t = txn_begin_read(&st->db);
	int64_t value;
	int r;

	if ((r = t.error) || (r = sum_kept(st, s)) <= 0 || (r = sum_now(st, s, &value)) < 0)
		return r;
	if (!r || value != s->value)
		return store_fail(st, -EBADMSG, "row %s of '%s' is damaged; run 'genstore check'", s->key, s->table);
	return 0;
}

int sums_verify(struct genstore *st, const char *table, int64_t key)
{
	AUTO(sum_release) struct sum s = { .table = strdup(table) };

	if (!s.table || asprintf(&s.key, "%lld", (long long)key) < 0) {
		s.key = NULL;
		return -ENOMEM;
	}
	return verify(st, &s);
}

int sums_verify_text(struct genstore *st, const char *table, const char *key)
{
	AUTO(sum_release) struct sum s = { .table = strdup(table), .key = strdup(key), .is_text = true };

	return s.table && s.key ? verify(st, &s) : -ENOMEM;
}

static int next_sum(struct genstore *st, struct sum *s)
{
	STMT q = db_stmt(&st->db, "SELECT table_name, key, sum FROM row_sums WHERE sum IS NOT NULL AND (table_name, key) > (?, ?)"
				  " ORDER BY table_name, key LIMIT 1");

	return next(&q, s);
}

int sums_check(struct genstore *st, int (*bad)(void *arg, const char *table, const char *key, const char *words), void *arg)
{
	AUTO(sum_release) struct sum s = { .key = strdup(""), .is_text = true };
	int64_t value;
	int r;

	if (!s.key)
		return -ENOMEM;
	for (;;) {
		/* Both of one state: others may write meanwhile. */
		TXN t = txn_begin_read(&st->db);

		if ((r = t.error) || (r = next_sum(st, &s)) <= 0 || (r = sum_now(st, &s, &value)) < 0)
			return r;
		if (!r && (r = bad(arg, s.table, s.key, "the row is lost, or of a table that is not known")))
			return r;
		if (r && value != s.value && (r = bad(arg, s.table, s.key, "the row does not fit its sum: it was damaged")))
			return r;
	}
}
