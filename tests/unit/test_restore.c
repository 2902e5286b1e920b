#include "store/snapshot.h"
#include "tests/unit/test.h"
#include "tests/unit/tree_fixture.h"

#include <fcntl.h>
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

/* Whether the store is locked while a file is told of: 1 no, 2 yes. */
static void note_lock(void *arg, int64_t files, int64_t bytes UNUSED)
{
	struct { struct genstore *st; int locked[3]; } *x = arg;

	if (files <= 3)
		x->locked[files - 1] = sqlite3_txn_state(x->st->db.handle, "main") == SQLITE_TXN_NONE ? 1 : 2;
}

TEST(a_large_file_is_restored_without_keeping_others_from_writing)
{
	enum { LARGE = (4 << 20) + 1 };
	STORE st = store_fixture();
	TREE t = tree_fixture();
	TREE out = tree_fixture();
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	AUTO(free_ptr) uint8_t *data = malloc(LARGE);
	struct { struct genstore *st; int locked[3]; } x = { .st = st };
	const struct restore_options o = { .progress = note_lock, .arg = &x };

	CHECK(st && data);
	memset(data, 'x', LARGE);
	CHECK(tree_put(&t, "a", "small"));
	CHECK(tree_put_bytes(&t, "b", data, LARGE));
	CHECK(tree_put(&t, "c", "small"));
	CHECK_EQ(tree_take(st, &t, &m), 0);
	CHECK_EQ(restore_tree(st, m, out.fd, 0, &o), 0);
	CHECK_EQ(x.locked[0], 2);
	CHECK_EQ(x.locked[1], 1);
	CHECK_EQ(x.locked[2], 2);
}
