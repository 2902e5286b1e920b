/* pause, continue, cancel, answer, say, snapshot: how a command reaches the generation, and waits until what it wants has happened. */
#ifndef GENSTORE_CMD_CONTROL_H
#define GENSTORE_CMD_CONTROL_H

#include "src/cmd/cmd.h"
#include "src/flow/flow.h"
#include "src/flow/steer.h"

enum { CONTROL_WAIT_MS = 30000 }; /* for the other process; then the command gives up, and takes back what was not taken */

struct control_request {
	struct steer s;
	int64_t wait_ms;
	int (*here)(struct cli *cli, struct steer *s); /* for STEER_HERE; an exit code, with the error told */
};

/* Finds the generation and does it. EXIT_DONE, with q->s.g as it is now, or another exit code with the error told. */
int control_run(struct cli *cli, const char *text, struct control_request *q);
void control_request_release(struct control_request *q);
/* "'req_x' is paused"; with --json the generation. */
int control_tell(struct cli *cli, const struct control_request *q);

#endif
