/*
 * A client of one S3 bucket: many requests at a time, one thread.
 *
 *	struct s3_call c;
 *	s3_head(&c, "generations/req_x/app.tar.gz");
 *	s3_start(s, &c);
 *	while (!c.over)
 *		s3_step(s, 1000);            waits for the network
 *
 * or s3_wait(s, &c) for one by itself. A request is signed, repeated with full jitter where that can help (5xx, SlowDown, timeouts, resets,
 * bytes that arrived damaged), and sent again to the region that the bucket is in; never from https to http.
 *
 * A struct s3_call is set up whole by one of the functions below; then the caller adds what it likes. It stays where it is, and so does
 * what it borrows, until it is over.
 */
#ifndef GENSTORE_SYNC_S3_H
#define GENSTORE_SYNC_S3_H

#include "src/sync/sigv4.h"
#include "store/base/hash.h"

#include <curl/curl.h>

enum {
	S3_TRIES = 6,              /* of one request; the pauses between are random, up to 0.1, 0.2, 0.4 ... seconds */
	S3_TRIES_OFFLINE = 3,      /* where nothing can be connected to */
	S3_PAUSE_MS = 100,
	S3_PAUSE_MAX_MS = 20000,
	S3_TIMEOUT_MS = 30000,     /* without a byte */
	S3_CONNECT_MS = 10000,
	S3_REDIRECTS = 3,
	S3_PARALLEL = 8,
	S3_BODY_MAX = 16 << 20,    /* of an answer that is kept in memory: a page of a listing */
	S3_PAIRS_MAX = 20,         /* headers, and parameters, of one request beside those of every one */
	S3_ETAG_SIZE = 96, S3_CODE_SIZE = 64, S3_BASE64_SHA256 = 45, S3_BASE64_MD5 = 25, S3_ABOUT_SIZE = 2048,
	MD5_SIZE = 16,
};

struct s3_options {
	const char *bucket;
	const char *endpoint;   /* http[s]://host[:port][/path], NULL: Amazon's */
	const char *region;     /* NULL: us-east-1 */
	const char *addressing; /* "path", "virtual"; NULL or "auto": virtual at Amazon, for a name that can be one */
	const char *account;    /* the bucket's owner as it is expected to be; NULL: nobody in particular */
	const char *ca_bundle;
	struct sigv4_key key;   /* access_key NULL: requests are not signed */
	int64_t timeout_ms;     /* 0: S3_TIMEOUT_MS */
	int64_t bandwidth;      /* bytes a second, sent, by one request at a time; 0: no limit */
	int parallel;           /* 0: S3_PARALLEL */
	int wake_fd;            /* s3_step() returns -EINTR when it can be read; -1: none */
};

struct s3;
/* Copies what it is given. 0, -EINVAL with words for a bad endpoint, -ENOPKG without libcurl. Sends nothing. */
int s3_new(const struct s3_options *o, struct s3 **ret_s, struct buf *why);
/* Requests that are not over are dropped without a word. */
void s3_free(struct s3 *s);
void s3_freep(struct s3 **s);

/*
 * What came of it. r is 0, or
 *	-ENOENT no such key           -EEXIST  there is something else at the key (If-None-Match), or it is another by now
 *	-ENXIO  no such bucket        -EACCES  not allowed
 *	-EKEYREJECTED the keys are wrong, -EKEYEXPIRED too old
 *	-ETIME  this machine's clock is wrong
 *	-ENOSPC the bucket is full    -ESTALE  the upload is gone
 *	-ENETUNREACH no connection    -ECONNRESET, -ETIMEDOUT it broke again and again
 *	-EAGAIN the server has trouble  -EBADMSG the bytes arrive damaged
 *	-EOPNOTSUPP it does not know such a request
 *	-EPROTO that is not S3        -EREMOTEIO it refused for another reason
 * or what the sink returned. words: for people, with what to do behind "; ".
 */
struct s3_answer {
	int r;
	long status;             /* of HTTP; 0: there was no answer */
	char code[S3_CODE_SIZE]; /* of S3's error, "" */
	char etag[S3_ETAG_SIZE]; /* without quotes */
	char sha256[S3_BASE64_SHA256]; /* x-amz-checksum-sha256, "" */
	char about[S3_ABOUT_SIZE]; /* x-amz-meta-genstore (about.h), "" */
	bool encrypted;          /* by a key service: the ETag is no MD5 */
	int64_t size;            /* Content-Length, -1: not said */
	struct buf body;         /* where there is no sink, and of errors */
	struct buf words;
};

struct s3_call {
	const char *method;
	const char *key; /* "": the bucket itself */
	struct sigv4_pair query[S3_PAIRS_MAX], headers[S3_PAIRS_MAX];
	size_t query_count, header_count;
	const void *body;
	size_t body_size;
	int64_t from, to; /* the range that is asked for, both ends included; to -1: the end */
	bool ranged;
	int (*sink)(void *arg, const void *data, size_t n); /* takes the body of a success, each byte once; not 0: ends it */
	void *sink_arg;
	bool over; /* set in s3_step() when there is an answer, whichever */
	struct s3_answer answer;

