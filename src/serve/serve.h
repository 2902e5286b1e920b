/* A store behind HTTP: the server with all its routes, its pools of handles, its log and its counters. */
#ifndef GENSTORE_SERVE_SERVE_H
#define GENSTORE_SERVE_SERVE_H

#include "store/base/buf.h"

#include <netinet/in.h>

struct serve_options {
	const char *store;   /* path of the file; borrowed until serve_stop() */
	bool elsewhere;      /* than on loopback, which needs_token */
	in_addr_t address;   /* there; network order, INADDR_ANY: everywhere */
	uint16_t port;       /* 0: the kernel chooses */
	bool needs_token;    /* else who comes without one is the owner */
	const void *jwt_secret; /* copied, wiped in the end; NULL: no JSON Web Tokens */
	size_t jwt_secret_n;
	FILE *log;           /* a line of JSON for each request; NULL: none */
};

struct serve;
/* Errors of server_start() and of opening the store; `why` has words. */
int serve_start(const struct serve_options *o, struct serve **ret_s, struct buf *why);
uint16_t serve_port(const struct serve *s);
/* Takes nothing new, ends what is being answered, at most for drain_ms, and releases it. false: an answer was cut. */
bool serve_stop(struct serve *s, int64_t drain_ms);

#endif
