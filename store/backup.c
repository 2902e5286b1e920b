#include "store/backup.h"

#include <fcntl.h>
#include <sys/stat.h>

enum {
	STEP_BYTES = 8 << 20, /* read, and written, in one transaction */
	BUSY_MS = 10000,
};

/* Row by row between two connections: a statement on each side, columns as they come. */
struct copy {
	struct genstore *st;
	struct db to;
	const struct backup_options *o;
	int64_t done, total;
};

static void copy_release(struct copy *c)
{
	db_close(&c->to);
}

static void finalize(sqlite3_stmt **s)
{
	sqlite3_finalize(*s);
}

static void free_sql(char **sql)
{
	sqlite3_free(*sql);
}

static int prepare(struct db *db, const char *sql, sqlite3_stmt **ret_s)
{
	int code = sql ? sqlite3_prepare_v2(db->handle, sql, -1, ret_s, NULL) : SQLITE_NOMEM;

	return code == SQLITE_OK ? 0 : db_fail(db, code, "cannot copy the store");
}

/* "INSERT INTO name VALUES (?, ...)". Names of tables cannot be bound: they come from the schema, quoted. */
static int prepare_insert(struct copy *c, const char *table, int columns, sqlite3_stmt **ret_s)
{
	AUTO(free_sql) char *sql = NULL;
	sqlite3_str *s = sqlite3_str_new(NULL);

	sqlite3_str_appendf(s, "INSERT INTO \"%w\" VALUES (?", table);
	for (int i = 1; i < columns; i++)
		sqlite3_str_appendall(s, ", ?");
	sqlite3_str_appendall(s, ")");
	sql = sqlite3_str_finish(s);
	return prepare(&c->to, sql, ret_s);
}

static int insert(struct copy *c, sqlite3_stmt *from, sqlite3_stmt *into)
{
	int code = SQLITE_OK, columns = sqlite3_column_count(from);

	for (int i = 0; i < columns && code == SQLITE_OK; i++) {
		code = sqlite3_bind_value(into, i + 1, sqlite3_column_value(from, i));
		c->done += sqlite3_column_bytes(from, i);
	}
	if (code == SQLITE_OK && (code = sqlite3_step(into)) == SQLITE_DONE)
		code = SQLITE_OK;
	sqlite3_reset(into);
	return code == SQLITE_OK ? 0 : db_fail(&c->to, code, "cannot write the copy");
}

static void tell(const struct copy *c)
{
	if (c->o && c->o->progress)
		c->o->progress(c->o->arg, min_i64(c->done, c->total), c->total);
}

/* All rows of a statement, or as many as make STEP_BYTES; 1: there are more. *last gets the first column of the last one. */
static int copy_rows(struct copy *c, sqlite3_stmt *from, const char *table, bool bounded, int64_t *last)
{
	AUTO(finalize) sqlite3_stmt *into = NULL;
	int64_t begin = c->done;
	int code, r;

	if ((r = prepare_insert(c, table, sqlite3_column_count(from), &into)))
		return r;
	while ((code = sqlite3_step(from)) == SQLITE_ROW) {
		if ((r = insert(c, from, into)))
			return r;
		*last = sqlite3_column_int64(from, 0);
		if (bounded && c->done - begin >= STEP_BYTES)
			return 1;
	}
	return code == SQLITE_DONE ? 0 : db_fail(&c->st->db, code, "cannot read the store");
}

/* Rows of piece_data behind *last. */
static int copy_data(struct copy *c, bool bounded, int64_t *last)
{
	AUTO(finalize) sqlite3_stmt *from = NULL;
	TXN t = txn_begin(&c->to);
	int r = t.error, more, committed;

	if (r || (r = prepare(&c->st->db, "SELECT * FROM piece_data WHERE id > ? ORDER BY id", &from)))
		return r;
	sqlite3_bind_int64(from, 1, *last);
	if ((more = copy_rows(c, from, "piece_data", bounded, last)) < 0)
		return more;
	tell(c);
	return (committed = txn_commit(&t)) ? committed : more;
}

static int copy_table(struct copy *c, const char *table)
{
	AUTO(free_sql) char *sql = sqlite3_mprintf("SELECT * FROM \"%w\"", table);
	AUTO(finalize) sqlite3_stmt *from = NULL;
	int64_t last;
	int r = prepare(&c->st->db, sql, &from);

	return r ? r : copy_rows(c, from, table, false, &last);
}

/* Tables first: what else there is would get in the way of the rows. */
static int copy_schema(struct copy *c, const char *select)
{
	STMT q = db_stmt(&c->st->db, select);
	int r;

	while ((r = stmt_step(&q)) > 0)
		if ((r = db_exec(&c->to, col_text(&q, 0))))
			return r;
	return r;
}

static int copy_tables(struct copy *c)
{
	STMT q = db_stmt(&c->st->db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*'"
				     " AND name <> 'piece_data' ORDER BY name");
	int r;

	while ((r = stmt_step(&q)) > 0) {
		if ((r = copy_table(c, col_text(&q, 0))))
			return r;
		tell(c);
	}
	/* Ids that were given are not given again, in the copy neither. */
	if (r || (r = db_exec(&c->to, "DELETE FROM sqlite_sequence")))
		return r;
	return copy_table(c, "sqlite_sequence");
}

