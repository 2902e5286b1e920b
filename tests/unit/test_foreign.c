#include "store/app.h"
#include "store/bundle.h"
#include "store/foreign.h"
#include "store/gc.h"
#include "store/check.h"
#include "store/stage.h"
#include "store/stitch/tar.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/test.h"

#include <zlib.h>

/* A tar.gz of files whose content is their name, or of noise where n is not 0. */
static int make_archive(const char *const paths[], size_t count, size_t n, struct buf *out)
{
	AUTO(buf_release) struct buf tar = BUF_INIT;
	z_stream z = { 0 };
	int r = 0;

	for (size_t i = 0; i < count && !r; i++) {
		size_t size = n ? n : strlen(paths[i]);
		const struct tar_entry e = { .path = paths[i], .path_len = strlen(paths[i]), .type = TAR_FILE, .size = (int64_t)size };
		void *to;

		if ((r = tar_header(&e, &tar)) || !(to = buf_reserve(&tar, size)))
			return r ? r : buf_error(&tar);
		if (n)
			test_noise(to, size, i);
		else
			memcpy(to, paths[i], size);
		buf_commit(&tar, size);
		r = buf_fill(&tar, 0, tar_padding((int64_t)size));
	}
	if (r || (r = buf_fill(&tar, 0, TAR_END)) || deflateInit2(&z, n ? 0 : 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return r ? r : -ENOMEM;
	z.next_in = tar.data;
	z.avail_in = (uInt)tar.len;
	z.avail_out = (uInt)deflateBound(&z, tar.len);
	if (!(z.next_out = buf_reserve(out, z.avail_out)))
		return buf_error(out);
	r = deflate(&z, Z_FINISH) == Z_STREAM_END ? 0 : -EIO;
	buf_commit(out, z.total_out);
	deflateEnd(&z);
	return r;
}

static int arrive(struct genstore *st, const struct buf *bytes, const struct foreign_limits *limits, struct foreign **ret_f,
		  struct foreign_archive *ret_a)
{
	AUTO(foreign_freep) struct foreign *f = NULL;
	int r;

	if ((r = foreign_new(st, limits, &f)) || (r = foreign_write(f, bytes->data, bytes->len)) || (r = foreign_end(f, ret_a)))
		return r;
	*ret_f = MOVE(f);
	return 0;
}

static int receive(struct genstore *st, const struct buf *bytes, const struct foreign_receive *how, struct generation *ret_g)
{
	AUTO(foreign_freep) struct foreign *f = NULL;
	struct foreign_archive a;
	int r = arrive(st, bytes, NULL, &f, &a);

	return r ? r : foreign_receive(f, how, ret_g);
}

static void check_store_is_whole(struct test_run *test, struct genstore *st)
{
	struct check_result result;

	CHECK_EQ(check_store(st, CHECK_READ_DATA, NULL, &result), 0);
}

static void check_object(struct test_run *test, struct genstore *st, const struct object *o, const void *want, size_t n)
{
	AUTO(free_ptr) char *bytes = malloc(n + 1);

	CHECK(bytes);
	CHECK_EQ(object_size(o), n);
	CHECK_EQ(object_read(st, o, 0, n + 1, bytes), n);
	CHECK_MEM(bytes, want, n);
}

static const char *const two[] = { "app/a", "app/d/b" };

TEST(an_archive_for_an_id_that_is_not_there_is_a_completed_generation)
{
	STORE st = store_fixture();
	AUTO(buf_release) struct buf bytes = BUF_INIT;
	AUTO(generation_release) struct generation g = { 0 }, other = { 0 };
	AUTO(iteration_release) struct iteration it = { 0 };
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	AUTO(object_unrefp) struct object *archive = NULL, *file = NULL;

	CHECK(st);
	CHECK_EQ(make_archive(two, 2, 0, &bytes), 0);
	CHECK_EQ(receive(st, &bytes, &(struct foreign_receive){ .request_id = "leo-1" }, &g), 0);
	CHECK_STR(g.request_id, "leo-1");
	CHECK_STR(g.app_name, "leo-1");
	CHECK_STR(g.status, "completed");
	CHECK(!g.prompt);
	CHECK_EQ(g.seal_id, 0);
	CHECK_EQ(generation_archive(st, &g, &archive), 0);
	check_object(test, st, archive, bytes.data, bytes.len);
	CHECK_EQ(iteration_find(st, g.id, 1, &it), 0);
	CHECK_EQ(manifest_load(st, it.manifest, &m), 0);
	CHECK(foreign_is_tree(m));
	CHECK_EQ(m->count, 3);
	CHECK_STR(m->entries[2].path, "d/b");
	CHECK_EQ(object_of_content(st, m->entries[2].content, &file), 0);
	check_object(test, st, file, "app/d/b", 7);
	/* Ids that begin with req_ are no names of apps. */
	CHECK_EQ(receive(st, &bytes, &(struct foreign_receive){ .request_id = "req_abc" }, &other), 0);
	CHECK_STR(other.app_name, "app-req_abc");
	check_store_is_whole(test, st);
}

static const char metadata[] = "{\"app_name\":  \"todo\", \"mine\": 1}\n";

static void check_metadata(struct test_run *test, struct genstore *st, const char *request_id)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(object_unrefp) struct object *o = NULL;

	CHECK_EQ(generation_by_request(st, request_id, &g), 0);
	CHECK_STR(g.app_name, "todo");
	CHECK_EQ(generation_metadata(st, &g, &o), 0);
	check_object(test, st, o, metadata, strlen(metadata));
}

TEST(metadata_that_is_handed_in_names_the_app_and_is_kept_verbatim_whenever_it_comes)
{
	STORE st = store_fixture();
	AUTO(buf_release) struct buf bytes = BUF_INIT;
	AUTO(generation_release) struct generation with = { 0 }, after = { 0 }, later = { 0 };
	const struct foreign_receive along = { .request_id = "along", .metadata = metadata, .metadata_size = strlen(metadata) };

	CHECK(st);
	CHECK_EQ(make_archive(two, 2, 0, &bytes), 0);
	CHECK_EQ(receive(st, &bytes, &along, &with), 0);
	check_metadata(test, st, "along");
	CHECK_EQ(foreign_metadata(st, "before", metadata, strlen(metadata)), 0);
	CHECK_EQ(receive(st, &bytes, &(struct foreign_receive){ .request_id = "before" }, &after), 0);
	check_metadata(test, st, "before");
	CHECK_EQ(receive(st, &bytes, &(struct foreign_receive){ .request_id = "after" }, &later), 0);
	CHECK_STR(later.app_name, "after");
	CHECK_EQ(foreign_metadata(st, "after", metadata, strlen(metadata)), 0);
	check_metadata(test, st, "after");
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM apps"), 1);
	CHECK_EQ(store_fixture_number(st, "SELECT group_concat(generation_number, '') FROM generation_requests"), 123);
	CHECK_EQ(store_fixture_number(st, "SELECT last_generation_number FROM apps"), 3);
	check_store_is_whole(test, st);
}

TEST(metadata_that_waits_for_its_archive_is_not_collected)
{
	STORE st = store_fixture();
	AUTO(buf_release) struct buf bytes = BUF_INIT;
	AUTO(generation_release) struct generation g = { 0 };
	struct gc_result gone;

	CHECK(st);
	CHECK_EQ(make_archive(two, 2, 0, &bytes), 0);
	CHECK_EQ(foreign_metadata(st, "x", metadata, strlen(metadata)), 0);
	CHECK_EQ(gc_run(st, NULL, &gone), 0);
	CHECK_EQ(gone.contents, 0);
	CHECK_EQ(receive(st, &bytes, &(struct foreign_receive){ .request_id = "x" }, &g), 0);
	check_metadata(test, st, "x");
}

static const struct generation_request todo = { .app_name = "todo", .mode = "autonomous", .type = "new", .max_iterations = 3 };

TEST(an_archive_for_a_generation_that_runs_is_its_archive_and_its_iterations_stay)
{
	STORE st = store_fixture();
	AUTO(buf_release) struct buf bytes = BUF_INIT, before = BUF_INIT;
	AUTO(generation_release) struct generation g = { 0 }, now = { 0 }, done = { 0 }, tree = { 0 };
	AUTO(iteration_release) struct iteration it = { 0 }, kept = { 0 };
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	AUTO(object_unrefp) struct object *o = NULL;
	static const char *const one[] = { "app/workspace" };
	int64_t id;

	CHECK(st);
	CHECK_EQ(make_archive(two, 2, 0, &bytes), 0);
	CHECK_EQ(make_archive(one, 1, 0, &before), 0);
	/* A tree to be the workspace's. */
	CHECK_EQ(receive(st, &before, &(struct foreign_receive){ .request_id = "w" }, &tree), 0);
	CHECK_EQ(iteration_find(st, tree.id, 1, &it), 0);
	CHECK_EQ(manifest_load(st, it.manifest, &m), 0);
	CHECK_EQ(generation_create(st, &todo, &g), 0);
	CHECK_EQ(generation_set_status(st, g.id, "generating", NULL), 0);
	CHECK_EQ(iteration_add(st, g.id, 1, "automatic", m, NULL, NULL, &id), 0);
	CHECK_EQ(receive(st, &bytes, &(struct foreign_receive){ .request_id = g.request_id }, &now), 0);
	CHECK_STR(now.status, "generating");
	check_store_is_whole(test, st);
	CHECK_EQ(generation_finish(st, g.id, &(struct completion){ .status = "completed" }), 0);
	CHECK_EQ(generation_get(st, g.id, &done), 0);
	CHECK_STR(done.status, "completed");
	CHECK_EQ(done.seal_id, 0);
	CHECK_EQ(generation_archive(st, &done, &o), 0);
	check_object(test, st, o, bytes.data, bytes.len);
	CHECK_EQ(iteration_find(st, g.id, 0, &kept), 0);
	CHECK_EQ(kept.manifest, it.manifest);
	check_store_is_whole(test, st);
}

static void put_sealed(struct test_run *test, struct genstore *st, struct generation *ret_g)
{
	AUTO(manifest_builder_freep) struct manifest_builder *b = NULL;
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	int64_t id;

	CHECK_EQ(generation_create(st, &todo, ret_g), 0);
	CHECK_EQ(generation_set_status(st, ret_g->id, "generating", NULL), 0);
	CHECK_EQ(manifest_builder_new(&b), 0);
	CHECK_EQ(manifest_build(b, &m), 0);
	CHECK_EQ(manifest_put(st, m, 0), 0);
	CHECK_EQ(iteration_add(st, ret_g->id, 1, "automatic", m, NULL, NULL, &id), 0);
	CHECK_EQ(generation_finish(st, ret_g->id, &(struct completion){ .status = "completed" }), 0);
}

TEST(what_was_sealed_or_received_is_never_replaced)
{
	STORE st = store_fixture();
	AUTO(buf_release) struct buf bytes = BUF_INIT;
	AUTO(generation_release) struct generation g = { 0 }, sealed = { 0 }, failed = { 0 }, no = { 0 };

	CHECK(st);
	CHECK_EQ(make_archive(two, 2, 0, &bytes), 0);
	CHECK_EQ(receive(st, &bytes, &(struct foreign_receive){ .request_id = "x" }, &g), 0);
	CHECK_EQ(receive(st, &bytes, &(struct foreign_receive){ .request_id = "x" }, &no), -EEXIST);
	CHECK_STR(genstore_errmsg(st), "'x' has an archive; it is never replaced");
	CHECK_EQ(foreign_metadata(st, "x", metadata, strlen(metadata)), 0);
	CHECK_EQ(foreign_metadata(st, "x", metadata, strlen(metadata)), -EEXIST);
	put_sealed(test, st, &sealed);
	CHECK_EQ(receive(st, &bytes, &(struct foreign_receive){ .request_id = sealed.request_id }, &no), -EEXIST);
	CHECK_EQ(foreign_metadata(st, sealed.request_id, metadata, strlen(metadata)), -EEXIST);
	CHECK_EQ(generation_create(st, &todo, &failed), 0);
	CHECK_EQ(generation_set_status(st, failed.id, "cancelled", NULL), 0);
	CHECK_EQ(receive(st, &bytes, &(struct foreign_receive){ .request_id = failed.request_id }, &no), -EEXIST);
	CHECK_EQ(foreign_metadata(st, failed.request_id, metadata, strlen(metadata)), -EEXIST);
	check_store_is_whole(test, st);
}

TEST(what_cannot_be_browsed_is_refused_or_kept_as_it_is)
{
	STORE st = store_fixture();
	AUTO(buf_release) struct buf bytes = BUF_INIT;
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(iteration_release) struct iteration it = { 0 };
	AUTO(object_unrefp) struct object *o = NULL;
	const struct foreign_receive refuse = { .request_id = "x" }, keep = { .request_id = "x", .opaque = true };

	CHECK(st);
	CHECK_EQ(buf_adds(&bytes, "not an archive"), 0);
	CHECK_EQ(receive(st, &bytes, &refuse, &g), -EBADMSG);
	CHECK_STR(genstore_errmsg(st), "the archive is refused: it is not gzip");
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM piece"), 0);
	CHECK_EQ(receive(st, &bytes, &keep, &g), 0);
	CHECK_EQ(generation_archive(st, &g, &o), 0);
	check_object(test, st, o, "not an archive", 14);
	CHECK_EQ(iteration_find(st, g.id, 0, &it), -ENOENT);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM foreign_index"), 0);
	check_store_is_whole(test, st);
}

TEST(each_limit_of_an_archive_is_named_when_it_is_passed)
{
	static const char *const deep[] = { "a/b/c/d", "name-of-20-characters" };
	static const struct { size_t field; int64_t value; int error; const char *reason; } cases[] = {
#define LIMIT(field) offsetof(struct foreign_limits, field)
		{ LIMIT(entries), 1, -EFBIG, "it has more than 1 entries" },
		{ LIMIT(bytes), 1000, -EFBIG, "it unpacks to more than 1000 bytes" },
		{ LIMIT(depth), 3, -EFBIG, "'a/b/c/d' is too deep" },
		{ LIMIT(name), 20, -EFBIG, "'name-of-20-characters' has a name that is too long" },
		{ LIMIT(depth), 4, 0, "" },
		{ LIMIT(name), 21, 0, "" },
		{ LIMIT(entries), 2, 0, "" },
	};
	STORE st = store_fixture();
	AUTO(buf_release) struct buf bytes = BUF_INIT;
	struct foreign_limits small = foreign_default_limits;

	CHECK(st);
	CHECK_EQ(make_archive(deep, 2, 0, &bytes), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(foreign_freep) struct foreign *f = NULL;
		struct foreign_limits limits = foreign_default_limits;
		struct foreign_archive a;

		*(int64_t *)(void *)((char *)&limits + cases[i].field) = cases[i].value;
		CHECK_EQ(arrive(st, &bytes, &limits, &f, &a), 0);
		CHECK_EQ(a.error, cases[i].error);
		CHECK_STR(a.reason, cases[i].reason);
	}
	AUTO(foreign_freep) struct foreign *f = NULL;
	struct foreign_archive a;

	small.size = 100;
	CHECK_EQ(arrive(st, &bytes, &small, &f, &a), -EFBIG);
	CHECK_STR(genstore_errmsg(st), "the archive has more than 100 bytes");
}

TEST(arguments_that_make_no_sense_are_refused)
{
	STORE st = store_fixture();
	AUTO(buf_release) struct buf bytes = BUF_INIT;
	AUTO(foreign_freep) struct foreign *f = NULL;
	AUTO(generation_release) struct generation g = { 0 };
	struct foreign_archive a;

	CHECK(st);
	CHECK_EQ(make_archive(two, 2, 0, &bytes), 0);
	CHECK_EQ(arrive(st, &bytes, NULL, &f, &a), 0);
	CHECK_EQ(foreign_receive(f, &(struct foreign_receive){ .request_id = "a/b" }, &g), -EINVAL);
	CHECK_EQ(foreign_receive(f, &(struct foreign_receive){ .request_id = ".." }, &g), -EINVAL);
	CHECK_EQ(foreign_receive(f, &(struct foreign_receive){ 0 }, &g), -EINVAL);
	CHECK_EQ(foreign_receive(f, &(struct foreign_receive){ .request_id = "x", .metadata = "[]", .metadata_size = 2 }, &g), -EINVAL);
	CHECK_EQ(foreign_receive(f, &(struct foreign_receive){ .app_name = "a:b" }, &g), -EINVAL);
	CHECK_EQ(foreign_metadata(st, "a/b", "{}", 2), -EINVAL);
	CHECK_EQ(foreign_metadata(st, "x", "{", 1), -EINVAL);
	CHECK_EQ(foreign_receive(f, &(struct foreign_receive){ .request_id = "x" }, &g), 0);
	check_store_is_whole(test, st);
}

TEST(a_collection_that_takes_staged_bytes_is_noticed)
{
	STORE st = store_fixture();
	HANDLE other = st ? store_fixture_again(st) : NULL;
	AUTO(buf_release) struct buf bytes = BUF_INIT;
	AUTO(foreign_freep) struct foreign *f = NULL;
	AUTO(generation_release) struct generation g = { 0 };
	struct foreign_archive a;
	struct gc_result gone;

	CHECK(other);
	CHECK_EQ(make_archive(two, 1, 40 << 20, &bytes), 0);
	CHECK_EQ(arrive(st, &bytes, NULL, &f, &a), 0);
	CHECK(store_fixture_number(st, "SELECT count(*) FROM piece") > 0);
	CHECK_EQ(gc_run(other, NULL, &gone), 0);
	CHECK(gone.pieces > 0);
	CHECK_EQ(foreign_receive(f, &(struct foreign_receive){ .request_id = "x" }, &g), -ESTALE);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM generation_requests"), 0);
}

TEST(the_tree_of_an_archive_gets_contents_of_its_own)
{
	STORE st = store_fixture();
	AUTO(buf_release) struct buf bytes = BUF_INIT;
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(iteration_release) struct iteration it = { 0 };
	AUTO(manifest_unrefp) struct manifest *m = NULL, *own = NULL, *same = NULL;
	AUTO(content_release) struct content c = { 0 };
	AUTO(seal_release) struct seal s = { 0 };

	CHECK(st);
	/* Of more than one piece, and of one. */
	CHECK_EQ(make_archive(two, 2, 700000, &bytes), 0);
	CHECK_EQ(receive(st, &bytes, &(struct foreign_receive){ .request_id = "x" }, &g), 0);
	CHECK_EQ(iteration_find(st, g.id, 1, &it), 0);
	CHECK_EQ(manifest_load(st, it.manifest, &m), 0);
	CHECK_EQ(foreign_import_tree(st, m, &own), 0);
	CHECK(own->id && own->id != m->id && !foreign_is_tree(own));
	CHECK_EQ(content_get(st, own->entries[0].content, &c), 0);
	CHECK(c.piece_count > 1 && content_has_git_name(&c));
	CHECK_EQ(seal_compute(st, own, 0, &s), 0);
	CHECK_EQ(foreign_import_tree(st, own, &same), 0);
	CHECK(same == own);
}

TEST(every_offset_of_a_large_file_in_an_archive_is_read_right)
{
	STORE st = store_fixture();
	AUTO(buf_release) struct buf bytes = BUF_INIT;
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(iteration_release) struct iteration it = { 0 };
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	AUTO(object_unrefp) struct object *o = NULL;
	enum { SIZE = 5 << 20, READ = 70000 };
	AUTO(free_ptr) uint8_t *noise = malloc(SIZE), *got = malloc(READ);
	uint64_t x = 1;

	CHECK(st && noise && got);
	test_noise(noise, SIZE, 0);
	CHECK_EQ(make_archive(two, 1, SIZE, &bytes), 0);
	CHECK_EQ(receive(st, &bytes, &(struct foreign_receive){ .request_id = "x" }, &g), 0);
	CHECK_EQ(iteration_find(st, g.id, 1, &it), 0);
	CHECK_EQ(manifest_load(st, it.manifest, &m), 0);
	CHECK_EQ(object_of_content(st, m->entries[0].content, &o), 0);
	for (int i = 0; i < 300; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		int64_t at = (int64_t)(x >> 33) % SIZE, n = min_i64(1 + (int64_t)(x >> 40) % READ, SIZE - at);

		CHECK_EQ(object_read(st, o, at, (size_t)n, got), n);
		CHECK_MEM(got, noise + at, (size_t)n);
	}
	CHECK_EQ(object_read(st, o, SIZE, 1, got), 0);
}

TEST(a_bundle_takes_files_inside_of_an_archive_and_the_archive_as_they_are)
{
	STORE st = store_fixture();
	AUTO(buf_release) struct buf bytes = BUF_INIT;
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(iteration_release) struct iteration it = { 0 };
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	AUTO(bundle_freep) struct bundle *b = NULL;
	AUTO(object_unrefp) struct object *zip = NULL;
	uint8_t head[30 + 3 + 7], crc[4];
	uint32_t sum = crc32_update(0, "app/d/b", 7);

	CHECK(st);
	CHECK_EQ(make_archive(two, 2, 0, &bytes), 0);
	CHECK_EQ(receive(st, &bytes, &(struct foreign_receive){ .request_id = "leo-1" }, &g), 0);
	CHECK_EQ(iteration_find(st, g.id, 1, &it), 0);
	CHECK_EQ(manifest_load(st, it.manifest, &m), 0);
	CHECK_EQ(bundle_new(st, &b), 0);
	CHECK_EQ(bundle_add(b, &(struct bundle_file){ "d/b", m->entries[2].content, -1, 0100644 }), 0);
	CHECK_EQ(bundle_add(b, &(struct bundle_file){ "app.tar.gz", g.content_id, -1, 0100644 }), 0);
	CHECK_EQ(bundle_close(b, &zip), 0);
	/* Method, CRC-32 and sizes of a stored entry; its name, its bytes; then the archive's. */
	CHECK_EQ(object_read(st, zip, 0, sizeof(head), head), sizeof(head));
	for (int i = 0; i < 4; i++)
		crc[i] = (uint8_t)(sum >> 8 * i);
	CHECK_HEX(head + 8, 2, "0000");
	CHECK_MEM(head + 14, crc, 4);
	CHECK_HEX(head + 18, 12, "0700000007000000" "03000000");
	CHECK_MEM(head + 30, "d/bapp/d/b", 10);

	AUTO(free_ptr) uint8_t *archive = malloc(bytes.len);

	CHECK_EQ(object_read(st, zip, 40 + 30 + 10, bytes.len, archive), bytes.len);
	CHECK_MEM(archive, bytes.data, bytes.len);
}
