#include "store/snapshot.h"
#include "tests/unit/test.h"
#include "tests/unit/tree_fixture.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#define MANIFEST AUTO(manifest_unrefp) struct manifest *
#define FD AUTO(close_fd) int

TEST(a_large_file_of_many_pieces_comes_back)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	TREE out = tree_fixture();
	MANIFEST m = NULL;
	const size_t n = 3 << 20;
	AUTO(free_ptr) uint8_t *data = malloc(n), *back = malloc(n + 1);

	CHECK(st && t.fd >= 0 && out.fd >= 0 && data && back);
	test_noise(data, n, 5);
	CHECK(tree_put_bytes(&t, "large", data, n));
	CHECK_EQ(tree_take(st, &t, &m), 0);
	CHECK_EQ(restore_tree(st, m, out.fd, 0, NULL), 0);
	FD fd = openat(out.fd, "large", O_RDONLY | O_CLOEXEC);
	CHECK_EQ(read(fd, back, n + 1), n);
	CHECK_MEM(back, data, n);
}

/* Restores m in a folder of its own, on the CPUs that there are now. */
static int restore_once(struct genstore *st, const struct manifest *m)
{
	TREE out = tree_fixture();

	return out.fd < 0 ? -EIO : restore_tree(st, m, out.fd, 0, NULL);
}

TEST(a_thread_that_makes_files_faster_than_they_are_read_waits_for_them)
{
	enum { LARGE = 2100000, ROUNDS = 20 };
	STORE st = store_fixture();
	TREE t = tree_fixture();
	MANIFEST m = NULL;
	AUTO(free_ptr) uint8_t *data = malloc(LARGE);
	cpu_set_t before, one;

	CHECK(st && t.fd >= 0 && data && !sched_getaffinity(0, sizeof(before), &before));
	test_noise(data, LARGE, 6);
	/* The first parcel is one byte, made as soon as it is handed over. */
	CHECK(tree_put(&t, "a", "1") && tree_put_bytes(&t, "b", data, LARGE) && tree_put_bytes(&t, "c", data, LARGE));
	CHECK_EQ(tree_take(st, &t, &m), 0);
	/* On one CPU the threads take turns when one of them wakes the other. */
	CPU_ZERO(&one);
	for (size_t i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
		if (CPU_ISSET(i, &before))
			CPU_SET(i, &one);
	CHECK(!sched_setaffinity(0, sizeof(one), &one));
	for (int i = 0, r = 0; i < ROUNDS && !r; i++)
		CHECK_EQ(r = restore_once(st, m), 0);
	CHECK(!sched_setaffinity(0, sizeof(before), &before));
}

TEST(restoring_needs_an_empty_folder)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	MANIFEST m = NULL;

	CHECK(st && t.fd >= 0 && tree_put(&t, "x", "1"));
	CHECK_EQ(tree_take(st, &t, &m), 0);
	CHECK_EQ(restore_tree(st, m, t.fd, 0, NULL), -EEXIST);
	CHECK_STR(genstore_errmsg(st), "the folder to restore into is not empty: there is 'x': give a new or an empty one");
	CHECK_EQ(restore_tree(st, m, -1, 0, NULL), -EBADF);
}

struct trap {
	const struct tree *out;
	const char *outside;
};

/* As a hostile neighbour: the folder that was just made becomes a link that leads out, and so does a name to come. */
static void set_trap(void *arg, int64_t files, int64_t bytes UNUSED)
{
	const struct trap *trap = arg;

	if (files != 1)
		return;
	renameat(trap->out->fd, "d", trap->out->fd, "moved");
	if (symlinkat(trap->outside, trap->out->fd, "d"))
		abort();
	if (symlinkat("/nowhere/file", trap->out->fd, "e"))
		abort();
}

TEST(restoring_never_follows_a_link_that_appears_meanwhile)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	TREE out = tree_fixture();
	TREE outside = tree_fixture();
	struct trap trap = { .out = &out, .outside = outside.tree };
	const struct restore_options o = { .progress = set_trap, .arg = &trap };
	MANIFEST m = NULL;

	CHECK(st && t.fd >= 0 && out.fd >= 0 && outside.fd >= 0 && !mkdirat(t.fd, "d", 0755));
	CHECK(tree_put(&t, "a", "0") && tree_put(&t, "d/a", "1") && tree_put(&t, "d/b", "2") && tree_put(&t, "e", "3"));
	CHECK(!unlinkat(t.fd, "a", 0));
	CHECK_EQ(tree_take(st, &t, &m), 0);
	CHECK_EQ(restore_tree(st, m, out.fd, 0, &o), -EEXIST);
	CHECK_STR(genstore_errmsg(st), "cannot write 'e': File exists");
	CHECK(!faccessat(out.fd, "moved/b", F_OK, 0));
	CHECK(faccessat(outside.fd, "b", F_OK, 0));
}

