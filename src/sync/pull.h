/*
 * Generations out of a bucket, each as it was sent: metadata.json says what it is, app.tar.gz is kept byte for byte and compared with the
 * SHA-256 that metadata.json has. What is small is fetched ahead, so that several are on their way at a time.
 *
 *	pull_new(st, s3, &set, "req_x", &archive, &p);
 *	pull_finish(p, &g, &notes);
 *	pull_free(p);
 */
#ifndef GENSTORE_SYNC_PULL_H
#define GENSTORE_SYNC_PULL_H

#include "src/sync/job.h"
#include "store/foreign.h"

enum { PULL_AHEAD = 1 << 20, PULL_TRIES = 5 };

struct pull;

/* What a listing says of an archive: size -1: nothing. */
struct pull_archive {
	int64_t size;
	const char *etag; /* copied */
	bool later;       /* its bytes are left in the bucket, where metadata.json says what they are (store/evict.h) */
};

/* Asks for metadata.json, and for an archive of up to PULL_AHEAD bytes that is wanted now. */
int pull_new(struct genstore *st, struct s3 *s3, const struct settings *set, const char *request_id, const struct pull_archive *a,
	     struct pull **ret_p);
void pull_free(struct pull *p);

/* Told while the archive comes in, where it is a large one. */
struct pull_progress { void (*moved)(void *arg, int64_t done, int64_t total); void *arg; };

/*
 * Waits for it, and makes it a generation of the store that is synced. -ENOENT: it is not in the bucket, or has no metadata.json; -EEXIST: it is here
 * already; -EBADMSG: the archive is not the one that metadata.json names; else as in struct s3_answer, or of the store. words: why, or what
 * there is to say although it went well.
 */
int pull_finish(struct pull *p, const struct pull_progress *progress, struct generation *ret_g, struct buf *words);
const char *pull_request_id(const struct pull *p);

#endif
