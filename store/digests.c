#include "store/digests.h"

enum { FIRST = 64 };

void digests_release(struct digests *d)
{
	free(d->items);
	free(d->index);
	*d = (struct digests){ .item_size = d->item_size };
}

void digests_reset(struct digests *d)
{
	if (d->count)
		memset(d->index, 0, d->index_size * sizeof(*d->index));
	d->count = 0;
}

size_t digests_bytes(const struct digests *d)
{
	return d->count * (d->item_size + 2 * sizeof(*d->index));
}

void *digests_at(const struct digests *d, size_t i)
{
	return d->items + i * d->item_size;
}

/* Where the item is in the index, or where it would be. */
static uint32_t *place(const struct digests *d, const uint8_t sha256[SHA256_SIZE])
{
	uint64_t at;

	memcpy(&at, sha256, sizeof(at));
	for (;; at++) {
		uint32_t *p = &d->index[at & (d->index_size - 1)];

		if (!*p || memcmp(digests_at(d, *p - 1), sha256, SHA256_SIZE) == 0)
			return p;
	}
}

bool digests_find(const struct digests *d, const uint8_t sha256[SHA256_SIZE], size_t *ret_i)
{
	const uint32_t *p = d->count ? place(d, sha256) : NULL;

	if (!p || !*p)
		return false;
	*ret_i = *p - 1;
	return true;
}

static int grow(struct digests *d)
{
	size_t cap = d->cap ? 2 * d->cap : FIRST;
	uint8_t *items = reallocarray(d->items, cap, d->item_size);
	uint32_t *index;

	if (!items)
		return -ENOMEM;
	d->items = items;
	if (!(index = calloc(2 * cap, sizeof(*index))))
		return -ENOMEM;
	free(d->index);
	d->index = index;
	d->index_size = 2 * cap;
	d->cap = cap;
	for (size_t i = 0; i < d->count; i++)
		*place(d, digests_at(d, i)) = (uint32_t)i + 1;
	return 0;
}

int digests_add(struct digests *d, const void *item)
{
	int r;

	if (d->count == d->cap && (r = grow(d)))
		return r;
	memcpy(digests_at(d, d->count), item, d->item_size);
	*place(d, item) = (uint32_t)++d->count;
	return 0;
}
