/* The frame around a stitched deflate stream (RFC 1952). */
#ifndef GENSTORE_GZIP_H
#define GENSTORE_GZIP_H

#include "store/base/base.h"

enum { GZIP_HEAD = 10, GZIP_TAIL = 8 };

/* No name, no time, no flags, system unknown (255): the same bytes whenever and wherever they are written. */
extern const uint8_t gzip_head[GZIP_HEAD];
/* size is of the uncompressed bytes; ISIZE holds it modulo 2^32. */
void gzip_tail(uint32_t crc32, int64_t size, uint8_t out[GZIP_TAIL]);

/* CRC-32 of n zero bytes appended to something whose CRC-32 is crc. */
uint32_t crc32_zeros(uint32_t crc, size_t n);

#endif
