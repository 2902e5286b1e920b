/* A store as it was at a time. */
#ifndef GENSTORE_AT_H
#define GENSTORE_AT_H

#include "store/store.h"

/*
 * From here on this handle shows what existed at that moment: generations and apps that were created by then, iterations and lines of
 * the log that were kept by then, archives that were sealed by then, and each generation in the state it was in as far as
 * that is known. What was removed since is gone. For a handle that only reads, before its first statement.
 */
int store_at(struct genstore *st, int64_t seconds);

#endif