TEST(damaged_bytes_are_not_restored)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	TREE out = tree_fixture();
	MANIFEST m = NULL;
	struct stat sb;

	CHECK(st && t.fd >= 0 && out.fd >= 0 && tree_put(&t, "x", "some text that is worth keeping"));
	CHECK_EQ(tree_take(st, &t, &m), 0);
	CHECK_EQ(db_exec(&st->db, "UPDATE piece_data SET bytes = zeroblob(length(bytes)) WHERE id >> 8 = 1"), 0);
	CHECK_EQ(restore_tree(st, m, out.fd, 0, NULL), -EBADMSG);
	CHECK(fstatat(out.fd, "x", &sb, 0) || sb.st_size == 0);
}

TEST(a_content_that_is_gone_is_ebadmsg_with_its_path)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	TREE out = tree_fixture();
	MANIFEST m = NULL;

	CHECK(st && t.fd >= 0 && out.fd >= 0 && tree_put(&t, "x", "1"));
	CHECK_EQ(tree_take(st, &t, &m), 0);
	CHECK_EQ(db_exec(&st->db, "DELETE FROM content"), 0);
	CHECK_EQ(restore_tree(st, m, out.fd, 0, NULL), -EBADMSG);
	CHECK_STR(genstore_errmsg(st), "cannot restore 'x': its content is not in the store; run 'genstore check'");
}

struct writer {
	struct genstore *st;
	int64_t commits;
};

/* Somebody who wants to write while files are made. */
static void write_meanwhile(void *arg, int64_t files UNUSED, int64_t bytes UNUSED)
{
	struct writer *w = arg;

	if (!db_exec(&w->st->db, "INSERT OR REPLACE INTO store_state (key, value) VALUES ('test', 1)"))
		w->commits++;
}

TEST(nobody_is_kept_from_writing_while_files_are_made)
{
	enum { LARGE = 17 << 20 }; /* more than is read ahead */
	STORE st = store_fixture();
	HANDLE other = store_fixture_again(st);
	TREE t = tree_fixture();
	TREE out = tree_fixture();
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	AUTO(free_ptr) uint8_t *data = malloc(LARGE);
	struct writer w = { .st = other };
	const struct restore_options o = { .progress = write_meanwhile, .arg = &w };
	struct stat sb;

	CHECK(st && other && data);
	memset(data, 'x', LARGE);
	CHECK(tree_put(&t, "a", "small") && tree_put(&t, "d", "small"));
	CHECK(tree_put_bytes(&t, "b", data, LARGE) && tree_put_bytes(&t, "c", data, LARGE));
	CHECK_EQ(tree_take(st, &t, &m), 0);
	CHECK_EQ(restore_tree(st, m, out.fd, 0, &o), 0);
	CHECK_EQ(w.commits, 4);
	CHECK(!fstatat(out.fd, "c", &sb, 0) && sb.st_size == LARGE);
}

/* A name that is taken when the tree is half made. */
static void take_name(void *arg, int64_t files, int64_t bytes UNUSED)
{
	const struct tree *out = arg;

	if (files == 1 && mkdirat(out->fd, "m", 0755))
		abort();
}

TEST(a_folder_that_fails_halfway_ends_a_large_restore_and_is_told)
{
	enum { LARGE = 3 << 20 };
	STORE st = store_fixture();
	TREE t = tree_fixture();
	TREE out = tree_fixture();
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	AUTO(free_ptr) uint8_t *data = malloc(LARGE);
	const struct restore_options o = { .progress = take_name, .arg = &out };
	char name[] = "a";

	CHECK(st && data);
	memset(data, 'x', LARGE);
	for (; *name <= 'z'; ++*name)
		CHECK(tree_put_bytes(&t, name, data, LARGE));
	CHECK_EQ(tree_take(st, &t, &m), 0);
	CHECK_EQ(restore_tree(st, m, out.fd, 0, &o), -EEXIST);
	CHECK_STR(genstore_errmsg(st), "cannot write 'm': File exists");
	CHECK(!faccessat(out.fd, "l", F_OK, 0) && faccessat(out.fd, "n", F_OK, 0));
}
