#include "store/audit.h"
#include "store/base/json.h"

#define LOCAL_USER "00000000-0000-4000-8000-000000000001"
#define ROW "id, created_at, user_id, action, subject, details"

enum { ROW_COLUMNS = 6, BATCH = 1000 };

static void hash_number(struct sha256 *h, uint64_t v)
{
	uint8_t bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(v >> 8 * i);
	sha256_update(h, bytes, sizeof(bytes));
}

/* FORMAT.md, "Trail". By what is in the file: a column may hold a NUL, or a type that genstore never writes. */
static void hash_row(const uint8_t before[SHA256_SIZE], const struct stmt *q, uint8_t out[SHA256_SIZE])
{
	struct sha256 h;

	sha256_init(&h);
	sha256_update(&h, before, SHA256_SIZE);
	for (int i = 0; i < ROW_COLUMNS; i++) {
		int type = sqlite3_column_type(q->s, i);
		const void *bytes = type == SQLITE_NULL || type == SQLITE_INTEGER ? NULL : col_blob(q, i);

		sha256_update(&h, &(uint8_t){ (uint8_t)type }, 1);
		if (type == SQLITE_NULL)
			continue;
		hash_number(&h, type == SQLITE_INTEGER ? (uint64_t)col_i64(q, i) : (uint64_t)col_size(q, i));
		if (bytes)
			sha256_update(&h, bytes, col_size(q, i));
	}
	sha256_final(&h, out);
}

int audit_head_get(struct genstore *st, struct audit_head *ret_head)
{
	STMT q = db_stmt(&st->db, "SELECT links, last_id, hash FROM audit_head");
	struct audit_head head;
	int r;

	if ((r = stmt_step(&q)) <= 0)
		return r ? r : store_fail(st, -EUCLEAN, "the head of the audit trail is gone, so nothing can be changed; run 'genstore audit verify'");
	head = (struct audit_head){ .links = col_i64(&q, 0), .last_id = col_i64(&q, 1) };
	if ((r = col_bytes(&q, 2, head.hash, SHA256_SIZE)))
		return r;
	*ret_head = head;
	return 0;
}

int audit_last(struct genstore *st, int64_t *ret_id)
{
	return db_number(&st->db, "SELECT coalesce(max(id), 0) FROM main.audit_log", ret_id);
}

static int write_link(struct genstore *st, const struct audit_head *head)
{
	STMT link = db_stmt(&st->db, "INSERT INTO audit_chain (id, hash) VALUES (?, ?)");
	STMT end = db_stmt(&st->db, "UPDATE audit_head SET links = ?, last_id = ?, hash = ?");
	int r;

	bind_i64(&link, head->last_id);
	bind_blob(&link, head->hash, SHA256_SIZE);
	if ((r = stmt_run(&link)))
		return r;
	bind_i64(&end, head->links);
	bind_i64(&end, head->last_id);
	bind_blob(&end, head->hash, SHA256_SIZE);
	return stmt_run(&end);
}

/* 1: a row was linked behind the head, which moves on. 0: there is none. */
static int link_next(struct genstore *st, struct audit_head *head, int64_t after)
{
	STMT q = db_stmt(&st->db, "SELECT " ROW " FROM main.audit_log WHERE id > ? ORDER BY id LIMIT 1");
	int r;

	bind_i64(&q, after);
	if ((r = stmt_step(&q)) <= 0)
		return r;
	hash_row(head->hash, &q, head->hash);
	head->last_id = col_i64(&q, 0);
	head->links++;
	return (r = write_link(st, head)) ? r : 1;
}

int audit_link(struct genstore *st, int64_t after)
{
	struct audit_head head;
	int r = audit_head_get(st, &head);

	if (r)
		return r;
	after = max_i64(after, head.last_id);
	while ((r = link_next(st, &head, after)) > 0)
		after = head.last_id;
	return r;
}

