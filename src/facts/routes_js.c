/*
 * Routes of Express, Koa's router, Fastify, Hono and their like: app.get('/x', ...), router.route('/x').post(...),
 * fastify.route({ method: 'GET', url: '/x' }). What is called app, router, server, fastify or so, or was made by one of their
 * functions in the same file, counts; `axios.get('/x', ...)` does not. Paths are as they are written: where a router is mounted is
 * another file's business.
 */
#include "src/facts/js_lex.h"
#include "src/facts/readers.h"
#include "store/base/buf.h"

#include <ctype.h>

enum { ROUTERS_MAX = 64, CALLS_MAX = 256, METHODS_MAX = 8 };

/* An open bracket: whether what it closes is a router (its maker, or one of its own methods), and of which path. */
struct call {
	bool is_router;
	struct span path; /* of .route('/x'), for the methods behind it */
};

struct reader {
	struct facts *f;
	const char *path;
	struct js_lexer lexer;
	struct js_token now, last, before; /* before: the one before last */
	struct span routers[ROUTERS_MAX];
	size_t router_count;
	struct call calls[CALLS_MAX], closed; /* closed: of the bracket that was closed last */
	size_t depth;
	struct span declared, assigned; /* "const x" with no '=' yet; what stands before the last '=' */
	bool owner_is_router;           /* of the last '.' */
	struct span route;              /* likewise: of .route('/x') */
};

static bool is_one_of(struct span name, const char *const *names)
{
	for (; *names; names++)
		if (span_is(name, *names))
			return true;
	return false;
}

static bool ends_with_nocase(struct span name, const char *end)
{
	size_t n = strlen(end);

	return name.n >= n && strncasecmp(name.p + name.n - n, end, n) == 0;
}

/* Functions and classes that make a router. */
static bool is_maker(struct span name)
{
	static const char *const makers[] = { "express", "Router", "Hono", "OpenAPIHono", "fastify", "Fastify", "KoaRouter", "Elysia", "polka",
					      "restana", "AutoRouter", "IttyRouter", "createRouter", NULL };

	return is_one_of(name, makers);
}

static bool is_router(const struct reader *r, struct span name)
{
	static const char *const names[] = { "app", "server", "fastify", "routes", "hono", NULL };

	if (is_one_of(name, names) || ends_with_nocase(name, "router"))
		return true;
	for (size_t i = 0; i < r->router_count; i++)
		if (name.n == r->routers[i].n && memcmp(name.p, r->routers[i].p, name.n) == 0)
			return true;
	return false;
}

static bool is_method(struct span name)
{
	static const char *const methods[] = { "get", "post", "put", "patch", "delete", "del", "head", "options", "all", NULL };

	return is_one_of(name, methods);
}

static void advance(struct reader *r)
{
	r->before = r->last;
	r->last = r->now;
	r->now = js_next(&r->lexer);
}

static int add_route(struct reader *r, struct span method, struct span path, bool is_cut)
{
	AUTO(buf_release) struct buf full = BUF_INIT;
	char upper[16];
	size_t n = 0;

	/* Express 4 and Restify had `del` before a keyword could be a name. */
	if (span_is_nocase(method, "del"))
		method = span_of("delete");
	for (; n < method.n && n < sizeof(upper); n++)
		upper[n] = (char)toupper((unsigned char)method.p[n]);
	buf_add(&full, path.p, path.n);
	if (is_cut)
		buf_adds(&full, "${...}");
	if (buf_error(&full))
		return -ENOMEM;
	return fact_add(r->f, FACT_ROUTE, r->path, span_of(buf_str(&full)), (struct span){ upper, n }, span_of(""));
}

/* What the open bracket belongs to: its name is the last token, and maybe what the name is a part of stands before it. */
struct callee {
	struct span name;
	bool on_router; /* a method of a router */
	bool is_maker;
	struct span route; /* of a chain that began with .route('/x') */
};

static struct callee callee_of(const struct reader *r)
{
	struct callee c = { .name = r->last.text };

	if (r->last.kind != JS_NAME)
		return (struct callee){ 0 };
	c.on_router = js_is(&r->before, '.') && r->owner_is_router;
	c.is_maker = is_maker(c.name) && !c.on_router;
	c.route = r->route;
	return c;
}

static void open_bracket(struct reader *r, struct call call)
{
	if (r->depth < CALLS_MAX)
		r->calls[r->depth] = call;
	r->depth++;
}

/* Behind "(": the first argument is looked at, nothing is taken that the main loop has to see. */
static int first_argument(struct reader *r, const struct callee *c)
{
	struct js_token path = r->now;
	struct call *call = r->depth <= CALLS_MAX ? &r->calls[r->depth - 1] : NULL;

	if (!c->on_router)
		return 0;
	if (is_method(c->name) && c->route.n)
		return add_route(r, c->name, c->route, false);
	if (path.kind != JS_STRING || !path.text.n || path.text.p[0] != '/')
		return 0;
	if (path.is_cut)
		return is_method(c->name) ? add_route(r, c->name, path.text, true) : 0;
	advance(r);
	/* With something behind the path it is Hono's: a router that is mounted. */
	if (span_is(c->name, "route") && call && js_is(&r->now, ')'))
		call->path = path.text;
	/* One with no handler asks for a setting, or is somebody's request. */
	return is_method(c->name) && js_is(&r->now, ',') ? add_route(r, c->name, path.text, false) : 0;
}

