/* What load.c, load_row.c and load_legacy.c share. */
#ifndef GENSTORE_TABLES_LOAD_INSIDE_H
#define GENSTORE_TABLES_LOAD_INSIDE_H

#include "src/tables/csv.h"
#include "src/tables/load.h"
#include "src/tables/stamp.h"
#include "src/tables/trees.h"

struct load {
	struct genstore *st;
	const struct load_options *o;
	struct load_result result;
	struct trees trees;
	bool empty;     /* the store had nothing but its local user */
	bool meet;      /* users are known by their ids only */
	int64_t last_audit;
	char now[CLOCK_TEXT];
};

/* A file, and which of its columns is which of the table's. */
struct source {
	const struct relation *table;
	char *path;
	struct csv csv;
	int from[COLUMNS_MAX]; /* for each of the table's columns the field's place, -1: there is none */
	int gone[2];           /* columns that are no more */
	bool has_gone;
};

/* A row on its way: cells in the form of the store, and what they point into. */
struct arrival {
	struct cell cells[COLUMNS_MAX];
	char short_texts[COLUMNS_MAX][ID_UUID];
	struct buf hash;
};
void arrival_release(struct arrival *a);

/* -ENOENT where there is no such file; words for all else. */
int source_open(struct genstore *st, const char *folder, const struct relation *t, struct source *ret_s);
void source_release(struct source *s);
/* 1: the next row, 0: the end. -EINVAL with words, which say the line. */
int source_next(struct load *l, struct source *s, struct arrival *ret_a);

/* Adds the row, or finds it there. */
int row_put(struct load *l, const struct relation *t, struct cell *cells);

/* The rows of a folder from before request ids: users, apps, generation_requests. */
int load_legacy(struct load *l, const char *folder);
/* Whether that is what generation_requests.csv has. */
int legacy_look(struct genstore *st, const char *folder, bool *ret_legacy);

#endif
