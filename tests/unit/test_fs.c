#include "tests/unit/test.h"

#if HAVE_FUSE /* else there is no fs/ to test */
#include "fs/cache.h"
#include "fs/intern.h"
#include "fs/mount.h"
#include "fs/mounts.h"
#include "fs/node.h"
#include "fs/roll.h"
#include "fs/status.h"
#include "fs/watch.h"
#include "store/event.h"
#include "store/stage.h"
#include "tests/unit/store_fixture.h"

/* A store with one generation of a small tree, sealed, and a view of it. */
struct fixture {
	struct genstore *st, *reader;
	struct view *v;
	struct generation g;
};

static void fixture_release(struct fixture *f)
{
	view_free(f->v);
	generation_release(&f->g);
	genstore_free(f->reader);
	store_fixture_free(&f->st);
}

static int add_file(struct genstore *st, struct stage *s, struct manifest_builder *b, const char *path, const char *text)
{
	struct entry e = { .path = path, .path_len = (uint32_t)strlen(path), .size = (int64_t)strlen(text), .type = TAR_FILE };
	int64_t slot;
	int r;

	if ((r = stage_bytes(s, text, strlen(text), &slot)) || (r = stage_flush(s)) || (r = stage_content(s, slot, &e.content)))
		return r;
	(void)st;
	return manifest_add(b, &e);
}

static int add_iteration(struct genstore *st, int64_t generation, int64_t number, const char *text)
{
	AUTO(manifest_builder_freep) struct manifest_builder *b = NULL;
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	AUTO(stage_freep) struct stage *s = NULL;
	const struct entry link = { .path = "link", .path_len = 4, .link = "src/a", .type = TAR_SYMLINK };
	int64_t id;
	int r;

	if ((r = stage_new(st, &s)) || (r = manifest_builder_new(&b)) || (r = add_file(st, s, b, "src/a", text)) ||
	    (r = add_file(st, s, b, "src-b", "b")) || (r = add_file(st, s, b, "src/deep/c", "c")) ||
	    (r = manifest_add(b, &link)) || (r = manifest_build(b, &m)))
		return r;
	TXN t = txn_begin(&st->db);

	if ((r = manifest_put(st, m, 0)) || (r = iteration_add(st, generation, number, "automatic", m, "p", NULL, &id)))
		return r;
	return txn_commit(&t);
}

static int add_generation(struct fixture *f, bool seal, struct generation *ret_g)
{
	const struct generation_request req = { .app_name = "todo", .prompt = "p", .mode = "single-shot", .type = "new" };
	const struct completion done = { .status = "completed" };
	struct generation g = { 0 };
	int r;

	if ((r = generation_create(f->st, &req, &g)) || (r = generation_set_status(f->st, g.id, "generating", NULL)) ||
	    (r = add_iteration(f->st, g.id, 1, "hello")))
		return r;
	if (seal && (r = generation_finish(f->st, g.id, &done)))
		return r;
	*ret_g = g;
	return 0;
}

static struct fixture fixture(struct test_run *test)
{
	struct fixture f = { .st = store_fixture() };

	test_true(TEST_HERE, "a store", f.st != NULL);
	test_eq(TEST_HERE, "a generation", add_generation(&f, true, &f.g), 0);
	test_eq(TEST_HERE, "a view", view_new(f.st->path, &f.v), 0);
	test_eq(TEST_HERE, "its handle", view_open(f.v, &f.reader), 0);
	test_eq(TEST_HERE, "its counters", view_look(f.v, f.reader), 0);
	return f;
}

#define FIXTURE(f)                                                                                                     \
	AUTO(fixture_release) struct fixture f = fixture(test);                                                        \
	if (test->failed)                                                                                              \
		return

/* Follows a path from the root. */
static int walk(struct fixture *f, const char *path, struct attr *ret_a)
{
	char copy[4096], *save = NULL;
	struct attr a = { .ino = 1 };
	double keep;
	int r = node_attr(f->v, f->reader, 1, &a);

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *name = strtok_r(copy, "/", &save); name && !r; name = strtok_r(NULL, "/", &save))
		r = node_lookup(f->v, f->reader, a.ino, strcmp(name, "REQ") == 0 ? f->g.request_id : name, &a, &keep);
	*ret_a = a;
	return r;
}

