/* What people and programs see of where a generation is: `show`, `list`, `status`, `sync`. */
#ifndef GENSTORE_SYNC_STATE_H
#define GENSTORE_SYNC_STATE_H

#include "src/cmd/out.h"
#include "store/outbox.h"

struct sync_state {
	struct outbox_row row; /* id 0: it was never asked for */
	char *etag;            /* of app.tar.gz there, NULL before it is synced */
	const char *state;     /* local, queued, syncing, synced, failed */
};
void sync_state_release(struct sync_state *s);

/* Of a generation and a remote. */
int sync_state_get(struct genstore *st, int64_t generation, const char *remote, struct sync_state *ret_s);
/* Whether the outbox has any rows: tables have no column for it before. */
int sync_state_any(struct genstore *st, bool *ret_any);
/* "syncing 40 %" and the like. size: of the archive. */
void sync_state_words(const struct sync_state *s, int64_t size, char out[32]);
/* "sync": the state, and "s3": all of it, into an open object. */
void sync_state_json(struct jw *j, const struct sync_state *s, int64_t size);

#endif
