/* WSI as JSON lines, the generator's end. */
#ifndef GENSTORE_EXAMPLE_WIRE_H
#define GENSTORE_EXAMPLE_WIRE_H

#include "src/example/order.h"
#include "store/base/json.h"

struct wire {
	int in, out;
	struct buf pending; /* read, and not yet a message */
	bool eof;
	struct buf line; /* the message that is being written */
	struct jw json;
};

void wire_init(struct wire *w, int in, int out);
void wire_release(struct wire *w);

/* Begins a message; add fields to the writer that it returns, then send. */
struct jw *wire_begin(struct wire *w, const char *type);
int wire_send(struct wire *w);

/*
 * 1: a message, to be released (lines that are no JSON object are skipped); 0: none within
 * timeout_ms (-1: waits) or the input has ended; negative errno.
 */
int wire_receive(struct wire *w, int timeout_ms, struct order *ret_order);

#endif
