/*
 * Which process has a generation in hand: store_state 'running/<request id>', so that one that was killed is noticed.
 */
#ifndef GENSTORE_FLOW_RUNNING_H
#define GENSTORE_FLOW_RUNNING_H

#include "store/store.h"

/* In the caller's transaction: this process has it. */
int running_put(struct genstore *st, const char *request_id);
/* It has not any more: what was asked of it, or by it, goes too. */
int running_drop(struct genstore *st, const char *request_id);
/* 1 when a process has it in hand (flow_adopt_orphans() has been called), 0 when none has. */
int running_is(struct genstore *st, const char *request_id);

/*
 * Whether the process that has it is gone: 1, and it stays as it is until a command that writes finds it. 0 while it lives, when nobody
 * has it, and when that cannot be seen from here (another machine's). Only reads.
 */
int running_is_orphan(struct genstore *st, const char *request_id);

#endif
