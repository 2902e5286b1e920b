/*
 * A store of its own for a test, in a directory that goes when the handle does.
 *
 *	STORE st = store_fixture();
 *	CHECK(st);
 */
#ifndef GENSTORE_STORE_FIXTURE_H
#define GENSTORE_STORE_FIXTURE_H

#include "store/store.h"

#define STORE AUTO(store_fixture_free) struct genstore *
#define HANDLE AUTO(store_fixture_close) struct genstore *

/* A new store; NULL after saying why on stderr. */
struct genstore *store_fixture(void);
/* Closes it, and removes the file and its directory. */
void store_fixture_free(struct genstore **st);

/* One more handle on the same file, as another thread or process would have it. */
struct genstore *store_fixture_again(const struct genstore *st);
void store_fixture_close(struct genstore **st);

/* The first column of the first row, -1 when there is none or it fails. */
int64_t store_fixture_number(struct genstore *st, const char *sql);

#endif
