/*
 * Generations whose bytes are in a bucket only. Rows, log, metadata.json and earlier iterations stay; the archive is a content of its size and hash
 * without pieces, and the iterations whose tree is the archive's say so instead of naming a manifest. Nothing is deleted here: what
 * nothing refers to any more is for gc, so that whatever others have of it stays readable.
 *
 * Whoever wants the bytes gets -EREMOTE. They come back through foreign_return(), and are then what was in the bucket: an archive from outside.
 */
#ifndef GENSTORE_EVICT_H
#define GENSTORE_EVICT_H

#include "store/generation.h"

/*
 * Lets go of a generation's bytes, in the caller's transaction or its own, with a row in the trail. The caller has just seen that the bucket has what
 * was sent. -EBUSY: it is not complete; -EALREADY: they are away already; -ESTALE: what is synced is not this archive, or is not synced any more; words say which.
 * *ret_stay: iterations that keep their trees, because only this store has them.
 */
int evict_generation(struct genstore *st, const struct generation *g, int64_t *ret_stay);

/* How many generations are so. */
int evict_count(struct genstore *st, int64_t *ret_count);

/* -EREMOTE, with words: which one, and what to do. */
int evict_fail(struct genstore *st, const char *request_id);

#endif
