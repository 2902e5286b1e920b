/*
 * What is needed to begin a generation, or to begin it again: a row of generation_runs. Never a secret: of variables only the names;
 * a command line that cannot be kept (no UTF-8, or a secret in it) is not.
 */
#ifndef GENSTORE_RUN_H
#define GENSTORE_RUN_H

#include "store/store.h"

enum { RUN_WORDS_MAX = 10000 }; /* of a command line */

struct run {
	char **command;  /* path of the executable, then its argv; ended by NULL. NULL: none was named */
	bool forgotten;  /* there was one, and it could not be kept */
	char **env;      /* names of variables to pass; ended by NULL */
	size_t env_count;
	int64_t silence_ms, max_bytes, decision_ms;
	int64_t parent_iteration; /* of the generation that it resumes; 0: its last one, or its workspace */
};

void run_release(struct run *r);
/* In the caller's transaction or its own; replaces what was there. */
int run_put(struct genstore *st, int64_t generation, const struct run *run);
/* -ENOENT. All of it is the caller's. */
int run_get(struct genstore *st, int64_t generation, struct run *ret_run);

/*
 * The queue, as seen by who has the variables of `names` (a JSON array): what needs another one waits for somebody else.
 * run_next(): the oldest that could be begun: 1, or 0 when there is none. run_ready(): how many there are.
 */
int run_next(struct genstore *st, const char *names, int64_t *ret_id);
int run_ready(struct genstore *st, const char *names, int64_t *ret_n);
/* The first behind generation `after` that waits for variables: 1, its id and what is missing ("KEY, TOKEN"); or 0. */
int run_waiting(struct genstore *st, const char *names, int64_t after, int64_t *ret_id, char **ret_missing);

#endif
