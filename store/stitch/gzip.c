#include "store/stitch/gzip.h"
#include "store/base/hash.h"

const uint8_t gzip_head[GZIP_HEAD] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255 };

static void put_u32le(uint8_t *to, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(v >> (8 * i));
}

void gzip_tail(uint32_t crc32, int64_t size, uint8_t out[GZIP_TAIL])
{
	put_u32le(out, crc32);
	put_u32le(out + 4, (uint32_t)size);
}

uint32_t crc32_zeros(uint32_t crc, size_t n)
{
	static const uint8_t zeros[1024];

	for (; n > sizeof(zeros); n -= sizeof(zeros))
		crc = crc32_update(crc, zeros, sizeof(zeros));
	return crc32_update(crc, zeros, n);
}
