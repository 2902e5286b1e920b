#include "store/snapshot.h"
#include "tests/unit/test.h"

static void check_names(struct test_run *test, enum exclude want, const char *const *names)
{
	for (; *names; names++)
		if (exclude_match(EXCLUDE_VERSION, *names) != want) {
			CHECK_STR("a wrong answer", *names);
			return;
		}
}

TEST(every_name_of_the_list_is_left_out)
{
	static const char *const names[] = {
		".git", ".hg", ".svn", "node_modules", "__pycache__", "a.pyc", ".pyc", ".venv", ".next", ".nuxt", ".svelte-kit",
		".turbo", ".cache", "coverage", "dist", ".DS_Store", NULL,
	};

	check_names(test, EXCLUDE_IGNORED, names);
}

TEST(secrets_are_told_apart_from_what_is_merely_ignored)
{
	static const char *const names[] = { ".env", ".env.local", ".env.production", ".env.", ".env.example.local", NULL };

	check_names(test, EXCLUDE_SECRET, names);
}

TEST(an_example_of_a_secret_is_kept)
{
	static const char *const names[] = { ".env.example", ".env.sample", ".env.template", NULL };

	check_names(test, EXCLUDE_NO, names);
}

TEST(names_that_only_look_like_those_of_the_list_are_kept)
{
	static const char *const names[] = {
		".gitignore", ".github", "Dist", "dist.js", "distribution", "a.pyc.txt", "pyc", ".envrc", "env", "a.env", "x.git",
		"Node_modules", "node_modules2", ".DS_store", "", NULL,
	};

	check_names(test, EXCLUDE_NO, names);
}

TEST(a_version_of_the_list_that_never_was_leaves_nothing_out)
{
	CHECK_EQ(exclude_match(0, ".git"), EXCLUDE_NO);
	CHECK_EQ(exclude_match(EXCLUDE_VERSION + 1, ".git"), EXCLUDE_NO);
	CHECK_EQ(exclude_match(-1, ".git"), EXCLUDE_NO);
}
