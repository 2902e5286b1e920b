/*
 * Garbage: bytes that nothing refers to any more, because generations were removed, or because a process died between writing bytes and
 * the row that would have named them.
 */
#ifndef GENSTORE_GC_H
#define GENSTORE_GC_H

#include "store/store.h"

struct gc_result {
	int64_t seals, manifests, contents, pieces, indexes; /* rows that are (or with dry_run would be) removed */
	int64_t bytes;                              /* stored bytes of those pieces */
};

struct gc_options {
	bool dry_run;
	/* Rows of the store looked at so far, of how many; first when the marking is done. Must be quick: others wait. */
	void (*progress)(void *arg, int64_t done, int64_t total);
	void *arg;
};

/*
 * Removes what nothing refers to, in bounded transactions, while others read and write. What can be found again by its hash (contents, pieces,
 * manifests) goes first, together with a step of gc_epoch, so that a snapshot that leant on it fails with -ESTALE
 * and starts again; then the bytes, which nobody can name any more. Killed anywhere, the rest is garbage for the next time.
 * The room is used again by the store; gc_compact() gives it back. -EBADMSG when something in use is damaged: nothing is removed then.
 */
int gc_run(struct genstore *st, const struct gc_options *o, struct gc_result *ret_result);

/* How many collections removed something. What was looked up before it changed may be gone: whoever leans on it looks again. */
int gc_epoch(struct genstore *st, int64_t *ret_epoch);

/*
 * Writes the file anew without free pages. Needs the store for itself, and room: for a copy in the folder for temporary
 * files, and once more beside the store. -ENOSPC, with words, before anything is done where there is less; -EBUSY.
 */
int gc_compact(struct genstore *st, int64_t *ret_before, int64_t *ret_after);

#endif
