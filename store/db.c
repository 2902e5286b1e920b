#include "store/store.h"

#include <fcntl.h>

static int to_errno(int code)
{
	static const struct { int code, error; } exact[] = {
		{ SQLITE_READONLY_DBMOVED, -ESTALE },
		{ SQLITE_IOERR_NOMEM, -ENOMEM },
		{ SQLITE_CONSTRAINT_UNIQUE, -EEXIST },
		{ SQLITE_CONSTRAINT_PRIMARYKEY, -EEXIST },
	}, primary[] = {
		{ SQLITE_PERM, -EACCES },      { SQLITE_BUSY, -EBUSY },       { SQLITE_LOCKED, -EBUSY },
		{ SQLITE_NOMEM, -ENOMEM },     { SQLITE_READONLY, -EROFS },   { SQLITE_INTERRUPT, -EINTR },
		{ SQLITE_IOERR, -EIO },        { SQLITE_CORRUPT, -EUCLEAN },  { SQLITE_FULL, -ENOSPC },
		{ SQLITE_CANTOPEN, -EACCES },  { SQLITE_SCHEMA, -EUCLEAN },   { SQLITE_TOOBIG, -EFBIG },
		{ SQLITE_CONSTRAINT, -EINVAL }, { SQLITE_AUTH, -EPERM },      { SQLITE_NOTADB, -EUCLEAN },
		{ SQLITE_MISMATCH, -EUCLEAN }, { SQLITE_FORMAT, -EUCLEAN },
	};

	for (size_t i = 0; i < ARRAY_LEN(exact); i++)
		if (exact[i].code == code)
			return exact[i].error;
	for (size_t i = 0; i < ARRAY_LEN(primary); i++)
		if (primary[i].code == (code & 0xff))
			return primary[i].error;
	return -EIO;
}

int db_fail(struct db *db, int code, const char *what)
{
	const char *words = db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(code);

	return store_fail(db->st, to_errno(code), "%s: %s", what, words);
}

/*
 * What every connection is set to. The cache holds more than a staging transaction, so that a writer does not spill
 * (and block readers) before its commit; readers stay small to keep their pages in the processor's cache.
 */
static int settings(struct db *db, enum db_mode mode)
{
	static const char common[] =
		"PRAGMA trusted_schema = OFF;"
		"PRAGMA cell_size_check = ON;"
		"PRAGMA foreign_keys = ON;"
		"PRAGMA recursive_triggers = ON;"
		"PRAGMA temp_store = MEMORY;"
		"PRAGMA mmap_size = 0;";
	static const char writing[] =
		"PRAGMA synchronous = FULL;"
		"PRAGMA secure_delete = OFF;"
		"PRAGMA journal_mode = TRUNCATE;"
		"PRAGMA cache_size = -20480;";
	static const struct { int id, value; } limits[] = {
		{ SQLITE_LIMIT_LENGTH, 256 << 20 }, { SQLITE_LIMIT_SQL_LENGTH, 1 << 20 },
		{ SQLITE_LIMIT_EXPR_DEPTH, 100 },   { SQLITE_LIMIT_ATTACHED, 2 },
		{ SQLITE_LIMIT_WORKER_THREADS, 0 }, { SQLITE_LIMIT_TRIGGER_DEPTH, 10 },
	};
	int r;

	sqlite3_extended_result_codes(db->handle, 1);
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	for (size_t i = 0; i < ARRAY_LEN(limits); i++)
		sqlite3_limit(db->handle, limits[i].id, limits[i].value);
	if (mode == DB_CREATE && (r = db_exec(db, "PRAGMA page_size = 16384; PRAGMA auto_vacuum = 0;")))
		return r;
	if ((r = db_json_register(db)) || (r = db_exec(db, common)))
		return r;
	return db_exec(db, mode == DB_READ ? "PRAGMA query_only = ON; PRAGMA cache_size = -600;" : writing);
}

int db_open(struct db *db, struct genstore *st, const char *path, enum db_mode mode, int busy_ms)
{
	int code, r;

	*db = (struct db){ .st = st };
	if (mode == DB_CREATE) {
		/* O_EXCL, and not the world's business: prompts and secrets live here. */
		AUTO(close_fd) int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

		if (fd < 0)
			return store_fail(st, -errno, "cannot create '%s': %s", path, strerror(errno));
	}
	/* A reader, too, takes back what a writer left half done when it died; query_only is what keeps it from writing. */
	code = sqlite3_open_v2(path, &db->handle, SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE, NULL);
	if (code != SQLITE_OK) {
		r = store_fail(st, to_errno(code), "cannot open '%s': %s", path, sqlite3_errmsg(db->handle));
		db_close(db);
		return r;
	}
	sqlite3_busy_timeout(db->handle, busy_ms);
	if ((r = settings(db, mode)))
		db_close(db);
	return r;
}

