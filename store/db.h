/*
 * The SQLite connection: statements bound in order of their `?`, transactions that know where they began,
 * and the one place where SQLite's codes become errno.
 *
 *	STMT q = db_stmt(db, "SELECT size FROM piece WHERE id = ?");
 *	bind_i64(&q, id);
 *	if ((r = stmt_step(&q)) <= 0)
 *		return r < 0 ? r : -ENOENT;
 *	*ret_size = col_i64(&q, 0);
 *
 * SQL is a literal, compiled once per connection and kept by its address; nothing is pasted into it. A statement resets
 * when its scope ends, on every path; binds advance by themselves and remember their first error.
 * A statement text can be in use once at a time: a nested use of the same literal is -EBUSY.
 *
 *	TXN t = txn_begin(db);            BEGIN IMMEDIATE, or a savepoint inside another TXN
 *	...
 *	return txn_commit(&t);            durable when this returns 0; without it the scope rolls back
 */
#ifndef GENSTORE_DB_H
#define GENSTORE_DB_H

#include "store/base/base.h"

#include <sqlite3.h>

enum { DB_STATEMENTS = 512 };

struct genstore;

struct db {
	sqlite3 *handle;
	struct genstore *st; /* where words of errors go */
	int depth;           /* open TXN scopes */
	int (*before_commit)(struct genstore *st); /* of an outermost TXN that wrote; NULL: nothing */
	bool broken;         /* a COMMIT or fsync failed: nothing more is written with this connection */
	struct db_slot {
		const char *sql;
		sqlite3_stmt *stmt;
		bool busy;
	} slots[DB_STATEMENTS];
};

enum db_mode {
	DB_READ,   /* an existing store, read only */
	DB_WRITE,  /* an existing store */
	DB_CREATE, /* a new file; fails when there is one */
};

/*
 * Opens the file with the settings of every connection: rollback journal, synchronous=FULL, trusted_schema off, DEFENSIVE,
 * cell_size_check, foreign keys on, limits, a busy handler that waits up to busy_ms.
 * -ENOENT, -EEXIST, -EACCES, -EUCLEAN (not a database), -EBUSY ...; words in the store's error.
 */
int db_open(struct db *db, struct genstore *st, const char *path, enum db_mode mode, int busy_ms);
void db_close(struct db *db);
/* Part of db_open(): a json_valid() that CHECKs may use although trusted_schema is off. */
int db_json_register(struct db *db);

/* SQLite's last error as errno, with words: "what: SQLite's message". */
int db_fail(struct db *db, int code, const char *what);

/* One or more statements without parameters or results. For literals and migrations. */
int db_exec(struct db *db, const char *sql);

struct stmt {
	sqlite3_stmt *s;
	struct db *db;
	struct db_slot *slot;
	int binds;
	int error;
};

#define STMT AUTO(stmt_release) struct stmt

struct stmt db_stmt(struct db *db, const char *sql);
void stmt_release(struct stmt *q);

/* Text and blobs are borrowed until the statement is reset. NULL pointers bind NULL. */
void bind_i64(struct stmt *q, int64_t v);
void bind_real(struct stmt *q, double v);
void bind_text(struct stmt *q, const char *s);
void bind_textn(struct stmt *q, const char *s, size_t n);
void bind_blob(struct stmt *q, const void *data, size_t n);
void bind_null(struct stmt *q);

/* 1: a row, 0: done, negative: an error. */
int stmt_step(struct stmt *q);
/*
 * For walking a table by its key: a step to the row behind *id, whose key is column 0 and goes to *id. -EUCLEAN where
 * that does not come after the last one: in a damaged table keys can be out of order, and nobody walks in circles.
 */
int stmt_step_after(struct stmt *q, int64_t *id);
/* For statements without rows: steps to the end. */
int stmt_run(struct stmt *q);
/* Rewinds for the next row of binds. */
void stmt_rewind(struct stmt *q);

int64_t col_i64(const struct stmt *q, int i);
double col_real(const struct stmt *q, int i);
/* Borrowed until the next step; NULL for NULL. */
const char *col_text(const struct stmt *q, int i);
const void *col_blob(const struct stmt *q, int i);
size_t col_size(const struct stmt *q, int i);
bool col_null(const struct stmt *q, int i);
/* A malloc'd copy, *ret_s NULL for NULL. -ENOMEM. */
int col_dup(const struct stmt *q, int i, char **ret_s);
/* Exactly n bytes, else -EUCLEAN: a column that another program spoiled. */
int col_bytes(const struct stmt *q, int i, void *out, size_t n);

/* What a statement without parameters says, one number; left as it is where there is no row. */
int db_number(struct db *db, const char *sql, int64_t *ret_number);
/* PRAGMA data_version: another number whenever another connection has committed. */
int db_data_version(struct db *db, int64_t *ret_version);

int64_t db_last_id(const struct db *db);
int64_t db_changes(const struct db *db);

struct txn {
	struct db *db;
	int depth; /* 0: over */
	int error; /* of the begin: commit returns it */
};

#define TXN AUTO(txn_release) struct txn

struct txn txn_begin(struct db *db);
/* A read transaction: all statements in it see one state. Ends with its scope or txn_commit(). Inside another TXN it is part of that. */
struct txn txn_begin_read(struct db *db);
int txn_commit(struct txn *t);
void txn_release(struct txn *t);

#endif
