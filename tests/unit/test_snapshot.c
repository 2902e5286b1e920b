#include "store/snapshot.h"
#include "store/object.h"
#include "store/statcache.h"
#include "store/walk.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define MANIFEST AUTO(manifest_unrefp) struct manifest *
#define SNAPSHOT AUTO(snapshot_freep) struct snapshot *
#define TREE AUTO(tree_remove) struct tree
#define FD AUTO(close_fd) int

/* A folder of its own, "tree" in it, and room for a stat cache beside. */
struct tree {
	char top[40], cache[60], tree[60];
	int fd; /* of the tree */
};

static int remove_one(const char *path, const struct stat *sb UNUSED, int flag UNUSED, struct FTW *ftw UNUSED)
{
	return remove(path);
}

static void tree_remove(struct tree *t)
{
	close_fd(&t->fd);
	nftw(t->top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static struct tree tree_new(void)
{
	struct tree t = { .top = "/tmp/genstore-tree-XXXXXX", .fd = -1 };

	if (!mkdtemp(t.top))
		return t;
	snprintf(t.tree, sizeof(t.tree), "%s/tree", t.top);
	snprintf(t.cache, sizeof(t.cache), "%s/cache", t.top);
	if (!mkdir(t.tree, 0755))
		t.fd = open(t.tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return t;
}

static bool put_bytes(const struct tree *t, const char *path, const void *data, size_t n)
{
	FD fd = openat(t->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	return fd >= 0 && write(fd, data, n) == (ssize_t)n;
}

static bool put(const struct tree *t, const char *path, const char *text)
{
	return put_bytes(t, path, text, strlen(text));
}

/* Until what is written from now on is more than two ticks of the clock newer than all that is there. */
static void let_it_rest(void)
{
	for (int64_t from = statcache_now(); statcache_now() < from + 50000000;)
		;
}

static int take_with(struct genstore *st, const struct tree *t, const struct snapshot_options *o, struct manifest **ret_m,
		     struct snapshot **ret_s)
{
	int r = snapshot_scan(st, t->tree, o, ret_s);

	if (r)
		return r;
	TXN txn = txn_begin(&st->db);
	if ((r = snapshot_put(st, *ret_s, ret_m)))
		return r;
	if (!(r = txn_commit(&txn)))
		snapshot_keep(st, *ret_s);
	return r;
}

static int take(struct genstore *st, const struct tree *t, struct manifest **ret_m)
{
	const struct snapshot_options o = { .cache = t->cache };
	SNAPSHOT s = NULL;

	return take_with(st, t, &o, ret_m, &s);
}

/* The text of a small file, as the store has it. */
static const char *text_of(struct genstore *st, const struct manifest *m, const char *path, char out[100])
{
	AUTO(object_unrefp) struct object *o = NULL;
	ssize_t i = manifest_find(m, path), n;

	if (i < 0 || object_of_content(st, m->entries[i].content, &o))
		return NULL;
	n = object_read(st, o, 0, 99, out);
	if (n < 0)
		return NULL;
	out[n] = '\0';
	return out;
}

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
	TREE t = tree_new();
	TREE out = tree_new();
	MANIFEST m = NULL;
	MANIFEST again = NULL;
	struct stat sb;
	char link[10] = "", text[100];

	CHECK(st && t.fd >= 0 && out.fd >= 0);
	CHECK(!mkdirat(t.fd, "a", 0755) && !mkdirat(t.fd, "empty", 0755));
	CHECK(put(&t, "a-b", "one") && put(&t, "a/b", "two") && put(&t, "run", "#!") && put(&t, "nothing", ""));
	CHECK(put(&t, "new\nline", "three") && !fchmodat(t.fd, "run", 0710, 0) && !symlinkat("a/b", t.fd, "link"));
	CHECK_EQ(take(st, &t, &m), 0);
	CHECK_EQ(m->count, 8);
	CHECK_STR(m->entries[0].path, "a-b");
	CHECK_STR(m->entries[1].path, "a/");
	CHECK_STR(m->entries[2].path, "a/b");
	CHECK_EQ(m->files, 5);
	CHECK_EQ(m->bytes, 13);
	CHECK_STR(text_of(st, m, "new\nline", text), "three");

	CHECK_EQ(restore_tree(st, m, out.fd, 1000000007, NULL), 0);
	CHECK(!fstatat(out.fd, "a/b", &sb, 0) && (sb.st_mode & 07111) == 0 && sb.st_mtime == 1000000007 && sb.st_size == 3);
	CHECK(!fstatat(out.fd, "run", &sb, 0) && (sb.st_mode & 0100));
	CHECK(!fstatat(out.fd, "a", &sb, 0) && S_ISDIR(sb.st_mode) && sb.st_mtime == 1000000007);
	CHECK(!fstatat(out.fd, "link", &sb, AT_SYMLINK_NOFOLLOW) && S_ISLNK(sb.st_mode) && sb.st_mtime == 1000000007);
	CHECK(readlinkat(out.fd, "link", link, 9) == 3 && !strcmp(link, "a/b"));
	CHECK_EQ(take(st, &out, &again), 0);
	CHECK_EQ(again->id, m->id);
}

TEST(a_large_file_of_many_pieces_comes_back)
{
	STORE st = store_fixture();
	TREE t = tree_new();
	TREE out = tree_new();
	MANIFEST m = NULL;
	const size_t n = 3 << 20;
	AUTO(free_ptr) uint8_t *data = malloc(n), *back = malloc(n + 1);

	CHECK(st && t.fd >= 0 && out.fd >= 0 && data && back);
	test_noise(data, n, 5);
	CHECK(put_bytes(&t, "large", data, n));
	CHECK_EQ(take(st, &t, &m), 0);
	CHECK_EQ(restore_tree(st, m, out.fd, 0, NULL), 0);
	FD fd = openat(out.fd, "large", O_RDONLY | O_CLOEXEC);
	CHECK_EQ(read(fd, back, n + 1), n);
	CHECK_MEM(back, data, n);
}

TEST(what_is_left_out_is_told)
{
	STORE st = store_fixture();
	TREE t = tree_new();
	const struct snapshot_options o = { .cache = NULL };
	SNAPSHOT s = NULL;
	MANIFEST m = NULL;
	const struct left_out *l;

	CHECK(st && t.fd >= 0);
	CHECK(!mkdirat(t.fd, "node_modules", 0755) && !mkdirat(t.fd, "a", 0755) && put(&t, "node_modules/x", "x"));
	CHECK(put(&t, ".env", "K=1") && put(&t, "a/.env.local", "K=2") && put(&t, ".env.example", "K=") && put(&t, "a/\"\xff.pyc", ""));
	CHECK_EQ(take_with(st, &t, &o, &m, &s), 0);
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
	TREE t = tree_new();
	const struct snapshot_options o = { .cache = NULL };
	SNAPSHOT s = NULL;
	MANIFEST m = NULL;
	char name[20];

	CHECK(st && t.fd >= 0);
	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "%d.pyc", i);
		CHECK(put(&t, name, ""));
	}
	CHECK_EQ(take_with(st, &t, &o, &m, &s), 0);
	CHECK_EQ(snapshot_left_out(s)->ignored, 30);
	CHECK_EQ(snapshot_left_out(s)->listed, 20);
}

TEST(the_second_snapshot_of_the_same_tree_is_the_first)
{
	STORE st = store_fixture();
	TREE t = tree_new();
	MANIFEST a = NULL;
	MANIFEST b = NULL;

	CHECK(st && t.fd >= 0);
	CHECK(put(&t, "x", "1") && put(&t, "y", "2"));
	let_it_rest();
	CHECK_EQ(take(st, &t, &a), 0);
	CHECK_EQ(take(st, &t, &b), 0);
	CHECK_EQ(a->id, b->id);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM manifest"), 1);
}

/* Proves which path was taken: a content that the cache vouches for is not read. */
static bool is_trusted(struct genstore *st, const struct tree *t, const char *path)
{
	AUTO(statcache_freep) struct statcache *c = NULL;
	struct stat sb;
	struct stat_key key;

	if (statcache_load(st, t->cache, &c) || fstatat(t->fd, path, &sb, AT_SYMLINK_NOFOLLOW))
		return false;
	key = stat_key_of(&sb);
	return statcache_find(c, path, &key) > 0;
}

TEST(a_file_that_rested_is_trusted_and_one_that_was_just_written_is_not)
{
	STORE st = store_fixture();
	TREE t = tree_new();
	MANIFEST m = NULL;

	CHECK(st && t.fd >= 0);
	CHECK(put(&t, "old", "1"));
	let_it_rest();
	CHECK(put(&t, "fresh", "1"));
	CHECK_EQ(take(st, &t, &m), 0);
	CHECK(is_trusted(st, &t, "old"));
	CHECK(!is_trusted(st, &t, "fresh"));
}

/* Same size, same mtime: only the racy-timestamp rule, or the ctime, tells. */
TEST(a_file_that_changes_right_after_a_snapshot_is_noticed)
{
	STORE st = store_fixture();
	TREE t = tree_new();
	char want[100], text[100];

	CHECK(st && t.fd >= 0);
	for (int i = 0; i < 200; i++) {
		MANIFEST m = NULL;

		snprintf(want, sizeof(want), "text %03d", i);
		CHECK(put(&t, "x", want));
		CHECK_EQ(take(st, &t, &m), 0);
		CHECK_STR(text_of(st, m, "x", text), want);
	}
}

TEST(an_old_mtime_does_not_hide_a_change)
{
	STORE st = store_fixture();
	TREE t = tree_new();
	const struct timespec old[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };
	MANIFEST a = NULL;
	MANIFEST b = NULL;
	char text[100];

	CHECK(st && t.fd >= 0);
	CHECK(put(&t, "x", "before") && !utimensat(t.fd, "x", old, 0));
	let_it_rest();
	CHECK_EQ(take(st, &t, &a), 0);
	CHECK(is_trusted(st, &t, "x"));
	CHECK(put(&t, "x", "after.") && !utimensat(t.fd, "x", old, 0));
	CHECK_EQ(take(st, &t, &b), 0);
	CHECK_STR(text_of(st, b, "x", text), "after.");
}

TEST(a_file_that_takes_the_place_of_another_is_noticed)
{
	STORE st = store_fixture();
	TREE t = tree_new();
	MANIFEST a = NULL;
	MANIFEST b = NULL;
	char text[100];

	CHECK(st && t.fd >= 0);
	CHECK(put(&t, "x", "before") && put(&t, "y", "other."));
	let_it_rest();
	CHECK_EQ(take(st, &t, &a), 0);
	CHECK(!renameat(t.fd, "y", t.fd, "x"));
	CHECK_EQ(take(st, &t, &b), 0);
	CHECK_STR(text_of(st, b, "x", text), "other.");
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
		TREE t = tree_new();
		MANIFEST m = NULL;

		CHECK(st && t.fd >= 0);
		CHECK(put(&t, "x", "1"));
		let_it_rest();
		CHECK_EQ(take(st, &t, &m), 0);
		CHECK(is_trusted(st, &t, "x"));
		CHECK_EQ(db_exec(&st->db, spoils[i]), 0);
		CHECK(!is_trusted(st, &t, "x"));
	}
}

