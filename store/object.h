/*
 * Objects: anything with bytes that can be read at any offset, for FUSE, HTTP, S3 and the command line alike.
 * Immutable and counted: several threads may hold one and read it, each through its own store handle.
 */
#ifndef GENSTORE_OBJECT_H
#define GENSTORE_OBJECT_H

#include "store/content.h"

#include <stdatomic.h>

struct object;

/*
 * A whole content, inflated piece by piece. -ENOENT; -EBADMSG when the pieces, as they are described, do not
 * make up the content: their sizes and checksums are joined and compared. -EREMOTE: it is away (evict.h).
 */
int object_of_content(struct genstore *st, int64_t content_id, struct object **ret_o);
/* Bytes in memory; takes them over when it returns 0. */
int object_of_buf(struct buf *bytes, struct object **ret_o);

struct object *object_ref(struct object *o);
void object_unref(struct object *o);
void object_unrefp(struct object **o);
int64_t object_size(const struct object *o);
/* Bytes of memory it holds, for caches. */
size_t object_cost(const struct object *o);

/*
 * Up to n bytes at offset: what is returned is how many (0 at and after the end). What the pieces cannot vouch
 * for is never returned: -EBADMSG, named in the store's words. -EINVAL for a negative offset.
 */
ssize_t object_read(struct genstore *st, const struct object *o, int64_t offset, size_t n, void *out);

/* Kinds of objects are made with this table; see archive.c for the stitched one. */
struct object_class {
	ssize_t (*read)(struct genstore *st, const struct object *o, int64_t offset, size_t n, void *out);
	void (*release)(struct object *o);
};
struct object {
	const struct object_class *class;
	int64_t size;
	size_t cost;
	atomic_int refs; /* 1 when made */
};

#endif
