/* A set of row ids, a bit each. */
#ifndef GENSTORE_BITMAP_H
#define GENSTORE_BITMAP_H

#include "store/base/base.h"

enum { BITMAP_MAX = 1 << 30 }; /* ids from there on cannot be kept: 128 MiB of bits */

struct bitmap {
	uint8_t *bits;
	size_t size; /* bytes */
};

static inline void bitmap_release(struct bitmap *b)
{
	free(b->bits);
	*b = (struct bitmap){ 0 };
}

static inline bool bitmap_has(const struct bitmap *b, int64_t id)
{
	return id >= 0 && (size_t)id / 8 < b->size && b->bits[id / 8] >> (id % 8) & 1;
}

/* 1: it was not there before, 0: it was. -EFBIG, -ENOMEM. */
int bitmap_add(struct bitmap *b, int64_t id);

#endif