static int collect(void *arg, const char *name, const struct attr *a UNUSED, int64_t next UNUSED)
{
	struct buf *names = arg;

	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ? 0 : buf_addf(names, "%s ", name);
}

TEST(an_inode_number_says_what_it_is_and_the_root_is_1)
{
	struct node n;

	CHECK_EQ(node_ino(NODE_FIXED, 0, FIXED_ROOT), 1);
	CHECK_EQ(node_of(node_ino(NODE_ITERATION, INT32_MAX, NODE_TOP), &n), 0);
	CHECK_EQ(n.kind, NODE_ITERATION);
	CHECK_EQ(n.id, INT32_MAX);
	CHECK_EQ(n.entry, NODE_TOP);
	CHECK_EQ(node_of(node_ino(NODE_KINDS, 1, 0), &n), -ESTALE);
}

TEST(every_path_of_the_layout_is_found_and_its_attributes_are_those_of_its_inode)
{
	static const struct { const char *path; mode_t mode; int64_t links, size; } paths[] = {
		{ "", S_IFDIR | 0755, 6, 0 },
		{ "generations", S_IFDIR | 0755, 3, 0 },
		{ "generations/REQ", S_IFDIR | 0755, 4, 0 },
		{ "generations/REQ/app.tar.gz", S_IFREG | 0644, 1, -1 },
		{ "generations/REQ/metadata.json", S_IFREG | 0644, 1, -1 },
		{ "generations/REQ/log.txt", S_IFREG | 0644, 1, 0 },
		{ "generations/REQ/app", S_IFDIR | 0755, 3, 0 },
		{ "generations/REQ/app/src", S_IFDIR | 0755, 3, 0 },
		{ "generations/REQ/app/src/a", S_IFREG | 0644, 1, 5 },
		{ "generations/REQ/app/link", S_IFLNK | 0777, 1, 5 },
		{ "generations/REQ/iterations", S_IFDIR | 0755, 3, 0 },
		{ "generations/REQ/iterations/1/src/deep/c", S_IFREG | 0644, 1, 1 },
		{ "apps", S_IFDIR | 0755, 3, 0 },
		{ "organizations", S_IFDIR | 0755, 1, 0 },
		{ ".genstore/status.json", S_IFREG | 0644, 1, STATUS_SIZE },
	};
	FIXTURE(f);

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct attr a, again;

		CHECK_EQ(walk(&f, paths[i].path, &a), 0);
		CHECK_EQ(a.mode, paths[i].mode);
		CHECK_EQ(a.nlink, paths[i].links);
		CHECK(paths[i].size < 0 ? a.size > 0 : a.size == paths[i].size);
		CHECK_EQ(node_attr(f.v, f.reader, a.ino, &again), 0);
		CHECK_EQ(again.ino, a.ino);
		CHECK_EQ(again.nlink, a.nlink);
		CHECK_EQ(again.mode, a.mode);
	}
}

TEST(a_name_that_is_missing_is_enoent_and_may_be_remembered_only_in_a_tree)
{
	struct attr a;
	double keep;
	FIXTURE(f);

	CHECK_EQ(walk(&f, "generations/nope", &a), -ENOENT);
	CHECK_EQ(walk(&f, "generations/REQ/iterations/2", &a), -ENOENT);
	CHECK_EQ(walk(&f, "generations/REQ/iterations/01", &a), -ENOENT);
	CHECK_EQ(walk(&f, "generations/REQ/app/src/a/x", &a), -ENOTDIR);
	CHECK_EQ(walk(&f, "generations", &a), 0);
	CHECK_EQ(node_lookup(f.v, f.reader, a.ino, "nope", &a, &keep), -ENOENT);
	CHECK(keep == 0);
	CHECK_EQ(walk(&f, "generations/REQ/app", &a), 0);
	CHECK_EQ(node_lookup(f.v, f.reader, a.ino, "nope", &a, &keep), -ENOENT);
	CHECK(keep > 0);
	CHECK_EQ(node_attr(f.v, f.reader, node_ino(NODE_GENERATION, 99, 0), &a), -ENOENT);
	CHECK_EQ(node_attr(f.v, f.reader, node_ino(NODE_APP, f.g.id, 99), &a), -ESTALE);
}

