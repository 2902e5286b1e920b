/*
 * AWS Signature Version 4, as S3 wants it: paths are encoded once and never normalised, so that a key is signed as it is.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
 *
 * Pure functions of their arguments: the time is one of them.
 */
#ifndef GENSTORE_SYNC_SIGV4_H
#define GENSTORE_SYNC_SIGV4_H

#include "store/base/hash.h"
#include "store/base/buf.h"

#define SIGV4_UNSIGNED "UNSIGNED-PAYLOAD"
enum {
	SIGV4_PAIRS_MAX = 96, /* headers, and parameters of a query */
	SIGV4_TIME_SIZE = 17, /* "20130524T000000Z" and a NUL */
	SIGV4_EXPIRES_DEFAULT = 3600,
	SIGV4_EXPIRES_MAX = 7 * 24 * 3600,
};

struct sigv4_pair { const char *name, *value; };

struct sigv4_key {
	const char *access_key, *secret_key;
	const char *session_token; /* NULL: none */
};

struct sigv4_request {
	const char *method;
	const char *path; /* not encoded, from the first slash on */
	const struct sigv4_pair *query; /* not encoded, in any order */
	size_t query_count;
	const struct sigv4_pair *headers; /* those that are signed, `host` among them; in any case and order */
	size_t header_count;
	const char *payload; /* the hex SHA-256 of the body, or SIGV4_UNSIGNED */
	const char *region, *service;
	int64_t now; /* seconds since the epoch */
};

/* What goes into x-amz-date. */
void sigv4_time(int64_t now, char out[SIGV4_TIME_SIZE]);
/* A path as it stands in a URL, and a query without its question mark, sorted: appended. -EINVAL for too many pairs. */
int sigv4_path(struct buf *out, const char *path);
int sigv4_query(struct buf *out, const struct sigv4_pair *query, size_t count);

/* The two texts on the way, for who has to find out why a server computes another signature. They hold no secret. */
int sigv4_canonical(const struct sigv4_request *r, struct buf *out);
int sigv4_string_to_sign(const struct sigv4_request *r, struct buf *out);

/*
 * The value of the header Authorization. x-amz-date, x-amz-content-sha256 and x-amz-security-token are for the caller to put among
 * the headers. 0, -EINVAL or -ENOMEM.
 */
int sigv4_authorize(const struct sigv4_request *r, const struct sigv4_key *key, struct buf *out);
/*
 * The query, without its question mark, of a URL that works by itself for `expires` seconds (1 to SIGV4_EXPIRES_MAX, else -ERANGE).
 * r's headers are those that whoever uses the URL has to send: usually `host` alone.
 */
int sigv4_presign(const struct sigv4_request *r, const struct sigv4_key *key, int64_t expires, struct buf *out);

/* For who verifies: the signature alone, and the key that signs what follows a request, chunk by chunk. */
int sigv4_signature(const struct sigv4_request *r, const char *secret_key, char ret_hex[HEX_SHA256_SIZE]);
int sigv4_signing_key(const struct sigv4_request *r, const char *secret_key, uint8_t ret_key[SHA256_SIZE]);
int sigv4_sign(const uint8_t key[SHA256_SIZE], const void *text, size_t n, char ret_hex[HEX_SHA256_SIZE]);

#endif
