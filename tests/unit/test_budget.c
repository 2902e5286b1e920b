#include "src/flow/budget.h"
#include "src/flow/meter.h"
#include "store/base/clock.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <sys/stat.h>

TEST(a_budget_takes_up_to_its_ceiling_and_counts_the_rest)
{
	struct budget b = { .max_bytes = 10 * (100 + BUDGET_ENTRY) };
	int taken = 0;

	for (int i = 0; i < 25; i++)
		taken += budget_take(&b, 100, 1000);
	CHECK_EQ(taken, 10);
	CHECK_EQ(b.left_lines, 15);
	CHECK_EQ(b.left_bytes, 1500);
	CHECK_EQ(b.kept, b.max_bytes);
}

TEST(a_budget_without_a_ceiling_takes_everything)
{
	struct budget b = { 0 };

	for (int i = 0; i < 100; i++)
		CHECK(budget_take(&b, (size_t)1 << 30, 1000));
	CHECK_EQ(b.left_lines, 0);
}

TEST(a_burst_passes_at_once_and_what_is_beyond_waits_as_long_as_the_pace_says)
{
	struct budget b = { 0 };

	CHECK_EQ(budget_wait(&b, 5000), 0);
	budget_take(&b, BUDGET_BURST - BUDGET_ENTRY, 5000);
	CHECK_EQ(budget_wait(&b, 5000), 0);
	budget_take(&b, BUDGET_RATE - BUDGET_ENTRY, 5000);
	CHECK(budget_wait(&b, 5000) >= 1000 && budget_wait(&b, 5000) <= 1002);
	CHECK(budget_wait(&b, 5600) >= 399 && budget_wait(&b, 5600) <= 403);
	CHECK_EQ(budget_wait(&b, 6002), 0);
}

TEST(silence_gives_a_burst_back_and_never_more)
{
	struct budget b = { 0 };

	budget_take(&b, 2 * (size_t)BUDGET_BURST, 1);
	budget_take(&b, BUDGET_BURST - BUDGET_ENTRY, INT64_MAX / 2);
	CHECK_EQ(budget_wait(&b, INT64_MAX / 2), 0);
	budget_take(&b, 1000, INT64_MAX / 2);
	CHECK(budget_wait(&b, INT64_MAX / 2) > 0);
}

TEST(a_clock_that_stands_still_gives_nothing)
{
	struct budget b = { 0 };

	budget_take(&b, BUDGET_BURST, 1000);
	budget_take(&b, 1000, 1000);
	CHECK(budget_wait(&b, 999) > 0);
}

TEST(a_meter_finds_what_is_written_while_it_looks)
{
	char top[] = "/tmp/genstore-meter-XXXXXX", path[64];
	struct meter *m = NULL;
	int64_t until = clock_ms() + 60000;
	char block[65536] = { 1 };
	int fd;

	CHECK(mkdtemp(top));
	snprintf(path, sizeof(path), "%s/deep", top);
	CHECK_EQ(mkdir(path, 0700), 0);
	CHECK_EQ(meter_start(top, 100000, &m), 0);
	CHECK(meter_bytes(m) <= 100000);
	snprintf(path, sizeof(path), "%s/deep/file", top);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(write(fd, block, sizeof(block)), (ssize_t)sizeof(block));
	fsync(fd);
	close(fd);
	while (meter_bytes(m) <= 100000 && clock_ms() < until)
		usleep(1000);
	CHECK(meter_bytes(m) > 100000);
	meter_stop(m);
	unlink(path);
	snprintf(path, sizeof(path), "%s/deep", top);
	rmdir(path);
	rmdir(top);
}
