/*
 * The event log of a generation: what its generator said, in order; and log.txt, the same as text:
 * each event is the line "2025-12-11T20:30:00Z  text\n" there.
 */
#ifndef GENSTORE_EVENT_H
#define GENSTORE_EVENT_H

#include "store/cost.h"
#include "store/object.h"

enum { EVENT_LINE_MAX = 64 << 10 }; /* bytes of one line; longer ones are cut with a mark */

struct event {
	int64_t id, position;
	char *at, *type, *level, *line, *data;
};
void event_release(struct event *e);

/*
 * Appends (in the caller's transaction, which should hold many). level: debug info warn error. line becomes one printable
 * line; data is the whole message as JSON, or NULL.
 */
int event_add(struct genstore *st, int64_t generation, const char *type, const char *level, const char *line, size_t n,
	      const char *data);
/* What `sum` holds for an event: XXH3-64 chained over position, time, type, level, line and data, from the generation as seed. */
int64_t event_checksum(int64_t generation, const struct event *e);
/* The first behind position `after` in log.txt; start with -1. 1, 0 at the end, -EUCLEAN. */
int event_next(struct genstore *st, int64_t generation, int64_t after, struct event *ret_e);

/* log.txt: its size now, and bytes of it. */
int log_size(struct genstore *st, int64_t generation, int64_t *ret_size);
ssize_t log_read(struct genstore *st, int64_t generation, int64_t offset, size_t n, void *out);

#endif
