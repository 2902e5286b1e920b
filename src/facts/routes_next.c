/*
 * Next.js: the file's path is the route. app/.../route.ts exports a function for each method, pages/api/....ts one for all.
 * https://nextjs.org/docs/app/building-your-application/routing/route-handlers
 */
#include "src/facts/js_lex.h"
#include "src/facts/readers.h"
#include "store/base/buf.h"

static bool is_method(const struct js_token *t)
{
	static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS" };

	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (js_is_name(t, methods[i]))
			return true;
	return false;
}

/* (groups) and @slots organise the folder and are no part of the URL. */
static bool is_in_url(struct span part)
{
	return part.n && part.p[0] != '(' && part.p[0] != '@';
}

/* What of a path is the route: behind the first "app/" or "pages/". NULL when there is no such folder. */
static const char *route_begin(const char *path, const char *folder)
{
	for (const char *at = path; (at = strstr(at, folder)); at++)
		if (at == path || at[-1] == '/')
			return at + strlen(folder);
	return NULL;
}

/* The URL of "x/(y)/[id]/route.ts" or of "x/index.ts". */
static int url_of(const char *path, bool is_app, struct buf *out)
{
	const char *begin = route_begin(path, is_app ? "app/" : "pages/"), *dot = strrchr(path, '.');
	struct span rest;

	if (!begin || !dot || dot < begin)
		return 0;
	rest = span_to(begin, dot);
	while (rest.n) {
		bool is_last = !memchr(rest.p, '/', rest.n);
		struct span part = span_cut(&rest, '/');

		if (is_last ? is_app || span_is(part, "index") : !is_in_url(part))
			continue;
		buf_addc(out, '/');
		buf_add(out, part.p, part.n);
	}
	if (!out->len)
		buf_addc(out, '/');
	return buf_error(out) ? -ENOMEM : 1;
}

struct reader {
	struct facts *f;
	const char *path;
	struct js_lexer lexer;
	struct span url;
	bool is_app;
};

static int add(struct reader *r, struct span method)
{
	return fact_add(r->f, FACT_ROUTE, r->path, r->url, method, span_of(""));
}

/* export { handler as GET, POST } and export const { GET, POST } = ...: the names that others see. */
static int exported_list(struct reader *r)
{
	struct js_token t = js_next(&r->lexer), name = t;
	int error = 0;

	for (; !error && t.kind != JS_END && !js_is(&name, '}'); t = name) {
		name = js_next(&r->lexer);
		if (is_method(&t) && (js_is(&name, ',') || js_is(&name, '}')))
			error = add(r, t.text);
	}
	return error;
}

/* Behind `export`. */
static int exported(struct reader *r)
{
	struct js_token t = js_next(&r->lexer);

	if (js_is_name(&t, "default"))
		return r->is_app ? 0 : add(r, span_of("ANY"));
	while (js_is_name(&t, "async") || js_is_name(&t, "function") || js_is_name(&t, "const") || js_is_name(&t, "let") ||
	       js_is_name(&t, "var"))
		t = js_next(&r->lexer);
	if (!r->is_app)
		return 0;
	if (js_is(&t, '{'))
		return exported_list(r);
	return is_method(&t) ? add(r, t.text) : 0;
}

int read_routes_next(struct facts *f, const char *path, struct span text)
{
	AUTO(buf_release) struct buf url = BUF_INIT;
	const char *slash = strrchr(path, '/');
	struct reader r = { .f = f, .path = path, .lexer = js_lexer_of(text) };
	int depth = 0, error;

	r.is_app = slash && strncmp(slash, "/route.", 7) == 0 && !strstr(path, "pages/api/");
	if ((error = url_of(path, r.is_app, &url)) <= 0)
		return error;
	r.url = (struct span){ buf_str(&url), url.len };
	error = 0;
	for (struct js_token t = js_next(&r.lexer); !error && t.kind != JS_END; t = js_next(&r.lexer)) {
		if (depth == 0 && js_is_name(&t, "export"))
			error = exported(&r);
		depth += js_nesting(&t);
	}
	return error;
}
