#include "store/statcache.h"
#include "tests/unit/test.h"
#include "tests/unit/tree_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

#define MANIFEST AUTO(manifest_unrefp) struct manifest *
#define FD AUTO(close_fd) int

TEST(a_file_that_rested_is_trusted_and_one_that_was_just_written_is_not)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	MANIFEST m = NULL;

	CHECK(st && t.fd >= 0);
	CHECK(tree_put(&t, "old", "1"));
	tree_rest();
	CHECK(tree_put(&t, "fresh", "1"));
	CHECK_EQ(tree_take(st, &t, &m), 0);
	CHECK(tree_is_trusted(st, &t, "old"));
	CHECK(!tree_is_trusted(st, &t, "fresh"));
}

/* Same size, same mtime: only the racy-timestamp rule, or the ctime, tells. */
TEST(a_file_that_changes_right_after_a_snapshot_is_noticed)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	char want[100], text[100];

	CHECK(st && t.fd >= 0);
	for (int i = 0; i < 200; i++) {
		MANIFEST m = NULL;

		snprintf(want, sizeof(want), "text %03d", i);
		CHECK(tree_put(&t, "x", want));
		CHECK_EQ(tree_take(st, &t, &m), 0);
		CHECK_STR(tree_text(st, m, "x", text), want);
	}
}

TEST(an_old_mtime_does_not_hide_a_change)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	const struct timespec old[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
	MANIFEST a = NULL;
	MANIFEST b = NULL;
	char text[100];

	CHECK(st && t.fd >= 0);
	CHECK(tree_put(&t, "x", "before") && !utimensat(t.fd, "x", old, 0));
	tree_rest();
	CHECK_EQ(tree_take(st, &t, &a), 0);
	CHECK(tree_is_trusted(st, &t, "x"));
	CHECK(tree_put(&t, "x", "after.") && !utimensat(t.fd, "x", old, 0));
	CHECK_EQ(tree_take(st, &t, &b), 0);
	CHECK_STR(tree_text(st, b, "x", text), "after.");
}

TEST(a_file_that_takes_the_place_of_another_is_noticed)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	MANIFEST a = NULL;
	MANIFEST b = NULL;
	char text[100];

	CHECK(st && t.fd >= 0);
	CHECK(tree_put(&t, "x", "before") && tree_put(&t, "y", "other."));
	tree_rest();
	CHECK_EQ(tree_take(st, &t, &a), 0);
	CHECK(!renameat(t.fd, "y", t.fd, "x"));
	CHECK_EQ(tree_take(st, &t, &b), 0);
	CHECK_STR(tree_text(st, b, "x", text), "other.");
	CHECK_EQ(manifest_find(b, "y"), -1);
}

/* A store from a backup gives the ids of the cache to other contents; a collection takes them away. */
TEST(the_cache_is_not_believed_when_the_store_has_other_contents)
{
	static const char *const spoils[] = {
		"UPDATE content SET sha256 = randomblob(32)", "UPDATE content SET size = size + 1", "UPDATE content SET id = id + 100",
		"UPDATE store_state SET value = '00000000-0000-4000-8000-000000000000' WHERE key = 'uuid'",
	};

	for (size_t i = 0; i < ARRAY_LEN(spoils); i++) {
		STORE st = store_fixture();
		TREE t = tree_fixture();
		MANIFEST m = NULL;

		CHECK(st && t.fd >= 0);
		CHECK(tree_put(&t, "x", "1"));
		tree_rest();
		CHECK_EQ(tree_take(st, &t, &m), 0);
		CHECK(tree_is_trusted(st, &t, "x"));
		CHECK_EQ(db_exec(&st->db, spoils[i]), 0);
		CHECK(!tree_is_trusted(st, &t, "x"));
	}
}

TEST(a_damaged_or_missing_cache_is_an_empty_one)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	MANIFEST m = NULL;
	struct stat sb;
	uint8_t byte;

	CHECK(st && t.fd >= 0);
	CHECK(tree_put(&t, "x", "1") && tree_put(&t, "y", "2"));
	tree_rest();
	CHECK(!tree_is_trusted(st, &t, "x"));
	CHECK_EQ(tree_take(st, &t, &m), 0);
	CHECK(tree_is_trusted(st, &t, "x") && tree_is_trusted(st, &t, "y"));
	FD fd = open(t.cache, O_RDWR | O_CLOEXEC);
	CHECK(!fstat(fd, &sb));
	CHECK_EQ(sb.st_mode & 07777, 0600);
	for (off_t i = 0; i < sb.st_size; i++) {
		CHECK_EQ(pread(fd, &byte, 1, i), 1);
		byte ^= 0x10;
		CHECK_EQ(pwrite(fd, &byte, 1, i), 1);
		CHECK(!tree_is_trusted(st, &t, "x"));
		byte ^= 0x10;
		CHECK_EQ(pwrite(fd, &byte, 1, i), 1);
	}
	CHECK(tree_is_trusted(st, &t, "x"));
	for (off_t n = sb.st_size - 1; n >= 0; n -= 7) {
		CHECK(!ftruncate(fd, n));
		CHECK(!tree_is_trusted(st, &t, "x"));
	}
}

/* As on a file system that knows no finer times: within its second a file can change and look the same. */
TEST(a_time_in_whole_seconds_is_not_trusted_for_two_of_them)
{
	const int64_t second = 1000000000, start = 1000 * second + 1;
	const struct { int64_t time; bool trusted; } cases[] = {
		{ 1000 * second, false }, { 998 * second, false }, { 997 * second, true }, { 999 * second + 1, true },
	};
	STORE st = store_fixture();
	TREE t = tree_fixture();
	MANIFEST m = NULL;

	CHECK(st && tree_put(&t, "a", "1"));
	CHECK_EQ(tree_take(st, &t, &m), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(statcache_freep) struct statcache *c = NULL;
		const struct stat_key key = { .size = 1, .mtime = 500 * second, .ctime = cases[i].time, .inode = 1 };

		CHECK_EQ(statcache_save(st, t.cache, start, m, &key), 0);
		CHECK_EQ(statcache_load(st, t.cache, &c), 0);
		CHECK_EQ(statcache_find(c, "a", &key) > 0, cases[i].trusted);
	}
}
