#include "store/outbox.h"
#include "store/audit.h"
#include "store/base/json.h"

#include <stddef.h>

static const char *const remotes[] = { "s3", "github" };

#define COLUMNS                                                                                                        \
	"SELECT o.id, o.generation_request_id, o.attempts, o.sent, g.request_id, o.remote, o.state, o.error, o.retry_at, o.url,"     \
	" o.queued_at, o.updated_at FROM outbox AS o JOIN generation_requests AS g ON g.id = o.generation_request_id "

bool outbox_is_remote(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(remotes); i++)
		if (!strcmp(remotes[i], name))
			return true;
	return false;
}

/* Where the text columns of COLUMNS go. */
static const size_t texts[] = {
	offsetof(struct outbox_row, request_id), offsetof(struct outbox_row, remote), offsetof(struct outbox_row, state),
	offsetof(struct outbox_row, error), offsetof(struct outbox_row, retry_at), offsetof(struct outbox_row, url),
	offsetof(struct outbox_row, queued_at), offsetof(struct outbox_row, updated_at),
};

static char **text_at(struct outbox_row *row, size_t i)
{
	return (char **)((char *)row + texts[i]);
}

void outbox_row_release(struct outbox_row *row)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(*text_at(row, i));
	*row = (struct outbox_row){ 0 };
}

/* Steps q, a statement over COLUMNS: 1, 0, or an error. */
static int load(struct stmt *q, struct outbox_row *ret_row)
{
	AUTO(outbox_row_release) struct outbox_row row = { 0 };
	int r = stmt_step(q);

	if (r <= 0)
		return r;
	row.id = col_i64(q, 0);
	row.generation = col_i64(q, 1);
	row.attempts = col_i64(q, 2);
	row.sent = col_i64(q, 3);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if ((r = col_dup(q, 4 + (int)i, text_at(&row, i))))
			return r;
	*ret_row = row;
	row = (struct outbox_row){ 0 };
	return 1;
}

int outbox_get(struct genstore *st, int64_t id, struct outbox_row *ret_row)
{
	STMT q = db_stmt(&st->db, COLUMNS "WHERE o.id = ?");
	int r;

	bind_i64(&q, id);
	r = load(&q, ret_row);
	return r > 0 ? 0 : r < 0 ? r : -ENOENT;
}

int outbox_find(struct genstore *st, int64_t generation, const char *remote, struct outbox_row *ret_row)
{
	STMT q = db_stmt(&st->db, COLUMNS "WHERE o.generation_request_id = ? AND o.remote = ?");
	int r;

	bind_i64(&q, generation);
	bind_text(&q, remote);
	r = load(&q, ret_row);
	return r > 0 ? 0 : r < 0 ? r : -ENOENT;
}

int outbox_pending(struct genstore *st, int64_t after_id, struct outbox_row *ret_row)
{
	STMT q = db_stmt(&st->db, COLUMNS "WHERE o.id > ? AND o.state <> 'synced' ORDER BY o.id LIMIT 1");
	AUTO(outbox_row_release) struct outbox_row row = { 0 };
	int r;

	bind_i64(&q, after_id);
	if ((r = load(&q, &row)) <= 0)
		return r;
	if (row.id <= after_id)
		return store_fail(st, -EUCLEAN, "the outbox is damaged: it is out of order; run 'genstore check'");
	*ret_row = row;
	row = (struct outbox_row){ 0 };
	return 1;
}

int outbox_count(struct genstore *st, const char *remote, struct outbox_counts *ret_counts)
{
	STMT q = db_stmt(&st->db, "SELECT count(*) FILTER (WHERE state = 'queued'), count(*) FILTER (WHERE state = 'syncing'),"
				  " count(*) FILTER (WHERE state = 'synced'), count(*) FILTER (WHERE state = 'failed')"
				  " FROM outbox WHERE remote = ?");
	int r;

	bind_text(&q, remote);
	if ((r = stmt_step(&q)) <= 0)
		return r < 0 ? r : -EUCLEAN;
	*ret_counts = (struct outbox_counts){ col_i64(&q, 0), col_i64(&q, 1), col_i64(&q, 2), col_i64(&q, 3) };
	return 0;
}

/* "sync.queue" and its like, of a generation and a remote. more: of the details, a key and its text, or NULL. */
static int audit(struct genstore *st, const char *action, const struct outbox_row *row, const char *key, const char *text)
{
	AUTO(buf_release) struct buf details = BUF_INIT;
	struct jw j;

	jw_begin(&j, &details, 0);
	jw_object(&j, NULL);
	jw_str(&j, "remote", row->remote);
	if (key)
		jw_str(&j, key, text);
	jw_end(&j);
	return buf_error(&details) ? buf_error(&details) : audit_write(st, action, row->request_id, buf_str(&details));
}

