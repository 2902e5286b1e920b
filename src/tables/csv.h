/*
 * CSV as PostgreSQL's COPY writes it (RFC 4180; an empty value without quotes is NULL, with quotes it is empty), a record at a time. UTF-8.
 */
#ifndef GENSTORE_TABLES_CSV_H
#define GENSTORE_TABLES_CSV_H

#include "store/base/buf.h"

enum { CSV_FIELDS_MAX = 64 };

struct csv_field {
	const char *text; /* NULL: NULL. A NUL follows it */
	size_t n;
};

struct csv {
	int fd;
	int64_t line; /* where the record at hand began */
	int fields;
	struct csv_field field[CSV_FIELDS_MAX];
	const char *why; /* of -EINVAL, static words */
	/* Within. */
	struct buf record;
	size_t starts[CSV_FIELDS_MAX];
	bool quoted[CSV_FIELDS_MAX];
	int64_t at_line;
	size_t from, to;
	uint8_t in[1 << 16];
};

/* Takes the descriptor over. Skips a byte order mark. */
void csv_init(struct csv *c, int fd);
void csv_release(struct csv *c);
/* 1: fields are set, borrowed until the next call. 0: the end. -EINVAL with why; -EFBIG: a record of more than a gigabyte; errors of read(). */
int csv_next(struct csv *c);

#endif
