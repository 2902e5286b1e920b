/*
 * The API under /api, and what its routes share. It is the `app` of the server's options.
 */
#ifndef GENSTORE_SERVE_API_H
#define GENSTORE_SERVE_API_H

#include "src/serve/pool.h"
#include "src/serve/reply.h"
#include "src/serve/url.h"
#include "store/base/json.h"
#include "store/ticket.h"

struct meter;

struct api {
	struct pool *readers, *writers;
	struct meter *meter;
	uint8_t key[TICKET_KEY];
	FILE *log;   /* a line of JSON for each request; NULL: none */
};

struct api *request_api(const struct request *q);
/* Of what returns 1 where it has answered. */
static inline int api_answered(int r) { return r < 0 ? r : 0; }
/* A handle for this request, or the answer that there is none: 1 it was answered, 0, or negative. */
int api_borrow(struct request *q, struct pool *pool, struct loan *l);
/* What the i-th name of the route stands for, decoded: likewise. */
int api_name(struct request *q, size_t i, struct buf *out);

#define API_ROUTES(X) X(artifact_routes) X(generation_routes) X(health_routes)
#define API_DECLARE(name) extern const struct route name[];
API_ROUTES(API_DECLARE)
#undef API_DECLARE

#endif
