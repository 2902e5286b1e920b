/*
 * The transport over a process's pipes: lines from its stdout and stderr, JSON lines to its stdin.
 */
#ifndef GENSTORE_FLOW_STDIO_H
#define GENSTORE_FLOW_STDIO_H

#include "src/flow/spawn.h"
#include "store/base/buf.h"

/* One of its two outputs: what has not become a line yet. */
struct lines {
	struct buf text;
	size_t seen;   /* bytes of it that hold no newline */
	bool skipping; /* the rest of a line that was too long */
};

struct stdio {
	struct child child;
	struct lines out, err;
	struct buf to_write; /* for its stdin */
	int wake;            /* a descriptor that is watched too, -1: none; whose it is does not matter here */
	bool deaf;           /* it has closed its stdin */
	bool held;           /* what it says stays in its pipes for now; set by whoever steps */
};

#define STDIO_INIT { .child = CHILD_INIT, .wake = -1 }

/* A line without its newline; text[n] is a NUL, and the bytes may be changed. Negative: stop. */
struct stdio_hear {
	int (*line)(void *arg, bool is_err, char *text, size_t n);
	void *arg;
};

enum stdio_news {
	STDIO_SIGNAL = 1, /* the descriptor `also` is readable */
	STDIO_ENDED = 2,  /* the generator has ended: *ret_status; all that it said before has been heard */
	STDIO_GONE = 4,   /* nothing of it is left, and everything has been heard */
	STDIO_WAKE = 16,  /* the descriptor `wake` is readable */
	STDIO_HEARD = 8,  /* it wrote something, whole lines or not */
};

int stdio_start(struct stdio *s, const struct spawn *what);
void stdio_release(struct stdio *s);

/* Queues a message and its newline. Nothing when it does not listen any more. */
int stdio_send(struct stdio *s, const struct buf *message);
/* Its stdin is at its end: for who waits for that, and has said nothing that could be answered. */
void stdio_close(struct stdio *s);
/* Waits up to timeout_ms (-1: for ever) and handles what came; returns enum stdio_news, or a negative errno. */
int stdio_step(struct stdio *s, int also, int timeout_ms, const struct stdio_hear *hear, int *ret_status);

#endif
