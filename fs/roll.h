/*
 * The names of all generations in order of their ids, in memory: a listing of a hundred thousand takes no query.
 * The watcher keeps it; any number of threads read it.
 */
#ifndef GENSTORE_FS_ROLL_H
#define GENSTORE_FS_ROLL_H

#include "store/base/base.h"

struct roll;

int roll_new(struct roll **ret_roll);
void roll_free(struct roll *roll);
/* An id above all that are there. -ENOMEM. */
int roll_add(struct roll *roll, int64_t id, const char *name);
/* The name, for the one thread that changes the roll; NULL when there is no such id. */
const char *roll_name(const struct roll *roll, int64_t id);
void roll_remove(struct roll *roll, int64_t id);
/* Calls f for each behind the id, until it returns other than 0, and returns that. f must not wait for anything. */
int roll_each(struct roll *roll, int64_t after, int (*f)(void *arg, int64_t id, const char *name), void *arg);

#endif
