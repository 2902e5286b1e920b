#include "store/base/hash.h"
#include "store/stitch/fragment.h"
#include "store/stitch/gzip.h"
#include "store/stitch/headfrag.h"
#include "store/stitch/lastblock.h"
#include "store/stitch/tar.h"
#include "tests/unit/test.h"

#define ZLIB_CONST
#include <libdeflate.h>
#include <zlib.h>

/* Words in a repeatable order: text that compresses like source code. */
static void prose(uint8_t *out, size_t n, uint64_t seed)
{
	static const char *const words[] = {
		"const ", "return ", "import ", "export ", "{\n\t", "}\n", "(props)", " => ", "useState", "function ",
		"<div className=\"", "\">", "</div>\n", "await ", "fetch('/api/", "')", ";\n", "// ", "the ", "value",
	};
	uint8_t pick[2];

	for (size_t i = 0, len; i < n; i += len, seed++) {
		char word[32];

		test_noise(pick, 2, seed * 2654435761u);
		if (pick[0] < 40)
			snprintf(word, sizeof(word), "%u_", pick[1] * 7919u + pick[0]);
		else
			snprintf(word, sizeof(word), "%s", words[pick[1] % ARRAY_LEN(words)]);
		len = strlen(word) < n - i ? strlen(word) : n - i;
		memcpy(out + i, word, len);
	}
}

/* Kinds of content: what the compressor does with them differs. */
enum kind { ZEROS, PROSE, NOISE, PROSE_THEN_NOISE, NOISE_THEN_PROSE, PROSE_THEN_ZEROS, KINDS };

static void content_of(enum kind kind, uint8_t *out, size_t n)
{
	size_t half = n / 2;

	memset(out, 0, n);
	if (kind == PROSE || kind == PROSE_THEN_NOISE || kind == PROSE_THEN_ZEROS)
		prose(out, kind == PROSE ? n : half, n);
	if (kind == NOISE || kind == NOISE_THEN_PROSE)
		test_noise(out, kind == NOISE ? n : half, n);
	if (kind == PROSE_THEN_NOISE)
		test_noise(out + half, n - half, n);
	if (kind == NOISE_THEN_PROSE)
		prose(out + half, n - half, n);
}

/*
 * Inflates with zlib what may refer to the history before it. Returns the output's length, or negative
 * when not all of the input was taken or the final bit was not where it should be.
 */
static ssize_t inflate_all(const struct buf *history, const uint8_t *in, size_t n, bool final, struct buf *out)
{
	AUTO(inflateEnd) z_stream z = { 0 };
	int r;

	if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
		return -ENOMEM;
	if (history && history->len && inflateSetDictionary(&z, history->data, (uInt)history->len) != Z_OK)
		return -EINVAL;
	z.next_in = in;
	z.avail_in = (uInt)n;
	do {
		z.next_out = buf_reserve(out, 1 << 16);
		if (!z.next_out)
			return -ENOMEM;
		z.avail_out = 1 << 16;
		r = inflate(&z, Z_SYNC_FLUSH);
		buf_commit(out, (1 << 16) - z.avail_out);
	} while (r == Z_OK && !z.avail_out);
	if (r == Z_BUF_ERROR) /* the last round had nothing left to say */
		r = Z_OK;
	/* After a non-final, byte-aligned end there are no bits in hand. */
	if (z.avail_in || r != (final ? Z_STREAM_END : Z_OK) || (!final && (z.data_type & 63)))
		return -EBADMSG;
	return (ssize_t)out->len;
}

static void free_fragmenter(struct fragmenter **f)
{
	fragmenter_free(*f);
}

/* Encodes, decodes with ours and with zlib, and looks at the length. */
static void round_trip(struct test_run *test, struct fragmenter *f, const uint8_t *data, size_t n)
{
	AUTO(buf_release) struct buf frag = BUF_INIT, other = BUF_INIT;
	AUTO(free_ptr) uint8_t *tight = NULL, *back = malloc(n);
	size_t stored = n + 5 * ((n + 65534) / 65535) + 5;

	CHECK(back);
	buf_adds(&frag, "before");
	CHECK_EQ(fragment_encode(f, data, n, &frag), 0);
	CHECK_MEM(frag.data, "before", 6);
	CHECK(frag.len - 6 <= stored);
	/* In memory of its own length, so that a sanitizer sees any reach beyond it. */
	tight = malloc(frag.len - 6);
	CHECK(tight);
	memcpy(tight, frag.data + 6, frag.len - 6);
	CHECK_EQ(fragment_decode(f, tight, frag.len - 6, back, n), 0);
	CHECK_MEM(back, data, n);
	CHECK_EQ(inflate_all(NULL, tight, frag.len - 6, false, &other), n);
	CHECK_MEM(other.data, data, n);
}

