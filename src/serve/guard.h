/*
 * Against clients that take their time: libmicrohttpd only knows how long a connection may be idle, so one that sends a byte now and
 * then could hold a thread for ever. Here each connection has a deadline for the head of its request as a whole.
 * Every function may be called from any thread.
 */
#ifndef GENSTORE_SERVE_GUARD_H
#define GENSTORE_SERVE_GUARD_H

#include "store/base/base.h"

enum { GUARD_HEAD_MS = 5000 };

struct guard;
struct guarded;

int guard_new(int64_t head_ms, struct guard **ret_g);
void guard_free(struct guard *g);

/* A connection whose request has yet to come. NULL: no memory. */
struct guarded *guard_add(struct guard *g, int fd);
/* Its head is there. / The next one is waited for. */
void guard_pass(struct guard *g, struct guarded *c);
void guard_expect(struct guard *g, struct guarded *c);
/* Before fd is closed. */
void guard_drop(struct guard *g, struct guarded *c);

/* Shuts those down whose time is over; clock_ms() of the next deadline, INT64_MAX: there is none. arg: struct guard. */
int64_t guard_tick(void *arg);

#endif
