/* Lists of row ids as blobs: zigzag varint differences, the first against 0. */
#ifndef GENSTORE_IDLIST_H
#define GENSTORE_IDLIST_H

#include "store/base/buf.h"

/* Of one list: 64 GB of the smallest pieces, 32 MiB of memory. */
enum { IDLIST_MAX = 1 << 22 };

struct idlist {
	int64_t *ids;
	size_t count, cap;
};

void idlist_release(struct idlist *l);
/* -EFBIG beyond IDLIST_MAX. */
int idlist_add(struct idlist *l, int64_t id);
int idlist_encode(const int64_t *ids, size_t count, struct buf *out);
/* Appends to l. -EBADMSG for anything that idlist_encode() does not write, an id below 1, or too many. */
int idlist_decode(const void *data, size_t n, struct idlist *l);

#endif
