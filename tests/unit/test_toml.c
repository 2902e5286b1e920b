#include "src/facts/toml.h"
#include "tests/unit/test.h"

/* As compact JSON, or NULL. Freed by the caller. */
static char *loaded(const char *text)
{
	AUTO(json_unref) json_t *v = toml_load(span_of(text));

	return v ? json_dumps(v, JSON_COMPACT) : NULL;
}

static void becomes(struct test_run *test, const char *toml, const char *json)
{
	AUTO(free_ptr) char *got = loaded(toml);

	CHECK_STR(got, json);
}

TEST(toml_becomes_the_tree_that_it_describes)
{
	becomes(test, "", "{}");
	becomes(test, "a = 1\nb.c = true\n\"d e\".'f' = 1979-05-27T07:32:00Z # when\n", "{\"a\":\"1\",\"b\":{\"c\":true},\"d e\":{\"f\":\"1979-05-27T07:32:00Z\"}}");
	becomes(test, "[a]\nx = [1, [2, 3,], {y = false}]\r\n[a.b]\nz = 'q'\n[c]", "{\"a\":{\"x\":[\"1\",[\"2\",\"3\"],{\"y\":false}],\"b\":{\"z\":\"q\"}},\"c\":{}}");
	becomes(test, "[[t]]\na = 1\n[t.u]\nb = 2\n[[t]]\na = 3\n", "{\"t\":[{\"a\":\"1\",\"u\":{\"b\":\"2\"}},{\"a\":\"3\"}]}");
}

TEST(toml_strings_have_four_kinds)
{
	becomes(test, "a = \"\\t\\u00e9\\U0001F600\\\"\"\nb = 'C:\\x'\n", "{\"a\":\"\\té😀\\\"\",\"b\":\"C:\\\\x\"}");
	becomes(test, "a = \"\"\"\nx\n y\\\n   z\"\"\"\nb = '''\nl1\nl2'''\nc = \"\"\"\"q\"\"\"\"\n", "{\"a\":\"x\\n yz\",\"b\":\"l1\\nl2\",\"c\":\"\\\"q\\\"\"}");
}

TEST(what_is_no_toml_is_refused)
{
	static const char *const bad[] = {
		"a", "a =", "a = \"x", "a = \"x\ny\"", "[a", "[]", "a = 1 b = 2\nc", "a = [1", "a = {b = 1", "= 1", "a = \"\\q\"", "a = \"\\u00\"",
		"a = 1\na.b = 2", "[[a]]\n[a.b]\n[[a.b]]", "a = \"\\u0000\"", "a. = 1", "a = '''x", "a = \"x\" y",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(free_ptr) char *got = loaded(bad[i]);

		if (got && strcmp(bad[i], "a = 1 b = 2\nc"))
			printf("'%s' became %s\n", bad[i], got);
		CHECK(!got);
	}
}

TEST(toml_is_only_so_deep)
{
	char text[2 * TOML_DEPTH_MAX + 20] = "a = ";

	memset(text + 4, '[', TOML_DEPTH_MAX + 1);
	memset(text + 4 + TOML_DEPTH_MAX + 1, ']', TOML_DEPTH_MAX + 1);
	CHECK(!toml_load(span_of(text)));
	text[4] = ' ';
	text[4 + 2 * TOML_DEPTH_MAX + 1] = '\0';
	AUTO(json_unref) json_t *v = toml_load(span_of(text));
	CHECK(v);
	memset(text, 'a', sizeof(text));
	for (size_t i = 1; i < sizeof(text); i += 2)
		text[i] = '.';
	strcpy(text + sizeof(text) - 5, "=1");
	CHECK(!toml_load(span_of(text)));
}
