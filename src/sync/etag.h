/* The ETags that S3 would give our bytes. */
#ifndef GENSTORE_SYNC_ETAG_H
#define GENSTORE_SYNC_ETAG_H

#include "src/sync/s3.h"
#include "store/object.h"

#define S3_PART ((int64_t)8 << 20)
#define S3_WHOLE_MAX ((int64_t)16 << 20) /* larger ones go in parts */
enum { S3_PARTS_MAX = 10000 };

/* How large the parts of an object of that size are: always the same, so that its ETag is. */
int64_t etag_part_size(int64_t size);
/* Of an object in one piece (part_size 0) or in parts: reads all of it. */
int etag_of_object(struct genstore *st, const struct object *o, int64_t part_size, char out[S3_ETAG_SIZE]);
/*
 * Whether an object of a bucket, by its size and ETag, is this one: 1 yes, 0 no, -EAGAIN: that cannot be told without its bytes. Reads all
 * of ours where that helps.
 */
int etag_compare(struct genstore *st, const struct object *o, int64_t size, const char *etag);

#endif
