/*
 * How much of what a generator says is kept: a ceiling for the log of a generation, and a pace.
 *
 * Over the pace nothing is lost: its words are read later, so that a flood waits in the generator's own pipe and the store stays
 * free for others. Over the ceiling they are counted and not kept. This program's own words, and what a message does, are not
 * subject to either.
 */
#ifndef GENSTORE_FLOW_BUDGET_H
#define GENSTORE_FLOW_BUDGET_H

#include "store/base/base.h"

enum {
	BUDGET_RATE = 8 << 20,   /* bytes a second, for long */
	BUDGET_BURST = 32 << 20, /* bytes at once, after a while of silence */
	BUDGET_ENTRY = 64,       /* bytes that an entry counts beside its text: an empty line costs too */
};

struct budget {
	int64_t max_bytes; /* 0: no ceiling */
	int64_t kept;      /* bytes so far */
	int64_t left_lines, left_bytes; /* what was not kept */
	int64_t credit, at_ms; /* bytes that may come at once, as of then; at_ms 0: a full BUDGET_BURST */
};

/* Something of n bytes was said at now_ms (clock_ms()): whether it is to be kept. */
bool budget_take(struct budget *b, size_t n, int64_t now_ms);
/* Milliseconds until more is to be read; 0: now. */
int64_t budget_wait(const struct budget *b, int64_t now_ms);

#endif