	/* Of the client. */
	char payload[HEX_SHA256_SIZE], sha256[S3_BASE64_SHA256], md5[S3_BASE64_MD5], numbers[2][24], range[56], match[S3_ETAG_SIZE], only[S3_ETAG_SIZE + 2];
	struct s3 *s3;
	struct s3_call *next;
	CURL *easy;
	struct curl_slist *list;
	struct buf url;
	int64_t due_ms, got, start; /* start: where in the object this try begins */
	int tries, redirects, error;
};

/* Whoever made a call releases it once it is over. */
void s3_call_release(struct s3_call *c);

void s3_start(struct s3 *s, struct s3_call *c);
/*
 * Moves everything on, for at most max_ms when there is nothing to do. 1: something is still going on, 0: nothing is, -EINTR: the wake_fd
 * can be read.
 */
int s3_step(struct s3 *s, int64_t max_ms);
/* Starts it, and steps until it is over; what else goes on does so too. The answer's r, or -EINTR: it is not over, and to be released. */
int s3_wait(struct s3 *s, struct s3_call *c);
/* Bytes of its body that are sent so far, or of the answer that came. */
int64_t s3_moved(const struct s3_call *c);

/* The requests. A body's hashes are sent along, so that the server takes none that was damaged on the way. */
struct s3_sums { uint8_t sha256[SHA256_SIZE], md5[MD5_SIZE]; };
void s3_sums_of(const void *data, size_t n, struct s3_sums *ret_sums);
/* Whether an ETag is that of a body in one piece with these bytes. */
bool s3_is_md5(const char *etag, const uint8_t md5[MD5_SIZE]);

enum s3_replace { S3_ONLY_NEW, S3_REPLACE };
void s3_put(struct s3_call *c, const char *key, const void *body, size_t n, const struct s3_sums *sums, enum s3_replace how);
/* Of a put, or of what begins an upload: another type of content (NULL: as it is), and headers beside it, borrowed. */
void s3_describe(struct s3_call *c, const char *type, const struct sigv4_pair *more, size_t count);
/*
 * Of a put, or of what ends an upload: in the place of S3_ONLY_NEW, only where the object that is there has this ETag. -EEXIST: it has
 * another. Amazon takes it with and without quotes, RADOS Gateway without them only, RFC 9110 has them.
 */
void s3_replace_only(struct s3_call *c, const char *etag, bool quoted);
void s3_head(struct s3_call *c, const char *key);
/*
 * From a byte on, to another or (-1) the end. Without a sink into answer.body. With one, what breaks off goes on where it was, and only if the
 * object is the same still.
 */
void s3_get(struct s3_call *c, const char *key, int64_t from, int64_t to);
void s3_delete(struct s3_call *c, const char *key);

/* One page; token NULL: the first. */
void s3_list(struct s3_call *c, const char *prefix, int max_keys, const char *token);
struct s3_object { const char *key; int64_t size; const char *etag; };
/* Reads a page: one call for each object, whose texts are borrowed. *ret_token: of the next page, the caller's; NULL: it was the last. */
int s3_list_read(const struct s3_answer *a, int (*each)(void *arg, const struct s3_object *o), void *arg, char **ret_token);

/* Uploads in parts. An id and an ETag are read from the answers. */
void s3_upload_begin(struct s3_call *c, const char *key);
int s3_upload_id(const struct s3_answer *a, char **ret_id);
void s3_upload_part(struct s3_call *c, const char *key, const char *id, int64_t number, const void *body, size_t n,
		    const struct s3_sums *sums);
struct s3_part { int64_t number; struct s3_sums sums; char etag[S3_ETAG_SIZE]; }; /* the ETag that the server gave it */
/* The body that ends an upload; parts in order. */
int s3_upload_manifest(const struct s3_part *parts, size_t count, struct buf *out);
void s3_upload_end(struct s3_call *c, const char *key, const char *id, const struct buf *manifest, const struct s3_sums *sums,
		   enum s3_replace how);
void s3_upload_abort(struct s3_call *c, const char *key, const char *id);
/* The ETag that S3 gives such an object. */
void s3_upload_etag(const struct s3_part *parts, size_t count, char out[S3_ETAG_SIZE]);
/* Uploads of keys with that prefix that nobody ended; a page. */
void s3_uploads(struct s3_call *c, const char *prefix);
int s3_uploads_read(const struct s3_answer *a, int (*each)(void *arg, const char *key, const char *id), void *arg);

/* An address that works by itself. -ERANGE: expires is not 1 to SIGV4_EXPIRES_MAX seconds. Sends nothing. */
int s3_presign(const struct s3 *s, const char *key, int64_t expires, struct buf *out);
/* The address without a signature. */
int s3_address(const struct s3 *s, const char *key, struct buf *out);

#endif
