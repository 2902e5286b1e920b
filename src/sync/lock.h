/*
 * One process sends for a store: store_state 'sync' names it. A killed one is noticed at once on its own machine, and after
 * LOCK_STALE_S seconds without a sign of life from another.
 */
#ifndef GENSTORE_SYNC_LOCK_H
#define GENSTORE_SYNC_LOCK_H

#include "store/store.h"

enum { LOCK_STALE_S = 120, LOCK_SIGN_S = 20 };

/* Takes it: -EBUSY where another process has it. What that one left in hand when it was killed is queued again. */
int lock_take(struct genstore *st);
/* A sign of life, every LOCK_SIGN_S seconds at most; -ESTALE: another process took it meanwhile. */
int lock_sign(struct genstore *st);
void lock_drop(struct genstore *st);
/* Whether anybody has it: what is 'syncing' is so only then. */
int lock_held(struct genstore *st, bool *ret_held);

#endif
