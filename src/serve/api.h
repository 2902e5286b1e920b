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

#define GIT_FOLDER "/leo-generated/"

enum api_use { API_READ, API_WRITE };

struct api {
	struct pool *pools[2], *limited[2]; /* by enum api_use: handles of the owner's, and of whoever comes with a token */
	bool needs_token;
	uint8_t *jwt_secret; /* NULL: there is none */
	size_t jwt_secret_n;
	struct meter *meter;
	uint8_t key[TICKET_KEY];
	FILE *log;   /* a line of JSON for each request; NULL: none */
};

struct api *request_api(const struct request *q);
/* Of what returns 1 where it has answered. */
static inline int api_answered(int r) { return r < 0 ? r : 0; }
/* A handle that shows what is theirs who sent the request, or the answer that there is none: 1 it was answered, 0, or negative. */
int api_borrow(struct request *q, enum api_use use, struct loan *l);
/* The same, one that shows everything: for what needs no token. */
int api_borrow_any(struct request *q, enum api_use use, struct loan *l);
/* What the i-th name of the route stands for, decoded: likewise. */
int api_name(struct request *q, size_t i, struct buf *out);

#define API_ROUTES(X) X(artifact_routes) X(generation_routes) X(control_routes) X(tree_routes) X(log_routes) X(sync_routes) \
	X(health_routes) X(web_routes) X(git_routes)
#define API_DECLARE(name) extern const struct route name[];
API_ROUTES(API_DECLARE)
#undef API_DECLARE

#endif
