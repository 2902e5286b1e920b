/*
 * What a key of a bucket stands for: an object of the bucket, or, in the shared one, the archive or the metadata.json of a generation, which are
 * no objects but the generation itself.
 */
#ifndef GENSTORE_S3D_KEYS_H
#define GENSTORE_S3D_KEYS_H

#include "src/s3d/call.h"
#include "store/base/id.h"
#include "store/generation.h"

enum key_kind { KEY_OBJECT, KEY_ARCHIVE, KEY_METADATA };

struct found {
	enum key_kind kind;
	int64_t id;    /* of the object, or of the generation */
	int64_t size;
	char *key, *etag, *headers, *tags; /* as in struct bucket_object; owned: found_release() */
	char stored_at[CLOCK_TEXT];
};
void found_release(struct found *f);

/* What of a generation a key of the shared bucket names. */
enum key_kind key_kind(const char *key, char ret_request_id[ID_REQUEST_MAX + 1]);

/* -ENOENT. */
int key_find(struct genstore *st, const struct bucket *b, const char *key, struct found *ret_f);
/* The first in bytewise order behind `from`, or at it. 1, 0 at the end. */
int key_next(struct genstore *st, const struct bucket *b, const char *from, bool or_at, struct found *ret_f);
int found_open(struct genstore *st, const struct found *f, struct object **ret_o);

#endif
