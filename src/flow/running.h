/*
 * Which process has a generation in hand: store_state 'running/<request id>', so that one that was killed is noticed.
 */
#ifndef GENSTORE_FLOW_RUNNING_H
#define GENSTORE_FLOW_RUNNING_H

#include "store/store.h"

/* In the caller's transaction: this process has it. */
int running_put(struct genstore *st, const char *request_id);
int running_drop(struct genstore *st, const char *request_id);

#endif
