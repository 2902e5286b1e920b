#include "store/bitmap.h"

int bitmap_add(struct bitmap *b, int64_t id)
{
	uint8_t bit = (uint8_t)(1u << (id & 7));
	uint8_t *bits;
	size_t size;

	if (id < 0 || id >= BITMAP_MAX)
		return -EFBIG;
	if ((size_t)id / 8 >= b->size) {
		size = ((size_t)id / 8 + 1) * 3 / 2 + 1024;
		if (!(bits = realloc(b->bits, size)))
			return -ENOMEM;
		memset(bits + b->size, 0, size - b->size);
		b->bits = bits;
		b->size = size;
	}
	if (b->bits[id / 8] & bit)
		return 0;
	b->bits[id / 8] |= bit;
	return 1;
}