static int audit_by_id(struct genstore *st, const char *action, int64_t id, const char *key, const char *text)
{
	AUTO(outbox_row_release) struct outbox_row row = { 0 };
	int r = outbox_get(st, id, &row);

	return r ? r : audit(st, action, &row, key, text);
}

int outbox_add(struct genstore *st, int64_t generation, const char *remote, int64_t *ret_id)
{
	STMT q = db_stmt(&st->db, "INSERT INTO main.outbox(generation_request_id, remote, queued_at, updated_at) VALUES (?1, ?2, ?3, ?3)"
				  " ON CONFLICT (generation_request_id, remote) DO UPDATE SET state = 'queued', error = NULL, retry_at = NULL,"
				  " updated_at = excluded.updated_at WHERE state = 'failed'");
	AUTO(outbox_row_release) struct outbox_row row = { 0 };
	char now[CLOCK_TEXT];
	int64_t changed;
	int r;

	store_now(st, now);

	TXN t = txn_begin(&st->db);

	bind_i64(&q, generation);
	bind_text(&q, remote);
	bind_text(&q, now);
	if ((r = t.error) || (r = stmt_run(&q)))
		return r;
	changed = db_changes(&st->db);
	if ((r = outbox_find(st, generation, remote, &row)) || (changed && (r = audit(st, "sync.queue", &row, NULL, NULL))) || (r = txn_commit(&t)))
		return r;
	*ret_id = row.id;
	return 0;
}

/* One row for all of them: their own say when they came. */
static int audit_all(struct genstore *st, const char *remote, int64_t count)
{
	char details[96];

	snprintf(details, sizeof(details), "{\"remote\":\"%s\",\"generations\":%lld}", remote, (long long)count);
	return audit_write(st, "sync.queue", "all", details);
}

int outbox_add_all(struct genstore *st, const char *remote, int64_t *ret_count)
{
	STMT q = db_stmt(&st->db, "INSERT INTO main.outbox(generation_request_id, remote, queued_at, updated_at)"
				  " SELECT generation_request_id, ?1, ?2, ?2 FROM archive WHERE true ORDER BY generation_request_id"
				  " ON CONFLICT (generation_request_id, remote) DO UPDATE SET state = 'queued', error = NULL, retry_at = NULL,"
				  " updated_at = excluded.updated_at WHERE state = 'failed'");
	char now[CLOCK_TEXT];
	int r;

	store_now(st, now);

	TXN t = txn_begin(&st->db);

	bind_text(&q, remote);
	bind_text(&q, now);
	if ((r = t.error) || (r = stmt_run(&q)))
		return r;
	if ((*ret_count = db_changes(&st->db)) && (r = audit_all(st, remote, *ret_count)))
		return r;
	return txn_commit(&t);
}

int outbox_cancel(struct genstore *st, int64_t generation, const char *remote)
{
	STMT q = db_stmt(&st->db, "DELETE FROM main.outbox WHERE generation_request_id = ? AND remote = ? AND state <> 'synced'");
	AUTO(outbox_row_release) struct outbox_row row = { 0 };
	int r;

	TXN t = txn_begin(&st->db);

	bind_i64(&q, generation);
	bind_text(&q, remote);
	if ((r = t.error) || (r = outbox_find(st, generation, remote, &row)) || (r = stmt_run(&q)))
		return r;
	if (!db_changes(&st->db))
		return -ENOENT;
	return (r = audit(st, "sync.cancel", &row, NULL, NULL)) ? r : txn_commit(&t);
}

/* Runs a step of who sends, which changes one row, unless it is gone. */
static int change(struct genstore *st, struct stmt *q)
{
	int r;

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = stmt_run(q)))
		return r;
	if (!db_changes(&st->db))
		return -ENOENT;
	return txn_commit(&t);
}

int outbox_begin(struct genstore *st, int64_t id)
{
	STMT q = db_stmt(&st->db, "UPDATE main.outbox SET state = 'syncing', attempts = attempts + 1, sent = 0, updated_at = ?2 WHERE id = ?1");
	char now[CLOCK_TEXT];

	store_now(st, now);
	bind_i64(&q, id);
	bind_text(&q, now);
	return change(st, &q);
}

int outbox_progress(struct genstore *st, int64_t id, int64_t sent)
{
	STMT q = db_stmt(&st->db, "UPDATE main.outbox SET sent = ?2 WHERE id = ?1");

	bind_i64(&q, id);
	bind_i64(&q, sent);
	return change(st, &q);
}

