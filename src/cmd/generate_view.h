/* What people and programs see of a generation: the banner, the progress, the end. */
#ifndef GENSTORE_GENERATE_VIEW_H
#define GENSTORE_GENERATE_VIEW_H

#include "src/cmd/out.h"
#include "src/flow/flow.h"

struct view {
	double percentage; /* of the iteration, as the generator last said; -1: not said */
	struct cli *cli;
	char *request_id;
	char *options;      /* "--store FILE " where a command for this store needs it, or "" */
	char *mountpoint;   /* of a mount of this store, or NULL */
	bool bar, shown;    /* a status line on the terminal; it is there now */
	bool no_env;        /* nothing was passed with --env */
	int64_t last_ms;    /* of the last progress */
	int64_t iteration, of;
};

int view_init(struct view *v, struct cli *cli, bool no_env);
void view_release(struct view *v);
/* For flow_options.tell; arg is the view. */
void view_tell(void *view, const struct flow_news *news);
/* How it ended; returns the exit code. */
int view_end(struct view *v, const struct flow_result *r);

#endif
