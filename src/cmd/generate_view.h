/* What people and programs see of a generation: the banner, the progress, the end. */
#ifndef GENSTORE_GENERATE_VIEW_H
#define GENSTORE_GENERATE_VIEW_H

#include "src/cmd/out.h"
#include "src/cmd/prompt.h"
#include "src/flow/flow.h"

struct view {
	double percentage; /* of the iteration, as the generator last said; -1: not said */
	struct cli *cli;
	char *request_id;
	char *options;      /* "--store FILE " where a command for this store needs it, or "" */
	char *variable;     /* "GENSTORE_STORE=FILE " where a git needs it, or "" */
	char *mountpoint;   /* of a mount of this store, or NULL */
	char *place;        /* "s3://bucket/" and what is in front of the keys, or NULL */
	bool bar, shown;    /* a status line on the terminal; it is there now */
	bool no_env;        /* nothing was passed with --env */
	bool brief;         /* a line at the start and one at the end: of a worker */
	int turn;           /* a descriptor whose lock (fcntl(2)) says who of a worker's processes writes to stdout; 0 or less: none */
	struct prompt prompt;
	int64_t last_ms;    /* of the last progress */
	int64_t iteration, of;
};

/* asks: questions may be asked on the terminal, where there is one. */
int view_init(struct view *v, struct cli *cli, bool no_env, bool asks);
void view_release(struct view *v);
/* For flow_options.tell; arg is the view. */
void view_tell(void *view, const struct flow_news *news);
/* For flow_options.answer_fd and answer; NULL where the view asks nobody. */
int view_answer_fd(void *view);
int view_answer(void *view, struct control *ret_answer);
/* How it ended; returns the exit code. */
int view_end(struct view *v, const struct flow_result *r);

#endif