int outbox_put_back(struct genstore *st, int64_t id, bool failed, const char *words, const char *retry_at)
{
	STMT q = db_stmt(&st->db, "UPDATE main.outbox SET state = ?2, error = coalesce(?3, error), retry_at = ?4, sent = 0, updated_at = ?5"
				  " WHERE id = ?1 AND state <> 'synced'");
	char now[CLOCK_TEXT];
	int r;

	store_now(st, now);
	bind_i64(&q, id);
	bind_text(&q, failed ? "failed" : "queued");
	bind_text(&q, words);
	bind_text(&q, retry_at);
	bind_text(&q, now);

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = change(st, &q)) || (failed && (r = audit_by_id(st, "sync.fail", id, "error", words))))
		return r;
	return txn_commit(&t);
}

int outbox_recover(struct genstore *st)
{
	STMT q = db_stmt(&st->db, "UPDATE main.outbox SET state = 'queued', sent = 0 WHERE state = 'syncing'");
	int r = change(st, &q);

	return r == -ENOENT ? 0 : r;
}

void remote_object_release(struct remote_object *o)
{
	free(o->name);
	free(o->bucket);
	free(o->key);
	free(o->etag);
	free(o->confirmed_at);
	*o = (struct remote_object){ 0 };
}

static int put_object(struct genstore *st, int64_t id, const struct remote_object *o, const char *now)
{
	STMT q = db_stmt(&st->db, "INSERT INTO main.remote_objects(outbox_id, name, bucket, key, size, sha256, etag, confirmed_at)"
				  " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (outbox_id, name) DO UPDATE SET bucket = excluded.bucket,"
				  " key = excluded.key, size = excluded.size, sha256 = excluded.sha256, etag = excluded.etag,"
				  " confirmed_at = excluded.confirmed_at");

	bind_i64(&q, id);
	bind_text(&q, o->name);
	bind_text(&q, o->bucket);
	bind_text(&q, o->key);
	bind_i64(&q, o->size);
	bind_blob(&q, o->sha256, SHA256_SIZE);
	bind_text(&q, o->etag);
	bind_text(&q, now);
	return stmt_run(&q);
}

/* The column of the schema: where it is in the bucket. */
static int put_path(struct genstore *st, int64_t id)
{
	STMT q = db_stmt(&st->db, "UPDATE main.generation_requests SET s3_path = 'generations/' || request_id || '/app.tar.gz'"
				  " WHERE id = (SELECT generation_request_id FROM outbox WHERE id = ? AND remote = 's3')");

	bind_i64(&q, id);
	return stmt_run(&q);
}

int outbox_synced(struct genstore *st, int64_t id, const char *url, const struct remote_object *objects, size_t count)
{
	STMT q = db_stmt(&st->db, "UPDATE main.outbox SET state = 'synced', error = NULL, retry_at = NULL, url = ?2, sent = 0, updated_at = ?3"
				  " WHERE id = ?1");
	char now[CLOCK_TEXT];
	int r;

	store_now(st, now);

	TXN t = txn_begin(&st->db);

	bind_i64(&q, id);
	bind_text(&q, url);
	bind_text(&q, now);
	if ((r = t.error) || (r = change(st, &q)) || (r = put_path(st, id)))
		return r;
	for (size_t i = 0; i < count; i++)
		if ((r = put_object(st, id, &objects[i], now)))
			return r;
	return (r = audit_by_id(st, "sync.done", id, "url", url)) ? r : txn_commit(&t);
}

int remote_object_next(struct genstore *st, int64_t outbox_id, const char *after, struct remote_object *ret_o)
{
	STMT q = db_stmt(&st->db, "SELECT size, sha256, name, bucket, key, etag, confirmed_at FROM remote_objects"
				  " WHERE outbox_id = ? AND name > ? ORDER BY name LIMIT 1");
	AUTO(remote_object_release) struct remote_object o = { 0 };
	int r;

	bind_i64(&q, outbox_id);
	bind_text(&q, after);
	if ((r = stmt_step(&q)) <= 0)
		return r;
	o.size = col_i64(&q, 0);
	if ((r = col_bytes(&q, 1, o.sha256, SHA256_SIZE)) || (r = col_dup(&q, 2, &o.name)) || (r = col_dup(&q, 3, &o.bucket)) ||
	    (r = col_dup(&q, 4, &o.key)) || (r = col_dup(&q, 5, &o.etag)) || (r = col_dup(&q, 6, &o.confirmed_at)))
		return r;
	*ret_o = o;
	o = (struct remote_object){ 0 };
	return 1;
}
