#include "store/stitch/gitpack.h"

const uint8_t zlib_head[ZLIB_HEAD] = { 0x78, 0x9c };

static void put_u32be(uint8_t *to, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(v >> (24 - 8 * i));
}

void gitpack_head(uint32_t objects, uint8_t out[GITPACK_HEAD])
{
	memcpy(out, "PACK", 4);
	put_u32be(out + 4, 2);
	put_u32be(out + 8, objects);
}

size_t gitpack_object(enum git_type type, int64_t size, uint8_t out[GITPACK_OBJECT_MAX])
{
	uint64_t left = (uint64_t)size >> 4;
	size_t n = 0;

	out[0] = (uint8_t)((unsigned)type << 4 | ((uint64_t)size & 15));
	for (; left; left >>= 7) {
		out[n++] |= 0x80;
		out[n] = left & 0x7f;
	}
	return n + 1;
}

void zlib_tail(uint32_t adler32, uint8_t out[ZLIB_TAIL])
{
	out[0] = 3;
	out[1] = 0;
	put_u32be(out + 2, adler32);
}