TEST(a_damaged_or_missing_cache_is_an_empty_one)
{
	STORE st = store_fixture();
	TREE t = tree_new();
	MANIFEST m = NULL;
	struct stat sb;
	uint8_t byte;

	CHECK(st && t.fd >= 0);
	CHECK(put(&t, "x", "1") && put(&t, "y", "2"));
	let_it_rest();
	CHECK(!is_trusted(st, &t, "x"));
	CHECK_EQ(take(st, &t, &m), 0);
	CHECK(is_trusted(st, &t, "x") && is_trusted(st, &t, "y"));
	FD fd = open(t.cache, O_RDWR | O_CLOEXEC);
	CHECK(!fstat(fd, &sb));
	CHECK_EQ(sb.st_mode & 07777, 0600);
	for (off_t i = 0; i < sb.st_size; i++) {
		CHECK_EQ(pread(fd, &byte, 1, i), 1);
		byte ^= 0x10;
		CHECK_EQ(pwrite(fd, &byte, 1, i), 1);
		CHECK(!is_trusted(st, &t, "x"));
		byte ^= 0x10;
		CHECK_EQ(pwrite(fd, &byte, 1, i), 1);
	}
	CHECK(is_trusted(st, &t, "x"));
	for (off_t n = sb.st_size - 1; n >= 0; n -= 7) {
		CHECK(!ftruncate(fd, n));
		CHECK(!is_trusted(st, &t, "x"));
	}
}

