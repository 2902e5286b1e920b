#include "store/content.h"
#include "store/git_pack.h"
#include "store/stage.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/test.h"

#define MANIFEST AUTO(manifest_unrefp) struct manifest *
#define BUILDER AUTO(manifest_builder_freep) struct manifest_builder *

static void ids_freep(struct git_ids **ids)
{
	git_ids_free(*ids);
}

TEST(an_object_of_a_pack_begins_with_its_type_and_size)
{
	uint8_t out[GITPACK_OBJECT_MAX];

	CHECK_HEX(out, gitpack_object(GIT_BLOB, 0, out), "30");
	CHECK_HEX(out, gitpack_object(GIT_TREE, 15, out), "2f");
	CHECK_HEX(out, gitpack_object(GIT_COMMIT, 16, out), "9001");
	CHECK_HEX(out, gitpack_object(GIT_BLOB, 0x7ff, out), "bf7f");
	CHECK_HEX(out, gitpack_object(GIT_BLOB, 0x800, out), "b08001");
	CHECK_HEX(out, gitpack_object(GIT_BLOB, INT64_MAX, out), "bfffffffffffffffff07");
}

TEST(a_pack_begins_with_how_many_objects_it_has)
{
	uint8_t out[GITPACK_HEAD], tail[ZLIB_TAIL];

	gitpack_head(0x01020304, out);
	CHECK_HEX(out, sizeof(out), "5041434b0000000201020304");
	zlib_tail(0xaabbccdd, tail);
	CHECK_HEX(tail, sizeof(tail), "0300aabbccdd");
}

TEST(what_some_file_system_takes_for_dot_git_is_no_name)
{
	static const char *const no[] = {
		".git", ".GIT", ".gIt", "git~1", "GIT~1", ".git ", ".git. .", ".git:x", ".git\\x", ".git.", "git~1 ",
		".g\xe2\x80\x8cit", "\xef\xbb\xbf.Git", ".git\xe2\x81\xaf",
	};
	static const char *const yes[] = {
		"git", ".gitignore", ".github", ".gitmodules", "git~2", ".git x", "x.git", ".g", ".gi", "", ".g\xe2\x80\x8bit", "git~1x",
	};

	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		if (git_can_name(no[i]))
			CHECK_STR(no[i], "not allowed");
	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		if (!git_can_name(yes[i]))
			CHECK_STR(yes[i], "allowed");
}

TEST(an_author_is_a_name_and_an_address)
{
	static const char *const no[] = {
		"", "x", "<a@b>", " <a@b>", "x<a@b>", "x <>", "x <a b>", "x <a@b> ", "x <a>b>", "x <a<b>", "x\n <a@b>", "x  <a@b>", " x <a@b>", "x> <a@b>",
	};

	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		if (git_author_valid(no[i]))
			CHECK_STR(no[i], "not allowed");
	CHECK(git_author_valid(GIT_AUTHOR) && git_author_valid("A. B. Sée <a.b+c@example.org>"));
}

/* A tree of files that all have the same content, folders, and links. */
static int tree_of(struct genstore *st, const char *const *paths, struct manifest **ret_m)
{
	AUTO(stage_freep) struct stage *s = NULL;
	BUILDER b = NULL;
	int64_t slot, content;
	int r;

	if ((r = stage_new(st, &s)) || (r = stage_bytes(s, "hello\n", 6, &slot)) || (r = stage_flush(s)) ||
	    (r = stage_content(s, slot, &content)) || (r = manifest_builder_new(&b)))
		return r;
	for (; *paths && !r; paths++) {
		bool dir = (*paths)[strlen(*paths) - 1] == '/', link = **paths == '!';
		const struct entry e = {
			.path = *paths + link, .path_len = (uint32_t)strlen(*paths + link), .type = dir ? TAR_DIR : link ? TAR_SYMLINK : TAR_FILE,
			.link = link ? "a" : NULL, .size = dir || link ? 0 : 6, .content = dir || link ? 0 : content,
			.executable = strstr(*paths, ".sh") != NULL,
		};

		r = manifest_add(b, &e);
	}
	return r ? r : manifest_build(b, ret_m);
}

static void check_tree(struct test_run *test, const char *const *paths, const char *want, int64_t left_out)
{
	STORE st = store_fixture();
	AUTO(ids_freep) struct git_ids *ids = NULL;
	MANIFEST m = NULL;
	uint8_t id[SHA1_SIZE];
	int64_t left = -1;

	CHECK(st && !git_ids_new(&ids));
	CHECK_EQ(tree_of(st, paths, &m), 0);
	CHECK_EQ(git_tree(st, ids, m, NULL, id, &left), 0);
	CHECK_HEX(id, SHA1_SIZE, want);
	CHECK_EQ(left, left_out);
}

TEST(an_empty_tree_has_the_name_that_git_gives_it)
{
	check_tree(test, (const char *const[]){ NULL }, "4b825dc642cb6eb9a060e54bf8d69288fbee4904", 0);
	check_tree(test, (const char *const[]){ "empty/", "empty/too/", NULL }, "4b825dc642cb6eb9a060e54bf8d69288fbee4904", 0);
}

/* By `git write-tree` of git 2.39. */
TEST(a_tree_has_the_name_that_git_gives_it)
{
	check_tree(test, (const char *const[]){ "a-b", "a/c", "a/d.sh", "a.b", "!z/link", "none/", NULL },
		   "27380c97ada056491e9f9888c1af1269bf93e366", 0);
	check_tree(test, (const char *const[]){ "a-b", "a/c", "a/d.sh", "a.b", "!z/link", ".git/config", "a/.GIT", NULL },
		   "27380c97ada056491e9f9888c1af1269bf93e366", 2);
}

TEST(a_size_that_is_not_the_contents_is_told)
{
	STORE st = store_fixture();
	AUTO(ids_freep) struct git_ids *ids = NULL;
	uint8_t id[SHA1_SIZE];
	MANIFEST m = NULL;

	CHECK(st && !git_ids_new(&ids));
	CHECK_EQ(tree_of(st, (const char *const[]){ "a", NULL }, &m), 0);
	CHECK_EQ(git_ids_blob(st, ids, m->entries[0].content, 6, id), 0);
	CHECK_HEX(id, SHA1_SIZE, "ce013625030ba8dba906f756967f9e9ca394464a");
	CHECK_EQ(git_ids_blob(st, ids, m->entries[0].content, 7, id), -EBADMSG);
	CHECK_EQ(git_ids_blob(st, ids, 999, 7, id), -EBADMSG);
}
