#include "store/snapshot.h"
#include "store/walk.h"
#include "tests/unit/test.h"
#include "tests/unit/tree_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define MANIFEST AUTO(manifest_unrefp) struct manifest *
#define SNAPSHOT AUTO(snapshot_freep) struct snapshot *
#define FD AUTO(close_fd) int

static int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (d && readdir(d))
		n++;
	closedir(d);
	return n;
}

TEST(a_folder_becomes_a_manifest_and_comes_back)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	TREE out = tree_fixture();
	MANIFEST m = NULL;
	MANIFEST again = NULL;
	struct stat sb;
	char link[10] = "", text[100];

	CHECK(st && t.fd >= 0 && out.fd >= 0);
	CHECK(!mkdirat(t.fd, "a", 0755) && !mkdirat(t.fd, "empty", 0755));
	CHECK(tree_put(&t, "a-b", "one") && tree_put(&t, "a/b", "two") && tree_put(&t, "run", "#!") && tree_put(&t, "nothing", ""));
	CHECK(tree_put(&t, "new\nline", "three") && !fchmodat(t.fd, "run", 0710, 0) && !symlinkat("a/b", t.fd, "link"));
	CHECK_EQ(tree_take(st, &t, &m), 0);
	CHECK_EQ(m->count, 8);
	CHECK_STR(m->entries[0].path, "a-b");
	CHECK_STR(m->entries[1].path, "a/");
	CHECK_STR(m->entries[2].path, "a/b");
	CHECK_EQ(m->files, 5);
	CHECK_EQ(m->bytes, 13);
	CHECK_STR(tree_text(st, m, "new\nline", text), "three");

	CHECK_EQ(restore_tree(st, m, out.fd, 1000000007, NULL), 0);
	CHECK(!fstatat(out.fd, "a/b", &sb, 0) && (sb.st_mode & 07111) == 0 && sb.st_mtime == 1000000007 && sb.st_size == 3);
	CHECK(!fstatat(out.fd, "run", &sb, 0) && (sb.st_mode & 0100));
	CHECK(!fstatat(out.fd, "a", &sb, 0) && S_ISDIR(sb.st_mode) && sb.st_mtime == 1000000007);
	CHECK(!fstatat(out.fd, "link", &sb, AT_SYMLINK_NOFOLLOW) && S_ISLNK(sb.st_mode) && sb.st_mtime == 1000000007);
	CHECK(readlinkat(out.fd, "link", link, 9) == 3 && !strcmp(link, "a/b"));
	CHECK_EQ(tree_take(st, &out, &again), 0);
	CHECK_EQ(again->id, m->id);
}

TEST(what_is_left_out_is_told)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	const struct snapshot_options o = { .cache = NULL };
	SNAPSHOT s = NULL;
	MANIFEST m = NULL;
	const struct left_out *l;

	CHECK(st && t.fd >= 0);
	CHECK(!mkdirat(t.fd, "node_modules", 0755) && !mkdirat(t.fd, "a", 0755) && tree_put(&t, "node_modules/x", "x"));
	CHECK(tree_put(&t, ".env", "K=1") && tree_put(&t, "a/.env.local", "K=2"));
	CHECK(tree_put(&t, ".env.example", "K=") && tree_put(&t, "a/\"\xff.pyc", ""));
	CHECK_EQ(tree_take_with(st, &t, &o, &m, &s), 0);
	CHECK_EQ(m->count, 2);
	l = snapshot_left_out(s);
	CHECK_EQ(l->ignored, 2);
	CHECK_EQ(l->secrets, 2);
	CHECK_EQ(l->listed, 4);
	CHECK_EQ(l->changing, 0);
	CHECK(strstr(buf_str(&l->names), "\"a/.env.local\""));
	CHECK(strstr(buf_str(&l->names), "\"a/\\\"\xef\xbf\xbd.pyc\""));
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM content"), 1);
}

TEST(at_most_twenty_names_are_listed_and_all_are_counted)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	const struct snapshot_options o = { .cache = NULL };
	SNAPSHOT s = NULL;
	MANIFEST m = NULL;
	char name[20];

	CHECK(st && t.fd >= 0);
	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "%d.pyc", i);
		CHECK(tree_put(&t, name, ""));
	}
	CHECK_EQ(tree_take_with(st, &t, &o, &m, &s), 0);
	CHECK_EQ(snapshot_left_out(s)->ignored, 30);
	CHECK_EQ(snapshot_left_out(s)->listed, 20);
}

