/*
 * Rows aside, in a file without a name (below $TMPDIR): a store is read for as long as that takes, and not for as long as somebody takes to
 * read what is made of its rows. As long as a store is read, nobody's commit goes through.
 */
#ifndef GENSTORE_TABLES_SPOOL_H
#define GENSTORE_TABLES_SPOOL_H

#include "src/tables/relation.h"

struct spool {
	FILE *file;
	struct buf row;
};

/* A file without a name, only for its owner, in the folder for what is temporary. A descriptor, or a negative errno. */
int spool_temporary(void);

/* Negative errors of the file system; -EFBIG for a row of more than a gigabyte. */
int spool_open(struct spool *s);
void spool_release(struct spool *s);
int spool_put(struct spool *s, const struct cell *row, int width);
/* Behind the last row of a table. */
int spool_end(struct spool *s);
/* From the beginning. */
int spool_rewind(struct spool *s);
/* 1: the next row of the table, borrowed until the next call; 0: there is none. */
int spool_next(struct spool *s, struct cell *row, int width);

#endif
