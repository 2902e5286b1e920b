/*
 * What a bucket has of the typed artifacts, and what waits to be sent there: a row for each storage path that was asked for. An artifact can be
 * replaced, so what was sent is compared with what there is now; an object is replaced only where its ETag says that we wrote it.
 */
#ifndef GENSTORE_ARTIFACT_REMOTE_H
#define GENSTORE_ARTIFACT_REMOTE_H

#include "store/artifact.h"

struct artifact_remote {
	int64_t id, attempts, sent;
	char *storage_path, *state, *error, *retry_at, *updated_at;
	char *tried_etag; /* of bytes that were about to be sent, or NULL */
	/* What the bucket acknowledged: NULL and 0 before. */
	char *bucket, *key, *etag, *confirmed_at, *mime_type, *metadata;
	int64_t size, version;
	uint8_t sha256[SHA256_SIZE];
};
void artifact_remote_release(struct artifact_remote *o);

/* -ENOENT: it was never asked for. */
int artifact_remote_get(struct genstore *st, const char *storage_path, struct artifact_remote *ret_o);
/* Whether the bucket has a as it is now. */
bool artifact_remote_is_current(const struct artifact_remote *o, const struct artifact *a);
/* local, queued, syncing, synced, failed, or stale: it was replaced since it was sent. o NULL: it was never asked for. */
const char *artifact_remote_state(const struct artifact_remote *o, const struct artifact *a);

/* Queues what matches and is not in the bucket as it is now, one transaction. -EPERM where somebody may not. *ret_count: how many wait now. */
int artifact_remote_queue(struct genstore *st, const struct artifact_filter *f, int64_t *ret_count);
/* The same of one: *count is raised where it waits now. */
int artifact_remote_queue_one(struct genstore *st, const struct artifact *a, int64_t *count);

/* Takes it out again, unless it is synced: -ENOENT where it was not waiting. What the bucket has stays known. */
int artifact_remote_cancel(struct genstore *st, const char *storage_path);

/* Those that wait and are in the store, in the order they came; start with 0. 1, 0 at the end. */
int artifact_remote_pending(struct genstore *st, int64_t after_id, struct artifact_remote *ret_o);
/* Whether any was ever asked for: tables have no column for it before. */
int artifact_remote_any(struct genstore *st, bool *ret_any);
struct artifact_remote_counts { int64_t queued, syncing, synced, failed, stale; }; /* synced: as they are now */
int artifact_remote_count(struct genstore *st, struct artifact_remote_counts *ret_counts);

/* The steps of who sends; -ENOENT: the row is gone. */
int artifact_remote_begin(struct genstore *st, int64_t id);
int artifact_remote_progress(struct genstore *st, int64_t id, int64_t sent);
/* Written down before an object of that ETag is sent. */
int artifact_remote_try(struct genstore *st, int64_t id, const char *etag);
int artifact_remote_put_back(struct genstore *st, int64_t id, bool failed, const char *words, const char *retry_at);
/* a: as it was sent; o: bucket, key, etag, size and sha256. Queued again where it was replaced meanwhile: *ret_again. */
int artifact_remote_done(struct genstore *st, int64_t id, const struct artifact *a, const struct artifact_remote *o, bool *ret_again);
/* What nobody has in hand any more is queued. */
int artifact_remote_recover(struct genstore *st);
/* The object is not in the bucket any more. */
int artifact_remote_forget(struct genstore *st, const char *storage_path);

#endif
