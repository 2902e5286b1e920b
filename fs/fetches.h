/*
 * What is being fetched from a bucket, and what could not be: for the threads that fetch, those that ask, and the attribute user.genstore.fetch. Knows no
 * FUSE: who waits is a pointer.
 */
#ifndef GENSTORE_FS_FETCHES_H
#define GENSTORE_FS_FETCHES_H

#include "store/base/base.h"

#include <sys/types.h>

struct fetches;

enum {
	FETCHES_FAILED = 64,      /* failures that are remembered; the oldest makes room */
	FETCH_REASON_MAX = 400,
};

int fetches_new(struct fetches **ret_f);
void fetches_free(struct fetches *f);

/* Somebody waits for the bytes of a generation. Whoever waits for the same one waits for the same fetching. -ENOMEM, -ECANCELED: it has ended. */
int fetches_add(struct fetches *f, int64_t generation, void *waiter);
/* Takes a waiter back: false where he has been given out already. */
bool fetches_take_back(struct fetches *f, const void *waiter);

/* For a thread that fetches: waits for a generation that nobody fetches yet, 0 at the end. */
int64_t fetches_next(struct fetches *f);
void fetches_moved(struct fetches *f, int64_t generation, int64_t done, int64_t total);
/* It is over: reason NULL for a success. Then all that waited, one by one; NULL: that was the last. */
void fetches_over(struct fetches *f, int64_t generation, const char *reason);
void *fetches_waiter(struct fetches *f, int64_t generation);

/* No more: fetches_next() returns 0, and what waits is given out by fetches_waiter() of any generation (0). */
void fetches_end(struct fetches *f);

/* "fetching 40 %", "failed: the reason"; false where there is nothing to say. */
bool fetches_words(struct fetches *f, int64_t generation, char *out, size_t n);

#endif
