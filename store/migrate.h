/*
 * Versions of the schema, up and down. store/schema/NNNN-word.sql and its .down.sql, built in.
 * `PRAGMA user_version` is the number of the last one that is in; each runs in one transaction.
 */
#ifndef GENSTORE_MIGRATE_H
#define GENSTORE_MIGRATE_H

#include "store/store.h"

/* Generated from store/schema at build time: sorted by name, ended by a NULL name. */
struct schema_file { const char *name; const char *sql; };
extern const struct schema_file schema_files[];

/* The newest version this program knows, and what the file has. */
int migrate_newest(void);
int migrate_version(struct genstore *st, int *ret_version);

struct migrate_report {
	/* Called once a step, in order: what it is going to do to which rows, before it does it. */
	void (*step)(void *arg, int from, int to, const char *name, const char *what);
	void *arg;
};

/*
 * Brings an open store to a version, 1 to migrate_newest(). Steps that move bytes (full-JSON files_snapshot into contents
 * and back) are part of it. dry_run reports and rolls back. The caller has taken a backup.
 * -EINVAL no such version, -EPROTO written by a newer program, -EUCLEAN the tables are not those of its version.
 */
int migrate_to(struct genstore *st, int version, bool dry_run, const struct migrate_report *report);

/* All migrations into the empty file that was just created, in one transaction; makes the store's uuid and the user `local`. */
int migrate_init(struct genstore *st);

#endif
