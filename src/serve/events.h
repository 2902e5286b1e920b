/* What a generation says, while it says it: server-sent events (the HTML standard, section 9.2). */
#ifndef GENSTORE_SERVE_EVENTS_H
#define GENSTORE_SERVE_EVENTS_H

#include "src/serve/reply.h"

struct loan;
/*
 * Each line of the log is an event of the type of its message, with its position as id: a client that comes back goes on behind it
 * (Last-Event-ID). `status` comes first, and whenever the state is another one; after a final state the stream ends with `end`. It goes on with
 * handles that show what that of the loan does.
 */
int events_reply(struct request *q, const struct loan *l, int64_t generation);

#endif