TEST(a_fifo_a_socket_and_a_name_that_is_not_utf8_are_refused_by_name)
{
	STORE st = store_fixture();
	TREE t = tree_new();
	MANIFEST m = NULL;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	FD sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(st && t.fd >= 0 && !mkdirat(t.fd, "d", 0755));
	CHECK(!mkfifoat(t.fd, "d/pipe", 0644));
	CHECK_EQ(take(st, &t, &m), -ENOTSUP);
	CHECK_STR(genstore_errmsg(st), "cannot keep 'd/pipe': it is a fifo; remove it or put it outside of the tree");
	CHECK(!unlinkat(t.fd, "d/pipe", 0));
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/s", t.tree);
	CHECK(!bind(sock, (struct sockaddr *)&at, sizeof(at)));
	CHECK_EQ(take(st, &t, &m), -ENOTSUP);
	CHECK_STR(genstore_errmsg(st), "cannot keep 's': it is a socket; remove it or put it outside of the tree");
	CHECK(!unlinkat(t.fd, "s", 0) && put(&t, "d/caf\xe9\n", ""));
	CHECK_EQ(take(st, &t, &m), -ENOTSUP);
	CHECK_STR(genstore_errmsg(st), "cannot keep 'd/caf\\xe9\\x0a': the name is not UTF-8; rename it");
}

