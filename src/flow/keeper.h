/* The process between this program and a generator: see spawn.h. */
#ifndef GENSTORE_FLOW_KEEPER_H
#define GENSTORE_FLOW_KEEPER_H

#include "src/flow/spawn.h"

/* What it writes: first 0 or the errno of the execution, then how the generator ended (wait status), then its end. */
struct keeper_report {
	int value;
	pid_t generator; /* in the first one */
};

/* What it is told. Silence for ever, the end of the line, means KEEPER_END too. */
enum { KEEPER_END = 'E', KEEPER_KILL = 'K' };

/* Between fork and the end: fds are the generator's stdin, stdout, stderr, then where to report and what to listen to. */
_Noreturn void keeper_run(const struct spawn *s, const int fds[5]);

#endif
