/*
 * Sums of the rows that people see and write: requests, iterations, apps, users, settings. The database's triggers forget the sum of a row
 * that changes, whoever changes it; what is missing is written with the next commit. So a row that does not fit its sum
 * was changed by nobody.
 */
#ifndef GENSTORE_SUMS_H
#define GENSTORE_SUMS_H

#include "store/store.h"

/* Writes the missing ones, in the caller's transaction. What every commit through db.h calls. */
int sums_fill(struct genstore *st);

/* One row, by its key, before something is served on its word. -EBADMSG where it does not fit its sum; 0 where there is none. */
int sums_verify(struct genstore *st, const char *table, int64_t key);
int sums_verify_text(struct genstore *st, const char *table, const char *key);

/*
 * Compares all that are there: calls bad(arg, table, key, words) for each row that does not fit its sum, or is gone.
 * Stops with what bad returns when that is not 0.
 */
int sums_check(struct genstore *st, int (*bad)(void *arg, const char *table, const char *key, const char *words), void *arg);

#endif
