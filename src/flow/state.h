/* One generation in hand, as the files of this folder share it. */
#ifndef GENSTORE_FLOW_STATE_H
#define GENSTORE_FLOW_STATE_H

#include "src/flow/credentials.h"
#include "src/flow/budget.h"
#include "src/flow/env.h"
#include "src/flow/flow.h"
#include "src/flow/journal.h"
#include "src/flow/meter.h"
#include "src/flow/redact.h"
#include "src/flow/stdio.h"
#include "src/flow/workspace.h"
#include "src/flow/ws.h"
#include "src/wsi/state.h"

enum { TAIL_LINES = 5, TAIL_LINE_MAX = 500 };

enum outcome {
	RUNNING,
	RAN,       /* a plain command exited with 0: one iteration */
	COMPLETED,
	FAILED,
	PAUSED,
	CANCELLED,
};

struct flow {
	struct genstore *st;
	const struct flow_options *o;
	struct generation g;
	struct workspace workspace;
	struct redact secrets;
	struct journal journal;
	struct budget budget; /* of the log */
	struct meter *meter;  /* of the workspace; NULL: no limit */

	/* The process, and who speaks for it. */
	struct stdio stdio;
	int signals;
	bool ended, gone; /* the generator; all that it started */
	int status;       /* how it ended */
	bool acknowledges; /* it waits for a word after each iteration */
	bool is_wsi, started, farewell; /* it said ready; has its orders; is ready to be shut down */
	int (*send)(struct flow *f, const struct buf *message);
	struct ws *ws;    /* where it may connect; NULL: there is no such place */
	bool is_ws;       /* it speaks over WebSocket */
	struct wsi_link link;
	int64_t ended_ms, dropped_ms; /* when its process ended, its connection broke */

	/* Where the generation stands. */
	enum outcome outcome;
	struct buf error;
	int interrupts, signalled; /* signals that changed the outcome; all of them */
	int impatience;            /* those that came while a locked store was waited for */
	int64_t began_ms, heard_ms, iteration_ms; /* start, last word, end of the last iteration */
	int64_t iteration; /* the last one that is finished */
	bool told_credentials; /* the generator has reported some */
	struct manifest *tree; /* its tree */
	struct left_out left_out;
	bool warned_limit, told_locked, told_screenshots;
	int64_t tokens_in, tokens_out; /* of conversations since the last iteration */
	double spent, spent_all;
	char *session_id, *github_url, *github_commit, *flyio_url;
	char tail[TAIL_LINES][TAIL_LINE_MAX + 1];
	int tail_next;
	int64_t base; /* iterations that were finished before this process took it */
	char *prompt; /* as answers have changed it for the next run of a plain command; NULL: the request's */

	/* What others want of it. */
	int attention, watched; /* readable for signals and, while something is asked, the terminal: that one, or -1 */
	int64_t look_ms, version, control_seen;
	bool held;              /* paused, its process alive */
	bool stopped;           /* by a signal, because nobody could tell it */
	int64_t held_ms;        /* since when */
	bool stopping, cancelling, at_once; /* at_once: it is cancelled a second time */
	int64_t give_up_ms;     /* when stopping becomes cancelling, and that an end; 0: never */
	struct question question; /* what it waits to be told; decision_id NULL: nothing */
	int64_t until_ms;       /* when it has waited long enough; 0: never */
	bool unanswered;
	char *choice, *input;   /* between the runs of a plain command: what was answered */
};

/* begin.c: into hand, with a workspace. */
int flow_begin(struct flow *f);
/* end.c: the end is written; then what is told of it. */
int flow_end(struct flow *f);
void flow_fill_result(struct flow *f, struct flow_result *ret);

/* flow.c: words of this program's for whoever watches; what the store or the pipes refuse is the end. */
void flow_note(struct flow *f, const char *words);
void flow_broken(struct flow *f, int r);
/* Waits for something, at most until then (-1: for ever), and takes it in. */
int flow_step(struct flow *f, int64_t until);

/* obey.c: what was posted, looked for now and then; milliseconds until the next look. */
int flow_obey(struct flow *f, int *ret_wait_ms);
/* Limits of stopping and of questions that are over. */
int flow_watch_limits(struct flow *f);
/* The next of those limits, or -1. */
int64_t flow_next_limit(const struct flow *f);
/* Whether time passes for the generator: not while it is paused or waits for an answer. */
bool flow_is_waiting(const struct flow *f);
int flow_hold(struct flow *f, bool hold);

/* ask.c: a question, for a terminal and for control_post(); its answer. */
int flow_ask(struct flow *f, struct question *q); /* takes what q owns */
int flow_answer(struct flow *f, const char *choice, const char *input, const char *from);
int flow_withdraw(struct flow *f, const char *why);
/* Between the runs of a plain command. True when there is to be another one. */
bool flow_ask_for_more(struct flow *f, int64_t run);

/* hear.c: what comes in. A line of output, which may be a message; a message of any transport; the end of the process. */
int hear_line(void *flow, bool is_err, char *text, size_t n);
int hear_message(struct flow *f, struct wsi_message *m);
void hear_end(struct flow *f);
/* Still interested in more than the log? */
bool flow_listens(const struct flow *f);
/* A line of this program's own into the log, and to whoever watches. */
int flow_log(struct flow *f, const char *level, const char *fmt, ...) PRINTF(3, 4);
/* The first failure counts. */
void flow_fail(struct flow *f, const char *fmt, ...) PRINTF(2, 3);
/* After -EBUSY: another process has the store locked. True to try again, until two signals have come meanwhile; any other r: false. */
bool flow_waits(struct flow *f, int r);
/* Where what the generator reports as credentials is kept. */
struct credentials_place flow_credentials(const struct flow *f);
/* journal_flush(), however long the store is locked. */
int flow_flush(struct flow *f);
/* A message to the generator; nothing where nobody listens. */
int flow_say(struct flow *f, const struct buf *message);
/* Replaces a text. */
int flow_keep(char **text, const char *value);

/* hear_ws.c: what waits at the WebSocket; sending there. */
int hear_ws(struct flow *f);
int flow_send_ws(struct flow *f, const struct buf *message);
/* Its process has ended, but somebody is connected, or another process of it may yet be until flow_return_ms(). */
bool flow_is_spoken_for(const struct flow *f);
int64_t flow_return_ms(const struct flow *f);

/* iterate.c: the tree as an iteration. */
struct finished {
	const char *type; /* NULL: automatic; "checkpoint" belongs to no iteration: number 0 */
	int64_t duration_ms, tokens_in, tokens_out;
	double cost_usd;
	const json_t *stats; /* as the generator gave them, or NULL */
	bool unless_same;    /* none when the tree is that of the last iteration */
};
/* Failures become the outcome. *ret_changed: whether the tree was another one than before. */
void flow_iterate(struct flow *f, int64_t number, const struct finished *what, bool *ret_changed);
/* All that works in the workspace stands still while its tree is read. */
void flow_freeze(struct flow *f, bool on);

#endif
