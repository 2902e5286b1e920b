/*
 * The unit tests' harness. A test registers itself by being written down:
 *
 *   TEST(an_empty_buffer_is_the_empty_string)
 *   {
 *           CHECK_EQ(b.len, 0);
 *           CHECK_STR(buf_str(&b), "");
 *   }
 *
 * The first check that does not hold ends the test; its file, line and values are the one line that is
 * printed. Inside a test, and in helpers that take it as a parameter of this name, `test` is the run:
 *
 *   static void round_trip(struct test_run *test, size_t n) { CHECK(n > 0); }
 *
 * A check in a helper ends the helper; the test goes on and has failed all the same.
 * test-unit [-l] [PART OF A NAME]...: runs the tests whose name holds one of the parts, or lists them.
 */
#ifndef GENSTORE_TEST_H
#define GENSTORE_TEST_H

#include "store/base/base.h"

struct test_run {
	const char *name;
	bool failed, skipped;
};

struct test {
	const char *name;
	void (*run)(struct test_run *test);
};

/* The linker gathers the pointers of all files in one array (tests/unit/main.c). */
#define TEST(sentence)                                                                             \
	static void sentence(struct test_run *test);                                               \
	static const struct test test_##sentence = { #sentence, sentence };                        \
	static const struct test *const entry_##sentence                                           \
		__attribute__((used, section("genstore_tests"))) = &test_##sentence;               \
	static void sentence(struct test_run *test UNUSED)

#define TEST_HERE test, __FILE__, __LINE__

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!test_true(TEST_HERE, #cond, (cond)))                                          \
			return;                                                                    \
	} while (0)
/* Integers, compared as 64-bit signed ones: got, then what it should be. */
#define CHECK_EQ(got, want)                                                                        \
	do {                                                                                       \
		if (!test_eq(TEST_HERE, #got, (long long)(got), (long long)(want)))                \
			return;                                                                    \
	} while (0)
#define CHECK_STR(got, want)                                                                       \
	do {                                                                                       \
		if (!test_str(TEST_HERE, #got, (got), (want)))                                     \
			return;                                                                    \
	} while (0)
/* n bytes each; the first difference is shown. */
#define CHECK_MEM(got, want, n)                                                                    \
	do {                                                                                       \
		if (!test_mem(TEST_HERE, #got, (got), (want), (n)))                                \
			return;                                                                    \
	} while (0)
/* Data against lower-case hex. */
#define CHECK_HEX(got, n, want)                                                                    \
	do {                                                                                       \
		if (!test_hex(TEST_HERE, #got, (got), (n), (want)))                                \
			return;                                                                    \
	} while (0)
/* Ends the test, which counts as skipped; why is printed. */
#define SKIP(why)                                                                                  \
	do {                                                                                       \
		test_skip(test, (why));                                                            \
		return;                                                                            \
	} while (0)

bool test_true(struct test_run *test, const char *file, int line, const char *what, bool value);
bool test_eq(struct test_run *test, const char *file, int line, const char *what, long long got, long long want);
bool test_str(struct test_run *test, const char *file, int line, const char *what, const char *got, const char *want);
bool test_mem(struct test_run *test, const char *file, int line, const char *what, const void *got,
	      const void *want, size_t n);
bool test_hex(struct test_run *test, const char *file, int line, const char *what, const void *got, size_t n,
	      const char *want);
void test_skip(struct test_run *test, const char *why);

/* n repeatable bytes that no compressor shrinks. */
void test_noise(void *out, size_t n, uint64_t seed);

#endif
