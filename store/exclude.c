#include "store/snapshot.h"

/* A pattern is a name, "*end" or "begin*". The first that matches decides. */
struct pattern {
	const char *text;
	enum exclude answer;
};

/* Released lists are never edited: seals name them. */
static const struct pattern version_1[] = {
	{ ".env.example", EXCLUDE_NO },     { ".env.sample", EXCLUDE_NO },      { ".env.template", EXCLUDE_NO },
	{ ".env", EXCLUDE_SECRET },         { ".env.*", EXCLUDE_SECRET },       { ".git", EXCLUDE_IGNORED },
	{ ".hg", EXCLUDE_IGNORED },         { ".svn", EXCLUDE_IGNORED },        { "node_modules", EXCLUDE_IGNORED },
	{ "__pycache__", EXCLUDE_IGNORED }, { "*.pyc", EXCLUDE_IGNORED },       { ".venv", EXCLUDE_IGNORED },
	{ ".next", EXCLUDE_IGNORED },       { ".nuxt", EXCLUDE_IGNORED },       { ".svelte-kit", EXCLUDE_IGNORED },
	{ ".turbo", EXCLUDE_IGNORED },      { ".cache", EXCLUDE_IGNORED },      { "coverage", EXCLUDE_IGNORED },
	{ "dist", EXCLUDE_IGNORED },        { ".DS_Store", EXCLUDE_IGNORED },
};

static const struct {
	const struct pattern *patterns;
	size_t count;
} versions[] = {
	[EXCLUDE_VERSION] = { version_1, ARRAY_LEN(version_1) },
};

static bool matches(const char *pattern, const char *name)
{
	size_t n = strlen(pattern), len = strlen(name);

	if (pattern[0] == '*')
		return len >= n - 1 && !strcmp(name + len - (n - 1), pattern + 1);
	if (pattern[n - 1] == '*')
		return !strncmp(name, pattern, n - 1);
	return !strcmp(pattern, name);
}

enum exclude exclude_match(int version, const char *name)
{
	if (version < 0 || (size_t)version >= ARRAY_LEN(versions))
		return EXCLUDE_NO;
	for (size_t i = 0; i < versions[version].count; i++)
		if (matches(versions[version].patterns[i].text, name))
			return versions[version].patterns[i].answer;
	return EXCLUDE_NO;
}
