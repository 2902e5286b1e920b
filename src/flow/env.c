#include "src/flow/env.h"

static const char *const ours[] = { "REQUEST_ID", "APP_NAME", "PROMPT", "MODE", "MAX_ITERATIONS", "WS_URL", "WORKSPACE", "ITERATION" };
static const char *const passed[] = {
	"PATH", "HOME", "LANG", "TERM", "TMPDIR", "USER", "SHELL", "http_proxy", "https_proxy", "ftp_proxy", "all_proxy",
	"no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY",
};

static bool is_in(const char *name, const char *const list[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, list[i]) == 0)
			return true;
	return false;
}

bool env_is_ours(const char *name)
{
	return is_in(name, ours, ARRAY_LEN(ours));
}

bool env_is_passed(const char *name)
{
	return strncmp(name, "LC_", 3) == 0 || is_in(name, passed, ARRAY_LEN(passed));
}

void env_release(struct env *e)
{
	for (size_t i = 0; i < e->count; i++)
		free(e->list[i]);
	free(e->list);
	*e = (struct env){ 0 };
}

static bool has(const struct env *e, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < e->count; i++)
		if (strncmp(e->list[i], name, n) == 0 && e->list[i][n] == '=')
			return true;
	return false;
}

int env_set(struct env *e, const char *name, const char *value)
{
	char **list;

	if (has(e, name))
		return 0;
	list = realloc(e->list, (e->count + 2) * sizeof(*list));
	if (!list)
		return -ENOMEM;
	e->list = list;
	list[e->count + 1] = NULL;
	if (asprintf(&list[e->count], "%s=%s", name, value) < 0) {
		list[e->count] = NULL;
		return -ENOMEM;
	}
	e->count++;
	return 0;
}

int env_pass(struct env *e)
{
	extern char **environ;
	int r = 0;

	for (char **p = environ; *p && !r; p++) {
		size_t n = strcspn(*p, "=");
		AUTO(free_ptr) char *name = strndup(*p, n);

		if (!name)
			return -ENOMEM;
		if ((*p)[n] && env_is_passed(name))
			r = env_set(e, name, *p + n + 1);
	}
	return r;
}
