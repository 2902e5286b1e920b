#include "store/archive.h"
#include "store/stage.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/test.h"

#include <zlib.h>

enum { LARGE = 700000, MTIME = 1765485000 };

struct spec { const char *path; int type; bool executable; const char *link; const void *data; size_t size; };

/* A stored manifest of those entries. */
static struct manifest *tree_of(struct genstore *st, const struct spec *specs, size_t count)
{
	AUTO(manifest_builder_freep) struct manifest_builder *b = NULL;
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	AUTO(stage_freep) struct stage *s = NULL;

	if (stage_new(st, &s) || manifest_builder_new(&b))
		return NULL;
	for (size_t i = 0; i < count; i++) {
		struct entry e = { .path = specs[i].path, .path_len = (uint32_t)strlen(specs[i].path), .link = specs[i].link,
				   .type = (uint8_t)specs[i].type, .executable = specs[i].executable,
				   .size = (int64_t)specs[i].size };
		int64_t slot;

		if (e.type == TAR_FILE && (stage_bytes(s, specs[i].data, specs[i].size, &slot) || stage_flush(s) ||
					   stage_content(s, slot, &e.content)))
			return NULL;
		if (manifest_add(b, &e))
			return NULL;
	}

	TXN t = txn_begin(&st->db);

	return manifest_build(b, &m) || manifest_put(st, m, 0) || txn_commit(&t) ? NULL : MOVE(m);
}

static struct manifest *small_tree(struct genstore *st)
{
	static uint8_t noise[LARGE];
	const struct spec specs[] = {
		{ "bin/run", TAR_FILE, true, NULL, "#!/bin/sh\n", 10 },
		{ "empty", TAR_FILE, false, NULL, "", 0 },
		{ "latest", TAR_SYMLINK, false, "bin/run", NULL, 0 },
		{ "noise.png", TAR_FILE, false, NULL, noise, LARGE },
		{ "src/main.js", TAR_FILE, false, NULL, "console.log('hi')\n", 18 },
	};

	test_noise(noise, LARGE, 5);
	return tree_of(st, specs, ARRAY_LEN(specs));
}

static int64_t seal(struct genstore *st, struct manifest *m, struct seal *s)
{
	if (seal_compute(st, m, MTIME, s))
		return 0;

	TXN t = txn_begin(&st->db);

	return seal_put(st, s) || txn_commit(&t) ? 0 : s->id;
}

/* The whole object, in steps. */
static int read_all(struct genstore *st, const struct object *o, size_t step, struct buf *out)
{
	while ((int64_t)out->len < object_size(o)) {
		uint8_t *to = buf_reserve(out, step);
		ssize_t n = to ? object_read(st, o, (int64_t)out->len, step, to) : -ENOMEM;

		if (n <= 0)
			return n ? (int)n : -EIO;
		buf_commit(out, (size_t)n);
	}
	return 0;
}

/* One gzip member, whole; what is inside. */
static bool gunzip(const struct buf *in, struct buf *out)
{
	z_stream z = { .next_in = in->data, .avail_in = (uInt)in->len };
	int code;

	if (inflateInit2(&z, 31) != Z_OK)
		return false;
	z.next_out = buf_reserve(out, 4 << 20);
	z.avail_out = 4 << 20;
	code = inflate(&z, Z_FINISH);
	buf_commit(out, z.total_out);
	inflateEnd(&z);
	return code == Z_STREAM_END && !z.avail_in;
}

TEST(an_archive_is_one_gzip_member_whose_size_and_sum_the_seal_knows)
{
	STORE st = store_fixture();
	AUTO(manifest_unrefp) struct manifest *m = st ? small_tree(st) : NULL;
	AUTO(seal_release) struct seal s = { 0 };
	AUTO(object_unrefp) struct object *o = NULL;
	AUTO(buf_release) struct buf gz = BUF_INIT;
	AUTO(buf_release) struct buf tar = BUF_INIT;
	uint8_t sha256[SHA256_SIZE];

	CHECK(m);
	CHECK(seal(st, m, &s) > 0);
	CHECK_EQ(archive_open(st, s.id, &o), 0);
	CHECK_EQ(read_all(st, o, 65536, &gz), 0);
	CHECK_EQ(gz.len, s.size);
	sha256_of(gz.data, gz.len, sha256);
	CHECK_MEM(sha256, s.sha256, SHA256_SIZE);
	CHECK(gunzip(&gz, &tar));
	CHECK_EQ(tar.len, s.tar_size);
	CHECK_STR((const char *)tar.data, "app/");
	CHECK_STR((const char *)tar.data + 512, "app/bin/");
	CHECK_STR((const char *)tar.data + 1024, "app/bin/run");
	CHECK_MEM(tar.data + 1536, "#!/bin/sh\n", 10);
}

