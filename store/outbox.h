/*
 * What waits to be sent to a remote, and what became of it: a row for each generation and remote. Whoever causes a sync adds the row in
 * the transaction of the cause; who sends (src/sync) works them off, whenever there is a network.
 */
#ifndef GENSTORE_OUTBOX_H
#define GENSTORE_OUTBOX_H

#include "store/base/hash.h"
#include "store/store.h"

/* The remotes, as they are written in commands and attributes. */
enum { OUTBOX_S3, OUTBOX_GITHUB, OUTBOX_REMOTES };
extern const char *const outbox_remotes[OUTBOX_REMOTES]; /* "s3", "github" */
/* The next of a list like "s3,github", which is moved on: its number, -ENOENT at the end, -EINVAL for what is none. */
int outbox_remote_next(const char **list);
/* 0 for a list that has at least one, and nothing else; -EINVAL. */
int outbox_remotes_check(const char *list);

struct outbox_row {
	int64_t id, generation, attempts, sent;
	char *request_id, *remote, *state, *error, *retry_at, *url, *queued_at, *updated_at; /* NULL where the column is */
};
void outbox_row_release(struct outbox_row *row);

/*
 * Queues a generation for a remote. What is queued, in hand or synced stays so; what failed is tried again. In the caller's
 * transaction or its own. *ret_id: of the row.
 */
int outbox_add(struct genstore *st, int64_t generation, const char *remote, int64_t *ret_id);
/* The same for each remote of a list that outbox_remotes_check() has seen. */
int outbox_add_list(struct genstore *st, int64_t generation, const char *list);
/* All generations that have an archive, and are not there yet. *ret_count: how many were added, or are tried again. */
int outbox_add_all(struct genstore *st, const char *remote, int64_t *ret_count);
/* Takes it out again, unless it is synced: -ENOENT where nothing was waiting. An upload that goes on is given up by who sends. */
int outbox_cancel(struct genstore *st, int64_t generation, const char *remote);

int outbox_get(struct genstore *st, int64_t id, struct outbox_row *ret_row);
/* -ENOENT: it was never asked for. */
int outbox_find(struct genstore *st, int64_t generation, const char *remote, struct outbox_row *ret_row);
/* Those that are not synced, in the order they came; start with 0. 1, 0 at the end. */
int outbox_pending(struct genstore *st, int64_t after_id, struct outbox_row *ret_row);

struct outbox_counts { int64_t queued, syncing, synced, failed; };
int outbox_count(struct genstore *st, const char *remote, struct outbox_counts *ret_counts);

/* The steps of who sends; -ENOENT: it was cancelled meanwhile, or its generation removed. */
int outbox_begin(struct genstore *st, int64_t id);
int outbox_progress(struct genstore *st, int64_t id, int64_t sent);
/* Back to queued, with the reason (NULL: none), or failed; not before retry_at (NULL: any time). */
int outbox_put_back(struct genstore *st, int64_t id, bool failed, const char *words, const char *retry_at);
/* What nobody has in hand any more is queued. */
int outbox_recover(struct genstore *st);

/* An object that a remote has. */
struct remote_object {
	int64_t size;
	uint8_t sha256[SHA256_SIZE];
	char *name, *bucket, *key, *etag, *confirmed_at;
};
void remote_object_release(struct remote_object *o);

/* Synced: the row with its URL, its objects, and the generation's s3_path, in one transaction. */
int outbox_synced(struct genstore *st, int64_t id, const char *url, const struct remote_object *objects, size_t count);
/* What a git host has of a generation. */
struct outbox_history { const char *url, *commit, *artifacts_url; }; /* artifacts_url: NULL, there is none */
/* Synced: the row with its URL, and github_url, github_commit and artifacts_github_url of the generation, in one transaction. */
int outbox_published(struct genstore *st, int64_t id, const struct outbox_history *h);
/* In order of their names; start with "". 1, 0 at the end. */
int remote_object_next(struct genstore *st, int64_t outbox_id, const char *after, struct remote_object *ret_o);

#endif