TEST(a_fragment_decodes_to_what_it_was_made_of)
{
	static const size_t sizes[] = {
		1, 2, 3, 30, 31, 32, 33, 100, 511, 4096, 9999, 10001, 20000, 65534, 65535, 65536, 131071, 262144, 1048576,
	};
	AUTO(free_fragmenter) struct fragmenter *f = fragmenter_new();
	AUTO(free_ptr) uint8_t *data = malloc(FRAGMENT_MAX);

	CHECK(f && data);
	for (enum kind kind = 0; kind < KINDS; kind++)
		for (size_t i = 0; i < ARRAY_LEN(sizes) && !test->failed; i++) {
			content_of(kind, data, sizes[i]);
			round_trip(test, f, data, sizes[i]);
		}
}

/* Every count of bits that a last byte can have left is met among these. */
TEST(fragments_of_every_small_size_decode)
{
	AUTO(free_fragmenter) struct fragmenter *f = fragmenter_new();
	uint8_t data[1500];

	CHECK(f);
	for (size_t n = 1; n <= sizeof(data) && !test->failed; n += n < 600 ? 1 : 13) {
		prose(data, n, n);
		round_trip(test, f, data, n);
	}
}

TEST(what_does_not_shrink_is_stored)
{
	AUTO(free_fragmenter) struct fragmenter *f = fragmenter_new();
	AUTO(buf_release) struct buf frag = BUF_INIT;
	AUTO(free_ptr) uint8_t *data = malloc(65536);

	CHECK(f && data);
	test_noise(data, 65536, 7);
	CHECK_EQ(fragment_encode(f, data, 65536, &frag), 0);
	CHECK_EQ(frag.len, 65536 + 2 * 5 + 5);
	CHECK_HEX(frag.data, 5, "00ffff0000");
	CHECK_MEM(frag.data + 5, data, 65535);
	CHECK_HEX(frag.data + 65540, 5, "000100feff");
	CHECK_HEX(frag.data + 65546, 5, "000000ffff");
}

TEST(the_same_content_gives_the_same_fragment)
{
	AUTO(free_fragmenter) struct fragmenter *f = fragmenter_new(), *g = fragmenter_new();
	AUTO(buf_release) struct buf a = BUF_INIT, b = BUF_INIT;
	AUTO(free_ptr) uint8_t *data = malloc(100000);

	CHECK(f && g && data);
	content_of(PROSE, data, 100000);
	CHECK_EQ(fragment_encode(f, data, 50000, &b), 0); /* what came before leaves no trace */
	buf_reset(&b);
	CHECK_EQ(fragment_encode(f, data, 100000, &a), 0);
	CHECK_EQ(fragment_encode(g, data, 100000, &b), 0);
	CHECK_EQ(a.len, b.len);
	CHECK_MEM(a.data, b.data, a.len);
}

TEST(a_fragment_that_was_touched_is_refused)
{
	AUTO(free_fragmenter) struct fragmenter *f = fragmenter_new();
	AUTO(buf_release) struct buf frag = BUF_INIT;
	AUTO(free_ptr) uint8_t *data = malloc(20000), *back = malloc(20001);
	size_t n = 20000;

	CHECK(f && data && back);
	content_of(PROSE, data, n);
	CHECK_EQ(fragment_encode(f, data, n, &frag), 0);
	for (size_t cut = 1; cut <= frag.len; cut += cut < 20 ? 1 : 37) {
		AUTO(free_ptr) uint8_t *tight = malloc(frag.len - cut + 1);

		CHECK(tight);
		memcpy(tight, frag.data, frag.len - cut);
		CHECK_EQ(fragment_decode(f, tight, frag.len - cut, back, n), -EBADMSG);
	}
	CHECK_EQ(fragment_decode(f, frag.data, frag.len, back, n - 1), -EBADMSG);
	CHECK_EQ(fragment_decode(f, frag.data, frag.len, back, n + 1), -EBADMSG);
	CHECK_EQ(fragment_decode(f, frag.data, frag.len, back, 0), -EBADMSG);
	CHECK_EQ(fragment_decode(f, frag.data, frag.len, back, FRAGMENT_MAX + 1), -EBADMSG);
	buf_adds(&frag, "garbage");
	CHECK_EQ(fragment_decode(f, frag.data, frag.len, back, n), -EBADMSG);
	frag.len -= 7;
	/* A final bit of its own: what comes after would never be read. */
	frag.data[0] |= 1;
	CHECK_EQ(fragment_decode(f, frag.data, frag.len, back, n), -EBADMSG);
}

