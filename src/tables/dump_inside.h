/* What the two forms of a dump have in common. */
#ifndef GENSTORE_TABLES_DUMP_INSIDE_H
#define GENSTORE_TABLES_DUMP_INSIDE_H

#include "src/tables/dump.h"
#include "src/tables/spool.h"

struct dump {
	struct genstore *st;
	const struct dump_options *o;
	struct dump_result result;
	const struct dump_format *format;
	struct spool spool;
	int64_t highest[RELATIONS_MAX]; /* of the table with that place: the highest id ever given */
	struct buf out;
	/* Of the row at hand. */
	const struct relation *table;
	const struct cell *row;
	struct buf tree, texts[COLUMNS_MAX]; /* what was made for it */
};

struct dump_format {
	bool (*has)(const struct relation *t);
	int (*begin)(struct dump *d);
	int (*table_begin)(struct dump *d);
	int (*row)(struct dump *d);
	int (*table_end)(struct dump *d);
	int (*end)(struct dump *d);
};

int dump_run(struct genstore *st, const struct dump_options *o, const struct dump_format *format, struct dump_result *ret_result);
/* Whether a column is left out of this dump. */
bool dump_leaves_out(const struct dump *d, const struct column *c, const struct cell *row);
/* A value of the row at hand that cannot be there. */
void dump_trouble(struct dump *d, const struct column *c, const char *why);

#endif
