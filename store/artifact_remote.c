#include "store/artifact_remote.h"
#include "store/access.h"
#include "store/audit.h"
#include "store/base/json.h"

#include <stddef.h>

#define COLUMNS                                                                                                        \
	"SELECT o.id, o.attempts, o.sent, coalesce(o.size, 0), coalesce(o.version, 0), o.sha256, o.storage_path, o.state, o.error,"    \
	" o.retry_at, o.updated_at, o.tried_etag, o.bucket, o.key, o.etag, o.confirmed_at, o.mime_type, o.metadata FROM artifact_remotes AS o "

/* Where the text columns of COLUMNS go. */
static const size_t texts[] = {
	offsetof(struct artifact_remote, storage_path), offsetof(struct artifact_remote, state), offsetof(struct artifact_remote, error),
	offsetof(struct artifact_remote, retry_at), offsetof(struct artifact_remote, updated_at), offsetof(struct artifact_remote, tried_etag),
	offsetof(struct artifact_remote, bucket), offsetof(struct artifact_remote, key), offsetof(struct artifact_remote, etag),
	offsetof(struct artifact_remote, confirmed_at), offsetof(struct artifact_remote, mime_type), offsetof(struct artifact_remote, metadata),
};

static char **text_at(struct artifact_remote *o, size_t i)
{
	return (char **)((char *)o + texts[i]);
}

void artifact_remote_release(struct artifact_remote *o)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(*text_at(o, i));
	*o = (struct artifact_remote){ 0 };
}

/* Steps q, a statement over COLUMNS: 1, 0, or an error. */
static int load(struct stmt *q, struct artifact_remote *ret_o)
{
	AUTO(artifact_remote_release) struct artifact_remote o = { 0 };
	int r = stmt_step(q);

	if (r <= 0)
		return r;
	o.id = col_i64(q, 0);
	o.attempts = col_i64(q, 1);
	o.sent = col_i64(q, 2);
	o.size = col_i64(q, 3);
	o.version = col_i64(q, 4);
	if (col_size(q, 5) && (r = col_bytes(q, 5, o.sha256, SHA256_SIZE)))
		return r;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if ((r = col_dup(q, 6 + (int)i, text_at(&o, i))))
			return r;
	*ret_o = o;
	o = (struct artifact_remote){ 0 };
	return 1;
}

int artifact_remote_get(struct genstore *st, const char *storage_path, struct artifact_remote *ret_o)
{
	STMT q = db_stmt(&st->db, COLUMNS "WHERE o.storage_path = ?");
	int r;

	bind_text(&q, storage_path);
	r = load(&q, ret_o);
	return r > 0 ? 0 : r < 0 ? r : -ENOENT;
}

