/*
 * The event log's way into the store: lines wait here and go in together, so that a flood costs one commit for many
 * and a lonely line is there, durable and seen by followers, within JOURNAL_MS.
 */
#ifndef GENSTORE_FLOW_JOURNAL_H
#define GENSTORE_FLOW_JOURNAL_H

#include "store/event.h"

enum { JOURNAL_BYTES = 64 << 10, JOURNAL_MS = 200, JOURNAL_DATA_MAX = 256 << 10 };

struct journal {
	struct genstore *st;
	int64_t generation;
	struct buf waiting; /* entries one behind the other */
	int64_t due_ms;     /* when it is to be written; 0: nothing waits */
};

void journal_release(struct journal *j);

/* level is one of the store's; data is JSON or NULL. Writes when enough has gathered. */
int journal_add(struct journal *j, const char *type, const char *level, const char *line, size_t n, const struct buf *data);
/* Writes what waits, in a transaction of its own. */
int journal_flush(struct journal *j);
/* Writes what is due; then how many milliseconds until the next call is, -1: never. */
int journal_tick(struct journal *j, int *ret_wait_ms);

#endif
