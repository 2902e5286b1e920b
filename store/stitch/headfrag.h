/*
 * Header fragments: the bytes between two contents of a tar, as deflate, written by a frozen encoder.
 *
 * They are not stored: the encoder is a pure function of its arguments and part of the file format
 * (store/FORMAT.md says its rules; tests hold golden vectors). A change of a single bit is a new version.
 *
 * Version 1: one non-final fixed-Huffman block (RFC 1951 3.2.6) over padding and header, closed by an empty
 * stored block. At each position the longest match among these distances, first one wins a tie: 1, 8 and (within the
 * header, at the same offset of the previous header, when at most 32,768 back) the distance to the previous header. A match
 * is at least 3 and at most 258 bytes, and ends with the text and with the previous header; distances 1 and 8 never
 * reach before the padding; else a literal. Greedy. The end fragment is such a block with the final bit over
 * its zeros, filled up to the byte with zero bits, and no closing.
 */
#ifndef GENSTORE_HEADFRAG_H
#define GENSTORE_HEADFRAG_H

#include "store/base/buf.h"

enum { HEADFRAG_VERSION = 1 };

struct headfrag {
	size_t padding;       /* zero bytes before the header, 0..511 */
	const uint8_t *header; /* header_len bytes: what tar_header() appended */
	size_t header_len;
	const uint8_t *prev;  /* the header before, prev_len bytes; NULL at the first entry */
	size_t prev_len;
	int64_t distance;     /* from the start of prev to the start of header in the tar, in bytes */
};

/* Appends the fragment. -ENOTSUP for an unknown version, -EINVAL for padding over 511 or no header, -ENOMEM, -EFBIG. */
int headfrag_encode(int version, const struct headfrag *h, struct buf *out);

/* Appends the end fragment: padding, two zero blocks, final bit set, byte-aligned. */
int endfrag_encode(int version, size_t padding, struct buf *out);

#endif