int artifact_remote_pending(struct genstore *st, int64_t after_id, struct artifact_remote *ret_o)
{
	STMT q = db_stmt(&st->db, COLUMNS "WHERE o.id > ? AND o.state <> 'synced' AND EXISTS"
				  " (SELECT 1 FROM artifacts AS a WHERE a.storage_path = o.storage_path) ORDER BY o.id LIMIT 1");
	AUTO(artifact_remote_release) struct artifact_remote o = { 0 };
	int r;

	bind_i64(&q, after_id);
	if ((r = load(&q, &o)) <= 0)
		return r;
	if (o.id <= after_id)
		return store_fail(st, -EUCLEAN, "the table 'artifact_remotes' is damaged: it is out of order; run 'genstore check'");
	*ret_o = o;
	o = (struct artifact_remote){ 0 };
	return 1;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

bool artifact_remote_is_current(const struct artifact_remote *o, const struct artifact *a)
{
	return o->etag && o->version == a->version && same_text(o->mime_type, a->mime_type) && same_text(o->metadata, a->metadata);
}

const char *artifact_remote_state(const struct artifact_remote *o, const struct artifact *a)
{
	if (!o || !o->id)
		return "local";
	return !strcmp(o->state, "synced") && !artifact_remote_is_current(o, a) ? "stale" : o->state;
}

int artifact_remote_any(struct genstore *st, bool *ret_any)
{
	STMT q = db_stmt(&st->db, "SELECT 1 FROM artifact_remotes LIMIT 1");
	int r = stmt_step(&q);

	*ret_any = r > 0;
	return r < 0 ? r : 0;
}

int artifact_remote_count(struct genstore *st, struct artifact_remote_counts *ret_counts)
{
	STMT q = db_stmt(&st->db, "SELECT count(*) FILTER (WHERE state = 'queued'), count(*) FILTER (WHERE state = 'syncing'),"
				  " count(*) FILTER (WHERE state = 'synced' AND same), count(*) FILTER (WHERE state = 'failed'),"
				  " count(*) FILTER (WHERE state = 'synced' AND NOT same) FROM (SELECT o.state,"
				  " o.version IS coalesce(c.id, 0) AND o.mime_type IS a.mime_type AND o.metadata IS a.metadata AS same"
				  " FROM artifact_remotes AS o JOIN artifacts AS a ON a.storage_path = o.storage_path"
				  " LEFT JOIN artifact_content AS c ON c.artifact_id = a.artifact_id)");
	int r = stmt_step(&q);

	if (r <= 0)
		return r < 0 ? r : -EUCLEAN;
	*ret_counts = (struct artifact_remote_counts){ col_i64(&q, 0), col_i64(&q, 1), col_i64(&q, 2), col_i64(&q, 3), col_i64(&q, 4) };
	return 0;
}

/* "sync.queue" and its like, of a path. more: of the details, a key and its text, or NULL. */
static int audit(struct genstore *st, const char *action, const char *path, const char *key, const char *text)
{
	AUTO(buf_release) struct buf details = BUF_INIT;
	struct jw j;

	jw_begin(&j, &details, 0);
	jw_object(&j, NULL);
	jw_str(&j, "remote", "s3");
	if (key)
		jw_str(&j, key, text);
	jw_end(&j);
	return buf_error(&details) ? buf_error(&details) : audit_write(st, action, path, buf_str(&details));
}

static int audit_by_id(struct genstore *st, const char *action, int64_t id, const char *key, const char *text)
{
	STMT q = db_stmt(&st->db, "SELECT storage_path FROM artifact_remotes WHERE id = ?");
	AUTO(free_ptr) char *path = NULL;
	int r;

	bind_i64(&q, id);
	if ((r = stmt_step(&q)) <= 0)
		return r < 0 ? r : -ENOENT;
	return (r = col_dup(&q, 0, &path)) ? r : audit(st, action, path, key, text);
}

/* Runs a step that changes one row, unless it is gone. */
static int change(struct genstore *st, struct stmt *q)
{
	TXN t = txn_begin(&st->db);
	int r;

	if ((r = t.error) || (r = stmt_run(q)))
		return r;
	return db_changes(&st->db) ? txn_commit(&t) : -ENOENT;
}

static int queue_row(struct genstore *st, const struct artifact *a)
{
	STMT q = db_stmt(&st->db, "INSERT INTO main.artifact_remotes(storage_path, organization_id, queued_at, updated_at) VALUES (?1, ?2, ?3, ?3)"
				  " ON CONFLICT (storage_path) DO UPDATE SET state = 'queued', error = NULL, retry_at = NULL,"
				  " updated_at = excluded.updated_at WHERE state IN ('failed', 'synced')");
	char now[CLOCK_TEXT];
	int r;

	store_now(st, now);
	bind_text(&q, a->storage_path);
	bind_text(&q, a->organization_id);
	bind_text(&q, now);
	if ((r = stmt_run(&q)))
		return r;
	return db_changes(&st->db) ? audit(st, "sync.queue", a->storage_path, NULL, NULL) : 0;
}

/* 1: it waits now, 0: the bucket has it. */
static int queue(struct genstore *st, const struct artifact *a)
{
	AUTO(artifact_remote_release) struct artifact_remote o = { 0 };
	int r = artifact_remote_get(st, a->storage_path, &o);

	if (r && r != -ENOENT)
		return r;
	if (!r && !strcmp(o.state, "synced") && artifact_remote_is_current(&o, a))
		return 0;
	return (r = access_check(st, a->organization_id, ACCESS_WRITE)) || (r = queue_row(st, a)) ? r : 1;
}

int artifact_remote_queue_one(struct genstore *st, const struct artifact *a, int64_t *count)
{
	TXN t = txn_begin(&st->db);
	int r = t.error ? t.error : queue(st, a);

	*count += r > 0;
	return r < 0 ? r : txn_commit(&t);
}

int artifact_remote_queue(struct genstore *st, const struct artifact_filter *f, int64_t *ret_count)
{
	enum { AT_ONCE = 1000 };
	TXN t = txn_begin(&st->db);
	AUTO(free_ptr) char *after = NULL;
	int64_t count = 0;
	bool more = true;
	int r = t.error;

	while (r >= 0 && more) {
		AUTO(artifact_list_release) struct artifact_list l = { 0 };

		if ((r = artifact_page(st, f, after, AT_ONCE, &l)))
			return r;
		for (size_t i = 0; i < l.count && r >= 0; i++)
			if ((r = queue(st, &l.items[i])) > 0)
				count++;
		more = l.more;
		free(after);
		if (!(after = strdup(l.count ? l.items[l.count - 1].storage_path : "")))
			return -ENOMEM;
	}
	if (r < 0 || (r = txn_commit(&t)))
		return r;
	*ret_count = count;
	return 0;
}

int artifact_remote_cancel(struct genstore *st, const char *storage_path)
{
	STMT drop = db_stmt(&st->db, "DELETE FROM main.artifact_remotes WHERE storage_path = ? AND etag IS NULL AND tried_etag IS NULL AND state <> 'synced'");
	STMT keep = db_stmt(&st->db, "UPDATE main.artifact_remotes SET state = 'synced', error = NULL, retry_at = NULL WHERE storage_path = ? AND state <> 'synced'");
	TXN t = txn_begin(&st->db);
	int64_t changed;
	int r = t.error;

	bind_text(&drop, storage_path);
	bind_text(&keep, storage_path);
	if (r || (r = stmt_run(&drop)))
		return r;
	changed = db_changes(&st->db);
	if (!changed && !(r = stmt_run(&keep)))
		changed = db_changes(&st->db);
	if (r || !changed)
		return r ? r : -ENOENT;
	return (r = audit(st, "sync.cancel", storage_path, NULL, NULL)) ? r : txn_commit(&t);
}

int artifact_remote_begin(struct genstore *st, int64_t id)
{
	STMT q = db_stmt(&st->db, "UPDATE main.artifact_remotes SET state = 'syncing', attempts = attempts + 1, sent = 0, updated_at = ?2 WHERE id = ?1");
	char now[CLOCK_TEXT];

	store_now(st, now);
	bind_i64(&q, id);
	bind_text(&q, now);
	return change(st, &q);
}

int artifact_remote_progress(struct genstore *st, int64_t id, int64_t sent)
{
	STMT q = db_stmt(&st->db, "UPDATE main.artifact_remotes SET sent = ?2 WHERE id = ?1");

	bind_i64(&q, id);
	bind_i64(&q, sent);
	return change(st, &q);
}

int artifact_remote_try(struct genstore *st, int64_t id, const char *etag)
{
	STMT q = db_stmt(&st->db, "UPDATE main.artifact_remotes SET tried_etag = ?2 WHERE id = ?1");

	bind_i64(&q, id);
	bind_text(&q, etag);
	return change(st, &q);
}

int artifact_remote_put_back(struct genstore *st, int64_t id, bool failed, const char *words, const char *retry_at)
{
	STMT q = db_stmt(&st->db, "UPDATE main.artifact_remotes SET state = ?2, error = coalesce(?3, error), retry_at = ?4, sent = 0, updated_at = ?5"
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

static int write_done(struct genstore *st, int64_t id, const struct artifact *a, const struct artifact_remote *o, bool again)
{
	STMT q = db_stmt(&st->db, "UPDATE main.artifact_remotes SET state = ?2, error = NULL, retry_at = NULL, sent = 0, tried_etag = NULL,"
				  " bucket = ?3, key = ?4, size = ?5, sha256 = ?6, etag = ?7, confirmed_at = ?8, updated_at = ?8, version = ?9,"
				  " mime_type = ?10, metadata = ?11 WHERE id = ?1");
	char now[CLOCK_TEXT];

	store_now(st, now);
	bind_i64(&q, id);
	bind_text(&q, again ? "queued" : "synced");
	bind_text(&q, o->bucket);
	bind_text(&q, o->key);
	bind_i64(&q, o->size);
	bind_blob(&q, o->sha256, SHA256_SIZE);
	bind_text(&q, o->etag);
	bind_text(&q, now);
	bind_i64(&q, a->version);
	bind_text(&q, a->mime_type);
	bind_text(&q, a->metadata);
	return change(st, &q);
}

int artifact_remote_done(struct genstore *st, int64_t id, const struct artifact *a, const struct artifact_remote *o, bool *ret_again)
{
	AUTO(artifact_release) struct artifact now = { 0 };
	TXN t = txn_begin(&st->db);
	bool again;
	int r = t.error;

	if (r || ((r = artifact_get(st, a->storage_path, &now)) && r != -ENOENT))
		return r;
	again = !r && (now.version != a->version || !same_text(now.mime_type, a->mime_type) || !same_text(now.metadata, a->metadata));
	if ((r = write_done(st, id, a, o, again)) || (r = audit(st, "sync.done", a->storage_path, "etag", o->etag)) || (r = txn_commit(&t)))
		return r;
	*ret_again = again;
	return 0;
}

int artifact_remote_recover(struct genstore *st)
{
	STMT q = db_stmt(&st->db, "UPDATE main.artifact_remotes SET state = 'queued', sent = 0 WHERE state = 'syncing'");
	int r = change(st, &q);

	return r == -ENOENT ? 0 : r;
}

int artifact_remote_forget(struct genstore *st, const char *storage_path)
{
	STMT q = db_stmt(&st->db, "DELETE FROM main.artifact_remotes WHERE storage_path = ?");
	TXN t = txn_begin(&st->db);
	int r = t.error;

	bind_text(&q, storage_path);
	if (r || (r = stmt_run(&q)))
		return r;
	if (db_changes(&st->db) && (r = audit(st, "sync.remove", storage_path, NULL, NULL)))
		return r;
	return txn_commit(&t);
}
