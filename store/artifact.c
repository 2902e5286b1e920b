#include "store/artifact.h"
#include "store/access.h"
#include "store/audit.h"
#include "store/base/json.h"
#include "store/base/utf8.h"
#include "store/sums.h"

/* Behind every storage path there can be. */
#define LAST_PATH "\xf4\x8f\xbf\xbf"
#define COLUMNS                                                                                                        \
	"SELECT a.artifact_id, a.session_id, a.conversation_id, a.organization_id, a.artifact_type, a.artifact_name,"           \
	" a.storage_path, a.mime_type, a.metadata, a.created_at, a.file_size, coalesce(c.id, 0), coalesce(c.content_id, 0), c.stored_at"
#define FROM " FROM artifacts AS a LEFT JOIN artifact_content AS c ON c.artifact_id = a.artifact_id"
#define MATCHES                                                                                                        \
	" AND (?3 IS NULL OR a.session_id = ?3) AND (?4 IS NULL OR a.organization_id = ?4) AND (?5 IS NULL OR a.artifact_type = ?5)"   \
	" AND (?6 IS NULL OR a.created_at >= ?6) AND (?7 IS NULL OR a.created_at < ?7)"
/* Where a range of paths leads. */
#define BY_PATH " WHERE a.storage_path > ?1 AND a.storage_path < ?2 AND ?8 IS NULL" MATCHES
/* The '+': not by the paths' index, which would look at everybody's. */
#define BY_CONVERSATION " WHERE +a.storage_path > ?1 AND +a.storage_path < ?2 AND a.conversation_id = ?8" MATCHES

void artifact_release(struct artifact *a)
{
	if (!a)
		return;
	char *const texts[] = { a->artifact_id, a->session_id, a->conversation_id, a->organization_id, a->artifact_type, a->artifact_name,
				a->storage_path, a->mime_type, a->metadata, a->created_at, a->stored_at };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(texts[i]);
	*a = (struct artifact){ 0 };
}

void artifact_list_release(struct artifact_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		artifact_release(&l->items[i]);
	free(l->items);
	*l = (struct artifact_list){ 0 };
}

static int from_row(const struct stmt *q, struct artifact *ret_a)
{
	AUTO(artifact_release) struct artifact a = { .file_size = col_i64(q, 10), .version = col_i64(q, 11), .content_id = col_i64(q, 12) };
	char **const texts[] = { &a.artifact_id, &a.session_id, &a.conversation_id, &a.organization_id, &a.artifact_type, &a.artifact_name,
				 &a.storage_path, &a.mime_type, &a.metadata, &a.created_at };
	int r = col_dup(q, 13, &a.stored_at);

	for (size_t i = 0; i < ARRAY_LEN(texts) && !r; i++)
		r = col_dup(q, (int)i, texts[i]);
	if (r)
		return r;
	*ret_a = a;
	a = (struct artifact){ 0 };
	return 0;
}

/*
 * An index can be damaged by itself: it leads to another row than it says, and its own copy of a column is what a query reads. By their
 * keys, and with '+', the columns come from the rows.
 */
static int compare_row(struct genstore *st, const struct artifact *a)
{
	STMT q = db_stmt(&st->db, "SELECT 1 FROM artifacts WHERE artifact_id = ? AND +storage_path = ? AND file_size = ?");

	bind_text(&q, a->artifact_id);
	bind_text(&q, a->storage_path);
	bind_i64(&q, a->file_size);
	return stmt_step(&q);
}

static int compare_content(struct genstore *st, const struct artifact *a)
{
	STMT q = db_stmt(&st->db, "SELECT 1 FROM artifact_content WHERE id = ? AND +artifact_id = ? AND content_id = ?");

	bind_i64(&q, a->version);
	bind_text(&q, a->artifact_id);
	bind_i64(&q, a->content_id);
	return stmt_step(&q);
}

