/* pause, continue, cancel, answer, say, snapshot: how a command reaches the generation, and waits until what it wants has happened. */
#ifndef GENSTORE_CMD_CONTROL_H
#define GENSTORE_CMD_CONTROL_H

#include "src/cmd/cmd.h"
#include "src/flow/flow.h"
#include "store/control.h"

enum { CONTROL_WAIT_MS = 30000 }; /* for the other process; then the command gives up, and takes back what was not taken */

/* In what state a generation is for them. */
enum control_where {
	IS_QUEUED,
	IS_RUNNING, /* in a process's hand */
	IS_HELD,    /* paused, its process alive in a process's hand */
	IS_LEFT,    /* paused, nobody's */
	IS_OVER,    /* completed, failed, cancelled */
	CONTROL_WHERES
};

/* What a command does there. */
struct control_rule {
	enum { REFUSE, POST, HERE, NOTHING } what; /* HERE: the command's own function; NOTHING: it is so already */
	const char *words;                         /* REFUSE: why; NOTHING: what is so. Behind "'req_x' is <status>" */
};

struct control_request {
	struct control control;
	const struct control_rule *rules; /* CONTROL_WHERES of them */
	int64_t wait_ms;
	int (*here)(struct cli *cli, struct control_request *q);
	bool answers;        /* it is about the question that is asked now */
	struct generation g; /* as it was when it was looked at */
	int64_t newest;      /* the generation's newest snapshot then */
};

/* Finds the generation and does it. EXIT_DONE, with q->g as it is now, or another exit code with the error told. */
int control_run(struct cli *cli, const char *text, struct control_request *q);
void control_request_release(struct control_request *q);
/* "'req_x' is paused"; with --json the generation. */
int control_tell(struct cli *cli, const struct control_request *q);

#endif
