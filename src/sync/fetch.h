/*
 * Bytes that are in a bucket only, let go of and brought back. What was sent, and where to, stands in the store (remote_objects): the bucket of the
 * settings is not asked.
 *
 *	fetch_find(st, &g, &place, &words);
 *	... a client for place.objects[0].bucket ...
 *	fetch_evict(st, s3, &g, &place, &stay, &words);
 *	fetch_back(st, s3, &g, &place, NULL, &words);
 */
#ifndef GENSTORE_SYNC_FETCH_H
#define GENSTORE_SYNC_FETCH_H

#include "src/sync/pull.h"

struct place { struct remote_object objects[JOB_OBJECTS]; }; /* in the order of job_names */
void place_release(struct place *p);

/* Where a generation is. -ENOENT: it is not synced; words say what to do. */
int fetch_find(struct genstore *st, const struct generation *g, struct place *ret_place, struct buf *words);

/*
 * Asks for both objects and, where they are what was sent by ETag and size, or by checksum, lets go of the bytes here (evict.h). -EBADMSG: something else
 * is there; -ENOENT: nothing is; else as in struct s3_answer, or of the store. Nothing has changed then.
 */
int fetch_evict(struct genstore *st, struct s3 *s3, const struct generation *g, const struct place *p, int64_t *ret_stay, struct buf *words);

/*
 * Fetches app.tar.gz and compares it with the SHA-256 that the store has: -EBADMSG where it is another. One that was brought back meanwhile is a success. Large
 * ones go on by range where the connection breaks.
 */
int fetch_back(struct genstore *st, struct s3 *s3, const struct generation *g, const struct place *p, const struct pull_progress *progress,
	       struct buf *words);

#endif
