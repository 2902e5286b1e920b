/* Uploads in parts that are going on, into a bucket. Parts are contents; what becomes an object of them is rows alone. */
#ifndef GENSTORE_BUCKET_UPLOAD_H
#define GENSTORE_BUCKET_UPLOAD_H

#include "store/bucket.h"

/* Text is owned: bucket_upload_release(). */
struct bucket_upload {
	int64_t id, bucket_id;
	char *upload_id, *key, *headers, *tags, *created_at;
};
void bucket_upload_release(struct bucket_upload *u);
/* u's bucket_id, key, headers and tags. -EPERM as bucket_object_put(). ret_upload_id: 32 hexadecimal digits. */
int bucket_upload_begin(struct genstore *st, const struct bucket_upload *u, char ret_upload_id[33]);
/* That one, of that key. -ENOENT. */
int bucket_upload_find(struct genstore *st, int64_t bucket_id, const char *key, const char *upload_id, struct bucket_upload *ret_u);
/* In order of (key, id) behind these. 1, 0 at the end. */
int bucket_upload_next(struct genstore *st, int64_t bucket_id, const char *key, int64_t id, struct bucket_upload *ret_u);
/* It, and its parts, are gone; their bytes are gc's. */
int bucket_upload_end(struct genstore *st, int64_t id);

struct bucket_upload_part {
	struct bucket_part part;
	char etag[33], stored_at[CLOCK_TEXT];
};
/* In the caller's transaction; one of that number before it is replaced. */
int bucket_upload_put(struct genstore *st, int64_t upload, const struct bucket_part *part, const char *etag);
/* The first behind that number. 1, 0 at the end. */
int bucket_upload_part_next(struct genstore *st, int64_t upload, int64_t after, struct bucket_upload_part *ret_p);

#endif
