/*
 * One typed artifact on its way into a bucket, to its storage path. What is there is looked up first: nothing, then it is made; an object that we
 * wrote (by the ETag that was written down), then it is replaced, if it still is that one; the very bytes, then it is done; another, which is left alone.
 */
#ifndef GENSTORE_SYNC_ARTIFACT_JOB_H
#define GENSTORE_SYNC_ARTIFACT_JOB_H

#include "src/sync/about.h"
#include "src/sync/send.h"
#include "src/sync/settings.h"
#include "store/artifact_remote.h"

struct artifact_job {
	struct artifact_remote row;
	struct artifact artifact; /* as it is sent */
	struct object *object;
	char *key, *url;
	uint8_t sha256[SHA256_SIZE];
	struct about about;
	struct s3_call head;
	struct send send;
	struct genstore *st;
	const char *bucket;
	int round;   /* how often it was replaced while it was sent */
	bool sending, over;
	char etag[S3_ETAG_SIZE];
	int r;       /* as in struct send */
	struct buf words;
};

/* row is taken over. -ENOENT: the artifact is gone; -ENODATA: its bytes are not in this store; negative with the store's words. */
int artifact_job_new(struct genstore *st, struct s3 *s3, const struct settings *set, struct send_memory *memory, struct artifact_remote *row,
		     struct artifact_job **ret_job);
void artifact_job_free(struct artifact_job *j);
/* As send_pump(): true when it is over. */
bool artifact_job_pump(struct artifact_job *j);
int64_t artifact_job_moved(const struct artifact_job *j);

#endif