TEST(a_generation_that_is_not_sealed_shows_log_and_iterations_only)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(buf_release) struct buf names = BUF_INIT;
	struct attr a;
	FIXTURE(f);

	CHECK_EQ(add_generation(&f, false, &g), 0);
	CHECK_EQ(dir_read(f.v, f.reader, node_ino(NODE_GENERATION, g.id, 0), 0, true, collect, &names), 0);
	CHECK_STR(buf_str(&names), "iterations log.txt ");
	CHECK_EQ(node_attr(f.v, f.reader, node_ino(NODE_ARCHIVE, g.id, 0), &a), -ENOENT);
	CHECK_EQ(node_attr(f.v, f.reader, node_ino(NODE_GENERATION, g.id, 0), &a), 0);
	CHECK_EQ(a.nlink, 3);
}

/* Takes one entry a call. */
struct single { char name[256]; int64_t next; uint64_t ino; bool taken; };

static int take_one(void *arg, const char *name, const struct attr *a, int64_t next)
{
	struct single *s = arg;

	if (s->taken)
		return 1;
	snprintf(s->name, sizeof(s->name), "%s", name);
	s->next = next;
	s->ino = a->ino;
	s->taken = true;
	return 0;
}

TEST(a_listing_in_steps_of_one_gives_every_entry_once_with_the_inode_of_its_lookup)
{
	static const struct { const char *path, *names; } dirs[] = {
		{ "", "generations organizations apps .genstore " },
		{ "generations/REQ", "app.tar.gz metadata.json app iterations log.txt " },
		{ "generations/REQ/iterations", "1 " },
		{ "generations/REQ/app", "link src-b src " },
		{ "generations/REQ/app/src", "a deep " },
		{ "generations/REQ/iterations/1/src/deep", "c " },
		{ "apps/00000000-0000-4000-8000-000000000001", "todo " },
		{ "apps/00000000-0000-4000-8000-000000000001/todo", "latest 1 " },
		{ "organizations", "" },
	};
	FIXTURE(f);

	for (size_t i = 0; i < 2 * ARRAY_LEN(dirs); i++) {
		AUTO(buf_release) struct buf names = BUF_INIT;
		struct single s = { .next = 0 };
		struct attr dir, child;
		double keep;

		CHECK_EQ(walk(&f, dirs[i / 2].path, &dir), 0);
		do {
			s.taken = false;
			CHECK_EQ(dir_read(f.v, f.reader, dir.ino, s.next, i % 2, take_one, &s), 0);
			if (!s.taken || s.name[strspn(s.name, ".")] == '\0')
				continue;
			buf_addf(&names, "%s ", s.name);
			CHECK_EQ(node_lookup(f.v, f.reader, dir.ino, s.name, &child, &keep), 0);
			CHECK_EQ(child.ino, s.ino);
		} while (s.taken);
		CHECK_STR(buf_str(&names), dirs[i / 2].names);
	}
}

TEST(noviews_hides_what_s3_does_not_have)
{
	AUTO(buf_release) struct buf names = BUF_INIT;
	struct attr a;
	FIXTURE(f);

	f.v->noviews = true;
	CHECK_EQ(dir_read(f.v, f.reader, 1, 0, false, collect, &names), 0);
	CHECK_EQ(dir_read(f.v, f.reader, node_ino(NODE_GENERATION, f.g.id, 0), 0, true, collect, &names), 0);
	CHECK_STR(buf_str(&names), "generations organizations app.tar.gz metadata.json ");
	CHECK_EQ(walk(&f, "apps", &a), -ENOENT);
	CHECK_EQ(walk(&f, "generations/REQ/app", &a), -ENOENT);
}