void db_close(struct db *db)
{
	/* The way back to DELETE takes the empty journal along, under the lock it needs, unless somebody else is at work. */
	if (db->handle && !sqlite3_db_readonly(db->handle, "main"))
		sqlite3_exec(db->handle, "PRAGMA busy_timeout = 0; PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
	for (size_t i = 0; i < DB_STATEMENTS; i++)
		sqlite3_finalize(db->slots[i].stmt);
	sqlite3_close_v2(db->handle);
	*db = (struct db){ .st = db->st };
}

int db_exec(struct db *db, const char *sql)
{
	int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : db_fail(db, code, "the store cannot be used");
}

/* Open addressing on the literal's address. */
static struct db_slot *slot_of(struct db *db, const char *sql)
{
	size_t at = ((uintptr_t)sql >> 3) % DB_STATEMENTS;

	for (size_t i = 0; i < DB_STATEMENTS; i++) {
		struct db_slot *slot = &db->slots[(at + i) % DB_STATEMENTS];

		if (!slot->sql || slot->sql == sql)
			return slot;
	}
	return NULL;
}

struct stmt db_stmt(struct db *db, const char *sql)
{
	struct db_slot *slot = slot_of(db, sql);
	struct stmt q = { .db = db, .slot = slot };
	int code;

	if (!slot || slot->busy) {
		q.slot = NULL;
		q.error = store_fail(db->st, -EBUSY, "statement in use: %s", sql);
		return q;
	}
	if (!slot->stmt) {
		code = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &slot->stmt, NULL);
		if (code != SQLITE_OK) {
			q.error = db_fail(db, code, "the store's tables are not as expected");
			return q;
		}
		slot->sql = sql;
	}
	slot->busy = true;
	q.s = slot->stmt;
	return q;
}

void stmt_release(struct stmt *q)
{
	if (!q->s)
		return;
	sqlite3_reset(q->s);
	sqlite3_clear_bindings(q->s);
	q->slot->busy = false;
	q->s = NULL;
}

static void bound(struct stmt *q, int code)
{
	if (code != SQLITE_OK && !q->error)
		q->error = db_fail(q->db, code, "cannot bind");
}

void bind_i64(struct stmt *q, int64_t v)
{
	if (!q->error)
		bound(q, sqlite3_bind_int64(q->s, ++q->binds, v));
}

void bind_real(struct stmt *q, double v)
{
	if (!q->error)
		bound(q, sqlite3_bind_double(q->s, ++q->binds, v));
}

void bind_textn(struct stmt *q, const char *s, size_t n)
{
	if (!q->error)
		bound(q, sqlite3_bind_text64(q->s, ++q->binds, s, n, SQLITE_STATIC, SQLITE_UTF8));
}

void bind_text(struct stmt *q, const char *s)
{
	bind_textn(q, s, s ? strlen(s) : 0);
}

void bind_blob(struct stmt *q, const void *data, size_t n)
{
	if (q->error)
		return;
	if (data && !n)
		bound(q, sqlite3_bind_zeroblob(q->s, ++q->binds, 0));
	else
		bound(q, sqlite3_bind_blob64(q->s, ++q->binds, data, n, SQLITE_STATIC));
}

void bind_null(struct stmt *q)
{
	if (!q->error)
		bound(q, sqlite3_bind_null(q->s, ++q->binds));
}

int stmt_step(struct stmt *q)
{
	int code;

	if (q->error)
		return q->error;
	code = sqlite3_step(q->s);
	if (code == SQLITE_ROW)
		return 1;
	if (code == SQLITE_DONE)
		return 0;
	return q->error = db_fail(q->db, code, "the store cannot be used");
}

int stmt_step_after(struct stmt *q, int64_t *id)
{
	int r = stmt_step(q);

	if (r > 0 && col_i64(q, 0) <= *id)
		return store_fail(q->db->st, -EUCLEAN, "a table's rows are out of order; run 'genstore check'");
	if (r > 0)
		*id = col_i64(q, 0);
	return r;
}

int stmt_run(struct stmt *q)
{
	int r;

	while ((r = stmt_step(q)) > 0)
		;
	return r;
}

void stmt_rewind(struct stmt *q)
{
	q->binds = 0;
	if (q->s)
		sqlite3_reset(q->s);
}

int64_t col_i64(const struct stmt *q, int i)
{
	return sqlite3_column_int64(q->s, i);
}