TEST(the_second_snapshot_of_the_same_tree_is_the_first)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	MANIFEST a = NULL;
	MANIFEST b = NULL;

	CHECK(st && t.fd >= 0);
	CHECK(tree_put(&t, "x", "1") && tree_put(&t, "y", "2"));
	tree_rest();
	CHECK_EQ(tree_take(st, &t, &a), 0);
	CHECK_EQ(tree_take(st, &t, &b), 0);
	CHECK_EQ(a->id, b->id);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM manifest"), 1);
}

TEST(a_fifo_a_socket_and_a_name_that_is_not_utf8_are_refused_by_name)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	MANIFEST m = NULL;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	FD sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(st && t.fd >= 0 && !mkdirat(t.fd, "d", 0755));
	CHECK(!mkfifoat(t.fd, "d/pipe", 0644));
	CHECK_EQ(tree_take(st, &t, &m), -ENOTSUP);
	CHECK_STR(genstore_errmsg(st), "cannot keep 'd/pipe': it is a fifo; remove it or put it outside of the tree");
	CHECK(!unlinkat(t.fd, "d/pipe", 0));
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/s", t.tree);
	CHECK(!bind(sock, (struct sockaddr *)&at, sizeof(at)));
	CHECK_EQ(tree_take(st, &t, &m), -ENOTSUP);
	CHECK_STR(genstore_errmsg(st), "cannot keep 's': it is a socket; remove it or put it outside of the tree");
	CHECK(!unlinkat(t.fd, "s", 0) && tree_put(&t, "d/caf\xe9\n", ""));
	CHECK_EQ(tree_take(st, &t, &m), -ENOTSUP);
	CHECK_STR(genstore_errmsg(st), "cannot keep 'd/caf\\xe9\\x0a': the name is not UTF-8; rename it");
}

TEST(symbolic_links_are_kept_and_never_followed)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	MANIFEST m = NULL;
	char link[100];

	CHECK(st && t.fd >= 0);
	CHECK(!symlinkat(".", t.fd, "loop") && !symlinkat("/etc", t.fd, "etc") && !symlinkat("nowhere", t.fd, "dangling"));
	CHECK(!symlinkat("self", t.fd, "self"));
	CHECK_EQ(tree_take(st, &t, &m), 0);
	CHECK_EQ(m->count, 4);
	for (size_t i = 0; i < m->count; i++)
		CHECK_EQ(m->entries[i].type, TAR_SYMLINK);
	snprintf(link, sizeof(link), "%s/link", t.top);
	CHECK(!symlink("tree", link));
	SNAPSHOT s = NULL;
	const struct snapshot_options o = { .cache = NULL };
	CHECK_EQ(snapshot_scan(st, link, &o, &s), -ENOTDIR);
}

struct swap {
	const struct tree *t;
	bool done;
};

/* While "a" is taken, the folder "b" becomes a link to /etc, and other things change their kind. */
static void swap_now(void *arg, int64_t files UNUSED, int64_t bytes UNUSED)
{
	struct swap *s = arg;

	if (s->done)
		return;
	s->done = true;
	renameat(s->t->fd, "b", s->t->fd, ".cache");
	if (symlinkat("/etc", s->t->fd, "b"))
		abort();
	unlinkat(s->t->fd, "c", 0);
	mkdirat(s->t->fd, "c", 0755);
	tree_put(s->t, "c/inside", "1");
	unlinkat(s->t->fd, "gone", 0);
	unlinkat(s->t->fd, "link", 0);
	tree_put(s->t, "link", "no link now");
}

TEST(what_changes_its_kind_during_the_walk_is_taken_as_it_is_then)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	struct swap swap = { .t = &t };
	const struct snapshot_options o = { .cache = t.cache, .progress = swap_now, .arg = &swap };
	SNAPSHOT s = NULL;
	MANIFEST m = NULL;
	char text[100];

	CHECK(st && t.fd >= 0 && !mkdirat(t.fd, "b", 0755) && !symlinkat("x", t.fd, "link"));
	CHECK(tree_put(&t, "a", "1") && tree_put(&t, "b/x", "2") && tree_put(&t, "c", "3"));
	CHECK(tree_put(&t, "c-", "4") && tree_put(&t, "gone", "5"));
	tree_rest();
	CHECK_EQ(tree_take_with(st, &t, &o, &m, &s), 0);
	CHECK_EQ(m->entries[manifest_find(m, "b")].type, TAR_SYMLINK);
	CHECK_EQ(manifest_find(m, "b/x"), -1);
	CHECK_EQ(manifest_find(m, "gone"), -1);
	CHECK_STR(tree_text(st, m, "c/inside", text), "1");
	CHECK_STR(tree_text(st, m, "c-", text), "4");
	CHECK_STR(tree_text(st, m, "link", text), "no link now");
	/* The walk came upon them in another order: the cache must not mix them up. */
	CHECK(tree_is_trusted(st, &t, "c-"));
	MANIFEST again = NULL;
	CHECK_EQ(tree_take(st, &t, &again), 0);
	CHECK_EQ(again->id, m->id);
}

