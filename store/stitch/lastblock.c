#include "store/stitch/lastblock.h"

#define ZLIB_CONST
#include <endian.h>
#include <zlib.h>

/* RFC 1951: code lengths of the code length code are 3 bits, of the others at most 15. */
enum { PRECODE_SYMBOLS = 19, PRECODE_BITS = 7, CODE_BITS = 15, END_OF_BLOCK = 256 };

/* At least 57 bits of the stream from this one on. */
static inline uint64_t bits_at(const uint8_t *s, size_t bit)
{
	const uint8_t *p = s + bit / 8;
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v) >> (bit & 7);
}

/* What a block with Huffman codes of its own says first. */
struct head {
	unsigned literals; /* lengths of the literal and length code */
	uint64_t lengths;  /* of the code length code, 3 bits each */
};

/* The share of the code space that three lengths of the code length code take, in 128ths. */
static const uint8_t share[512] = {
#define SHARE(n) ((n) ? 128 >> (n) : 0)
#define SUM(n) SHARE((n) & 7) + SHARE((n) >> 3 & 7) + SHARE((n) >> 6)
#define SUM8(n) SUM(n), SUM(n + 1), SUM(n + 2), SUM(n + 3), SUM(n + 4), SUM(n + 5), SUM(n + 6), SUM(n + 7)
#define SUM64(n)                                                                                   \
	SUM8(n), SUM8(n + 8), SUM8(n + 16), SUM8(n + 24), SUM8(n + 32), SUM8(n + 40), SUM8(n + 48), SUM8(n + 56)
	SUM64(0), SUM64(64), SUM64(128), SUM64(192), SUM64(256), SUM64(320), SUM64(384), SUM64(448),
#undef SUM64
#undef SUM8
#undef SUM
#undef SHARE
};

/* Whether a final block with a complete code length code can begin at this bit. */
static inline bool head_at(const uint8_t *s, size_t bit, struct head *ret_head)
{
	uint64_t w = bits_at(s, bit), l;
	unsigned literals = 257 + (w >> 3 & 31), distances = 1 + (w >> 8 & 31), n = 4 + (w >> 13 & 15);

	if ((w & 7) != 5 || literals > 286 || distances > 30)
		return false;
	l = bits_at(s, bit + 17) & (((uint64_t)1 << 3 * n) - 1);
	*ret_head = (struct head){ .literals = literals, .lengths = l };
	return share[l & 511] + share[l >> 9 & 511] + share[l >> 18 & 511] + share[l >> 27 & 511] +
		       share[l >> 36 & 511] + share[l >> 45 & 511] + share[l >> 54] == 128;
}

/*
 * The bits, of the first 48 of w, at which a final block with Huffman codes can begin: final bit 1, type 2,
 * at most 286 and 30 codes; and with 12 or more lengths of the code length code, as any block has that was
 * worth beginning. Without the last rule twice as many have to be looked at.
 */
static inline uint64_t possible(uint64_t w)
{
	uint64_t many_literals = w >> 4 & w >> 5 & w >> 6 & w >> 7;
	uint64_t many_distances = w >> 9 & w >> 10 & w >> 11 & w >> 12;

	return w & ~(w >> 1) & w >> 2 & ~many_literals & ~many_distances & w >> 16 & (((uint64_t)1 << 48) - 1);
}

/* Where the lengths themselves begin. */
static size_t head_end(const uint8_t *s, size_t bit)
{
	return bit + 17 + 3 * (4 + (size_t)(bits_at(s, bit) >> 13 & 15));
}

/* Fills the table of the code length code: by the next 7 bits, symbol << 3 | length. */
static void precode_table(uint64_t lengths, uint8_t table[1 << PRECODE_BITS])
{
	static const uint8_t order[PRECODE_SYMBOLS] = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 };
	unsigned length_of[PRECODE_SYMBOLS], code = 0;

	for (unsigned i = 0; i < PRECODE_SYMBOLS; i++)
		length_of[order[i]] = lengths >> 3 * i & 7;
	for (unsigned len = 1; len <= PRECODE_BITS; len++)
		for (unsigned symbol = 0; symbol < PRECODE_SYMBOLS; symbol++) {
			unsigned reversed = 0;

			if (length_of[symbol] != len)
				continue;
			/* Codes stand in the stream most significant bit first. */
			for (unsigned i = 0; i < PRECODE_BITS; i++)
				reversed |= (code >> i & 1) << (PRECODE_BITS - 1 - i);
			for (unsigned i = reversed; i < 1 << PRECODE_BITS; i += 1u << len)
				table[i] = (uint8_t)(symbol << 3 | len);
			code += 1u << (PRECODE_BITS - len);
		}
}

/* The literal code of a block, as far as its end is concerned. */
struct literals {
	unsigned of_length[CODE_BITS + 1]; /* how many symbols have it; [0]: how many are not used */
	unsigned end_length, end_rank;     /* of the end-of-block symbol; rank among those of its length */
};

