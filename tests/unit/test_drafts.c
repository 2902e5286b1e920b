/* Names and states of what is being written, without a mount. */
#include "fs/drafts.h"
#include "tests/unit/test.h"

/* NULL: there is no memory, which fails every check of it. */
static struct drafts *make(int64_t *ret_dir)
{
	struct drafts *d;

	if (drafts_new(&d))
		return NULL;
	if (!drafts_mkdir(d, "req", 7, ret_dir))
		return d;
	drafts_free(d);
	return NULL;
}

static void end(struct drafts *d)
{
	for (int64_t n; (n = drafts_first(d));)
		drafts_drop(d, n);
	drafts_free(d);
}

TEST(the_names_that_a_draft_may_have_say_what_it_is)
{
	static const struct { const char *name; int r; enum draft_role role; } cases[] = {
		{ "app.tar.gz", 0, DRAFT_ARCHIVE }, { "metadata.json", 0, DRAFT_METADATA }, { ".app.tar.gz.Xy12", 0, DRAFT_TEMPORARY },
		{ "app.tar.gz.part", 0, DRAFT_TEMPORARY }, { "metadata.json~", 0, DRAFT_TEMPORARY }, { "app.tar", -EROFS, 0 },
		{ "4913", -EROFS, 0 }, { "", -EROFS, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		enum draft_role role = DRAFT_ARCHIVE;

		CHECK_EQ(draft_role(cases[i].name, &role), cases[i].r);
		if (!cases[i].r)
			CHECK_EQ(role, cases[i].role);
	}
}

TEST(a_directory_has_the_name_of_a_request_once)
{
	int64_t dir, other;
	struct drafts *d = make(&dir);
	struct draft_dir found;

	CHECK_EQ(drafts_mkdir(d, "req", 0, &other), -EEXIST);
	CHECK_EQ(drafts_mkdir(d, "no name", 0, &other), -EINVAL);
	CHECK_EQ(drafts_dir_named(d, "req", &found), 0);
	CHECK(found.number == dir && found.made && !found.generation && found.mtime == 7);
	CHECK_EQ(drafts_rmdir(d, dir), 0);
	CHECK_EQ(drafts_dir_named(d, "req", &found), -ENOENT);
	CHECK(!drafts_any(d));
	end(d);
}

TEST(two_who_write_one_archive_have_a_file_each_and_a_temporary_one_is_shared)
{
	struct draft_file a, b;
	int64_t dir;
	struct drafts *d = make(&dir);

	CHECK_EQ(drafts_create(d, dir, "app.tar.gz", true, 1, &a), 0);
	CHECK_EQ(drafts_create(d, dir, "app.tar.gz", false, 2, &b), 0);
	CHECK(a.number != b.number);
	CHECK_EQ(drafts_create(d, dir, "app.tar.gz", true, 3, &b), -EEXIST);
	CHECK_EQ(drafts_lookup(d, dir, "app.tar.gz", &b), -ENOENT);
	CHECK_EQ(drafts_create(d, dir, "app.tar.gz.part", false, 1, &a), 0);
	CHECK_EQ(drafts_create(d, dir, "app.tar.gz.part", false, 2, &b), 0);
	CHECK_EQ(a.number, b.number);
	CHECK_EQ(b.handles, 2);
	CHECK_EQ(drafts_rmdir(d, dir), -EBUSY);
	end(d);
}

TEST(a_name_that_was_taken_away_is_gone_at_once_and_the_file_with_its_last_handle)
{
	struct draft_file f;
	int64_t dir;
	struct drafts *d = make(&dir);

	CHECK_EQ(drafts_create(d, dir, "app.tar.gz.part", true, 1, &f), 0);
	CHECK_EQ(drafts_unlink(d, f.number), 0);
	CHECK_EQ(drafts_lookup(d, dir, "app.tar.gz.part", &f), -ENOENT);
	CHECK_EQ(drafts_idle(d, 0, 1), 0);
	CHECK(drafts_close(d, f.number));
	CHECK_EQ(drafts_idle(d, 0, 1), f.number);
	CHECK_EQ(drafts_open(d, f.number, 1, true, &f), -ESTALE);
	end(d);
}

TEST(a_rename_among_temporary_names_replaces_and_never_gives_a_final_one)
{
	struct draft_file a, b, f;
	int64_t dir;
	struct drafts *d = make(&dir);

	CHECK_EQ(drafts_create(d, dir, "app.tar.gz.1", true, 1, &a), 0);
	CHECK_EQ(drafts_create(d, dir, "app.tar.gz.2", true, 1, &b), 0);
	CHECK_EQ(drafts_rename(d, a.number, "app.tar.gz.2"), 0);
	CHECK_EQ(drafts_lookup(d, dir, "app.tar.gz.2", &f), 0);
	CHECK_EQ(f.number, a.number);
	CHECK_EQ(drafts_lookup(d, dir, "app.tar.gz.1", &f), -ENOENT);
	CHECK_EQ(drafts_rename(d, a.number, "app.tar.gz"), -EPERM);
	CHECK_EQ(drafts_rename(d, a.number, "notes"), -EROFS);
	end(d);
}

static int count(void *arg, const struct draft_dir *dir UNUSED)
{
	++*(int *)arg;
	return 0;
}

TEST(a_directory_that_became_a_generation_keeps_its_number_and_is_listed_until_the_store_lists_it)
{
	struct draft_dir dir;
	int64_t number;
	struct drafts *d = make(&number);
	int listed = 0;

	drafts_bind(d, number, 5);
	CHECK_EQ(drafts_alias(d, 5), number);
	CHECK_EQ(drafts_alias(d, 4), 0);
	CHECK_EQ(drafts_each_dir(d, 0, 4, count, &listed), 0);
	CHECK_EQ(listed, 1);
	CHECK_EQ(drafts_each_dir(d, 0, 5, count, &listed), 0);
	CHECK_EQ(listed, 1);
	CHECK_EQ(drafts_rmdir(d, number), -EPERM);
	CHECK(drafts_forget(d, 5, &dir));
	CHECK_EQ(drafts_dir(d, number, &dir), -ENOENT);
	end(d);
}

static bool is_even(const void *arg UNUSED, int64_t generation)
{
	return generation % 2 == 0;
}

TEST(a_generation_that_is_gone_is_found_among_those_that_came_before)
{
	int64_t first, second;
	struct drafts *d = make(&first);

	CHECK_EQ(drafts_newest(d), 0);
	CHECK_EQ(drafts_mkdir(d, "second", 0, &second), 0);
	drafts_bind(d, first, 4);
	drafts_bind(d, second, 5);
	CHECK_EQ(drafts_newest(d), 5);
	CHECK_EQ(drafts_lost(d, 4, is_even, NULL), 0);
	CHECK_EQ(drafts_lost(d, 5, is_even, NULL), 5);
	end(d);
}

TEST(there_is_room_for_so_many_and_those_that_were_received_make_room)
{
	char name[32];
	int64_t number, first = 0;
	struct drafts *d;

	CHECK_EQ(drafts_new(&d), 0);
	for (int i = 0; i < DRAFT_DIRS_MAX; i++) {
		snprintf(name, sizeof(name), "r%d", i);
		CHECK_EQ(drafts_mkdir(d, name, 0, &number), 0);
		first = first ? first : number;
	}
	CHECK_EQ(drafts_mkdir(d, "more", 0, &number), -ENOSPC);
	drafts_bind(d, first, 1);
	CHECK_EQ(drafts_mkdir(d, "more", 0, &number), 0);
	CHECK_EQ(drafts_alias(d, 1), 0);
	end(d);
}

TEST(why_something_was_refused_is_kept_until_something_is_received)
{
	struct draft_dir dir;
	int64_t number;
	struct drafts *d = make(&number);

	drafts_refuse(d, number, "it ends too early");
	CHECK_EQ(drafts_dir(d, number, &dir), 0);
	CHECK(strcmp(dir.reason, "it ends too early") == 0);
	drafts_refuse(d, number, NULL);
	CHECK_EQ(drafts_dir(d, number, &dir), 0);
	CHECK(!*dir.reason);
	end(d);
}