struct writer {
	int fd;
	int stop; /* atomic */
};

static void *keep_touching(void *arg)
{
	struct writer *w = arg;

	for (int64_t i = 0; !__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE); i++) {
		const struct timespec times[2] = { { .tv_sec = i }, { .tv_sec = i } };

		futimens(w->fd, times);
	}
	return NULL;
}

/* On a busy machine whoever changes the file may not get its turn while that is read: then again. */
TEST(a_file_that_keeps_changing_is_kept_as_read_and_counted)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	const struct snapshot_options o = { .cache = t.cache };
	const size_t n = 4 << 20;
	AUTO(free_ptr) uint8_t *data = calloc(n, 1);
	int64_t changing = 0;
	pthread_t thread;
	int r = 0;

	CHECK(st && t.fd >= 0 && data && tree_put_bytes(&t, "x", data, n));
	FD fd = openat(t.fd, "x", O_RDWR | O_CLOEXEC);
	struct writer w = { .fd = fd };
	CHECK(!pthread_create(&thread, NULL, keep_touching, &w));
	for (int i = 0; i < 100 && !r && !changing; i++) {
		SNAPSHOT s = NULL;
		MANIFEST m = NULL;

		r = tree_take_with(st, &t, &o, &m, &s);
		changing = r ? 0 : snapshot_left_out(s)->changing;
		CHECK(r || m->bytes == (int64_t)n);
	}
	__atomic_store_n(&w.stop, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	CHECK_EQ(r, 0);
	CHECK_EQ(changing, 1);
	tree_rest();
	CHECK(!tree_is_trusted(st, &t, "x"));
}

TEST(a_deep_tree_is_taken_and_restored_and_a_deeper_one_refused)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	TREE out = tree_fixture();
	MANIFEST m = NULL;
	MANIFEST deep = NULL;
	char path[2 * MANIFEST_DEPTH_MAX + 10] = "";

	CHECK(st && t.fd >= 0 && out.fd >= 0);
	for (int i = 0; i < MANIFEST_DEPTH_MAX; i++) {
		strcat(path, i ? "/d" : "d");
		CHECK(!mkdirat(t.fd, path, 0755));
	}
	CHECK_EQ(tree_take(st, &t, &m), 0);
	CHECK_EQ(m->count, MANIFEST_DEPTH_MAX);
	CHECK_EQ(restore_tree(st, m, out.fd, 0, NULL), 0);
	CHECK(!faccessat(out.fd, path, F_OK, 0));
	strcat(path, "/x");
	CHECK(tree_put(&t, path, "x"));
	CHECK_EQ(tree_take(st, &t, &deep), -ENOTSUP);
	CHECK(strstr(genstore_errmsg(st), "too deep"));
	CHECK(!unlinkat(t.fd, path, 0) && !mkdirat(t.fd, path, 0755));
	CHECK_EQ(tree_take(st, &t, &deep), -ENOTSUP);
}

TEST(many_folders_need_few_descriptors_and_none_is_left_open)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	TREE out = tree_fixture();
	MANIFEST m = NULL;
	struct rlimit was, few;
	int before, r, q;
	char path[30];

	CHECK(st && t.fd >= 0 && out.fd >= 0);
	for (int i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "d%d", i);
		CHECK(!mkdirat(t.fd, path, 0755));
		snprintf(path, sizeof(path), "d%d/f", i);
		CHECK(tree_put(&t, path, path));
	}
	CHECK_EQ(tree_take(st, &t, &m), 0);
	manifest_unrefp(&m);
	m = NULL;
	before = count_fds();
	CHECK(!getrlimit(RLIMIT_NOFILE, &was));
	few = was;
	few.rlim_cur = (rlim_t)before + 12;
	CHECK(!setrlimit(RLIMIT_NOFILE, &few));
	r = tree_take(st, &t, &m);
	q = r ? r : restore_tree(st, m, out.fd, 0, NULL);
	CHECK(!setrlimit(RLIMIT_NOFILE, &was));
	CHECK_EQ(r, 0);
	CHECK_EQ(q, 0);
	CHECK_EQ(m->count, 600);
	CHECK_EQ(count_fds(), before);
}