TEST(files_links_and_attributes_are_read_by_their_inode)
{
	char text[NODE_LINK_MAX], value[XATTR_VALUE_MAX], want[HEX_SHA256_SIZE];
	uint8_t hash[SHA256_SIZE];
	struct attr a;
	FIXTURE(f);

	CHECK_EQ(walk(&f, "generations/REQ/app/src/a", &a), 0);
	CHECK_EQ(file_read(f.v, f.reader, a.ino, 1, sizeof(text), text), 4);
	CHECK_MEM(text, "ello", 4);
	CHECK_EQ(file_read(f.v, f.reader, a.ino, 5, sizeof(text), text), 0);
	sha256_of("hello", 5, hash);
	hex_encode(hash, sizeof(hash), want);
	CHECK_EQ(xattr_get(f.v, f.reader, a.ino, "user.genstore.sha256", value), 0);
	CHECK_STR(value, want);
	CHECK_EQ(xattr_get(f.v, f.reader, a.ino, "user.genstore.status", value), 0);
	CHECK_STR(value, "completed");
	CHECK_EQ(xattr_get(f.v, f.reader, a.ino, "security.selinux", value), -ENODATA);
	CHECK_EQ(walk(&f, "generations/REQ/app/link", &a), 0);
	CHECK_EQ(node_readlink(f.v, f.reader, a.ino, text), 0);
	CHECK_STR(text, "src/a");
	CHECK_EQ(walk(&f, "apps/00000000-0000-4000-8000-000000000001/todo/latest", &a), 0);
	CHECK_EQ(node_readlink(f.v, f.reader, a.ino, text), 0);
	CHECK_EQ(strlen(text), a.size);
	CHECK_STR(text + strlen("../../../generations/"), f.g.request_id);
	CHECK_EQ(file_read(f.v, f.reader, 1, 0, 10, text), -EISDIR);
	CHECK_EQ(node_readlink(f.v, f.reader, 1, text), -EINVAL);
}

/* What a watcher tells, as text. */
/* Reads the files of the tree one after the other, as `grep -r` would; the last one alone when its turn comes. */
static ssize_t read_to_the_last(struct fixture *f, const char *before_the_last, char *text)
{
	static const char *const paths[] = { "src-b", "src/a", "src/deep/c" };
	ssize_t r = 0;

	for (size_t i = 0; i < ARRAY_LEN(paths) && r >= 0; i++) {
		char path[64];
		struct attr a;

		snprintf(path, sizeof(path), "generations/REQ/app/%s", paths[i]);
		r = walk(f, path, &a);
		if (i == ARRAY_LEN(paths) - 1)
			r = r ? r : db_exec(&f->st->db, before_the_last);
		r = r ? r : file_read(f->v, f->reader, a.ino, 0, 100, text);
	}
	return r;
}

TEST(whoever_reads_files_in_their_order_does_not_wait_for_the_store)
{
	char text[100] = "";
	FIXTURE(f);

	CHECK_EQ(read_to_the_last(&f, "BEGIN EXCLUSIVE", text), 1);
	CHECK_EQ(text[0], 'c');
	CHECK_EQ(db_exec(&f.st->db, "ROLLBACK"), 0);
}

TEST(a_damaged_file_does_not_spoil_the_one_before_it)
{
	char text[100];
	FIXTURE(f);

	CHECK_EQ(db_exec(&f.st->db, "UPDATE content SET crc32 = crc32 + 1 WHERE size = 1 AND id > 2"), 0);
	CHECK_EQ(read_to_the_last(&f, "", text), -EBADMSG);
	CHECK_STR(genstore_errmsg(f.reader), "content '3' is damaged: its pieces do not make it up; run 'genstore check'");
}

static void told_inode(void *arg, uint64_t ino, int64_t offset)
{
	struct node n;

	node_of(ino, &n);
	buf_addf(arg, "%d/%lld/%zu@%lld ", (int)n.kind, (long long)n.id, n.kind == NODE_FIXED ? n.entry : 0, (long long)offset);
}

static void told_entry(void *arg, uint64_t parent, const char *name)
{
	struct node n;

	node_of(parent, &n);
	buf_addf(arg, "%d/%lld/%s ", (int)n.kind, (long long)n.id, name);
}

static void watch_freep(struct watch **w)
{
	watch_free(*w);
}

