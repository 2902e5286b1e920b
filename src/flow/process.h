/* A process by a name that no other one gets, so that one that was killed is noticed. */
#ifndef GENSTORE_FLOW_PROCESS_H
#define GENSTORE_FLOW_PROCESS_H

#include "store/base/buf.h"

struct process {
	int64_t pid, start; /* start: clock ticks since boot, proc(5) */
	char boot[40], host[65];
};

/* -errno of what cannot be read in /proc. */
int process_self(struct process *ret_p);
int process_json(const struct process *p, struct buf *out);
/* A process on another machine cannot be seen from here: it counts as living. So does what cannot be read. */
bool process_lives(const char *json, const struct process *me);

#endif
