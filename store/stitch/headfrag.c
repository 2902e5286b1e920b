#include "store/stitch/headfrag.h"

#include <endian.h>

enum {
	MATCH_MIN = 3,
	MATCH_MAX = 258,
	DISTANCE_MAX = 32768,
	PADDING_MAX = 511,
	END_ZEROS = 1024,
	END_OF_BLOCK = 256,
};

/* Bits, least significant first; room is the caller's. */
struct bits {
	uint8_t *p;
	uint64_t held;
	unsigned n;
};

static inline void put(struct bits *b, unsigned value, unsigned n)
{
	uint64_t le;

	b->held |= (uint64_t)value << b->n;
	b->n += n;
	if (b->n < 32)
		return;
	le = htole64(b->held);
	memcpy(b->p, &le, 4);
	b->p += 4;
	b->held >>= 32;
	b->n -= 32;
}

static void put_rest(struct bits *b)
{
	for (; b->n; b->n -= b->n < 8 ? b->n : 8) {
		*b->p++ = (uint8_t)b->held;
		b->held >>= 8;
	}
}

/* Huffman codes stand in the stream most significant bit first. */
static inline unsigned reversed(unsigned code, unsigned n)
{
	code = (code & 0x5555) << 1 | (code >> 1 & 0x5555);
	code = (code & 0x3333) << 2 | (code >> 2 & 0x3333);
	code = (code & 0x0f0f) << 4 | (code >> 4 & 0x0f0f);
	code = (code & 0x00ff) << 8 | code >> 8;
	return code >> (16 - n);
}

/* The fixed code (RFC 1951, 3.2.6) of a literal, a length or the end. */
static inline void put_symbol(struct bits *b, unsigned symbol)
{
	if (symbol < 144)
		put(b, reversed(0x30 + symbol, 8), 8);
	else if (symbol < 256)
		put(b, reversed(0x190 + symbol - 144, 9), 9);
	else if (symbol < 280)
		put(b, reversed(symbol - 256, 7), 7);
	else
		put(b, reversed(0xc0 + symbol - 280, 8), 8);
}

/*
 * RFC 1951, 3.2.5: both tables double their step every `step` symbols. A value counted from 0 is symbol and
 * extra bits: below 2 * step there are none.
 */
static inline unsigned symbol_of(unsigned value, unsigned step_log, unsigned *ret_extra)
{
	unsigned log = 31 - (unsigned)__builtin_clz(value | 1);

	if (value < 2u << step_log) {
		*ret_extra = 0;
		return value;
	}
	*ret_extra = log - step_log;
	return ((log - step_log) << step_log) + (value >> *ret_extra);
}

/* A distance, ready to be written. */
struct reach {
	size_t distance;
	unsigned code, n;
};

static struct reach reach_of(size_t distance)
{
	unsigned extra, symbol = symbol_of((unsigned)distance - 1, 1, &extra);

	return (struct reach){
		.distance = distance,
		.code = reversed(symbol, 5) | ((unsigned)(distance - 1) & ((1u << extra) - 1)) << 5,
		.n = 5 + extra,
	};
}

static inline void put_match(struct bits *b, size_t length, const struct reach *reach)
{
	unsigned value = (unsigned)length - MATCH_MIN, extra, symbol;

	if (length == MATCH_MAX) {
		put_symbol(b, 285);
	} else {
		symbol = symbol_of(value, 2, &extra);
		put_symbol(b, 257 + symbol);
		put(b, value & ((1u << extra) - 1), extra);
	}
	put(b, reach->code, reach->n);
}

/* How many bytes from a and b are the same, at most max. */
static inline size_t common(const uint8_t *a, const uint8_t *b, size_t max)
{
	size_t i = 0;

	for (; i + 8 <= max; i += 8) {
		uint64_t x, y;

		memcpy(&x, a + i, 8);
		memcpy(&y, b + i, 8);
		if (x != y)
			return i + (size_t)__builtin_ctzll(le64toh(x ^ y)) / 8;
	}
	while (i < max && a[i] == b[i])
		i++;
	return i;
}