/* Ids have no gaps, and none is given again: also where somebody has removed the newest rows. */
static int write_row(struct genstore *st, const char *action, const char *subject, const char *details)
{
	STMT q = db_stmt(&st->db, "INSERT INTO main.audit_log (id, created_at, user_id, action, subject, details)"
				  " SELECT max(last_id, (SELECT coalesce(max(id), 0) FROM main.audit_log),"
				  " coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit_log'), 0)) + 1, ?, ?, ?, ?, ? FROM audit_head");
	char now[CLOCK_TEXT];

	store_now(st, now);
	bind_text(&q, now);
	bind_text(&q, *st->actor ? st->actor : LOCAL_USER);
	bind_text(&q, action);
	bind_text(&q, subject);
	bind_text(&q, details);
	return stmt_run(&q);
}

int audit_write(struct genstore *st, const char *action, const char *subject, const char *details)
{
	struct audit_head head;
	int r;

	if (!st->db.depth)
		return store_fail(st, -EINVAL, "'%s' is to be written to the audit trail outside of a transaction", action);
	if ((r = audit_head_get(st, &head)) || (r = write_row(st, action, subject, details)))
		return r;
	r = link_next(st, &head, db_last_id(&st->db) - 1);
	return r < 0 ? r : 0;
}

int audit_change(struct genstore *st, const char *action, const char *subject, const char *name, const char *before, const char *after)
{
	AUTO(buf_release) struct buf details = BUF_INIT, was = BUF_INIT;
	struct jw j;

	if (before && after ? strcmp(before, after) == 0 : before == after)
		return 0;
	buf_addf(&was, "%s_before", name);
	jw_begin(&j, &details, 0);
	jw_object(&j, NULL);
	jw_str(&j, name, after);
	jw_str(&j, buf_str(&was), before);
	jw_end(&j);
	return buf_error(&details) ? buf_error(&details) : audit_write(st, action, subject, buf_str(&details));
}

/* One of the two tables, read in order. */
struct side {
	struct stmt q;
	int64_t id;
	bool more; /* it stands at a row */
};

static int advance(struct side *s)
{
	int r = stmt_step_after(&s->q, &s->id);

	s->more = r > 0;
	return r < 0 ? r : 0;
}

static void side_release(struct side *s)
{
	stmt_release(&s->q);
}

struct walk {
	struct genstore *st;
	int (*bad)(void *arg, int64_t id, const char *words);
	void *arg;
	const struct audit_head *noted;
	bool as_noted;
	int64_t at, last_link, links, rows, problems;
	/*
	 * What the next link is made over: the link before as it is, or as it should be. So a link that was changed or removed does not make the row
	 * behind it look changed.
	 */
	uint8_t stored[SHA256_SIZE], computed[SHA256_SIZE];
};

