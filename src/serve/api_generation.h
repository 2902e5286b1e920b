/* What the routes of one generation share. */
#ifndef GENSTORE_SERVE_API_GENERATION_H
#define GENSTORE_SERVE_API_GENERATION_H

#include "src/serve/api.h"
#include "store/generation.h"

/* The generation of the route's first name, by its request id, whole. 1: it was answered that there is none. */
int generation_find(struct request *q, struct genstore *st, struct generation *ret_g);
/* Answers with it, as GET does; location: where it is, or NULL. */
int generation_reply(struct request *q, int status, struct genstore *st, const struct generation *g, const char *location);

#endif
