/*
 * Rows from CSV files into a store: a file for each table, named after it, as `\copy TABLE to 'TABLE.csv' csv header` writes them.
 *
 * A row that is there already, with the same values, is nothing; one with the same key and other values is refused, and with it everything: it is
 * all in one transaction. Values are the same when they mean the same (a time in another zone, JSON in another order).
 *
 * A generation_requests.csv without request_id is of before the naming decision: it goes through the migrations of the schema in a store of its
 * own, next to the other, and what comes out is taken from there. files_snapshot becomes a tree where it can be one.
 */
#ifndef GENSTORE_TABLES_LOAD_H
#define GENSTORE_TABLES_LOAD_H

#include "src/tables/relation.h"

struct load_counts { const char *table; int64_t added, same; };

struct load_result {
	struct load_counts counts[COLUMNS_MAX]; /* of the tables that there were files of */
	int tables;
	int64_t added, same;
	int64_t texts;       /* files_snapshot that cannot be trees, kept as they are */
	int64_t dropped;     /* values of download_url and conversation, which are no more */
	int64_t no_secret;   /* rows that are nothing without the secret that was left out of them */
	int64_t sealed;      /* rows with a secret, which opens with the key that it was sealed with only */
	bool legacy;
};

struct load_options {
	void (*progress)(void *arg, int64_t rows);
	void *arg;
};

/*
 * All or nothing, with words in the store's error. -ENOENT: no such folder, or no file of a table in it; -EINVAL: a file, a row or a value that cannot be;
 * -EEXIST: a row is there with other values.
 */
int load_folder(struct genstore *st, const char *folder, const struct load_options *o, struct load_result *ret_result);

#endif