int artifact_vouch(struct genstore *st, const struct artifact *a)
{
	int r = compare_row(st, a);

	if (r > 0 && a->version)
		r = compare_content(st, a);
	if (r <= 0)
		return r ? r : store_fail(st, -EBADMSG, "the index of artifacts is damaged; run 'genstore check'");
	if ((r = sums_verify_text(st, "artifacts", a->artifact_id)))
		return r;
	return a->version ? sums_verify(st, "artifact_content", a->version) : 0;
}

int artifact_get(struct genstore *st, const char *storage_path, struct artifact *ret_a)
{
	AUTO(artifact_release) struct artifact a = { 0 };
	TXN t = txn_begin_read(&st->db);
	STMT q = db_stmt(&st->db, COLUMNS FROM " WHERE a.storage_path = ?");
	int r = t.error;

	bind_text(&q, storage_path);
	if (r || (r = stmt_step(&q)) <= 0)
		return r < 0 ? r : -ENOENT;
	if ((r = from_row(&q, &a)) || (r = artifact_vouch(st, &a)))
		return r;
	*ret_a = a;
	a = (struct artifact){ 0 };
	return 0;
}

int artifact_find(struct genstore *st, const struct session *s, const char *path, struct artifact *ret_a)
{
	AUTO(buf_release) struct buf where = BUF_INIT, safe = BUF_INIT;
	int r;

	if ((r = artifact_locate(s, path, &where)))
		return r;
	if ((r = artifact_get(st, buf_str(&where), ret_a)) != -ENOENT)
		return r;
	utf8_printable(&safe, path, utf8_cut(path, strlen(path), ARTIFACT_NAME_MAX));
	return store_fail(st, r, "no artifact '%s' in this session", buf_str(&safe));
}

int artifact_open(struct genstore *st, const struct artifact *a, struct object **ret_o)
{
	AUTO(object_unrefp) struct object *o = NULL;
	int r;

	if (!a->content_id)
		return store_fail(st, -ENODATA, "the bytes of '%s' are not in this store", artifact_path(a->storage_path));
	if ((r = object_of_content(st, a->content_id, &o)))
		return r == -ENOENT ? -EBADMSG : r;
	if (object_size(o) != a->file_size)
		return store_fail(st, -EBADMSG, "'%s' has not the size it should have; run 'genstore check'", artifact_path(a->storage_path));
	*ret_o = MOVE(o);
	return 0;
}

/* The storage paths that can match: greater than from, less than to. */
static int range(const struct artifact_filter *f, const char *after, struct buf *from, struct buf *to)
{
	if (f->below)
		buf_adds(from, f->below);
	else if (f->organization_id && f->session_id)
		buf_addf(from, "organizations/%s/sessions/%s/artifacts/", f->organization_id, f->session_id);
	else if (f->organization_id)
		buf_addf(from, "organizations/%s/", f->organization_id);
	buf_adds(to, from->len ? buf_str(from) : LAST_PATH);
	if (buf_error(to) || buf_error(from))
		return -ENOMEM;
	/* All have '/' at the end: '0' is the next byte. */
	if (from->len)
		to->data[to->len - 1] = '0';
	if (after && strcmp(after, buf_str(from)) > 0) {
		buf_reset(from);
		buf_adds(from, after);
	}
	return buf_error(from);
}

static void bind_filter(struct stmt *q, const struct artifact_filter *f, const struct buf *from, const struct buf *to)
{
	bind_text(q, buf_str(from));
	bind_text(q, buf_str(to));
	bind_text(q, f->session_id);
	bind_text(q, f->organization_id);
	bind_text(q, f->type);
	bind_text(q, f->since);
	bind_text(q, f->until);
	bind_text(q, f->conversation_id);
}

static int add(struct artifact_list *l, const struct stmt *q)
{
	if (l->count == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;
		struct artifact *items = reallocarray(l->items, cap, sizeof(*items));

		if (!items)
			return -ENOMEM;
		l->items = items;
		l->cap = cap;
	}
	int r = from_row(q, &l->items[l->count]);

	l->count += !r;
	return r;
}

