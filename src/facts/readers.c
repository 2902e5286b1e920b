#include "src/facts/readers.h"

#include <fnmatch.h>

/* By the file's name, and a folder that it has to be somewhere below. */
static const struct {
	const char *name, *folder;
	fact_reader *read;
	bool is_code; /* of the app, unless it is a test's */
} readers[] = {
	{ "package.json", NULL, read_package_json, false },
	{ "requirements*.txt", NULL, read_requirements, false },
	{ "constraints*.txt", NULL, read_requirements, false },
	{ "*.txt", "requirements", read_requirements, false },
	{ "pyproject.toml", NULL, read_pyproject, false },
	{ "go.mod", NULL, read_go_mod, false },
	{ "Cargo.toml", NULL, read_cargo, false },
	{ "*.[jt]s", NULL, read_drizzle, true },
	{ "*.[cm][jt]s", NULL, read_drizzle, true },
	{ "*.[jt]s", NULL, read_routes_js, true },
	{ "*.[cm][jt]s", NULL, read_routes_js, true },
	{ "route.[jt]s", "app", read_routes_next, true },
	{ "route.[jt]sx", "app", read_routes_next, true },
	{ "*.[jt]s", "pages/api", read_routes_next, true },
	{ "*.[jt]sx", "pages/api", read_routes_next, true },
	{ "*.py", NULL, read_routes_py, true },
};

/* Code that was made by a machine out of what is elsewhere in the tree, or tests: what is in it is no fact of the app. */
static const char *const not_ours[] = {
	"*.min.js", "*.min.mjs", "*.d.ts", "*.d.[cm]ts", "*.test.*", "*.spec.*", "*.test-d.*", "test_*.py", "*_test.py", "conftest.py",
};
static const char *const test_folders[] = { "test", "tests", "__tests__" };

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	for (const char *at = path; (at = strstr(at, folder)); at++)
		if ((at == path || at[-1] == '/') && at[n] == '/')
			return true;
	return false;
}

static bool is_ours(const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(not_ours); i++)
		if (fnmatch(not_ours[i], base_of(path), 0) == 0)
			return false;
	for (size_t i = 0; i < ARRAY_LEN(test_folders); i++)
		if (is_below(path, test_folders[i]))
			return false;
	return true;
}

static bool fits(size_t reader, const char *path)
{
	if (fnmatch(readers[reader].name, base_of(path), 0) || (readers[reader].folder && !is_below(path, readers[reader].folder)))
		return false;
	return !readers[reader].is_code || is_ours(path);
}

bool facts_wants(const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(readers); i++)
		if (fits(i, path))
			return true;
	return false;
}

bool drizzle_wants(const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(readers); i++)
		if (readers[i].read == read_drizzle && fits(i, path))
			return true;
	return false;
}

int facts_read(struct facts *f, const char *path, struct span text)
{
	fact_reader *last = NULL;
	int r = 0;

	/* A byte order mark is nobody's business. */
	if (span_starts(text, "\xef\xbb\xbf"))
		text = (struct span){ text.p + 3, text.n - 3 };
	for (size_t i = 0; i < ARRAY_LEN(readers) && !r; i++)
		/* `requirements/requirements.txt` fits twice. */
		if (fits(i, path) && readers[i].read != last)
			r = (last = readers[i].read)(f, path, text);
	return r;
}
