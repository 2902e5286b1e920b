/*
 * A fragment: raw deflate (RFC 1951) that depends on nothing but its content, never final,
 * byte-aligned at both ends, closed by an empty stored block. Fragments put one after the other,
 * and a final block, are one deflate stream.
 */
#ifndef GENSTORE_FRAGMENT_H
#define GENSTORE_FRAGMENT_H

#include "store/base/buf.h"

enum {
	FRAGMENT_ENCODER = 1,        /* libdeflate level 6, joined by us; the version kept with each piece */
	FRAGMENT_LEVEL = 6,
	FRAGMENT_MAX = 1 << 20,      /* content bytes of one fragment */
};

/* Compressor and decompressor state, one a thread; the compressor is made at the first encode. NULL: no memory. */
struct fragmenter *fragmenter_new(void);
void fragmenter_free(struct fragmenter *f);

/*
 * Appends the fragment of n bytes (1..FRAGMENT_MAX) to out. Where deflate does not shrink, stored
 * blocks: n + 5 bytes per 65,535, and 5 for the closing block. What is appended was decoded once
 * and compared byte for byte, so that a bug of the encoder cannot lose any: -EBADMSG then.
 * Also -ENOMEM, -EFBIG, -EINVAL for n 0. On error out is as it was.
 */
int fragment_encode(struct fragmenter *f, const void *data, size_t n, struct buf *out);

/*
 * Decodes a fragment into exactly size bytes. Borrowed memory on both sides; frag needs no slack behind it.
 * -EBADMSG when it is not a fragment, or not of that size, or ends elsewhere than at n; what data holds
 * is then undefined. Whether the content is the right one is for its checksum to say.
 */
int fragment_decode(struct fragmenter *f, const void *frag, size_t n, void *data, size_t size);

#endif