/* fastify.route({ method: 'GET' or [...], url: '/x', ... }), behind the '{'. */
static int object_route(struct reader *r)
{
	struct span methods[METHODS_MAX], url = { 0 };
	size_t count = 0;
	struct span key = { 0 };
	int depth = 1, error = 0;

	for (; depth > 0 && r->now.kind != JS_END; advance(r)) {
		depth += js_nesting(&r->now);
		if (depth == 1 && js_is(&r->now, ':'))
			key = r->last.text;
		if (depth == 1 && js_is(&r->now, ','))
			key = (struct span){ 0 };
		if (r->now.kind != JS_STRING || r->now.is_cut || !key.n)
			continue;
		if (depth <= 2 && span_is(key, "method") && count < METHODS_MAX)
			methods[count++] = r->now.text;
		else if (depth == 1 && (span_is(key, "url") || span_is(key, "path")))
			url = r->now.text;
	}
	for (size_t i = 0; i < count && url.n && !error; i++)
		error = add_route(r, methods[i], url, false);
	return error;
}

/* "x = express(": x is a router. */
static void note_router(struct reader *r, struct span name)
{
	if (name.n && r->router_count < ROUTERS_MAX && !is_router(r, name))
		r->routers[r->router_count++] = name;
}

/* At "(", whose callee is the last token. */
static int read_call(struct reader *r)
{
	const struct callee c = callee_of(r);
	bool goes_on = c.on_router && (is_method(c.name) || span_is(c.name, "use") || span_is(c.name, "route"));

	if (c.is_maker)
		note_router(r, r->assigned);
	open_bracket(r, (struct call){
		.is_router = c.is_maker || goes_on,
		.path = c.on_router && is_method(c.name) ? c.route : (struct span){ 0 },
	});
	advance(r);
	if (c.on_router && span_is(c.name, "route") && js_is(&r->now, '{')) {
		advance(r);
		return object_route(r);
	}
	return first_argument(r, &c);
}

static void close_bracket(struct reader *r)
{
	r->closed = (struct call){ 0 };
	if (!r->depth)
		return;
	r->depth--;
	if (r->depth < CALLS_MAX)
		r->closed = r->calls[r->depth];
}

/* TypeScript: what is between a name and its '(', as in get<Params>('/x') and new Hono<Env>(), is passed over. */
static void skip_generics(struct reader *r)
{
	const struct js_token name = r->last, before = r->before;
	int depth = 0;

	do {
		depth += js_is(&r->now, '<') - js_is(&r->now, '>');
		advance(r);
	} while (depth > 0 && r->now.kind != JS_END);
	r->last = name;
	r->before = before;
}

/* Which name gets what is on the right: the one declared, whose type can stand before the '=', else the last. */
static void follow_assignment(struct reader *r)
{
	if (r->now.kind == JS_NAME && (js_is_name(&r->last, "const") || js_is_name(&r->last, "let") || js_is_name(&r->last, "var")))
		r->declared = r->now.text;
	if (js_is(&r->now, '=')) {
		r->assigned = r->declared.n ? r->declared : r->last.kind == JS_NAME ? r->last.text : (struct span){ 0 };
		r->declared = (struct span){ 0 };
	}
	if (js_is(&r->now, ';'))
		r->declared = r->assigned = (struct span){ 0 };
}

/* At a '.': what stands before it. */
static void follow_owner(struct reader *r)
{
	bool is_chained = js_is(&r->last, ')') && r->closed.is_router;

	r->owner_is_router = is_chained || (r->last.kind == JS_NAME && is_router(r, r->last.text));
	r->route = is_chained ? r->closed.path : (struct span){ 0 };
}

static bool begins_generics(const struct reader *r)
{
	if (!js_is(&r->now, '<') || r->last.kind != JS_NAME)
		return false;
	return is_maker(r->last.text) || (r->owner_is_router && js_is(&r->before, '.') && is_method(r->last.text));
}

int read_routes_js(struct facts *f, const char *path, struct span text)
{
	struct reader r = { .f = f, .path = path, .lexer = js_lexer_of(text) };
	int error = 0;

	for (advance(&r); !error && r.now.kind != JS_END;) {
		follow_assignment(&r);
		if (js_is(&r.now, '.'))
			follow_owner(&r);
		if (begins_generics(&r)) {
			skip_generics(&r);
			continue;
		}
		if (js_is(&r.now, '(')) {
			error = read_call(&r);
			continue;
		}
		if (js_nesting(&r.now) > 0)
			open_bracket(&r, (struct call){ 0 });
		if (js_nesting(&r.now) < 0)
			close_bracket(&r);
		advance(&r);
	}
	return error;
}