static int PRINTF(3, 4) found(struct walk *w, int64_t id, const char *fmt, ...)
{
	char words[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	w->problems++;
	return w->bad(w->arg, id, words);
}

static int missing(struct walk *w, int64_t from, int64_t to)
{
	if (from == to)
		return found(w, from, "the row is missing, and its link");
	return found(w, from, "the rows up to %lld are missing, and their links", (long long)to);
}

static int take_link(struct walk *w, const struct side *chain, bool has_row)
{
	int r = col_bytes(&chain->q, 1, w->stored, SHA256_SIZE);

	if (r)
		return found(w, chain->id, "its link is not a hash");
	if (!has_row)
		memcpy(w->computed, w->stored, SHA256_SIZE);
	if (w->noted && w->noted->last_id == chain->id)
		w->as_noted = !memcmp(w->noted->hash, w->stored, SHA256_SIZE);
	w->last_link = chain->id;
	w->links++;
	return 0;
}

/* Behind rows that are missing nothing fits. */
static int take_both(struct walk *w, const struct side *log, const struct side *chain, bool gap)
{
	uint8_t over[2][SHA256_SIZE];
	bool fits;
	int r;

	hash_row(w->stored, &log->q, over[0]);
	hash_row(w->computed, &log->q, over[1]);
	if ((r = take_link(w, chain, true)))
		return r;
	fits = !memcmp(over[0], w->stored, SHA256_SIZE) || !memcmp(over[1], w->stored, SHA256_SIZE);
	memcpy(w->computed, fits ? w->stored : over[0], SHA256_SIZE);
	return fits || gap ? 0 : found(w, log->id, "the row, or its link, was changed");
}

static int take_row(struct walk *w, const struct side *log)
{
	hash_row(w->computed, &log->q, w->computed);
	return found(w, log->id, "the row has no link: it was inserted by other means, or its link was removed");
}

static int take_id(struct walk *w, int64_t id, const struct side *log, const struct side *chain)
{
	int64_t next = max_i64(w->at, 0) + 1;
	int r = id > next ? missing(w, next, id - 1) : 0;

	if (r)
		return r;
	if (log && chain)
		return take_both(w, log, chain, id > next);
	if (log)
		return take_row(w, log);
	return (r = take_link(w, chain, false)) ? r : found(w, id, "the row was removed");
}

static int take_next(struct walk *w, struct side *log, struct side *chain)
{
	bool row = log->more && (!chain->more || log->id <= chain->id);
	bool link = chain->more && (!log->more || chain->id <= log->id);
	int64_t id = row ? log->id : chain->id;
	int r = take_id(w, id, row ? log : NULL, link ? chain : NULL);

	w->at = id;
	w->rows += row;
	if (r || (row && (r = advance(log))))
		return r;
	return link ? advance(chain) : 0;
}

/* What the walk has come to, against the three places that say how long it is. */
static int check_end(struct walk *w)
{
	struct audit_head head;
	int64_t given = 0;
	int r = audit_head_get(w->st, &head);

	if (r == -EUCLEAN)
		return found(w, 0, "the head of the trail is gone: rows may be missing at its end");
	if (r || (r = db_number(&w->st->db, "SELECT seq FROM sqlite_sequence WHERE name = 'audit_log'", &given)))
		return r;
	given = max_i64(given, head.last_id);
	if (given > max_i64(w->at, 0) && (r = missing(w, max_i64(w->at, 0) + 1, given)))
		return r;
	if (!w->problems && (head.links != w->links || head.last_id != w->last_link || memcmp(head.hash, w->stored, SHA256_SIZE) != 0))
		r = found(w, 0, "the trail does not end where its head says");
	if (!r && w->noted && !w->as_noted)
		r = found(w, w->noted->last_id, "the trail is not the one that was noted: it was made anew, or another store's");
	return r;
}

/* 1: there is more. All of a batch is of one state, the end with the last one: others may write meanwhile. */
static int walk_batch(struct walk *w)
{
	TXN t = txn_begin_read(&w->st->db);
	AUTO(side_release) struct side log = { .id = w->at }, chain = { .id = w->at };
	int r;

	if (t.error)
		return t.error;
	log.q = db_stmt(&w->st->db, "SELECT " ROW " FROM audit_log WHERE id > ? ORDER BY id");
	chain.q = db_stmt(&w->st->db, "SELECT id, hash FROM audit_chain WHERE id > ? ORDER BY id");
	bind_i64(&log.q, w->at);
	bind_i64(&chain.q, w->at);
	if ((r = advance(&log)) || (r = advance(&chain)))
		return r;
	for (int i = 0; i < BATCH; i++) {
		if (!log.more && !chain.more)
			return check_end(w);
		if ((r = take_next(w, &log, &chain)))
			return r;
	}
	return 1;
}

int audit_verify(struct genstore *st, const struct audit_head *noted, int (*bad)(void *arg, int64_t id, const char *words), void *arg,
		 int64_t *ret_rows)
{
	struct walk w = { .st = st, .bad = bad, .arg = arg, .noted = noted, .as_noted = noted && !noted->last_id,
			  .at = INT64_MIN };
	int r;

	while ((r = walk_batch(&w)) > 0)
		;
	if (!r)
		*ret_rows = w.rows;
	return r;
}
