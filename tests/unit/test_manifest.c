#include "store/manifest_inside.h"
#include "tests/unit/manifest_fixture.h"

#define MANIFEST AUTO(manifest_unrefp) struct manifest *
#define BUILDER AUTO(manifest_builder_freep) struct manifest_builder *
#define BUF AUTO(buf_release) struct buf

static int add_one(struct entry e)
{
	MANIFEST m = NULL;

	return manifest_fixture(&e, 1, &m);
}

TEST(entries_come_in_the_order_of_an_archive_with_their_parents)
{
	static const char *const want[] = { "Z", "a-b", "a/", "a/b", "a/\xc3\xa9/", "a/\xc3\xa9/x.js", "empty/", "z\nz" };
	MANIFEST m = manifest_fixture_mixed();

	CHECK(m);
	CHECK_EQ(m->count, ARRAY_LEN(want));
	for (size_t i = 0; i < m->count; i++)
		CHECK_STR(m->entries[i].path, want[i]);
	CHECK_EQ(m->files, 4);
	CHECK_EQ(m->bytes, 130);
}

TEST(a_directory_can_be_added_with_or_without_its_slash)
{
	struct entry a[] = { dir("x"), dir("x/y/") }, b[] = { dir("x/y") };
	MANIFEST m = NULL;
	MANIFEST n = NULL;

	CHECK_EQ(manifest_fixture(a, 2, &m), 0);
	CHECK_EQ(manifest_fixture(b, 1, &n), 0);
	manifest_fixture_check_same(test, m, n);
}

TEST(the_same_path_twice_is_eexist)
{
	struct entry files[] = { file("a", 1), file("a", 2) }, dirs[] = { dir("a"), dir("a/") };
	struct entry both[] = { file("a", 1), file("a-b", 1), dir("a") }, under[] = { file("a", 1), file("a,", 3), file("a/b", 2) };
	MANIFEST m = NULL;

	CHECK_EQ(manifest_fixture(files, 2, &m), -EEXIST);
	CHECK_EQ(manifest_fixture(dirs, 2, &m), -EEXIST);
	CHECK_EQ(manifest_fixture(both, 3, &m), -EEXIST);
	CHECK_EQ(manifest_fixture(under, 3, &m), -EEXIST);
}

