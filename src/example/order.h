/*
 * A message of the orchestrator, as far as this generator listens to it.
 * A file of its own because jansson and the JSON writer use the same names.
 */
#ifndef GENSTORE_EXAMPLE_ORDER_H
#define GENSTORE_EXAMPLE_ORDER_H

#include "store/base/buf.h"

/* Fields that are absent, or no strings, are empty. */
struct order {
	char type[32], command[32], choice[32], mode[32];
	char resume_session_id[128];
	struct buf app_name, prompt; /* any bytes but bad UTF-8, NUL included */
	int64_t max_iterations;
	bool acknowledges; /* a word comes when an iteration is kept */
};

/* 1: *ret_order is filled, release it; 0: the line is no JSON object; negative errno. */
int order_parse(const void *line, size_t n, struct order *ret_order);
void order_release(struct order *o);

#endif