int artifact_page(struct genstore *st, const struct artifact_filter *f, const char *after, int64_t limit, struct artifact_list *ret_l)
{
	AUTO(artifact_list_release) struct artifact_list l = { 0 };
	AUTO(buf_release) struct buf from = BUF_INIT, to = BUF_INIT;
	int r = range(f, after, &from, &to);

	if (r)
		return r;
	/* One row more than is asked for tells whether there are more. */
	STMT q = f->conversation_id ? db_stmt(&st->db, COLUMNS FROM BY_CONVERSATION " ORDER BY a.storage_path LIMIT ?9")
				    : db_stmt(&st->db, COLUMNS FROM BY_PATH " ORDER BY a.storage_path LIMIT ?9");

	bind_filter(&q, f, &from, &to);
	bind_i64(&q, limit == INT64_MAX ? limit : limit + 1);
	while ((r = stmt_step(&q)) > 0) {
		if ((int64_t)l.count == limit) {
			l.more = true;
			break;
		}
		if ((r = add(&l, &q)))
			return r;
	}
	if (r < 0)
		return r;
	*ret_l = l;
	l = (struct artifact_list){ 0 };
	return 0;
}

int artifact_total(struct genstore *st, const struct artifact_filter *f, int64_t *ret_count, int64_t *ret_bytes)
{
	AUTO(buf_release) struct buf from = BUF_INIT, to = BUF_INIT;
	int r = range(f, NULL, &from, &to);

	if (r)
		return r;
	STMT q = f->conversation_id ? db_stmt(&st->db, "SELECT count(*), coalesce(sum(a.file_size), 0) FROM artifacts AS a" BY_CONVERSATION)
				    : db_stmt(&st->db, "SELECT count(*), coalesce(sum(a.file_size), 0) FROM artifacts AS a" BY_PATH);

	bind_filter(&q, f, &from, &to);
	if ((r = stmt_step(&q)) <= 0)
		return r;
	*ret_count = col_i64(&q, 0);
	*ret_bytes = col_i64(&q, 1);
	return 0;
}

/* What waits to be sent is taken out; what a bucket has, or may have, is remembered. */
static int drop_wait(struct genstore *st, const char *storage_path)
{
	STMT q = db_stmt(&st->db, "DELETE FROM main.artifact_remotes WHERE storage_path = ? AND etag IS NULL AND tried_etag IS NULL");

	bind_text(&q, storage_path);
	return stmt_run(&q);
}

static int delete_row(struct genstore *st, const struct artifact *a)
{
	AUTO(buf_release) struct buf details = BUF_INIT;
	STMT q = db_stmt(&st->db, "DELETE FROM main.artifacts WHERE artifact_id = ?");
	struct jw j;
	int r;

	bind_text(&q, a->artifact_id);
	if ((r = access_check(st, a->organization_id, ACCESS_WRITE)) || (r = stmt_run(&q)))
		return r;
	if (!db_changes(&st->db))
		return -ENOENT;
	if ((r = drop_wait(st, a->storage_path)))
		return r;
	jw_begin(&j, &details, 0);
	jw_object(&j, NULL);
	jw_str(&j, "storage_path", a->storage_path);
	jw_int(&j, "size", a->file_size);
	jw_end(&j);
	return buf_error(&details) ? buf_error(&details) : audit_write(st, "artifact.remove", a->artifact_id, buf_str(&details));
}

int artifact_remove_one(struct genstore *st, const struct artifact *a)
{
	TXN t = txn_begin(&st->db);
	int r = t.error;

	return r || (r = delete_row(st, a)) ? r : txn_commit(&t);
}

int artifact_remove(struct genstore *st, const struct artifact_filter *f, int64_t *ret_removed)
{
	enum { AT_ONCE = 1000 };
	TXN t = txn_begin(&st->db);
	int64_t removed = 0;
	bool more = true;
	int r = t.error;

	while (!r && more) {
		AUTO(artifact_list_release) struct artifact_list l = { 0 };

		r = artifact_page(st, f, NULL, AT_ONCE, &l);
		for (size_t i = 0; i < l.count && !r; i++)
			r = delete_row(st, &l.items[i]);
		removed += (int64_t)l.count;
		more = l.more;
	}
	if (r || (r = txn_commit(&t)))
		return r;
	*ret_removed = removed;
	return 0;
}