/* The bytes of one block, and where matches may be found. */
struct text {
	const uint8_t *data, *prev; /* prev: what the previous header has in place of data[header] on, or NULL */
	size_t len, header, prev_len, prev_distance;
};

/* The rule of version 1: at each position the longest match, of equals the first of these distances. */
static void put_text(struct bits *b, const struct text *t)
{
	const struct reach reach[] = { reach_of(1), reach_of(8), reach_of(t->prev ? t->prev_distance : 1) };

	for (size_t i = 0, n; i < t->len; i += n) {
		size_t left = t->len - i < MATCH_MAX ? t->len - i : MATCH_MAX, offset = i - t->header;
		const struct reach *best = &reach[0];

		n = 0;
		for (size_t k = 0; k < 2; k++) {
			size_t d = reach[k].distance, got = i < d ? 0 : common(t->data + i, t->data + i - d, left);

			if (got > n) {
				n = got;
				best = &reach[k];
			}
		}
		if (t->prev && i >= t->header && offset < t->prev_len) {
			size_t most = t->prev_len - offset < left ? t->prev_len - offset : left;
			size_t got = common(t->data + i, t->prev + offset, most);

			if (got > n) {
				n = got;
				best = &reach[2];
			}
		}
		if (n >= MATCH_MIN) {
			put_match(b, n, best);
		} else {
			put_symbol(b, t->data[i]);
			n = 1;
		}
	}
	put_symbol(b, END_OF_BLOCK);
}

/* Room for len bytes of text as literals, block headers and closing, behind which the text itself is put. */
static size_t room_of(size_t len)
{
	return len + len / 8 + 32;
}

int headfrag_encode(int version, const struct headfrag *h, struct buf *out)
{
	size_t len = h->padding + h->header_len, room = room_of(len);
	struct bits b = { .n = 0 };
	struct text t = { .len = len, .header = h->padding };
	uint8_t *text;

	if (version != HEADFRAG_VERSION)
		return -ENOTSUP;
	if (h->padding > PADDING_MAX || !h->header_len)
		return -EINVAL;
	b.p = buf_reserve(out, room + len);
	if (!b.p)
		return buf_error(out);
	text = b.p + room;
	memset(text, 0, h->padding);
	memcpy(text + h->padding, h->header, h->header_len);
	t.data = text;
	if (h->prev && h->distance >= (int64_t)h->prev_len && h->distance <= DISTANCE_MAX) {
		t.prev = h->prev;
		t.prev_len = h->prev_len;
		t.prev_distance = (size_t)h->distance;
	}
	put(&b, 1 << 1, 3); /* not final, fixed codes */
	put_text(&b, &t);
	put(&b, 0, 3); /* not final, stored; then to the next byte, length 0 and its complement */
	put_rest(&b);
	memcpy(b.p, (const uint8_t[]){ 0x00, 0x00, 0xff, 0xff }, 4);
	buf_commit(out, (size_t)(b.p + 4 - (out->data + out->len)));
	return 0;
}

int endfrag_encode(int version, size_t padding, struct buf *out)
{
	static const uint8_t zeros[PADDING_MAX + END_ZEROS];
	struct bits b = { .n = 0 };
	struct text t = { .data = zeros, .len = padding + END_ZEROS, .header = padding };

	if (version != HEADFRAG_VERSION)
		return -ENOTSUP;
	if (padding > PADDING_MAX)
		return -EINVAL;
	b.p = buf_reserve(out, room_of(t.len));
	if (!b.p)
		return buf_error(out);
	put(&b, 1 | 1 << 1, 3); /* final, fixed codes */
	put_text(&b, &t);
	put_rest(&b);
	buf_commit(out, (size_t)(b.p - (out->data + out->len)));
	return 0;
}
