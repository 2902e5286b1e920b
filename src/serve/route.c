#include "src/serve/route.h"

static bool matches(const char *pattern, const char *path, size_t n, struct route_match *m)
{
	size_t at = 0, names = 0;

	while (*pattern) {
		size_t len = 0;

		if (*pattern != '{') {
			if (at == n || path[at++] != *pattern++)
				return false;
			continue;
		}
		while (at + len < n && (path[at + len] != '/' || pattern[strcspn(pattern, "*}")] == '*'))
			len++;
		if (!len || names == ROUTE_NAMES)
			return false;
		m->names[names].text = path + at;
		m->names[names++].n = len;
		at += len;
		pattern += strcspn(pattern, "}") + 1;
	}
	return at == n;
}

struct route_match route_find(const struct route *routes, const char *method, const char *path, size_t n)
{
	struct route_match m = { 0 };

	for (const struct route *r = routes; r->method && !m.route; r++) {
		if (!matches(r->path, path, n, &m))
			continue;
		m.other_method = true;
		m.route = strcmp(r->method, method) == 0 || (r->head && strcmp(method, "HEAD") == 0) ? r : NULL;
	}
	m.other_method &= !m.route;
	return m;
}

int route_allowed(const struct route *routes, const char *path, size_t n, struct buf *out)
{
	struct route_match m;

	for (const struct route *r = routes; r->method; r++)
		if (matches(r->path, path, n, &m)) {
			buf_adds(out, out->len ? ", " : "");
			buf_adds(out, r->method);
			buf_adds(out, r->head ? ", HEAD" : "");
		}
	return buf_error(out);
}