static int copy_numbers(struct copy *c)
{
	static const struct { const char *ask, *set; } numbers[] = {
		{ "PRAGMA application_id", "PRAGMA application_id = %d" },
		{ "PRAGMA user_version", "PRAGMA user_version = %d" },
	};
	char sql[64];
	int r;

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		STMT q = db_stmt(&c->st->db, numbers[i].ask);

		if ((r = stmt_step(&q)) < 0)
			return r;
		sqlite3_snprintf(sizeof(sql), sql, numbers[i].set, (int)col_i64(&q, 0));
		if ((r = db_exec(&c->to, sql)))
			return r;
	}
	return 0;
}

static int has_pieces(struct genstore *st, bool *ret_has)
{
	STMT q = db_stmt(&st->db, "SELECT 1 FROM sqlite_schema WHERE name = 'piece_data'");
	int r = stmt_step(&q);

	if (r >= 0)
		*ret_has = r;
	return r < 0 ? r : 0;
}

static int new_uuid(struct copy *c)
{
	STMT q = db_stmt(&c->to, "UPDATE store_state SET value = ? WHERE key = 'uuid'");
	char uuid[ID_UUID];
	int r;

	if ((r = id_uuid4(&c->st->ids, uuid)))
		return r;
	bind_text(&q, uuid);
	return stmt_run(&q);
}

/* Everything but the pieces that are there already, from one state of the store. */
static int copy_rest(struct copy *c, bool pieces, int64_t last)
{
	TXN from = txn_begin_read(&c->st->db);
	TXN to = txn_begin(&c->to);
	int r = from.error ? from.error : to.error;

	if (r || (pieces && (r = copy_data(c, false, &last))) || (r = copy_tables(c)) || (r = copy_numbers(c)) ||
	    (r = copy_schema(c, "SELECT sql FROM sqlite_schema WHERE type <> 'table' AND sql IS NOT NULL ORDER BY type = 'trigger'")) ||
	    (pieces && (r = new_uuid(c))))
		return r;
	return txn_commit(&to);
}

static int copy_all(struct copy *c)
{
	STMT q = db_stmt(&c->st->db, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
	int64_t last = INT64_MIN;
	bool pieces = false;
	int r;

	if ((r = stmt_step(&q)) < 0 || (r = has_pieces(c->st, &pieces)))
		return r;
	c->total = col_i64(&q, 0);
	stmt_release(&q);
	/* Nobody sees the file before it is complete: it is made durable once, at the end. */
	if ((r = db_exec(&c->to, "PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY;")) ||
	    (r = copy_schema(c, "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*'")))
		return r;
	while (pieces && (r = copy_data(c, true, &last)) > 0)
		;
	return r ? r : copy_rest(c, pieces, last);
}

static int verify(struct copy *c)
{
	STMT q = db_stmt(&c->to, "PRAGMA quick_check(1)");
	int r = stmt_step(&q);

	if (r < 0)
		return r;
	if (!r || strcmp(col_text(&q, 0), "ok") != 0)
		return store_fail(c->st, -EUCLEAN, "the copy is damaged: %s", r ? col_text(&q, 0) : "no answer");
	return 0;
}

static int sync_path(struct genstore *st, const char *path, int flags)
{
	AUTO(close_fd) int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0 || fsync(fd))
		return store_fail(st, -errno, "cannot write '%s': %s", path, strerror(errno));
	return 0;
}

/* Never over another file: link() says -EEXIST, and works on every filesystem that has hard links; the others are asked first. */
static int give_name(struct genstore *st, const char *from, const char *path)
{
	struct stat sb;

	if (!link(from, path))
		return unlink(from) ? store_fail(st, -errno, "cannot remove '%s': %s", from, strerror(errno)) : 0;
	if (errno == EEXIST || !lstat(path, &sb))
		return store_fail(st, -EEXIST, "'%s' exists; choose another name", path);
	if (rename(from, path))
		return store_fail(st, -errno, "cannot write '%s': %s", path, strerror(errno));
	return 0;
}

static int sync_folder(struct genstore *st, const char *path)
{
	const char *slash = strrchr(path, '/');
	AUTO(free_ptr) char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");

	return dir ? sync_path(st, dir, O_RDONLY | O_DIRECTORY) : -ENOMEM;
}

static int write_copy(struct genstore *st, const char *path, const struct backup_options *o)
{
	AUTO(copy_release) struct copy c = { .st = st, .o = o };
	int r;

	if ((r = db_open(&c.to, st, path, DB_CREATE, BUSY_MS)))
		return r;
	return (r = copy_all(&c)) ? r : verify(&c);
}

int backup_store(struct genstore *st, const char *path, const struct backup_options *o)
{
	AUTO(free_ptr) char *partial = NULL;
	char id[ID_REQUEST];
	struct stat sb;
	int r;

	if (!lstat(path, &sb))
		return store_fail(st, -EEXIST, "'%s' exists; choose another name", path);
	if ((r = id_request(NULL, id)))
		return r;
	if (asprintf(&partial, "%s.%s.partial", path, id + 4) < 0)
		return -ENOMEM;
	r = write_copy(st, partial, o);
	if (!r)
		r = sync_path(st, partial, O_RDONLY);
	if (!r)
		r = give_name(st, partial, path);
	if (r) {
		unlink(partial);
		return r;
	}
	return sync_folder(st, path);
}