TEST(paths_that_leave_the_tree_or_are_no_paths_are_refused)
{
	static const char *const bad[] = { "", "/", "/a", "a//b", ".", "..", "a/..", "../a", "a/./b", "a/", "\xff", "a/\xc0\xaf" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK_EQ(add_one(file(bad[i], 1)), -ENOTSUP);
	CHECK_EQ(add_one(dir("")), -ENOTSUP);
	CHECK_EQ(add_one(dir("/")), -ENOTSUP);
	CHECK_EQ(add_one(dir("a//")), -ENOTSUP);
	CHECK_EQ(add_one(symlink_to("a", "")), -ENOTSUP);
	CHECK_EQ(add_one(symlink_to("a", "\xff")), -ENOTSUP);
	CHECK_EQ(add_one(symlink_to("a", NULL)), -ENOTSUP);
	CHECK_EQ(add_one(file("...", 1)), 0);
	CHECK_EQ(add_one(file("..a/.b", 1)), 0);
}

TEST(names_paths_and_depth_have_their_limits)
{
	char name[300], path[5000];

	memset(name, 'n', sizeof(name));
	name[256] = '\0';
	CHECK_EQ(add_one(file(name, 1)), -ENOTSUP);
	name[255] = '\0';
	CHECK_EQ(add_one(file(name, 1)), 0);
	for (size_t i = 0; i < 2 * MANIFEST_DEPTH_MAX + 1; i++)
		path[i] = i % 2 ? '/' : 'd';
	path[2 * MANIFEST_DEPTH_MAX + 1] = '\0';
	CHECK_EQ(add_one(file(path, 1)), -ENOTSUP);
	path[2 * MANIFEST_DEPTH_MAX - 1] = '\0';
	CHECK_EQ(add_one(file(path, 1)), 0);
	memset(path, 'n', sizeof(path));
	for (size_t i = 200; i < sizeof(path); i += 201)
		path[i] = '/';
	path[MANIFEST_PATH_MAX + 1] = '\0';
	CHECK_EQ(add_one(file(path, 1)), -ENOTSUP);
	CHECK_EQ(add_one(dir(path)), -ENOTSUP);
	path[MANIFEST_PATH_MAX] = '\0';
	CHECK_EQ(add_one(file(path, 1)), 0);
	CHECK_EQ(add_one(dir(path)), -ENOTSUP);
}

TEST(more_entries_than_the_limit_are_efbig)
{
	BUILDER b = NULL;
	MANIFEST m = NULL;
	char path[20];
	int r = 0;

	CHECK_EQ(manifest_builder_new(&b), 0);
	for (int64_t i = 0; i < MANIFEST_ENTRIES_MAX && !r; i++) {
		struct entry e = file(path, i + 1);

		snprintf(path, sizeof(path), "f%lld", (long long)i);
		r = manifest_add(b, &e);
	}
	CHECK_EQ(r, 0);
	CHECK_EQ(manifest_builder_count(b), MANIFEST_ENTRIES_MAX);
	CHECK_EQ(manifest_add(b, &(struct entry){ .path = "one more", .type = TAR_DIR }), -EFBIG);
	CHECK_EQ(manifest_build(b, &m), 0);
	CHECK_EQ(m->count, MANIFEST_ENTRIES_MAX);
	CHECK_EQ(manifest_find(m, "f199999") >= 0, 1);
}

TEST(paths_are_found_and_what_is_not_there_is_not)
{
	static const char *const missing[] = { "a/", "b", "a/b/", "a/b/c", "A", "zz", "empty/x", "a/\xc3\xa9/", "a/c" };
	MANIFEST m = manifest_fixture_mixed();

	CHECK(m);
	for (size_t i = 0; i < m->count; i++) {
		char path[100];

		snprintf(path, sizeof(path), "%.*s", (int)m->entries[i].path_len - (m->entries[i].type == TAR_DIR), m->entries[i].path);
		CHECK_EQ(manifest_find(m, path), i);
	}
	for (size_t i = 0; i < ARRAY_LEN(missing); i++)
		CHECK_EQ(manifest_find(m, missing[i]), -1);
	CHECK_EQ(manifest_find(m, ""), m->count);
}

TEST(a_range_is_what_is_below_a_directory)
{
	MANIFEST m = manifest_fixture_mixed();
	size_t first, end;

	CHECK(m);
	manifest_range(m, "", &first, &end);
	CHECK_EQ(first, 0);
	CHECK_EQ(end, m->count);
	manifest_range(m, "a", &first, &end);
	CHECK_EQ(first, 3);
	CHECK_EQ(end, 6);
	manifest_range(m, "empty", &first, &end);
	CHECK_EQ(end - first, 0);
	manifest_range(m, "Z", &first, &end);
	CHECK_EQ(end - first, 0);
	manifest_range(m, "none", &first, &end);
	CHECK_EQ(end - first, 0);
}

TEST(skipping_agrees_with_looking_at_each_entry)
{
	MANIFEST m = manifest_fixture_large(2000, 0);

	CHECK(m);
	for (size_t i = 0; i < m->count; i++) {
		const struct entry *e = &m->entries[i];
		size_t end = i + 1;

		while (e->type == TAR_DIR && end < m->count && !strncmp(m->entries[end].path, e->path, e->path_len))
			end++;
		CHECK_EQ(manifest_skip(m, i), end);
	}
}

struct changes {
	char text[200];
	int stop;
};

static int note(void *arg, enum manifest_change change, const struct entry *a, const struct entry *b)
{
	struct changes *c = arg;
	size_t n = strlen(c->text);

	snprintf(c->text + n, sizeof(c->text) - n, "%c%s ", (char)change, a ? a->path : b->path);
	if ((change == MANIFEST_ADDED) != !a || (change == MANIFEST_REMOVED) != !b)
		return -EINVAL;
	return c->stop;
}

TEST(a_diff_names_each_difference_once_and_in_order)
{
	struct entry a[] = { file("a", 1), file("gone/x", 2), file("m", 3), file("p", 4), file("s", 5), symlink_to("t", "1"), file("u", 6) };
	struct entry b[] = { file("a", 1), dir("a.d"), file("m", 9), file("p", 4), symlink_to("s", "x"), symlink_to("t", "2"), file("u/x", 6) };
	MANIFEST m = NULL;
	MANIFEST n = NULL;
	struct changes c = { .stop = 0 };

	b[3].executable = true;
	CHECK_EQ(manifest_fixture(a, ARRAY_LEN(a), &m), 0);
	CHECK_EQ(manifest_fixture(b, ARRAY_LEN(b), &n), 0);
	CHECK_EQ(manifest_diff(m, n, note, &c), 0);
	CHECK_STR(c.text, "Aa.d/ Dgone/ Dgone/x Mm Pp Ts Mt Du Au/ Au/x ");
	c = (struct changes){ .stop = 5 };
	CHECK_EQ(manifest_diff(m, n, note, &c), 5);
	CHECK_STR(c.text, "Aa.d/ ");
	c = (struct changes){ .stop = 5 };
	CHECK_EQ(manifest_diff(m, m, note, &c), 0);
}

TEST(what_was_encoded_decodes_to_the_same)
{
	MANIFEST m = manifest_fixture_mixed();
	MANIFEST back = NULL;
	BUF code = BUF_INIT;

	CHECK(m);
	CHECK_EQ(manifest_encode(m, &code), 0);
	CHECK_EQ(manifest_decode(code.data, code.len, &back), 0);
	manifest_fixture_check_same(test, m, back);
}

TEST(an_empty_tree_is_two_bytes)
{
	MANIFEST m = NULL;
	MANIFEST back = NULL;
	BUF code = BUF_INIT;

	CHECK_EQ(manifest_fixture(NULL, 0, &m), 0);
	CHECK_EQ(manifest_encode(m, &code), 0);
	CHECK_HEX(code.data, code.len, "0100");
	CHECK_EQ(manifest_decode(code.data, code.len, &back), 0);
	CHECK_EQ(back->count, 0);
	CHECK_EQ(manifest_find(back, "a"), -1);
}

/* FORMAT.md, byte by byte. */
TEST(the_encoded_form_is_the_one_that_is_written_down)
{
	struct entry entries[] = { dir("a"), file("a/b", 300), file("a/c", 298), symlink_to("l", "a") };
	MANIFEST m = NULL;
	BUF code = BUF_INIT;

	entries[1].executable = true;
	CHECK_EQ(manifest_fixture(entries, 4, &m), 0);
	CHECK_EQ(manifest_encode(m, &code), 0);
	CHECK_HEX(code.data, code.len,
		  "01" "04" "00020200" "612f00" "6200" "6300" "6c00" "02010003" "b817" "a417" "d804" "03" "6100");
}

TEST(a_file_without_a_content_cannot_be_encoded)
{
	struct entry e = file("a", 0);
	MANIFEST m = NULL;
	BUF code = BUF_INIT;

	CHECK_EQ(manifest_fixture(&e, 1, &m), 0);
	CHECK_EQ(manifest_encode(m, &code), -EINVAL);
}

static int decode_hex(const char *hex)
{
	uint8_t bytes[200];
	MANIFEST m = NULL;
	size_t n = 0;

	for (; hex[2 * n]; n++)
		sscanf(hex + 2 * n, "%2hhx", &bytes[n]);
	return manifest_decode(bytes, n, &m);
}

TEST(each_rule_of_the_encoded_form_is_checked)
{
	static const char *const bad[] = {
		"",                                          /* nothing */
		"0200",                                      /* another version */
		"018000",                                    /* a number in a longer form */
		"010000",                                    /* more than there should be */
		"01c09a0c0000000000",                        /* too many */
		"01ffffffffffffffffff01",                    /* far too many */
		"0101" "01" "6100" "00" "01" "02",           /* shares with nothing */
		"0101" "00" "00" "00" "01" "02",             /* an empty path */
		"0101" "00" "2e2e00" "00" "01" "02",         /* ".." */
		"0101" "00" "ff00" "00" "01" "02",           /* not UTF-8 */
		"0101" "00" "6100" "04" "01" "02",           /* a kind that is none */
		"0101" "00" "6100" "02",                     /* a directory without its '/' */
		"0101" "00" "612f00" "00" "01" "02",         /* a file with one */
		"0101" "00" "6100" "00" "01" "00",           /* content 0 */
		"0101" "00" "6100" "00" "01" "01",           /* content -1 */
		"0101" "00" "6100" "00" "ffffffffffffffffff01" "02", /* a negative size */
		"0101" "00" "6100" "00" "01" "02" "00",      /* more than there should be */
		"0101" "00" "6100" "03" "00",                /* a link to nothing */
		"0102" "0000" "62006100" "0000" "0101" "0202", /* not in order */
		"0102" "0001" "610000" "0000" "0101" "0202", /* twice */
		"0102" "0000" "61006162" "00" "0000" "0101" "0202", /* shares more than it says */
		"0101" "00" "612f6200" "00" "01" "02",       /* no parent */
		"0102" "0001" "6100" "2f00" "0002" "01" "02", /* a file and a directory */
	};

	CHECK_EQ(decode_hex("0101" "00" "6100" "00" "01" "02"), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (decode_hex(bad[i]) != -EBADMSG) {
			CHECK_STR("decoded", bad[i]);
			return;
		}
}

/* What decodes is canonical: it has this one form. */
static void check_bytes(struct test_run *test, const uint8_t *data, size_t n)
{
	MANIFEST m = NULL;
	BUF again = BUF_INIT;
	int r = manifest_decode(data, n, &m);

	if (r == -EBADMSG)
		return;
	CHECK_EQ(r, 0);
	CHECK_EQ(manifest_encode(m, &again), 0);
	CHECK_EQ(again.len, n);
	CHECK_MEM(again.data, data, n);
}

TEST(damaged_bytes_are_refused_or_decode_to_what_encodes_to_them)
{
	MANIFEST m = manifest_fixture_mixed();
	BUF code = BUF_INIT;

	CHECK(m);
	CHECK_EQ(manifest_encode(m, &code), 0);
	for (size_t n = 0; n < code.len; n++) {
		/* A copy of its own length, so that a sanitizer sees a read beyond it. */
		AUTO(free_ptr) uint8_t *cut = malloc(n + 1);

		CHECK(cut);
		memcpy(cut, code.data, n);
		MANIFEST none = NULL;
		CHECK_EQ(manifest_decode(cut, n, &none), -EBADMSG);
	}
	for (size_t i = 0; i < code.len; i++)
		for (int v = 0; v < 256; v++) {
			uint8_t was = code.data[i];

			code.data[i] = (uint8_t)v;
			check_bytes(test, code.data, code.len);
			code.data[i] = was;
		}
}

TEST(random_damage_to_a_large_manifest_is_refused_or_canonical)
{
	MANIFEST m = manifest_fixture_large(300, 0);
	BUF code = BUF_INIT;
	struct { uint32_t at[4]; uint8_t value[4]; } noise;

	CHECK(m);
	CHECK_EQ(manifest_encode(m, &code), 0);
	for (uint64_t round = 1; round < 5000; round++) {
		AUTO(free_ptr) uint8_t *bytes = malloc(code.len);

		CHECK(bytes);
		memcpy(bytes, code.data, code.len);
		test_noise(&noise, sizeof(noise), round);
		for (size_t i = 0; i <= round % 4; i++)
			bytes[noise.at[i] % code.len] = noise.value[i];
		check_bytes(test, bytes, code.len);
	}
}

/* Each path shares 4 KB with the one before: 3 bytes of input stand for 4 KB of text. */
TEST(a_bomb_of_shared_prefixes_is_refused)
{
	BUF code = BUF_INIT;
	MANIFEST m = NULL;
	char first[MANIFEST_PATH_MAX + 1];
	const size_t count = 100000, shared = 4000;

	memset(first, 'a', sizeof(first));
	for (size_t i = 200; i < shared; i += 201)
		first[i] = '/';
	buf_addc(&code, MANIFEST_VERSION);
	buf_add_varint(&code, count);
	buf_add_varint(&code, 0);
	for (size_t i = 1; i < count; i++)
		buf_add_varint(&code, shared);
	buf_add(&code, first, shared);
	for (size_t i = 0; i < count; i++)
		buf_addf(&code, "%06zu%c", i, '\0');
	buf_fill(&code, 0, 3 * count);
	CHECK_EQ(manifest_decode(code.data, code.len, &m), -EBADMSG);
}

TEST(a_manifest_is_shared_until_the_last_one_lets_go)
{
	MANIFEST m = manifest_fixture_mixed();
	MANIFEST second = NULL;

	CHECK(m);
	second = manifest_ref(m);
	manifest_unref(m);
	CHECK_STR(second->entries[0].path, "Z");
	m = NULL;
}
