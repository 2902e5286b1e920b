#include "store/stitch/cut.h"
#include "tests/unit/test.h"

/* Cuts all of data; the ends go to ret_cuts. */
static size_t cut_all(const uint8_t *data, size_t n, size_t *ret_cuts, size_t max)
{
	size_t count = 0;

	for (size_t at = 0; at < n && count < max;) {
		size_t left = n - at < CUT_MAX ? n - at : CUT_MAX;

		at += cut_next(data + at, left);
		ret_cuts[count++] = at;
	}
	return count;
}

TEST(pieces_are_within_their_limits)
{
	enum { SIZE = 8 << 20, MAX = 1024 };
	AUTO(free_ptr) uint8_t *data = malloc(SIZE);
	size_t cuts[MAX], count, from = 0;

	CHECK(data);
	test_noise(data, SIZE, 5);
	count = cut_all(data, SIZE, cuts, MAX);
	for (size_t i = 0; i < count; from = cuts[i++]) {
		CHECK(cuts[i] - from <= CUT_MAX);
		CHECK(cuts[i] - from >= CUT_MIN || i == count - 1);
	}
	CHECK_EQ(from, SIZE);
	/* The average of random content is near the one that the name promises. */
	CHECK(SIZE / count > CUT_AVERAGE * 3 / 4 && SIZE / count < CUT_AVERAGE * 3 / 2);
}

TEST(an_insertion_moves_only_the_cuts_near_it)
{
	enum { SIZE = 4 << 20, AT = 1 << 20, MORE = 1000, MAX = 1024 };
	AUTO(free_ptr) uint8_t *a = malloc(SIZE), *b = malloc(SIZE + MORE);
	size_t cuts_a[MAX], cuts_b[MAX], n_a, n_b, same = 0;

	CHECK(a && b);
	test_noise(a, SIZE, 11);
	memcpy(b, a, AT);
	test_noise(b + AT, MORE, 12);
	memcpy(b + AT + MORE, a + AT, SIZE - AT);
	n_a = cut_all(a, SIZE, cuts_a, MAX);
	n_b = cut_all(b, SIZE + MORE, cuts_b, MAX);
	for (size_t i = 0; i < n_a; i++)
		for (size_t k = 0; k < n_b; k++)
			same += cuts_b[k] == (cuts_a[i] > AT ? cuts_a[i] + MORE : cuts_a[i]);
	CHECK(same + 4 >= n_a);
}

TEST(content_of_one_byte_is_cut_at_the_maximum)
{
	AUTO(free_ptr) uint8_t *data = calloc(1, CUT_MAX);

	CHECK(data);
	for (int c = 0; c < 256; c++) {
		memset(data, c, CUT_MAX);
		CHECK_EQ(cut_next(data, CUT_MAX), CUT_MAX);
	}
}

TEST(what_is_at_hand_is_never_exceeded)
{
	AUTO(free_ptr) uint8_t *data = malloc(CUT_MAX);
	static const size_t sizes[] = { 1, CUT_MIN - 1, CUT_MIN, CUT_MIN + 1, CUT_AVERAGE, CUT_AVERAGE + 1, CUT_MAX };

	CHECK(data);
	test_noise(data, CUT_MAX, 21);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		AUTO(free_ptr) uint8_t *tight = malloc(sizes[i]);
		size_t n;

		CHECK(tight);
		memcpy(tight, data, sizes[i]);
		n = cut_next(tight, sizes[i]);
		CHECK(n > 0 && n <= sizes[i]);
	}
	CHECK_EQ(cut_next(data, 0), 0);
}

/* The rule as cut.c and the format document state it, written a second time. */
static uint64_t gear_of(uint64_t byte)
{
	uint64_t z = (byte + 1) * 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static size_t cut_by_the_rule(const uint8_t *data, size_t n)
{
	uint64_t hash = 0;

	for (size_t i = CUT_MIN; i < n; i++) {
		hash = hash * 2 + gear_of(data[i]);
		if (hash >> (i < CUT_AVERAGE ? 64 - 18 : 64 - 14) == 0)
			return i;
	}
	return n;
}

TEST(cuts_follow_the_stated_rule_for_every_byte_value)
{
	AUTO(free_ptr) uint8_t *data = malloc(CUT_MAX);
	bool before = false, after = false;

	CHECK(data);
	for (uint64_t seed = 1; seed <= 60; seed++) {
		size_t n;

		test_noise(data, CUT_MAX, seed * 100);
		n = cut_next(data, CUT_MAX);
		CHECK_EQ(n, cut_by_the_rule(data, CUT_MAX));
		before |= n < CUT_AVERAGE;
		after |= n > CUT_AVERAGE && n < CUT_MAX;
	}
	CHECK(before && after);
	/* Two values in turn, one pair after the other: a wrong number in the table moves a cut. */
	for (unsigned c = 0; c < 256; c++) {
		test_noise(data, CUT_MAX, c);
		for (size_t i = 0; i < CUT_MAX; i++)
			data[i] = data[i] & 1 ? (uint8_t)c : (uint8_t)(c ^ 0x80);
		CHECK_EQ(cut_next(data, CUT_MAX), cut_by_the_rule(data, CUT_MAX));
	}
}