TEST(an_archive_reads_the_same_in_any_steps_and_at_any_offset)
{
	static const size_t steps[] = { 1, 7, 511, 4096, 1 << 20 };
	STORE st = store_fixture();
	const struct spec specs[] = {
		{ "a.txt", TAR_FILE, false, NULL, "one\n", 4 }, { "b/c.txt", TAR_FILE, false, NULL, "two\n", 4 },
		{ "b/d", TAR_SYMLINK, false, "c.txt", NULL, 0 },
	};
	AUTO(manifest_unrefp) struct manifest *m = st ? tree_of(st, specs, ARRAY_LEN(specs)) : NULL;
	AUTO(seal_release) struct seal s = { 0 };
	AUTO(object_unrefp) struct object *o = NULL;
	AUTO(buf_release) struct buf whole = BUF_INIT;
	uint8_t byte;

	CHECK(m);
	CHECK(seal(st, m, &s) > 0);
	CHECK_EQ(archive_open(st, s.id, &o), 0);
	CHECK_EQ(read_all(st, o, (size_t)s.size, &whole), 0);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		AUTO(buf_release) struct buf part = BUF_INIT;

		CHECK_EQ(read_all(st, o, steps[i], &part), 0);
		CHECK_EQ(part.len, whole.len);
		CHECK_MEM(part.data, whole.data, whole.len);
	}
	for (int64_t at = s.size - 1; at >= 0; at -= 3) {
		CHECK_EQ(object_read(st, o, at, 1, &byte), 1);
		CHECK_EQ(byte, whole.data[at]);
	}
	CHECK_EQ(object_read(st, o, s.size, 1, &byte), 0);
}

TEST(an_empty_tree_has_an_archive_too)
{
	STORE st = store_fixture();
	AUTO(manifest_unrefp) struct manifest *m = st ? tree_of(st, NULL, 0) : NULL;
	AUTO(seal_release) struct seal s = { 0 };
	AUTO(object_unrefp) struct object *o = NULL;
	AUTO(buf_release) struct buf gz = BUF_INIT;
	AUTO(buf_release) struct buf tar = BUF_INIT;

	CHECK(m);
	CHECK(seal(st, m, &s) > 0);
	CHECK_EQ(archive_open(st, s.id, &o), 0);
	CHECK_EQ(read_all(st, o, 100, &gz), 0);
	CHECK(gunzip(&gz, &tar));
	CHECK_EQ(tar.len, 512 + 1024);
}

TEST(sealing_the_same_twice_is_one_seal_and_another_time_is_another)
{
	STORE st = store_fixture();
	AUTO(manifest_unrefp) struct manifest *m = st ? small_tree(st) : NULL;
	AUTO(seal_release) struct seal a = { 0 }, b = { 0 }, c = { 0 };

	CHECK(m);
	CHECK(seal(st, m, &a) > 0);
	CHECK_EQ(seal(st, m, &b), a.id);
	CHECK_EQ(seal_compute(st, m, MTIME + 1, &c), 0);
	CHECK_EQ(seal_put(st, &c), 0);
	CHECK(c.id != a.id);
	CHECK(memcmp(a.sha256, c.sha256, SHA256_SIZE) != 0);
}

