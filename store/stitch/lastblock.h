/*
 * Where the last block of a deflate stream begins, and where its last code ends, in bits.
 *
 * A compressor that always sets the final bit is turned into a maker of fragments by clearing that
 * bit, so it has to be found. Decoding the stream for that costs a third of compressing it. Instead the
 * header of the last block is recognised from behind: a place where a complete Huffman description
 * (RFC 1951, 3.2.7) can be read is hardly ever anything else. What these functions say is a
 * good guess, for the caller to prove by decoding; lastblock_walk() is slow and never wrong.
 */
#ifndef GENSTORE_LASTBLOCK_H
#define GENSTORE_LASTBLOCK_H

#include "store/base/base.h"

/* Bytes that must be readable (and initialised) behind a stream given to scan and unused. */
enum { LASTBLOCK_SLACK = 16 };

/* Finds the header bit of the last block of n bytes. False: none that has Huffman codes of its own. */
bool lastblock_scan(const uint8_t *stream, size_t n, size_t *ret_bit);

/*
 * The number of bits, 0..7, that the last byte has after the end of the block whose header is at bit.
 * -1: cannot be told (the block has no Huffman codes of its own, or its end code is all zeros).
 */
int lastblock_unused(const uint8_t *stream, size_t n, size_t bit);

/* As lastblock_scan, by decoding the stream's size bytes to scratch. -EBADMSG when it does not decode; -ENOMEM. */
int lastblock_walk(const uint8_t *stream, size_t n, void *scratch, size_t size, size_t *ret_bit);

#endif
