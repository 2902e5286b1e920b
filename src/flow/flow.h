/*
 * One generation, from request to sealed archive: the state machine between a stream of messages and the store.
 *
 * What is said on the wire and what a plain command does take the same path: hear.c turns both into events, iterations and an
 * outcome. Nothing here waits for a process while it holds a transaction.
 */
#ifndef GENSTORE_FLOW_FLOW_H
#define GENSTORE_FLOW_FLOW_H

#include "store/control.h"
#include "store/event.h"
#include "store/generation.h"
#include "store/run.h"
#include "store/snapshot.h"

enum {
	FLOW_ITERATIONS_MAX = 1000,
	FLOW_PROMPT_MAX = 131000, /* bytes: "PROMPT=..." is one string of the environment, at most 128 KiB (execve(2)) */
	FLOW_STOP_MS = 60 * 1000,            /* for a generator that was asked to stop by itself; then it is cancelled */
	FLOW_RETURN_MS = 90 * 1000, /* for a generator's other processes to connect again, when its own has ended: over its longest back-off */
};

/* What happens, told while it does. Text is borrowed for the call. */
struct flow_news {
	enum { FLOW_BEGUN, FLOW_LINE, FLOW_PROGRESS, FLOW_ITERATION, FLOW_NOTE, FLOW_ASKS, FLOW_ANSWERED } kind;
	const struct generation *generation;
	const char *type, *level, *line; /* FLOW_LINE; line for FLOW_PROGRESS, FLOW_NOTE (words of this program's) and FLOW_ANSWERED (how) too */
	const struct question *question; /* FLOW_ASKS: also again, when the terminal comes back */
	size_t n;                        /* bytes of line */
	double percentage;               /* FLOW_PROGRESS: negative when not known */
	int64_t iteration, of;           /* 0 when not known */
	int64_t added, modified, removed, files, bytes, duration_ms; /* FLOW_ITERATION */
	double cost_usd;
};

struct flow_options {
	const char *request_id; /* of one that is queued or paused, which is taken; NULL: a new one, of what follows */
	const char *user, *app_name, *prompt, *mode; /* user NULL: the local one */
	int64_t max_iterations;
	const char *parent;     /* request id: resumes that one; NULL: a new tree */
	int64_t parent_iteration; /* 0: its workspace, else its last; below 0: the snapshot of id -n */

	const char *path;       /* of the executable */
	char *const *argv;      /* NULL: for flow_queue(), whatever the worker has */
	const char *const *env; /* names of variables to pass; all of them are set */
	size_t env_count;
	int64_t silence_ms;   /* without a word from the generator: it fails. 0: no limit */
	int64_t max_bytes;    /* of the tree, and of all that is in the workspace. 0: no limit */
	int64_t max_log;      /* bytes of its words that are kept. 0: no limit */
	int64_t decision_ms;  /* without an answer it is paused. 0: no limit */
	/* Where answers come from beside control_post(): what to watch, -1 for nothing now; then what came: 1 an answer, 0 not yet. NULL: nobody. */
	int (*answer_fd)(void *arg);
	int (*answer)(void *arg, struct control *ret_answer);
	const uint8_t *key;   /* the store's, ENVELOPE_KEY bytes, for credentials that the generator reports; NULL: they stay in its workspace */
	const char *to;       /* a remote that it is queued for, in the transaction that makes it; NULL: none */
	void (*tell)(void *arg, const struct flow_news *news);
	void *arg;
};

struct flow_result {
	char status[12];        /* as in generation_requests */
	bool interrupted;       /* by a signal */
	bool unanswered;        /* a question waited longer than its limit */
	struct buf error;       /* why it failed */
	char *workspace;        /* where it is kept, or NULL */
	int64_t iterations, files, bytes, duration_ms;
	struct left_out left_out; /* of the last snapshot */
	int64_t log_left_lines, log_left_bytes; /* over max_log */
	struct cost cost;
};
void flow_result_release(struct flow_result *r);

/* Writes a request for a worker to take. -EINVAL where the command line cannot be kept. */
int flow_queue(struct genstore *st, const struct flow_options *o, struct generation *ret_g);

/*
 * Runs it. -ESTALE when it is not, or no longer, there to be taken. 0 when the store knows how it ended, whatever way that is; negative with the store's words when it could not be begun
 * (the store is as it was), or when its end could not be written: then the next start finds it and pauses it.
 * SIGINT, SIGTERM and SIGHUP once pause it; SIGINT again cancels it. Other processes control it by control_post().
 */
int flow_run(struct genstore *st, const struct flow_options *o, struct flow_result *ret_result);

/*
 * Finds generations whose genstore is gone (killed, or the machine went down) and pauses them. One query when there are none.
 * For each found: told(arg, request id). Commands that write call it after opening.
 */
int flow_adopt_orphans(struct genstore *st, void (*told)(void *arg, const char *request_id), void *arg);

#endif
