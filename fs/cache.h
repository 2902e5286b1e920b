/*
 * A cache of immutable, counted things by a number: what was used longest ago goes first when the budget is spent.
 * For any number of threads.
 */
#ifndef GENSTORE_FS_CACHE_H
#define GENSTORE_FS_CACHE_H

#include "store/base/base.h"

struct cache;

struct cache_class {
	void *(*ref)(void *thing);
	void (*unref)(void *thing);
};

/* budget is in bytes of the costs; a single thing above it is kept until the next comes. */
int cache_new(const struct cache_class *class, size_t budget, struct cache **ret_c);
void cache_free(struct cache *c);
/* A reference for the caller, or NULL. */
void *cache_get(struct cache *c, int64_t key);
/* Keeps a reference of its own; where the key is there already nothing changes. */
void cache_put(struct cache *c, int64_t key, void *thing, size_t cost);

#endif