double col_real(const struct stmt *q, int i)
{
	return sqlite3_column_double(q->s, i);
}

const char *col_text(const struct stmt *q, int i)
{
	return (const char *)sqlite3_column_text(q->s, i);
}

const void *col_blob(const struct stmt *q, int i)
{
	return sqlite3_column_blob(q->s, i);
}

size_t col_size(const struct stmt *q, int i)
{
	return (size_t)sqlite3_column_bytes(q->s, i);
}

bool col_null(const struct stmt *q, int i)
{
	return sqlite3_column_type(q->s, i) == SQLITE_NULL;
}

int col_dup(const struct stmt *q, int i, char **ret_s)
{
	const char *text = col_text(q, i);
	char *s = text ? strdup(text) : NULL;

	if (text && !s)
		return -ENOMEM;
	*ret_s = s;
	return 0;
}

int col_bytes(const struct stmt *q, int i, void *out, size_t n)
{
	const void *data = col_blob(q, i);

	if (!data || col_size(q, i) != n)
		return store_fail(q->db->st, -EUCLEAN, "a column holds %zu bytes where %zu belong; run 'genstore check'",
				  col_size(q, i), n);
	memcpy(out, data, n);
	return 0;
}

int db_number(struct db *db, const char *sql, int64_t *ret_number)
{
	STMT q = db_stmt(db, sql);
	int r = stmt_step(&q);

	if (r > 0)
		*ret_number = col_i64(&q, 0);
	return r < 0 ? r : 0;
}

int db_data_version(struct db *db, int64_t *ret_version)
{
	STMT q = db_stmt(db, "PRAGMA data_version");
	int r = stmt_step(&q);

	if (r <= 0)
		return r < 0 ? r : -EIO;
	*ret_version = col_i64(&q, 0);
	return 0;
}

int64_t db_last_id(const struct db *db)
{
	return sqlite3_last_insert_rowid(db->handle);
}

int64_t db_changes(const struct db *db)
{
	return sqlite3_changes64(db->handle);
}

/* Kept like other statements: reading a few bytes must not cost two parses. */
static int run(struct db *db, const char *sql)
{
	STMT q = db_stmt(db, sql);

	return stmt_run(&q);
}

struct txn txn_begin(struct db *db)
{
	struct txn t = { .db = db };

	/* Some errors make SQLite roll back by itself: nested in nothing, a savepoint would be a transaction. */
	if (db->broken || (db->depth && sqlite3_get_autocommit(db->handle)))
		t.error = store_fail(db->st, -EIO, "an earlier write failed; open the store again");
	else
		t.error = run(db, db->depth ? "SAVEPOINT nested" : "BEGIN IMMEDIATE");
	if (!t.error)
		t.depth = ++db->depth;
	return t;
}

struct txn txn_begin_read(struct db *db)
{
	struct txn t = { .db = db };

	/* Inside another one, which may be that of the shell that loaded the library, the state is one already. */
	if (sqlite3_get_autocommit(db->handle) && !(t.error = run(db, "BEGIN")))
		t.depth = ++db->depth;
	return t;
}

int txn_commit(struct txn *t)
{
	struct db *db = t->db;
	int r;

	if (t->error || !t->depth)
		return t->error;
	if (t->depth == 1 && db->before_commit && sqlite3_txn_state(db->handle, "main") == SQLITE_TXN_WRITE &&
	    (r = db->before_commit(db->st)))
		return r;
	r = run(db, t->depth > 1 ? "RELEASE nested" : "COMMIT");
	/* Busy leaves the transaction as it is. After anything else nobody knows what is on disk: no second try. */
	if (r && r != -EBUSY)
		db->broken = true;
	if (r)
		return r;
	t->depth = 0;
	db->depth--;
	return 0;
}

static void roll_back(struct db *db, const char *sql)
{
	AUTO(stmt_release) struct stmt q = db_stmt(db, sql);

	/* Not stmt_step(): the words of the error that led here are kept, a rollback has nothing to add. */
	if (q.error || sqlite3_step(q.s) != SQLITE_DONE)
		db->broken = true;
}

void txn_release(struct txn *t)
{
	struct db *db = t->db;

	if (!t->depth)
		return;
	db->depth--;
	/* Where SQLite has rolled back by itself there is nothing to do. When it cannot, writing ends with this connection. */
	if (!sqlite3_get_autocommit(db->handle)) {
		roll_back(db, t->depth > 1 ? "ROLLBACK TO nested" : "ROLLBACK");
		if (t->depth > 1)
			roll_back(db, "RELEASE nested");
	}
	t->depth = 0;
}
