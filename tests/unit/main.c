#include "store/base/hash.h"
#include "store/base/id.h"
#include "tests/unit/test.h"

extern const struct test *const __start_genstore_tests[];
extern const struct test *const __stop_genstore_tests[];

/* Starts the line of a failure; false when the test has failed before and said so. */
static bool fail(struct test_run *test, const char *file, int line)
{
	if (test->failed)
		return false;
	test->failed = true;
	printf("FAIL %s: %s:%d: ", test->name, file, line);
	return true;
}

bool test_true(struct test_run *test, const char *file, int line, const char *what, bool value)
{
	if (!value && fail(test, file, line))
		printf("not so: %s\n", what);
	return value;
}

bool test_eq(struct test_run *test, const char *file, int line, const char *what, long long got, long long want)
{
	if (got != want && fail(test, file, line))
		printf("%s is %lld, not %lld\n", what, got, want);
	return got == want;
}

bool test_str(struct test_run *test, const char *file, int line, const char *what, const char *got, const char *want)
{
	bool same = got && want ? strcmp(got, want) == 0 : got == want;

	if (!same && fail(test, file, line))
		printf("%s is '%s', not '%s'\n", what, got ? got : "(null)", want ? want : "(null)");
	return same;
}

bool test_mem(struct test_run *test, const char *file, int line, const char *what, const void *got,
	      const void *want, size_t n)
{
	const uint8_t *a = got, *b = want;
	size_t i = 0;

	while (i < n && a[i] == b[i])
		i++;
	if (i < n && fail(test, file, line))
		printf("%s has 0x%02x at byte %zu of %zu, not 0x%02x\n", what, a[i], i, n, b[i]);
	return i == n;
}

bool test_hex(struct test_run *test, const char *file, int line, const char *what, const void *got, size_t n,
	      const char *want)
{
	AUTO(free_ptr) char *hex = malloc(2 * n + 1);

	if (!test_true(test, file, line, "memory for the hex", hex != NULL))
		return false;
	hex_encode(got, n, hex);
	return test_str(test, file, line, what, hex, want);
}

void test_skip(struct test_run *test, const char *why)
{
	if (!test->failed && !test->skipped)
		printf("skip %s: %s\n", test->name, why);
	test->skipped = true;
}

void test_noise(void *out, size_t n, uint64_t seed)
{
	struct id_source source = { .seed = seed | 1 };

	id_random(&source, out, n);
}

static bool is_wanted(const char *name, char **parts, int n)
{
	for (int i = 0; i < n; i++)
		if (strstr(name, parts[i]))
			return true;
	return n == 0;
}

int main(int argc, char **argv)
{
	bool list = argc > 1 && strcmp(argv[1], "-l") == 0;
	int skip = list ? 2 : 1, passed = 0, failed = 0, skipped = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (const struct test *const *t = __start_genstore_tests; t < __stop_genstore_tests; t++) {
		struct test_run run = { .name = (*t)->name };

		if (!is_wanted(run.name, argv + skip, argc - skip))
			continue;
		if (list) {
			puts(run.name);
			continue;
		}
		(*t)->run(&run);
		failed += run.failed;
		skipped += !run.failed && run.skipped;
		passed += !run.failed && !run.skipped;
	}
	if (list)
		return 0;
	printf("%d passed, %d failed", passed, failed);
	if (skipped)
		printf(", %d skipped", skipped);
	putchar('\n');
	return failed > 0;
}