/* Spoils the store with one statement; the archive then must not open. */
static void refused_after(struct test_run *test, const char *sql)
{
	STORE st = store_fixture();
	AUTO(manifest_unrefp) struct manifest *m = st ? small_tree(st) : NULL;
	AUTO(seal_release) struct seal s = { 0 };
	struct object *o = NULL;

	CHECK(m);
	CHECK(seal(st, m, &s) > 0);
	CHECK_EQ(db_exec(&st->db, "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON"), 0);
	CHECK_EQ(db_exec(&st->db, sql), 0);
	CHECK_EQ(archive_open(st, s.id, &o), -EBADMSG);
	CHECK(*genstore_errmsg(st));
}

TEST(a_seal_that_does_not_agree_with_what_it_is_made_of_is_refused)
{
	static const char *const damages[] = {
		"UPDATE seal SET size = size + 1",
		"UPDATE seal SET tar_size = tar_size + 512",
		"UPDATE seal SET crc32 = crc32 + 1",
		"UPDATE seal SET mtime = mtime + 1",
		"UPDATE seal SET pieces = substr(pieces, 1, length(pieces) - 1)",
		"UPDATE seal SET pieces = CAST(pieces || x'02' AS BLOB)",
		"UPDATE seal SET pieces = x'ff'",
		"UPDATE piece SET crc32 = crc32 + 1 WHERE codec = 1 AND size = 18",
		"UPDATE piece SET stored = stored - 1 WHERE codec = 1 AND size = 18",
		"UPDATE piece SET codec = 0 WHERE codec = 1 AND size = 18",
		"DELETE FROM piece WHERE codec = 1 AND size = 18",
	};

	for (size_t i = 0; i < ARRAY_LEN(damages) && !test->failed; i++)
		refused_after(test, damages[i]);
}

TEST(a_damaged_row_is_never_served_and_what_is_whole_still_is)
{
	STORE st = store_fixture();
	AUTO(manifest_unrefp) struct manifest *m = st ? small_tree(st) : NULL;
	AUTO(seal_release) struct seal s = { 0 };
	AUTO(object_unrefp) struct object *o = NULL;
	AUTO(buf_release) struct buf all = BUF_INIT;
	uint8_t first[64];

	CHECK(m);
	CHECK(seal(st, m, &s) > 0);
	CHECK_EQ(db_exec(&st->db, "UPDATE piece_data SET bytes = zeroblob(length(bytes)) WHERE id >> 8 IN"
				  " (SELECT max(id) FROM piece WHERE size = 18)"), 0);
	CHECK_EQ(archive_open(st, s.id, &o), 0);
	CHECK_EQ(object_read(st, o, 0, sizeof(first), first), sizeof(first));
	CHECK_EQ(read_all(st, o, 4096, &all), -EBADMSG);
}

TEST(there_is_no_archive_of_a_seal_that_is_not_there)
{
	STORE st = store_fixture();
	struct object *o = NULL;

	CHECK(st);
	CHECK_EQ(archive_open(st, 99, &o), -ENOENT);
}

TEST(a_tree_that_says_it_has_more_than_there_is_makes_no_archive)
{
	STORE st = store_fixture();
	AUTO(manifest_builder_freep) struct manifest_builder *b = NULL;
	AUTO(manifest_unrefp) struct manifest *m = NULL, *large = NULL;
	AUTO(seal_release) struct seal s = { 0 };

	CHECK(st);
	CHECK((m = small_tree(st)));
	CHECK_EQ(manifest_builder_new(&b), 0);
	struct entry e = m->entries[manifest_find(m, "src/main.js")];

	e.size = INT64_MAX;
	CHECK_EQ(manifest_add(b, &e), 0);
	CHECK_EQ(manifest_build(b, &large), 0);
	CHECK_EQ(seal_compute(st, large, MTIME, &s), -EBADMSG);
}

TEST(a_seal_of_an_encoder_that_is_not_known_is_refused_with_words)
{
	STORE st = store_fixture();
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	AUTO(seal_release) struct seal s = { 0 };
	struct object *o = NULL;
	int64_t id;

	CHECK(st);
	CHECK((m = small_tree(st)));
	CHECK((id = seal(st, m, &s)) > 0);
	CHECK_EQ(store_fixture_number(st, "UPDATE seal SET encoder = 2 RETURNING id"), id);
	CHECK_EQ(archive_open(st, id, &o), -EPROTO);
	CHECK(strstr(genstore_errmsg(st), "newer genstore"));
}