TEST(the_watcher_tells_of_new_grown_sealed_and_removed_generations_twice_and_then_is_silent)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(buf_release) struct buf told = BUF_INIT;
	const struct watch_sink sink = { told_inode, told_entry, &told };
	const struct completion done = { .status = "completed" };
	char want[64];
	struct attr a;
	FIXTURE(f);
	AUTO(watch_freep) struct watch *w = NULL;

	CHECK_EQ(watch_new(f.v, &w), 0);
	CHECK_EQ(watch_look(w, &sink), 0);
	CHECK_STR(buf_str(&told), "");

	CHECK_EQ(add_generation(&f, false, &g), 0);
	CHECK_EQ(f.v->generations, 1);
	CHECK_EQ(watch_look(w, &sink), 0);
	CHECK_EQ(f.v->generations, 2);
	CHECK(strstr(buf_str(&told), "0/0/2@0 "));                      /* generations/ */
	CHECK(strstr(buf_str(&told), "9/1/latest "));                   /* its app's newest */
	CHECK(strstr(buf_str(&told), "5/2/1 "));                        /* iterations/1 */
	buf_release(&told);
	CHECK_EQ(watch_look(w, &sink), 0);
	CHECK(strstr(buf_str(&told), "0/0/2@0 "));
	buf_release(&told);
	CHECK_EQ(watch_look(w, &sink), 0);
	CHECK_EQ(told.len, 0);

	CHECK_EQ(event_add(f.st, g.id, "log", "info", "one", 3, NULL), 0);
	CHECK_EQ(node_attr(f.v, f.reader, node_ino(NODE_LOG, g.id, 0), &a), 0);
	CHECK_EQ(a.size, 0); /* the kernel's page is older than this line */
	CHECK_EQ(watch_look(w, &sink), 0);
	CHECK(strstr(buf_str(&told), "4/2/0@0 "));
	CHECK_EQ(node_attr(f.v, f.reader, node_ino(NODE_LOG, g.id, 0), &a), 0);
	CHECK_EQ(a.size, 26);
	CHECK_EQ(event_add(f.st, g.id, "log", "info", "two", 3, NULL), 0);
	buf_release(&told);
	CHECK_EQ(watch_look(w, &sink), 0);
	CHECK(strstr(buf_str(&told), "4/2/0@26 "));

	CHECK_EQ(generation_finish(f.st, g.id, &done), 0);
	buf_release(&told);
	CHECK_EQ(watch_look(w, &sink), 0);
	CHECK(strstr(buf_str(&told), "1/2/0@0 "));

	CHECK_EQ(generation_remove(f.st, g.id), 0);
	buf_release(&told);
	CHECK_EQ(watch_look(w, &sink), 0);
	snprintf(want, sizeof(want), "0/0/%s ", g.request_id);
	CHECK(strstr(buf_str(&told), want));
	CHECK_EQ(f.v->generations, 1);
	CHECK_EQ(node_attr(f.v, f.reader, node_ino(NODE_ARCHIVE, g.id, 0), &a), -ENOENT);
}

TEST(a_view_of_a_file_that_was_replaced_is_stale)
{
	AUTO(buf_release) struct buf other = BUF_INIT;
	const struct watch_sink sink = { told_inode, told_entry, &other };
	struct genstore *st;
	FILE *file;
	FIXTURE(f);
	AUTO(watch_freep) struct watch *w = NULL;

	CHECK_EQ(watch_new(f.v, &w), 0);
	buf_addf(&other, "%s.other", f.st->path);
	file = fopen(buf_str(&other), "w");
	CHECK(file);
	fclose(file);
	CHECK_EQ(rename(buf_str(&other), f.st->path), 0);
	CHECK_EQ(watch_look(w, &sink), -ESTALE);
	CHECK_EQ(view_check(f.v), -ESTALE);
	CHECK_EQ(view_open(f.v, &st), -ESTALE);
}

static void *ref_int(void *p) { ++*(int *)p; return p; }
static void unref_int(void *p) { --*(int *)p; }