/*
 * What flipping does to the content is its checksum's business (and some bits say nothing, or the same in
 * other words); here nothing is to be read or written out of bounds, and the next decode is not disturbed.
 */
TEST(a_flipped_bit_is_refused_or_stays_within_bounds)
{
	AUTO(free_fragmenter) struct fragmenter *f = fragmenter_new();
	AUTO(buf_release) struct buf frag = BUF_INIT;
	AUTO(free_ptr) uint8_t *data = malloc(3000), *back = malloc(3000);
	size_t refused = 0;

	CHECK(f && data && back);
	content_of(PROSE, data, 3000);
	CHECK_EQ(fragment_encode(f, data, 3000, &frag), 0);
	for (size_t bit = 0; bit < frag.len * 8; bit++) {
		frag.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		refused += fragment_decode(f, frag.data, frag.len, back, 3000) == -EBADMSG;
		frag.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	CHECK(refused > frag.len * 4);
	CHECK_EQ(fragment_decode(f, frag.data, frag.len, back, 3000), 0);
	CHECK_MEM(back, data, 3000);
}

TEST(a_final_block_without_a_closing_is_no_fragment)
{
	AUTO(free_fragmenter) struct fragmenter *f = fragmenter_new();
	uint8_t back[4];

	CHECK(f);
	/* A stored block of 4 bytes is byte-aligned at its end, but nothing closes it. */
	CHECK_EQ(fragment_decode(f, "\0\4\0\xfb\xff""abcd", 9, back, 4), -EBADMSG);
	CHECK_EQ(fragment_decode(f, "\0\4\0\xfb\xff""abcd\0\0\0\xff\xff", 14, back, 4), 0);
}

TEST(a_fragment_has_limits)
{
	AUTO(free_fragmenter) struct fragmenter *f = fragmenter_new();
	AUTO(free_ptr) uint8_t *data = calloc(1, FRAGMENT_MAX + 1);
	AUTO(buf_release) struct buf frag = { .max = 100 };

	CHECK(f && data);
	CHECK_EQ(fragment_encode(f, data, 0, &frag), -EINVAL);
	CHECK_EQ(fragment_encode(f, data, FRAGMENT_MAX + 1, &frag), -EFBIG);
	CHECK_EQ(frag.len, 0);
	CHECK_EQ(fragment_encode(f, data, 200, &frag), -EFBIG);
	CHECK_EQ(frag.len, 0);
}

TEST(the_last_block_is_found_where_decoding_finds_it)
{
	AUTO(free_ptr) uint8_t *data = malloc(1 << 18), *stream = calloc(1, (1 << 18) + 100), *scratch = malloc(1 << 18);
	struct libdeflate_compressor *c = libdeflate_alloc_compressor(FRAGMENT_LEVEL);
	size_t n = 0, scanned = 0, walked = 1;

	CHECK(data && stream && scratch && c);
	content_of(PROSE, data, 1 << 17);
	for (size_t i = 1 << 17; i < 1 << 18; i++)
		data[i] = data[i - (1 << 17)] ^ 0x15; /* other letters: worth a block of its own */
	n = libdeflate_deflate_compress(c, data, 1 << 18, stream, 1 << 18);
	libdeflate_free_compressor(c);
	CHECK(n > 0 && !(stream[0] & 1));
	CHECK_EQ(lastblock_walk(stream, n, scratch, 1 << 18, &walked), 0);
	CHECK(lastblock_scan(stream, n, &scanned));
	CHECK_EQ(scanned, walked);
	CHECK(scanned > 0 && (stream[scanned / 8] >> scanned % 8 & 7) == 5);
	CHECK(lastblock_unused(stream, n, scanned) >= 0);
	CHECK_EQ(lastblock_walk(stream, n / 2, scratch, 1 << 18, &walked), -EBADMSG);
}

TEST(a_last_block_without_codes_of_its_own_is_not_guessed)
{
	uint8_t stream[4 + LASTBLOCK_SLACK] = { 0x4b, 0x04, 0x00 }; /* "a", fixed codes */
	size_t bit = 99;

	CHECK(!lastblock_scan(stream, 3, &bit));
	CHECK_EQ(bit, 99);
	CHECK_EQ(lastblock_unused(stream, 3, 0), -1);
}

/* A tar of a few entries, stitched, and what it should inflate to. */
struct stitched {
	struct buf gz, tar, header, prev;
	int64_t prev_at;
};

static void stitched_release(struct stitched *s)
{
	buf_release(&s->gz);
	buf_release(&s->tar);
	buf_release(&s->header);
	buf_release(&s->prev);
}

static void stitch(struct test_run *test, struct stitched *s, struct fragmenter *f, const char *path, const uint8_t *data,
		   size_t n)
{
	struct tar_entry e = { .path = path, .path_len = strlen(path), .size = (int64_t)n, .mtime = 1700000000 };
	struct headfrag h = { .padding = tar_padding((int64_t)s->tar.len), .prev_len = s->prev.len };

	h.prev = s->prev.len ? s->prev.data : NULL;
	buf_fill(&s->tar, 0, h.padding);
	h.distance = (int64_t)s->tar.len - s->prev_at;
	s->prev_at = (int64_t)s->tar.len;
	buf_reset(&s->header);
	CHECK_EQ(tar_header(&e, &s->header), 0);
	h.header = s->header.data;
	h.header_len = s->header.len;
	CHECK_EQ(headfrag_encode(HEADFRAG_VERSION, &h, &s->gz), 0);
	buf_add(&s->tar, s->header.data, s->header.len);
	if (n)
		CHECK_EQ(fragment_encode(f, data, n, &s->gz), 0);
	buf_add(&s->tar, data, n);
	buf_reset(&s->prev);
	buf_add(&s->prev, s->header.data, s->header.len);
}

TEST(fragments_one_after_the_other_are_one_gzip_member)
{
	AUTO(stitched_release) struct stitched s = { .prev_at = 0 };
	AUTO(free_fragmenter) struct fragmenter *f = fragmenter_new();
	AUTO(buf_release) struct buf back = BUF_INIT;
	AUTO(free_ptr) uint8_t *data = malloc(200000);
	uint8_t tail[GZIP_TAIL], long_path[401];
	size_t padding;

	CHECK(f && data);
	memset(long_path, 'p', 400);
	long_path[400] = 0;
	buf_add(&s.gz, gzip_head, GZIP_HEAD);
	prose(data, 200000, 1);
	stitch(test, &s, f, "app/a", data, 10);
	stitch(test, &s, f, "app/b", data, 40000); /* the previous header of the next is too far back */
	stitch(test, &s, f, "app/c", data, 0);
	stitch(test, &s, f, "app/d", data, 512);
	stitch(test, &s, f, (char *)long_path, data, 33); /* a pax header before, then after a short one */
	stitch(test, &s, f, "app/e", data, 200000);
	padding = tar_padding((int64_t)s.tar.len);
	CHECK_EQ(endfrag_encode(HEADFRAG_VERSION, padding, &s.gz), 0);
	buf_fill(&s.tar, 0, padding + TAR_END);
	gzip_tail(crc32_update(0, s.tar.data, s.tar.len), (int64_t)s.tar.len, tail);
	buf_add(&s.gz, tail, GZIP_TAIL);
	CHECK_EQ(inflate_all(NULL, s.gz.data + GZIP_HEAD, s.gz.len - GZIP_HEAD - GZIP_TAIL, true, &back), s.tar.len);
	CHECK_MEM(back.data, s.tar.data, s.tar.len);

	/* And as a whole, with frame and checksum, to the last byte. */
	AUTO(inflateEnd) z_stream z = { .next_in = s.gz.data, .avail_in = (uInt)s.gz.len };

	CHECK_EQ(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
	z.next_out = back.data;
	z.avail_out = (uInt)back.len;
	CHECK_EQ(inflate(&z, Z_FINISH), Z_STREAM_END);
	CHECK_EQ(z.avail_in, 0);
}

/* Appends the header of a path to out. */
static void add_header(const char *path, int64_t size, struct buf *out)
{
	struct tar_entry e = { .path = path, .path_len = strlen(path), .size = size, .mtime = 1700000000 };

	tar_header(&e, out);
}

/* One header fragment against its golden vector, and through zlib with what came before in the tar. */
static void golden(struct test_run *test, size_t padding, const struct buf *prev, int64_t distance, const struct buf *header,
		   const char *hex)
{
	AUTO(buf_release) struct buf frag = BUF_INIT, history = BUF_INIT, back = BUF_INIT;
	struct headfrag h = {
		.padding = padding, .header = header->data, .header_len = header->len,
		.prev = prev->data, .prev_len = prev->len, .distance = distance,
	};

	CHECK_EQ(headfrag_encode(1, &h, &frag), 0);
	buf_add(&history, prev->data, prev->len);
	if (distance > 0)
		test_noise(buf_reserve(&history, (size_t)distance), (size_t)distance - prev->len - padding, 3);
	if (distance > 0)
		buf_commit(&history, (size_t)distance - prev->len - padding);
	CHECK_EQ(inflate_all(&history, frag.data, frag.len, false, &back), padding + header->len);
	CHECK_EQ(back.len ? back.data[0] : -1, padding ? 0 : header->data[0]);
	CHECK_MEM(back.data + padding, header->data, header->len);
	CHECK_HEX(frag.data, frag.len, hex);
}

TEST(header_fragments_of_version_1_are_these_bytes)
{
	AUTO(buf_release) struct buf none = BUF_INIT, a = BUF_INIT, b = BUF_INIT, pax = BUF_INIT;
	char path[301];

	memset(path, 'q', 300);
	path[300] = '\0';
	add_header("app/package.json", 1234, &a);
	add_header("app/src/main.tsx", 77, &b);
	add_header(path, 5, &pax);
	golden(test, 0, &none, 0, &a,
	       "4a2c28d02f484cce4e4c4fd5cb2acecf63a001300002331313300d04e8b491b1911183a189a99189b9b98189"
	       "81018381a191b1a109838201031d4069714962118381010385c00002e0f4100100000000ffff");
	golden(test, 302, &a, 512 + 1234 + 302, &b,
	       "621805240050fd5f5c94ac9f9b9899a757525c3100f5bf81a1a1297afd6f646e3e5affd30300000000ffff");
	golden(test, 0, &a, 512, &b,
	       "02c57f7151b27e6e62669e5e4971c500c4bf81a1a1297afc1b999b8fc63f3d00000000ffff");
	golden(test, 511, &none, 0, &a,
	       "6218052319241614e81724266727a6a7ea6515e7e731d00018008199890998060274dac8d8c888c1d0c4d4c8"
	       "c4dcdcc0c4c080c1c0d0c8d8d08441c180810ea0b4b824b188c1c0808142600001707a880000000000ffff");
	golden(test, 10, &a, 32768, &b,
	       "628003d0fdffc545c9fab98999797a25c5150370ffbf81a1a129fafdff46e6e6a3f7ffd30300000000ffff");
	golden(test, 1, &b, 4096, &pax,
	       "620848acf0484d4c492d2ad62fa41520d4ff37313343edff1b9b1a1a993028548cf6ff690e8c0d0d140a124b"
	       "326c0b4701d1808b61d880423a0003203033316100d140804e03812983a189a99189b9b9818981018381b1a9"
	       "b1a101838201031d4069714962118381010385c00002e0f4100100000000ffff");
	golden(test, 2, &pax, 2048, &a,
	       "6260482c28d02f484cce4e4c4fd5cb2acecf63a0012050ff1b191b19a1d6ff8646c686c0fadf60b4fea73900"
	       "000000ffff");
}

TEST(a_previous_header_too_far_back_is_as_good_as_none)
{
	AUTO(buf_release) struct buf a = BUF_INIT, b = BUF_INIT, far = BUF_INIT, none = BUF_INIT;
	struct headfrag h = { 0 };

	add_header("app/package.json", 1234, &a);
	add_header("app/src/main.tsx", 77, &b);
	h = (struct headfrag){ .header = b.data, .header_len = b.len };
	CHECK_EQ(headfrag_encode(1, &h, &none), 0);
	h.prev = a.data;
	h.prev_len = a.len;
	h.distance = 32769;
	CHECK_EQ(headfrag_encode(1, &h, &far), 0);
	CHECK_EQ(far.len, none.len);
	CHECK_MEM(far.data, none.data, far.len);
	buf_reset(&far);
	h.distance = 32768;
	CHECK_EQ(headfrag_encode(1, &h, &far), 0);
	CHECK(far.len < none.len);
}

/* Random headers, so that every length, literal and distance code is used. */
TEST(any_header_comes_back_from_its_fragment)
{
	for (uint64_t seed = 1; seed <= 400 && !test->failed; seed++) {
		AUTO(buf_release) struct buf frag = BUF_INIT, history = BUF_INIT, back = BUF_INIT;
		uint8_t prev[1536], header[1536], dice[8];
		struct headfrag h = { .prev = prev, .prev_len = sizeof(prev), .header = header, .header_len = sizeof(header) };

		test_noise(dice, sizeof(dice), seed);
		test_noise(prev, sizeof(prev), seed + 1000);
		memcpy(header, prev, sizeof(prev));
		for (size_t i = 0; i < sizeof(header); i += 1 + dice[i % 8] % 97u)
			header[i] ^= dice[i % 7];
		memset(header + dice[0], 'r', 3 + dice[1]);
		h.padding = dice[2] * 2u;
		h.header_len = 1 + dice[3] * 6u;
		h.prev_len = seed % 3 ? 1 + dice[4] * 6u : 1536;
		h.distance = (int64_t)(1536 + h.padding + (seed % 2 ? dice[5] : dice[5] * 122u));
		CHECK_EQ(headfrag_encode(1, &h, &frag), 0);
		buf_add(&history, prev, sizeof(prev));
		buf_fill(&history, 'h', (size_t)h.distance - 1536 - h.padding);
		CHECK_EQ(inflate_all(&history, frag.data, frag.len, false, &back), h.padding + h.header_len);
		CHECK_MEM(back.data + h.padding, header, h.header_len);
		for (size_t i = 0; i < h.padding; i++)
			CHECK_EQ(back.data[i], 0);
	}
}

TEST(the_end_fragment_is_these_bytes_and_final)
{
	static const struct { size_t padding; const char *hex; } cases[] = {
		{ 0, "631805a360148c580000" }, { 1, "631805a360148c5c0000" }, { 511, "631805a360148c825130120100" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_release) struct buf frag = BUF_INIT, back = BUF_INIT;

		CHECK_EQ(endfrag_encode(1, cases[i].padding, &frag), 0);
		CHECK_EQ(inflate_all(NULL, frag.data, frag.len, true, &back), cases[i].padding + 1024);
		for (size_t k = 0; k < back.len; k++)
			CHECK_EQ(back.data[k], 0);
		CHECK_HEX(frag.data, frag.len, cases[i].hex);
	}
}

TEST(an_unknown_version_of_header_fragments_is_refused)
{
	AUTO(buf_release) struct buf out = { .max = 4 };
	struct headfrag h = { .header = (const uint8_t *)"x", .header_len = 1 };

	CHECK_EQ(headfrag_encode(0, &h, &out), -ENOTSUP);
	CHECK_EQ(headfrag_encode(2, &h, &out), -ENOTSUP);
	CHECK_EQ(endfrag_encode(2, 0, &out), -ENOTSUP);
	CHECK_EQ(endfrag_encode(1, 512, &out), -EINVAL);
	h.padding = 512;
	CHECK_EQ(headfrag_encode(1, &h, &out), -EINVAL);
	h.padding = 0;
	CHECK_EQ(headfrag_encode(1, &h, &out), -EFBIG);
	CHECK_EQ(out.len, 0);
}

TEST(the_gzip_frame_says_nothing_of_time_or_place)
{
	uint8_t tail[GZIP_TAIL];

	CHECK_HEX(gzip_head, GZIP_HEAD, "1f8b08000000000000ff");
	gzip_tail(0x12345678, ((int64_t)1 << 32) + 0x0a0b0c0d, tail);
	CHECK_HEX(tail, GZIP_TAIL, "785634120d0c0b0a");
}

TEST(the_checksum_of_zeros_is_that_of_zeros)
{
	uint8_t zeros[5000] = { 0 };

	for (size_t n = 0; n <= sizeof(zeros); n += n < 3 ? 1 : 511)
		CHECK_EQ(crc32_zeros(0x1234, n), crc32_update(0x1234, zeros, n));
	CHECK_EQ(crc32_zeros(0xdeadbeef, 1024), crc32_update(0xdeadbeef, zeros, 1024));
	CHECK_EQ(crc32_zeros(77, 0), 77);
}
