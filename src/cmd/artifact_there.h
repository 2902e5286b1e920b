/* The objects in buckets of artifacts that are to be removed. */
#ifndef GENSTORE_CMD_ARTIFACT_THERE_H
#define GENSTORE_CMD_ARTIFACT_THERE_H

#include "src/cmd/cmd.h"
#include "store/artifact_remote.h"

struct there {
	struct artifact_remote *items;
	size_t count, cap;
};
void there_release(struct there *t);

/* Adds what a bucket has of an artifact, or of all that match: 0, or an error of the store. */
int there_add(struct genstore *st, const struct artifact *a, struct there *t);
int there_add_all(struct genstore *st, const struct artifact_filter *f, struct there *t);
/*
 * Removes the objects, each only if it is the one that was sent, as an exit code with the error told; one that is gone already is removed. What was
 * removed before an error stays removed.
 */
int there_remove(struct cli *cli, const struct there *t);
/* The store forgets them: in the caller's transaction. */
int there_forget(struct genstore *st, const struct there *t);

#endif
