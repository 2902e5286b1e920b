/*
 * One object on its way into a bucket, whole or in parts. Whatever happened before, it ends with the very bytes at the key, or with an
 * error: an object that is there already is compared, by its ETag or else by its bytes, and never replaced, but for the one that is named.
 *
 *	struct send x = { .st = st, .s3 = s3, ... };
 *	send_begin(&x, NULL);
 *	while (!send_pump(&x))       whenever something may have moved
 *		s3_step(s3, 1000);
 *	x.r, x.etag, x.words
 *	send_release(&x);
 */
#ifndef GENSTORE_SYNC_SEND_H
#define GENSTORE_SYNC_SEND_H

#include "src/sync/etag.h"
#include "store/upload.h"

enum { SEND_PARTS = 3, SEND_REWRITES = 3 };
#define SEND_MEMORY ((int64_t)24 << 20) /* of bodies that are being sent, all together */

struct send_memory { int64_t taken; };

/* What a bucket has at a key. */
struct found { bool there; int64_t size; char etag[S3_ETAG_SIZE]; };

struct send_slot {
	struct s3_call call;
	struct s3_sums sums;
	uint8_t *body;
	int64_t number, n;
	int rewrites;
};

struct send {
	/* What is asked. */
	struct genstore *st;
	struct s3 *s3;
	struct send_memory *memory;
	const char *bucket, *key;
	const struct object *object;
	int64_t outbox_id; /* as in struct upload */
	uint8_t sha256[SHA256_SIZE]; /* of the object */
	const char *type;               /* of its content; NULL: bytes */
	const struct sigv4_pair *about; /* headers that go with it */
	size_t about_count;
	char replaces[S3_ETAG_SIZE];    /* an object that we wrote before; "": nothing may be there */

	/* What came of it: r as in struct s3_answer; -EEXIST: another object is at the key; -ECANCELED: nobody wants it any more. */
	int r;
	struct buf words;
	char etag[S3_ETAG_SIZE];
	bool was_there;
	int64_t sent; /* bytes that the bucket has, for progress */

	/* Inside. */
	int state;
	struct s3_call call;
	struct send_slot slots[SEND_PARTS];
	struct upload upload;
	struct s3_part *parts;
	size_t count;
	struct buf manifest;
	struct sha256 hash;
	int64_t hashed;
	bool ours; /* we have just written what is there */
	bool quoted; /* the ETag in If-Match: the other way where this one does not find it */
	bool plain; /* the server knows no If-None-Match */
	int rewrites, restarts;
	struct buf ids; /* of uploads to give up, each with its NUL */
	size_t ids_at;
};

void send_begin(struct send *x, const struct found *there);
/* Goes on as far as it can without waiting: true when it is over. */
bool send_pump(struct send *x);
/* Bytes that have left, those on their way included. */
int64_t send_moved(const struct send *x);
void send_release(struct send *x);

#endif
