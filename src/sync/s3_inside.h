/* What the files of the S3 client share. */
#ifndef GENSTORE_SYNC_S3_INSIDE_H
#define GENSTORE_SYNC_S3_INSIDE_H

#include "src/sync/curl.h"
#include "src/sync/s3.h"

struct s3 {
	struct curl curl;
	CURLM *multi;
	char *bucket, *region, *account, *ca_bundle;
	char *access_key, *secret_key, *session_token;
	char *scheme, *host, *base; /* "https", "s3.eu-west-1.amazonaws.com:9000", "/path" or "" */
	bool amazon;                /* the host follows from the region */
	bool virtual_host;
	bool insecure_ok;           /* it was http from the start */
	int64_t timeout_ms, bandwidth;
	int parallel, active, wake_fd;
	struct s3_call *waiting;    /* for its turn, or for its next try; in the order they came */
	CURL *idle[S3_PARALLEL];
	size_t idle_count;
};

/* What the server said in a header, "" for nothing. Good until the handle goes on. */
const char *s3_header(const struct s3_call *c, const char *name);
/* Signs a call and hands it to curl. */
int s3_send(struct s3_call *c);

/* What to do after an answer that is no success. */
enum s3_next { S3_GIVE_UP, S3_AGAIN, S3_AGAIN_OFFLINE, S3_AGAIN_ONCE };

/* Sets the answer's r and words from curl's result, or from what the server said; S3_GIVE_UP where trying again cannot help. */
enum s3_next s3_judge_transfer(const struct s3 *s, CURLcode code, struct s3_answer *a);
enum s3_next s3_judge_answer(const struct s3 *s, const char *date, struct s3_answer *a);

/* The endpoint of a client, split: -EINVAL. */
int s3_endpoint_set(struct s3 *s, const char *url);
/* Amazon's, for the region. */
int s3_endpoint_amazon(struct s3 *s);
/*
 * Where an answer sends us: region, from its header or body, and location, a URL; "" or NULL where it says none. True when
 * the client now asks elsewhere than before.
 */
bool s3_moves(struct s3 *s, const char *region, const char *location);
/* "host:port" and the path (not encoded) of a key. */
int s3_host_of(const struct s3 *s, struct buf *out);
int s3_path_of(const struct s3 *s, const char *key, struct buf *out);

#endif
