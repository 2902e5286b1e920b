/* One generation on its way into a bucket: what is there is looked up, app.tar.gz goes first, metadata.json last, so that it means complete. */
#ifndef GENSTORE_SYNC_JOB_H
#define GENSTORE_SYNC_JOB_H

#include "src/sync/send.h"
#include "src/sync/settings.h"
#include "store/generation.h"
#include "store/outbox.h"

enum { JOB_OBJECTS = 2 };
extern const char *const job_names[JOB_OBJECTS]; /* app.tar.gz, metadata.json */

struct job {
	struct outbox_row row;
	struct generation generation;
	struct object *objects[JOB_OBJECTS];
	char *keys[JOB_OBJECTS], *url; /* s3://bucket/.../ */
	struct found found[JOB_OBJECTS];
	char etags[JOB_OBJECTS][S3_ETAG_SIZE];
	uint8_t sha256[JOB_OBJECTS][SHA256_SIZE];
	struct s3_call list;
	char *prefix;
	struct send send;
	struct send_memory *memory;
	struct genstore *st;
	struct s3 *s3;
	const char *bucket;
	int at; /* the object that is being sent; -1: the bucket is asked what it has */
	bool over;
	int r;
	struct buf words;
	int64_t sent; /* bytes of objects that are done */
};

/*
 * row is taken over. -EAGAIN: the generation has no archive yet; negative with the store's words. The job is on the heap, and stays where it is.
 */
int job_new(struct genstore *st, struct s3 *s3, const struct settings *set, struct send_memory *memory, struct outbox_row *row,
	    struct job **ret_job);
void job_free(struct job *j);
/* As send_pump(): true when it is over. */
bool job_pump(struct job *j);
int64_t job_size(const struct job *j);
int64_t job_moved(const struct job *j);
/* What is written down when it went well; borrowed from the job. */
void job_objects(const struct job *j, struct remote_object out[JOB_OBJECTS]);

/* "<prefix>generations/<request id>/<name>", the caller's; NULL: no memory. */
char *job_key(const struct settings *set, const char *request_id, const char *name);

#endif
