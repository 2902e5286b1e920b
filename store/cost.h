/* Tokens, compute time and money, as the messages of generators said: a row for each iteration. */
#ifndef GENSTORE_COST_H
#define GENSTORE_COST_H

#include "store/store.h"

struct cost {
	int64_t iteration, input_tokens, output_tokens, duration_ms;
	double cost_usd;
};
int cost_add(struct genstore *st, int64_t generation, const struct cost *c);
/* Sums over a generation; iteration is the number of rows. */
int cost_total(struct genstore *st, int64_t generation, struct cost *ret_c);

enum cost_group { COST_ITERATION, COST_GENERATION, COST_APP, COST_USER, COST_MONTH, COST_GROUPS };
/* "iteration", "generation" ... */
const char *cost_group_name(enum cost_group group);

/* NULL and 0: any. Times are compared with created_at: from since on, and before until. */
struct cost_filter {
	int64_t generation;
	const char *app_name, *user_id, *since, *until;
};
struct cost_sum {
	const char *key, *label; /* what it is of: an id, and what people call it ("req_x@2", an app's name, "2026-11"). Borrowed for the call */
	int64_t generations;
	struct cost cost;        /* iteration: how many rows */
};
/* A sum for each iteration, generation, app, user or month, in the order of their first row, until each() returns other than 0. */
int cost_sums(struct genstore *st, enum cost_group group, const struct cost_filter *f, int (*each)(void *arg, const struct cost_sum *s), void *arg);

#endif
