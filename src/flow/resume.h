/*
 * Where a resumed generation begins: in its parent's workspace where that is still kept and is what was asked for, else in a new
 * one with the tree restored.
 */
#ifndef GENSTORE_FLOW_RESUME_H
#define GENSTORE_FLOW_RESUME_H

#include "src/flow/workspace.h"
#include "store/revision.h"

/*
 * Whether the parent's workspace is there to be taken over: kept, in nobody's hands, and not older than the tree asked for (an
 * iteration or snapshot named with @ is restored, whatever the workspace holds).
 */
bool resume_can_take(const struct revision *parent);
/* A workspace of request_id with the revision's tree in it; nothing is left of it on an error. With the store's words. */
int resume_restore(struct genstore *st, const struct revision *parent, const char *request_id, struct workspace *ret_w);

#endif
