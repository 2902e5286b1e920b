/* Bytes become what a key holds: an object, or what belongs to a generation. */
#ifndef GENSTORE_S3D_PUT_H
#define GENSTORE_S3D_PUT_H

#include "src/s3d/keys.h"
#include "store/stage.h"

struct put {
	const struct bucket *bucket;
	const char *key, *headers, *tags; /* tags NULL: none */
	const char *etag;                 /* of what becomes an object */
	/* Where the bytes are: a file, else contents, else an object. */
	int fd;
	const struct bucket_parts *parts;
	struct object *from;
	int64_t offset, size;             /* that part of it */
	int64_t upload;                   /* that ends with it; 0: none */
};

/*
 * Answers conditions, and what cannot be: 1. 0: it is there, found as key_find() does. In the shared bucket a key of a generation is its archive or
 * metadata.json from now on: the same bytes again are taken as they are, others never replace it.
 */
int put_key(struct call *c, struct genstore *st, const struct put *p, struct found *ret_f);

/* The bytes on their way into the store, as one content. ret_part gets their size. */
int put_stage(struct genstore *st, const struct put *p, struct stage **ret_stage, struct bucket_part *ret_part, int64_t *ret_slot);

/* If-Match and If-None-Match of the request, against what is there; in the transaction that replaces it. 1: answered. */
int put_condition(struct call *c, struct genstore *st, const struct bucket *b, const char *key);

#endif
