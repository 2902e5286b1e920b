/*
 * A growing array of things that are known by a SHA-256, which is their first member.
 */
#ifndef GENSTORE_DIGESTS_H
#define GENSTORE_DIGESTS_H

#include "store/base/hash.h"

struct digests {
	size_t item_size;   /* set by the owner: DIGESTS(struct thing) */
	uint8_t *items;
	size_t count, cap;
	uint32_t *index;    /* open addressing: item number + 1, 0 is free */
	size_t index_size;  /* a power of two, at least twice cap */
};

#define DIGESTS(type)                                                          \
	{                                                                      \
		.item_size = sizeof(type)                                      \
	}

void digests_release(struct digests *d);
/* Forgets the items, keeps the memory. */
void digests_reset(struct digests *d);
/* Bytes that the items take. */
size_t digests_bytes(const struct digests *d);
/* Borrowed until the next digests_add(). */
void *digests_at(const struct digests *d, size_t i);
bool digests_find(const struct digests *d, const uint8_t sha256[SHA256_SIZE], size_t *ret_i);
/* Copies an item that is not there yet. -ENOMEM. */
int digests_add(struct digests *d, const void *item);

#endif