TEST(symbolic_links_are_kept_and_never_followed)
{
	STORE st = store_fixture();
	TREE t = tree_new();
	MANIFEST m = NULL;
	char link[100];

	CHECK(st && t.fd >= 0);
	CHECK(!symlinkat(".", t.fd, "loop") && !symlinkat("/etc", t.fd, "etc") && !symlinkat("nowhere", t.fd, "dangling"));
	CHECK(!symlinkat("self", t.fd, "self"));
	CHECK_EQ(take(st, &t, &m), 0);
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
	put(s->t, "c/inside", "1");
	unlinkat(s->t->fd, "gone", 0);
	unlinkat(s->t->fd, "link", 0);
	put(s->t, "link", "no link now");
}

TEST(what_changes_its_kind_during_the_walk_is_taken_as_it_is_then)
{
	STORE st = store_fixture();
	TREE t = tree_new();
	struct swap swap = { .t = &t };
	const struct snapshot_options o = { .cache = t.cache, .progress = swap_now, .arg = &swap };
	SNAPSHOT s = NULL;
	MANIFEST m = NULL;
	char text[100];

	CHECK(st && t.fd >= 0 && !mkdirat(t.fd, "b", 0755) && !symlinkat("x", t.fd, "link"));
	CHECK(put(&t, "a", "1") && put(&t, "b/x", "2") && put(&t, "c", "3") && put(&t, "c-", "4") && put(&t, "gone", "5"));
	let_it_rest();
	CHECK_EQ(take_with(st, &t, &o, &m, &s), 0);
	CHECK_EQ(m->entries[manifest_find(m, "b")].type, TAR_SYMLINK);
	CHECK_EQ(manifest_find(m, "b/x"), -1);
	CHECK_EQ(manifest_find(m, "gone"), -1);
	CHECK_STR(text_of(st, m, "c/inside", text), "1");
	CHECK_STR(text_of(st, m, "c-", text), "4");
	CHECK_STR(text_of(st, m, "link", text), "no link now");
	/* The walk came upon them in another order: the cache must not mix them up. */
	CHECK(is_trusted(st, &t, "c-"));
	MANIFEST again = NULL;
	CHECK_EQ(take(st, &t, &again), 0);
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

TEST(a_file_that_keeps_changing_is_kept_as_read_and_counted)
{
	STORE st = store_fixture();
	TREE t = tree_new();
	const struct snapshot_options o = { .cache = t.cache };
	const size_t n = 4 << 20;
	AUTO(free_ptr) uint8_t *data = calloc(n, 1);
	SNAPSHOT s = NULL;
	MANIFEST m = NULL;
	pthread_t thread;

	CHECK(st && t.fd >= 0 && data && put_bytes(&t, "x", data, n));
	FD fd = openat(t.fd, "x", O_RDWR | O_CLOEXEC);
	struct writer w = { .fd = fd };
	CHECK(!pthread_create(&thread, NULL, keep_touching, &w));
	int r = take_with(st, &t, &o, &m, &s);
	__atomic_store_n(&w.stop, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	CHECK_EQ(r, 0);
	CHECK_EQ(snapshot_left_out(s)->changing, 1);
	CHECK_EQ(m->bytes, n);
	let_it_rest();
	CHECK(!is_trusted(st, &t, "x"));
}

TEST(a_deep_tree_is_taken_and_restored_and_a_deeper_one_refused)
{
	STORE st = store_fixture();
	TREE t = tree_new();
	TREE out = tree_new();
	MANIFEST m = NULL;
	MANIFEST deep = NULL;
	char path[2 * MANIFEST_DEPTH_MAX + 10] = "";

	CHECK(st && t.fd >= 0 && out.fd >= 0);
	for (int i = 0; i < MANIFEST_DEPTH_MAX; i++) {
		strcat(path, i ? "/d" : "d");
		CHECK(!mkdirat(t.fd, path, 0755));
	}
	CHECK_EQ(take(st, &t, &m), 0);
	CHECK_EQ(m->count, MANIFEST_DEPTH_MAX);
	CHECK_EQ(restore_tree(st, m, out.fd, 0, NULL), 0);
	CHECK(!faccessat(out.fd, path, F_OK, 0));
	strcat(path, "/x");
	CHECK(put(&t, path, "x"));
	CHECK_EQ(take(st, &t, &deep), -ENOTSUP);
	CHECK(strstr(genstore_errmsg(st), "too deep"));
	CHECK(!unlinkat(t.fd, path, 0) && !mkdirat(t.fd, path, 0755));
	CHECK_EQ(take(st, &t, &deep), -ENOTSUP);
}

TEST(many_folders_need_few_descriptors_and_none_is_left_open)
{
	STORE st = store_fixture();
	TREE t = tree_new();
	TREE out = tree_new();
	MANIFEST m = NULL;
	struct rlimit was, few;
	int before, r, q;
	char path[30];

	CHECK(st && t.fd >= 0 && out.fd >= 0);
	for (int i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "d%d", i);
		CHECK(!mkdirat(t.fd, path, 0755));
		snprintf(path, sizeof(path), "d%d/f", i);
		CHECK(put(&t, path, path));
	}
	CHECK_EQ(take(st, &t, &m), 0);
	manifest_unrefp(&m);
	m = NULL;
	before = count_fds();
	CHECK(!getrlimit(RLIMIT_NOFILE, &was));
	few = was;
	few.rlim_cur = (rlim_t)before + 12;
	CHECK(!setrlimit(RLIMIT_NOFILE, &few));
	r = take(st, &t, &m);
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
	TREE t = tree_new();
	struct snapshot_options o = { .max_bytes = 9 };
	SNAPSHOT s = NULL;
	SNAPSHOT fits = NULL;

	CHECK(st && t.fd >= 0 && put(&t, "a", "12345") && put(&t, "b", "67890"));
	CHECK_EQ(snapshot_scan(st, t.tree, &o, &s), -EFBIG);
	CHECK_STR(genstore_errmsg(st), "the tree holds more than 9 bytes, which is the limit");
	o.max_bytes = 10;
	CHECK_EQ(snapshot_scan(st, t.tree, &o, &fits), 0);
}

TEST(what_cannot_be_read_is_named)
{
	STORE st = store_fixture();
	TREE t = tree_new();
	MANIFEST m = NULL;

	if (!geteuid())
		SKIP("root reads everything");
	CHECK(st && t.fd >= 0 && put(&t, "x", "1") && !fchmodat(t.fd, "x", 0, 0));
	CHECK_EQ(take(st, &t, &m), -EACCES);
	CHECK_STR(genstore_errmsg(st), "cannot read 'x': Permission denied");
	CHECK(!unlinkat(t.fd, "x", 0) && !mkdirat(t.fd, "d", 0));
	CHECK_EQ(take(st, &t, &m), -EACCES);
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
	TREE t = tree_new();
	const struct snapshot_options o = { .cache = t.cache };
	SNAPSHOT s = NULL;
	MANIFEST m = NULL;

	CHECK(st && t.fd >= 0 && put(&t, "x", "1"));
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
	TREE t = tree_new();
	TREE out = tree_new();
	MANIFEST m = NULL;
	struct stat sb;

	CHECK(st && t.fd >= 0 && out.fd >= 0 && put(&t, "a", "1") && !linkat(t.fd, "a", t.fd, "b", 0));
	CHECK_EQ(take(st, &t, &m), 0);
	CHECK_EQ(m->files, 2);
	CHECK_EQ(m->entries[0].content, m->entries[1].content);
	CHECK_EQ(restore_tree(st, m, out.fd, 0, NULL), 0);
	CHECK(!fstatat(out.fd, "b", &sb, 0));
	CHECK_EQ(sb.st_nlink, 1);
}

TEST(restoring_needs_an_empty_folder)
{
	STORE st = store_fixture();
	TREE t = tree_new();
	MANIFEST m = NULL;

	CHECK(st && t.fd >= 0 && put(&t, "x", "1"));
	CHECK_EQ(take(st, &t, &m), 0);
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
	TREE t = tree_new();
	TREE out = tree_new();
	TREE outside = tree_new();
	struct trap trap = { .out = &out, .outside = outside.tree };
	const struct restore_options o = { .progress = set_trap, .arg = &trap };
	MANIFEST m = NULL;

	CHECK(st && t.fd >= 0 && out.fd >= 0 && outside.fd >= 0 && !mkdirat(t.fd, "d", 0755));
	CHECK(put(&t, "a", "0") && put(&t, "d/a", "1") && put(&t, "d/b", "2") && put(&t, "e", "3"));
	CHECK(!unlinkat(t.fd, "a", 0));
	CHECK_EQ(take(st, &t, &m), 0);
	CHECK_EQ(restore_tree(st, m, out.fd, 0, &o), -EEXIST);
	CHECK_STR(genstore_errmsg(st), "cannot write 'e': File exists");
	CHECK(!faccessat(out.fd, "moved/b", F_OK, 0));
	CHECK(faccessat(outside.fd, "b", F_OK, 0));
}

TEST(damaged_bytes_are_not_restored)
{
	STORE st = store_fixture();
	TREE t = tree_new();
	TREE out = tree_new();
	MANIFEST m = NULL;
	struct stat sb;

	CHECK(st && t.fd >= 0 && out.fd >= 0 && put(&t, "x", "some text that is worth keeping"));
	CHECK_EQ(take(st, &t, &m), 0);
	CHECK_EQ(db_exec(&st->db, "UPDATE piece_data SET bytes = zeroblob(length(bytes)) WHERE id >> 8 = 1"), 0);
	CHECK_EQ(restore_tree(st, m, out.fd, 0, NULL), -EBADMSG);
	CHECK(fstatat(out.fd, "x", &sb, 0) || sb.st_size == 0);
}

TEST(a_content_that_is_gone_is_ebadmsg_with_its_path)
{
	STORE st = store_fixture();
	TREE t = tree_new();
	TREE out = tree_new();
	MANIFEST m = NULL;

	CHECK(st && t.fd >= 0 && out.fd >= 0 && put(&t, "x", "1"));
	CHECK_EQ(take(st, &t, &m), 0);
	CHECK_EQ(db_exec(&st->db, "DELETE FROM content"), 0);
	CHECK_EQ(restore_tree(st, m, out.fd, 0, NULL), -EBADMSG);
	CHECK_STR(genstore_errmsg(st), "cannot restore 'x': its content is not in the store; run 'genstore check'");
}

static bool leave_none_out(void *arg UNUSED, const char *path UNUSED, const char *name UNUSED)
{
	return false;
}

TEST(a_walk_stops_at_more_names_than_a_manifest_has_entries)
{
	STORE st = store_fixture();
	TREE t = tree_new();
	AUTO(walk_closep) struct walk *w = NULL;
	struct walk_item item;
	char name[20];

	CHECK(st && t.fd >= 0);
	/* Links to one file are quicker to make than files, but a file has 65,000 of them at most. */
	for (int i = 0; i <= MANIFEST_ENTRIES_MAX; i++) {
		snprintf(name, sizeof(name), "%d", i);
		CHECK(!(i % 50000 ? linkat(t.fd, i / 50000 ? (i < 100000 ? "50000" : i < 150000 ? "100000" : "150000") : "0", t.fd, name, 0)
				  : !put(&t, name, "")));
	}
	CHECK_EQ(walk_open(st, t.tree, leave_none_out, NULL, &w), -EFBIG);
	CHECK(strstr(genstore_errmsg(st), "more than 200000 entries"));
	CHECK(!unlinkat(t.fd, "77", 0));
	CHECK_EQ(walk_open(st, t.tree, leave_none_out, NULL, &w), 0);
	CHECK_EQ(walk_next(w, &item), 1);
	CHECK_STR(item.path, "0");
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
	TREE t = tree_new();
	TREE out = tree_new();
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	AUTO(free_ptr) uint8_t *data = malloc(LARGE);
	struct { struct genstore *st; int locked[3]; } x = { .st = st };
	const struct restore_options o = { .progress = note_lock, .arg = &x };

	CHECK(st && data);
	memset(data, 'x', LARGE);
	CHECK(put(&t, "a", "small"));
	CHECK(put_bytes(&t, "b", data, LARGE));
	CHECK(put(&t, "c", "small"));
	CHECK_EQ(take(st, &t, &m), 0);
	CHECK_EQ(restore_tree(st, m, out.fd, 0, &o), 0);
	CHECK_EQ(x.locked[0], 2);
	CHECK_EQ(x.locked[1], 1);
	CHECK_EQ(x.locked[2], 2);
}

/* As on a file system that knows no finer times: within its second a file can change and look the same. */
TEST(a_time_in_whole_seconds_is_not_trusted_for_two_of_them)
{
	const int64_t second = 1000000000, start = 1000 * second + 1;
	const struct { int64_t time; bool trusted; } cases[] = {
		{ 1000 * second, false }, { 998 * second, false }, { 997 * second, true }, { 999 * second + 1, true },
	};
	STORE st = store_fixture();
	TREE t = tree_new();
	MANIFEST m = NULL;

	CHECK(st && put(&t, "a", "1"));
	CHECK_EQ(take(st, &t, &m), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(statcache_freep) struct statcache *c = NULL;
		const struct stat_key key = { .size = 1, .mtime = 500 * second, .ctime = cases[i].time, .inode = 1 };

		CHECK_EQ(statcache_save(st, t.cache, start, m, &key), 0);
		CHECK_EQ(statcache_load(st, t.cache, &c), 0);
		CHECK_EQ(statcache_find(c, "a", &key) > 0, cases[i].trusted);
	}
}
