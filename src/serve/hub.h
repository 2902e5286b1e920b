/*
 * All WebSockets of a server, on one thread with epoll.
 *
 * One lock (hub_lock) guards everything: it is held while the functions of a taker are called, and has to be held for each hub_*
 * function that says so. So whoever takes sockets keeps what belongs to them under the same lock, and cannot deadlock with it.
 *
 * A peer is pinged every HUB_PING_MS; one that says nothing at all for HUB_PONG_MS after a ping is cut. One that does not answer a
 * close frame within HUB_CLOSE_MS is cut too.
 */
#ifndef GENSTORE_SERVE_HUB_H
#define GENSTORE_SERVE_HUB_H

#include "src/serve/websocket.h"

/* HUB_PONG_MS is long: a generator that runs a build in its only thread answers when that is done. */
enum { HUB_PING_MS = 20000, HUB_PONG_MS = 60000, HUB_CLOSE_MS = 3000, HUB_SOCKETS_MAX = 64 };

struct hub;
struct socket;

/* How a socket ended. */
struct hub_end {
	int code;           /* CLOSE_ABNORMAL when there was no close frame */
	const char *reason; /* the peer's words, or ours */
	bool by_us;         /* the code is ours */
	bool all_read;      /* hub_all_read() */
};

struct hub_taker {
	/* arg is hub_add()'s. A whole message; its bytes may be taken. */
	void (*text)(void *arg, struct socket *s, struct buf *message);
	/* The peer has read everything that was sent before the ping of that number (hub_ping()). */
	void (*read_up_to)(void *arg, struct socket *s, uint64_t number);
	/* Once; s is gone after it. */
	void (*closed)(void *arg, struct socket *s, const struct hub_end *how);
};

struct hub_times { int64_t ping_ms, pong_ms, close_ms; };
#define HUB_TIMES ((struct hub_times){ HUB_PING_MS, HUB_PONG_MS, HUB_CLOSE_MS })

/* tick: called on the hub's thread, without the lock, at least when the time has come that it returned (clock_ms(); INT64_MAX: never). */
int hub_start(struct hub_times times, int64_t (*tick)(void *arg), void *arg, struct hub **ret_hub);
/* Ends all sockets with CLOSE_GOING_AWAY, and the thread. From then on hub_add() refuses. */
void hub_stop(struct hub *h);
void hub_free(struct hub *h);

void hub_lock(struct hub *h);
void hub_unlock(struct hub *h);
/* Looks at the clock again: for whoever has set a time that tick() has not told. */
void hub_wake(struct hub *h);

struct hub_connection {
	int fd;
	void (*let_go)(void *held); /* closes fd in the end; called without the lock */
	void *held;
};
/* Locked. Takes the connection over. -ENOMEM, -ESHUTDOWN, -EUSERS over HUB_SOCKETS_MAX: then it is still the caller's. */
int hub_add(struct hub *h, const struct hub_connection *c, const struct hub_taker *taker, void *arg, struct socket **ret_s);
/* Locked. Bytes that were read from it before it was added. */
void hub_feed(struct socket *s, const void *data, size_t n);

/* Locked. Text, and behind it a ping of that number: see read_up_to(). */
void hub_send(struct socket *s, const void *text, size_t n, uint64_t number);
void hub_close(struct socket *s, int code, const char *reason);
/* Locked. Hears what the peer has sent until now: before another connection takes its place. */
void hub_drain(struct socket *s);
/* Locked. Its end has come, and the peer's process had read everything before, as far as its kernel tells. */
bool hub_all_read(struct socket *s);
/* Locked. No more is read from it, until it is wanted again; what it has sent already may still be told. */
void hub_listen(struct socket *s, bool listen);
/* Locked. The peers cannot answer now: nobody is pinged or cut for silence. Off, they have all their time again. */
void hub_hold(struct hub *h, bool hold);

#endif
