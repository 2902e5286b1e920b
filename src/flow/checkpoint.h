/* A snapshot between iterations: by command, or before something that could lose a tree. */
#ifndef GENSTORE_FLOW_CHECKPOINT_H
#define GENSTORE_FLOW_CHECKPOINT_H

#include "store/generation.h"
#include "store/snapshot.h"

struct checkpoint {
	int64_t generation;
	const char *app, *cache;   /* the tree, and the stat cache of its snapshots (NULL: none) */
	const char *type, *label;  /* "manual": always; "checkpoint": only when the tree is not manifest `near`. label may be NULL */
	int64_t after;             /* the last finished iteration */
	int64_t near, max_bytes;
};

/* *ret_id: of the row, 0 when there was nothing new. One try at a locked store (-EBUSY); words in the store's error. */
int checkpoint_take(struct genstore *st, const struct checkpoint *c, int64_t *ret_id);
/* The same of the workspace that a generation which nobody has in hand has left; -ENOENT when there is none. */
int checkpoint_of(struct genstore *st, const struct generation *g, const char *type, const char *label, int64_t *ret_id);

#endif
