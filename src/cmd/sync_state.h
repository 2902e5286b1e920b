/* What people and programs see of where a generation is: `show`, `list`, `status`, `sync`. */
#ifndef GENSTORE_SYNC_STATE_H
#define GENSTORE_SYNC_STATE_H

#include "src/cmd/out.h"
#include "store/outbox.h"

struct sync_place {
	struct outbox_row row; /* id 0: it was never asked for */
	char *etag;            /* of app.tar.gz in a bucket, NULL before it is synced */
	const char *state;     /* local, queued, syncing, synced, failed */
};

struct sync_state {
	struct sync_place places[OUTBOX_REMOTES];
	int first; /* the place that needs most attention: failed before syncing, queued, synced and local */
};
#define SYNC_STATE_LOCAL { .places = { { .state = "local" }, { .state = "local" } } }
void sync_state_release(struct sync_state *s);

int sync_state_get(struct genstore *st, int64_t generation, struct sync_state *ret_s);
/* Whether the outbox has any rows: tables have no column for it before. */
int sync_state_any(struct genstore *st, bool *ret_any);
/* "syncing 40 %" and the like. size: of the archive. */
void sync_state_words(const struct sync_place *p, int64_t size, char out[32]);
/* "sync": the state of what needs most attention, and all of "s3" and "github", where that was asked for, into an open object. */
void sync_state_json(struct jw *j, const struct sync_state *s, const struct generation *g);

#endif