/* Counts the next symbols, all of one length; i of them came before. */
static void count_symbols(struct literals *l, unsigned i, unsigned length, unsigned n)
{
	if (i <= END_OF_BLOCK && END_OF_BLOCK < i + n) {
		l->end_length = length;
		l->end_rank = l->of_length[length] + (END_OF_BLOCK - i);
	}
	l->of_length[length] += n;
}

/* The part of the code space below symbols of a length. */
static unsigned space_below(const struct literals *l, unsigned length)
{
	unsigned sum = 0;

	for (unsigned i = 1; i < length; i++)
		sum += l->of_length[i] << (CODE_BITS - i);
	return sum;
}

/* Reads the literal code's lengths. False: they are not those of a complete code. */
static bool literals_at(const uint8_t *s, size_t n, size_t bit, const struct head *h, struct literals *ret_literals)
{
	static const struct { uint8_t bits, base; } repeat[] = { { 2, 3 }, { 3, 3 }, { 7, 11 } };
	uint8_t table[1 << PRECODE_BITS];
	struct literals l = { 0 };
	unsigned last = 0;

	precode_table(h->lengths, table);
	bit = head_end(s, bit);
	for (unsigned i = 0, count; i < h->literals; i += count) {
		uint64_t w = bits_at(s, bit);
		unsigned entry = table[w & ((1 << PRECODE_BITS) - 1)], used = entry & 7, symbol = entry >> 3;

		count = 1;
		if (symbol >= 16) {
			unsigned bits = repeat[symbol - 16].bits;

			count = repeat[symbol - 16].base + (unsigned)(w >> used & ((1u << bits) - 1));
			used += bits;
			symbol = symbol == 16 ? last : 0;
		}
		last = symbol;
		bit += used;
		if (bit >= n * 8)
			return false;
		/* A run may reach into the distance code, which follows. */
		count_symbols(&l, i, symbol, count < h->literals - i ? count : h->literals - i);
	}
	*ret_literals = l;
	return l.end_length && space_below(&l, CODE_BITS + 1) == 1u << CODE_BITS;
}

/*
 * The zero bits at the stream's end are those that the end-of-block code ends in, and the unused ones.
 * -1 when there are not 0..7 of the latter, or the code is nothing but zeros, or it is not there.
 */
static int unused_after(const uint8_t *s, size_t n, const struct literals *l)
{
	unsigned code = (space_below(l, l->end_length) >> (CODE_BITS - l->end_length)) + l->end_rank;
	size_t end = n * 8, bit;

	while (end > n * 8 - 24 && !(s[(end - 1) / 8] >> ((end - 1) & 7) & 1))
		end--;
	if (!code || (end += (unsigned)__builtin_ctz(code)) + 7 < n * 8 || end > n * 8)
		return -1;
	bit = end - l->end_length;
	for (unsigned i = l->end_length; i-- > 0; bit++)
		if ((s[bit / 8] >> (bit & 7) & 1) != (code >> i & 1))
			return -1;
	return (int)(n * 8 - end);
}

int lastblock_unused(const uint8_t *stream, size_t n, size_t bit)
{
	struct literals l;
	struct head h;

	if (!head_at(stream, bit, &h) || !literals_at(stream, n, bit, &h, &l))
		return -1;
	return unused_after(stream, n, &l);
}

bool lastblock_scan(const uint8_t *stream, size_t n, size_t *ret_bit)
{
	struct literals l;
	struct head h;

	/* 48 bits at a time, from the end; the last round may look at some again. */
	for (size_t i = n; i > 0;) {
		i = i < 6 ? 0 : i - 6;
		for (uint64_t starts = possible(bits_at(stream, i * 8)); starts; starts &= starts - 1) {
			size_t bit = i * 8 + (size_t)__builtin_ctzll(starts);

			if (head_at(stream, bit, &h) && literals_at(stream, n, bit, &h, &l) &&
			    unused_after(stream, n, &l) >= 0) {
				*ret_bit = bit;
				return true;
			}
		}
	}
	return false;
}

int lastblock_walk(const uint8_t *stream, size_t n, void *scratch, size_t size, size_t *ret_bit)
{
	AUTO(inflateEnd) z_stream z = { 0 };
	size_t bit = 0;
	int r;

	if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
		return -ENOMEM;
	z.next_in = stream;
	z.avail_in = (uInt)n;
	z.next_out = scratch;
	z.avail_out = (uInt)size;
	while ((r = inflate(&z, Z_BLOCK)) == Z_OK)
		if ((z.data_type & (128 | 64)) == 128) /* at the end of a block, not the last; the low bits: input not used */
			bit = z.total_in * 8 - (size_t)(z.data_type & 63);
	if (r != Z_STREAM_END)
		return -EBADMSG;
	*ret_bit = bit;
	return 0;
}