TEST(a_tree_over_the_limit_of_bytes_is_efbig)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	struct snapshot_options o = { .max_bytes = 9 };
	SNAPSHOT s = NULL;
	SNAPSHOT fits = NULL;

	CHECK(st && t.fd >= 0 && tree_put(&t, "a", "12345") && tree_put(&t, "b", "67890"));
	CHECK_EQ(snapshot_scan(st, t.tree, &o, &s), -EFBIG);
	CHECK_STR(genstore_errmsg(st), "the tree holds more than 9 bytes, which is the limit");
	o.max_bytes = 10;
	CHECK_EQ(snapshot_scan(st, t.tree, &o, &fits), 0);
}

TEST(what_cannot_be_read_is_named)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	MANIFEST m = NULL;

	if (!geteuid())
		SKIP("root reads everything");
	CHECK(st && t.fd >= 0 && tree_put(&t, "x", "1") && !fchmodat(t.fd, "x", 0, 0));
	CHECK_EQ(tree_take(st, &t, &m), -EACCES);
	CHECK_STR(genstore_errmsg(st), "cannot read 'x': Permission denied");
	CHECK(!unlinkat(t.fd, "x", 0) && !mkdirat(t.fd, "d", 0));
	CHECK_EQ(tree_take(st, &t, &m), -EACCES);
	CHECK_STR(genstore_errmsg(st), "cannot read 'd': Permission denied");
}

TEST(a_folder_that_is_not_there_is_enoent)
{
	STORE st = store_fixture();
	const struct snapshot_options o = { .cache = NULL };
	SNAPSHOT s = NULL;

	CHECK(st);
	CHECK_EQ(snapshot_scan(st, "/nowhere/at all", &o, &s), -ENOENT);
	CHECK_STR(genstore_errmsg(st), "cannot read '/nowhere/at all': No such file or directory");
	CHECK_EQ(snapshot_scan(st, "/dev/null", &o, &s), -ENOTDIR);
}

TEST(a_collection_between_scan_and_put_is_estale)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	const struct snapshot_options o = { .cache = t.cache };
	SNAPSHOT s = NULL;
	MANIFEST m = NULL;

	CHECK(st && t.fd >= 0 && tree_put(&t, "x", "1"));
	CHECK_EQ(snapshot_scan(st, t.tree, &o, &s), 0);
	CHECK_EQ(db_exec(&st->db, "UPDATE store_state SET value = value + 1 WHERE key = 'gc_epoch'"), 0);
	CHECK_EQ(db_changes(&st->db), 1);
	TXN txn = txn_begin(&st->db);
	CHECK_EQ(txn.error, 0);
	CHECK_EQ(snapshot_put(st, s, &m), -ESTALE);
}

TEST(hard_links_become_files_of_their_own)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	TREE out = tree_fixture();
	MANIFEST m = NULL;
	struct stat sb;

	CHECK(st && t.fd >= 0 && out.fd >= 0 && tree_put(&t, "a", "1") && !linkat(t.fd, "a", t.fd, "b", 0));
	CHECK_EQ(tree_take(st, &t, &m), 0);
	CHECK_EQ(m->files, 2);
	CHECK_EQ(m->entries[0].content, m->entries[1].content);
	CHECK_EQ(restore_tree(st, m, out.fd, 0, NULL), 0);
	CHECK(!fstatat(out.fd, "b", &sb, 0));
	CHECK_EQ(sb.st_nlink, 1);
}

static bool leave_none_out(void *arg UNUSED, const char *path UNUSED, const char *name UNUSED)
{
	return false;
}

TEST(a_walk_stops_at_more_names_than_a_manifest_has_entries)
{
	STORE st = store_fixture();
	TREE t = tree_fixture();
	AUTO(walk_closep) struct walk *w = NULL;
	struct walk_item item;
	char name[20];

	CHECK(st && t.fd >= 0);
	/* Links to one file are quicker to make than files, but a file has 65,000 of them at most. */
	for (int i = 0; i <= MANIFEST_ENTRIES_MAX; i++) {
		snprintf(name, sizeof(name), "%d", i);
		CHECK(!(i % 50000 ? linkat(t.fd, i / 50000 ? (i < 100000 ? "50000" : i < 150000 ? "100000" : "150000") : "0", t.fd, name, 0)
				  : !tree_put(&t, name, "")));
	}
	CHECK_EQ(walk_open(st, t.tree, leave_none_out, NULL, &w), -EFBIG);
	CHECK(strstr(genstore_errmsg(st), "more than 200000 entries"));
	CHECK(!unlinkat(t.fd, "77", 0));
	CHECK_EQ(walk_open(st, t.tree, leave_none_out, NULL, &w), 0);
	CHECK_EQ(walk_next(w, &item), 1);
	CHECK_STR(item.path, "0");
}
