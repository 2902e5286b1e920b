/*
 * A store's rows as text: SQL that psql loads into PostgreSQL, or JSON lines. Rows are of one moment of the store, and one at a time is in memory.
 */
#ifndef GENSTORE_TABLES_DUMP_H
#define GENSTORE_TABLES_DUMP_H

#include "src/tables/needles.h"
#include "src/tables/relation.h"
#include "src/tables/trees.h"

struct dump_options {
	bool no_secrets;      /* columns that hold secrets are NULL, or missing in JSON */
	bool without_files;   /* files_snapshot is NULL, or missing in JSON */
	const struct needles *needles; /* what is replaced wherever it is; NULL: nothing */
	/* 0, or what the dump then returns. */
	int (*write)(void *arg, const void *data, size_t n);
	/* A value that the other side cannot hold. The dump goes on, to say them all, and is good for nothing. */
	void (*trouble)(void *arg, const char *table, const char *key, const char *column, const char *why);
	void *arg;
};

struct dump_result {
	int64_t rows, troubles, replaced;
	struct tree_losses losses;
};

/* Words in the store's error, but for what write returned. */
int dump_postgres(struct genstore *st, const struct dump_options *o, struct dump_result *ret_result);
int dump_json(struct genstore *st, const struct dump_options *o, struct dump_result *ret_result);

#endif
