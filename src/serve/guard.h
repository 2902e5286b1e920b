/*
 * Against clients that take their time: libmicrohttpd only knows how long a connection may be idle, so one that sends a byte now and
 * then could hold a thread for ever. Here each connection has a deadline for the head of its request as a whole, and one for the body,
 * which moves with what has come of it.
 * Every function may be called from any thread.
 */
#ifndef GENSTORE_SERVE_GUARD_H
#define GENSTORE_SERVE_GUARD_H

#include "store/base/base.h"

/* A body has body_ms, and a second more for each `rate` bytes of it. */
struct guard_times { int64_t head_ms, body_ms, rate; };
#define GUARD_TIMES ((struct guard_times){ .head_ms = 5000, .body_ms = 5000, .rate = 4096 })

struct guard;
struct guarded;

int guard_new(struct guard_times times, struct guard **ret_g);
void guard_free(struct guard *g);

/* A connection whose request has yet to come. NULL: no memory. */
struct guarded *guard_add(struct guard *g, int fd);
/* Its head is there. / So are n bytes of its body. / All of it is there. / The next one is waited for. */
void guard_head(struct guard *g, struct guarded *c);
void guard_body(struct guard *g, struct guarded *c, size_t n);
void guard_pass(struct guard *g, struct guarded *c);
void guard_expect(struct guard *g, struct guarded *c);
/* Before fd is closed. */
void guard_drop(struct guard *g, struct guarded *c);

/* Shuts those down whose time is over; clock_ms() of the next deadline, INT64_MAX: there is none. arg: struct guard. */
int64_t guard_tick(void *arg);

#endif