TEST(a_cache_keeps_what_was_used_last_within_its_budget)
{
	static const struct cache_class class = { ref_int, unref_int };
	int refs[4] = { 0 };
	struct cache *c;

	CHECK_EQ(cache_new(&class, 100, &c), 0);
	for (int i = 0; i < 3; i++)
		cache_put(c, i, &refs[i], 33);
	CHECK(cache_get(c, 0) == &refs[0]);
	cache_put(c, 3, &refs[3], 33);
	CHECK(!cache_get(c, 1));
	CHECK_EQ(refs[1], 0);
	CHECK_EQ(refs[0], 2);
	cache_put(c, 9, &refs[1], 1000);
	CHECK_EQ(refs[0], 1);
	CHECK_EQ(refs[2] + refs[3], 0);
	CHECK_EQ(refs[1], 1);
	cache_free(c);
	CHECK_EQ(refs[0], 1);
	CHECK_EQ(refs[1], 0);
}

TEST(interned_texts_keep_their_numbers)
{
	struct intern *in;
	char text[32];
	int64_t n;

	CHECK_EQ(intern_new(&in), 0);
	for (int round = 0; round < 2; round++)
		for (int i = 1; i <= 1000; i++) {
			snprintf(text, sizeof(text), "text %d", i);
			CHECK_EQ(intern_number(in, text, &n), 0);
			CHECK_EQ(n, i);
		}
	CHECK_STR(intern_text(in, 1000), "text 1000");
	CHECK(!intern_text(in, 0));
	CHECK(!intern_text(in, 1001));
	CHECK_EQ(intern_count(in), 1000);
	intern_free(in);
}

static int sum_ids(void *arg, int64_t id, const char *name)
{
	*(int64_t *)arg += id;
	return name[0] != 'n';
}

TEST(a_roll_lists_in_order_what_was_added_and_not_removed)
{
	struct roll *roll;
	int64_t sum = 0;

	CHECK_EQ(roll_new(&roll), 0);
	for (int64_t id = 1; id <= 1000; id++)
		CHECK_EQ(roll_add(roll, id, id == 1000 ? "end" : "name"), 0);
	for (int64_t id = 1; id <= 1000; id += id % 4 == 3 ? 2 : 1)
		roll_remove(roll, id);
	CHECK(!roll_name(roll, 5));
	CHECK_STR(roll_name(roll, 8), "name");
	CHECK_STR(roll_name(roll, 1000), "end");
	CHECK_EQ(roll_each(roll, 990, sum_ids, &sum), 1);
	CHECK_EQ(sum, 992 + 996 + 1000);
	roll_free(roll);
}

TEST(mount_options_are_understood_or_named)
{
	AUTO(buf_release) struct buf why = BUF_INIT;
	struct mount_options o = { .uid = -1, .gid = -1 };

	CHECK_EQ(mount_parse(&o, "ro,uid=12,noviews,gid=0,allow_other", &why), 0);
	CHECK_EQ(o.uid, 12);
	CHECK_EQ(o.gid, 0);
	CHECK(o.noviews && o.allow_other);
	CHECK_EQ(mount_parse(&o, "uid=x", &why), -EINVAL);
	CHECK(strstr(buf_str(&why), "'uid=x'"));
	buf_reset(&why);
	CHECK_EQ(mount_parse(&o, "at=yesterday", &why), -EINVAL);
	CHECK(strstr(buf_str(&why), "'at=yesterday'"));
	CHECK_EQ(mount_parse(&o, "at=2999-01-01T00:00:00Z", &why), -EINVAL);
	CHECK_EQ(mount_parse(&o, "rw,at=2025-12-11T20:30:00Z", &why), -EINVAL);
	CHECK_EQ(mount_parse(&o, "ro,at=2025-12-11T20:30:00Z", &why), 0);
	CHECK(o.read_only && !o.writable);
	CHECK_EQ(o.at, 1765485000);
}

TEST(status_json_is_of_one_size_and_ends_in_a_newline)
{
	char text[STATUS_SIZE];
	FIXTURE(f);

	CHECK_EQ(status_json(f.reader, text), 0);
	CHECK_EQ(text[STATUS_SIZE - 1], '\n');
	CHECK(memmem(text, sizeof(text), "\"completed\": 1,", 15));
}
#endif
