/*
 * How much room a workspace takes on the disk, looked at again and again by a thread of its own while a generator works in it, so
 * that one that would fill the disk is stopped long before its iteration ends.
 *
 * A look walks the whole folder down to METER_DEPTH, follows no link and stays on its file system; between two looks are METER_PAUSE_MS, or METER_SHARE
 * times as long as the last one took, so that large trees are not walked all the time.
 */
#ifndef GENSTORE_FLOW_METER_H
#define GENSTORE_FLOW_METER_H

#include "store/base/base.h"

enum { METER_PAUSE_MS = 500, METER_SHARE = 20, METER_DEPTH = 200 /* it holds a descriptor a level */ };

struct meter;

/* Begins to look at a folder. max_bytes > 0. */
int meter_start(const char *path, int64_t max_bytes, struct meter **ret_m);
/* Bytes that the last look found, a file with several names once for each; it stops counting once it is over the limit. */
int64_t meter_bytes(const struct meter *m);
/* Ends it; waits for a look that is under way to notice. NULL is fine. */
void meter_stop(struct meter *m);

#endif
