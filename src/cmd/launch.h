/* From what is asked for, on the command line or in the store, to a generation that runs: what generate, continue and work have in common. */
#ifndef GENSTORE_LAUNCH_H
#define GENSTORE_LAUNCH_H

#include "src/cmd/cmd.h"
#include "src/config/resolve.h"
#include "src/flow/flow.h"

#include <limits.h>

enum { EXIT_NOTHING = 100 }; /* between a worker and its processes: there is nothing for this one to take */

struct launch {
	struct flow_options f;
	struct generation g; /* the one that is taken, or resumed */
	struct run run;      /* as it was kept */
	bool brief;          /* a line at the start and one at the end */
	int turn;            /* of a worker's processes, the lock for who writes to stdout; -1 or 0: nobody else does */
	char path[PATH_MAX]; /* of the command that was named here */
};
void launch_release(struct launch *l);

/* These return 0, or an exit code with the error told. What stands behind --, if anything; dashes: they were there. */
int launch_command(struct cli *cli, bool dashes, int argc, char **argv, struct launch *l);
/* A queued or paused generation: all options as they were, and its command unless launch_command() has another one. */
int launch_kept(struct cli *cli, const char *request_id, struct launch *l);
/* Only the command and the variables of l->run, where nothing was named here. */
int launch_kept_command(struct cli *cli, struct launch *l);

/* The settings generate.*. */
int launch_limits(struct cli *cli, struct limits *ret_l);

/* The names of this process's variables, a JSON array: what run_next() wants to know. */
int launch_names(struct buf *out);

/* Runs it and shows it; asks: on the terminal, where there is one. */
int launch_run(struct cli *cli, struct launch *l, bool asks);

#endif
