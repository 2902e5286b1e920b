/* Whether the tables of a file are those that the migrations make. */
#ifndef GENSTORE_MIGRATE_VERIFY_H
#define GENSTORE_MIGRATE_VERIFY_H

#include "store/migrate.h"

/*
 * Compares every table, index, view and trigger, by its text, with a database in memory that went through the migrations.
 * Calls f for each difference, in words, until it returns other than 0, and returns that.
 */
int migrate_verify(struct genstore *st, int version, int (*f)(void *arg, const char *name, const char *words), void *arg);

#endif
