#include "store/stitch/fragment.h"
#include "store/stitch/lastblock.h"

#include <libdeflate.h>

enum {
	STORED_MAX = 65535, /* content bytes of one stored block (RFC 1951, 3.2.4) */
	STORED_HEAD = 5,
	CLOSING_MAX = 5,
	FINAL = 2, /* bytes of the empty final block */
	/* libdeflate does not use the last bytes of the room it is given. */
	SLACK = LASTBLOCK_SLACK + CLOSING_MAX + FINAL,
	STORED_ROOM = FRAGMENT_MAX + STORED_HEAD * (FRAGMENT_MAX / STORED_MAX + 1) + CLOSING_MAX,
};

/* The empty stored block, from the byte on that holds its three header bits; without them it is 1 byte shorter. */
static const uint8_t closing[CLOSING_MAX] = { 0x00, 0x00, 0x00, 0xff, 0xff };
static const uint8_t final_block[FINAL] = { 0x03, 0x00 };

struct fragmenter {
	struct libdeflate_compressor *compressor; /* made at the first encode: readers need none */
	struct libdeflate_decompressor *decompressor;
	uint8_t scratch[STORED_ROOM + FINAL]; /* content when encoding, a fragment when decoding */
};

struct fragmenter *fragmenter_new(void)
{
	struct fragmenter *f = malloc(sizeof(*f));

	if (!f)
		return NULL;
	f->compressor = NULL;
	f->decompressor = libdeflate_alloc_decompressor();
	if (!f->decompressor) {
		free(f);
		return NULL;
	}
	return f;
}

void fragmenter_free(struct fragmenter *f)
{
	if (!f)
		return;
	if (f->compressor)
		libdeflate_free_compressor(f->compressor);
	libdeflate_free_decompressor(f->decompressor);
	free(f);
}

/* Whether the n bytes of a fragment, which FINAL more follow, decode to exactly size bytes. */
static bool inflates(struct fragmenter *f, const uint8_t *frag, size_t n, void *data, size_t size)
{
	size_t taken;

	return libdeflate_deflate_decompress_ex(f->decompressor, frag, n + FINAL, data, size, &taken, NULL) ==
		       LIBDEFLATE_SUCCESS &&
	       taken == n + FINAL;
}

/* The proof of a fragment; writes the final block behind it. */
static bool holds(struct fragmenter *f, uint8_t *frag, size_t n, const void *data, size_t size)
{
	memcpy(frag + n, final_block, FINAL);
	return inflates(f, frag, n, f->scratch, size) && memcmp(f->scratch, data, size) == 0;
}

/*
 * Turns a deflate stream whose last block begins at bit into a fragment: the final bit goes, the closing
 * comes. Its three header bits fit the last byte or they do not: that is seen from the last
 * code, or tried. Returns the fragment's length, 0 when neither way decodes to data (the stream is as it was).
 */
static size_t close_stream(struct fragmenter *f, uint8_t *stream, size_t n, size_t bit, const void *data, size_t size)
{
	int unused = lastblock_unused(stream, n, bit);
	size_t spill = unused >= 0 && unused < 3;

	stream[bit / 8] &= (uint8_t)~(1u << (bit & 7));
	for (int tries = 0; tries < 2; tries++, spill = !spill) {
		size_t len = CLOSING_MAX - 1 + spill;

		memcpy(stream + n, closing + CLOSING_MAX - len, len);
		if (holds(f, stream, n + len, data, size))
			return n + len;
	}
	memset(stream + n, 0, SLACK);
	stream[bit / 8] |= (uint8_t)(1u << (bit & 7));
	return 0;
}

/* Deflates into room; the fragment's length, 0 when it does not get below limit bytes before its closing, or negative. */
static ssize_t deflated(struct fragmenter *f, const uint8_t *data, size_t size, uint8_t *room, size_t limit)
{
	size_t n = libdeflate_deflate_compress(f->compressor, data, size, room, limit + LASTBLOCK_SLACK), len, bit = 0;
	int r;

	if (!n || n >= limit)
		return 0;
	memset(room + n, 0, SLACK);
	if ((room[0] & 1) || lastblock_scan(room, n, &bit)) {
		len = close_stream(f, room, n, bit, data, size);
		if (len)
			return (ssize_t)len;
	}
	if ((r = lastblock_walk(room, n, f->scratch, size, &bit)))
		return r;
	len = close_stream(f, room, n, bit, data, size);
	return len ? (ssize_t)len : -EBADMSG;
}

static ssize_t stored(struct fragmenter *f, const uint8_t *data, size_t size, uint8_t *room)
{
	uint8_t *p = room;

	for (size_t i = 0, n; i < size; i += n) {
		n = size - i < STORED_MAX ? size - i : STORED_MAX;
		memcpy(p, (uint8_t[]){ 0, (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)~n, (uint8_t)(~n >> 8) }, STORED_HEAD);
		memcpy(p + STORED_HEAD, data + i, n);
		p += STORED_HEAD + n;
	}
	memcpy(p, closing, CLOSING_MAX);
	p += CLOSING_MAX;
	return holds(f, room, (size_t)(p - room), data, size) ? p - room : -EBADMSG;
}

int fragment_encode(struct fragmenter *f, const void *data, size_t n, struct buf *out)
{
	size_t limit = n + STORED_HEAD * ((n + STORED_MAX - 1) / STORED_MAX);
	uint8_t *room;
	ssize_t len;

	if (!n || n > FRAGMENT_MAX)
		return n ? -EFBIG : -EINVAL;
	if (!f->compressor && !(f->compressor = libdeflate_alloc_compressor(FRAGMENT_LEVEL)))
		return -ENOMEM;
	room = buf_reserve(out, limit + SLACK);
	if (!room)
		return buf_error(out);
	len = deflated(f, data, n, room, limit);
	if (!len)
		len = stored(f, data, n, room);
	if (len < 0)
		return (int)len;
	buf_commit(out, (size_t)len);
	return 0;
}

int fragment_decode(struct fragmenter *f, const void *frag, size_t n, void *data, size_t size)
{
	const uint8_t *end = closing + 1;

	if (!size || size > FRAGMENT_MAX || n <= CLOSING_MAX || n > STORED_ROOM)
		return -EBADMSG;
	memcpy(f->scratch, frag, n);
	memcpy(f->scratch + n, final_block, FINAL);
	if (memcmp(f->scratch + n - (CLOSING_MAX - 1), end, CLOSING_MAX - 1) != 0)
		return -EBADMSG;
	return inflates(f, f->scratch, n, data, size) ? 0 : -EBADMSG;
}
