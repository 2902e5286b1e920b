/*
 * What the bucket has against what it acknowledged, by size and ETag, without fetching anything: its listing and our rows go by in the same
 * order, once.
 */
#ifndef GENSTORE_SYNC_COMPARE_H
#define GENSTORE_SYNC_COMPARE_H

#include "src/sync/settings.h"
#include "store/outbox.h"

/*
 * Whether what a bucket has, by its size and ETag, is what was sent: 1 or 0. Somebody can have put the same bytes there anew: then the ETag is
 * another one, and still that of ours, where those are here.
 */
int compare_object(struct genstore *st, int64_t generation, const struct remote_object *sent, int64_t size, const char *etag);

struct compare_result {
	int64_t objects;  /* that were compared */
	int64_t problems;
	int64_t unknown;  /* keys that this store knows nothing of */
};

/* bad(arg, key, words) for each object that is not there or is another one. 0, or as in struct s3_answer, or of the store; words say why. */
int compare_remote(struct genstore *st, struct s3 *s3, const struct settings *set, void (*bad)(void *arg, const char *key, const char *words),
		   void *arg, struct compare_result *ret_result, struct buf *words);

#endif
