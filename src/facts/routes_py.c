/*
 * Routes of Flask, FastAPI, aiohttp and their like, which are decorators: @app.route("/x", methods=["GET", "POST"]), @router.get("/x").
 * https://flask.palletsprojects.com/en/stable/api/#url-route-registrations, https://fastapi.tiangolo.com/reference/apirouter/
 */
#include "src/facts/readers.h"

#include <ctype.h>

enum { METHODS_MAX = 8 };

enum kind { END, NAME, STRING, PUNCT };

struct token {
	enum kind kind;
	struct span text;
	bool is_formatted; /* f"..." */
};

struct lexer {
	const char *p, *end;
	bool line_begins; /* nothing but blanks stands before what is next */
};

/* Behind the first quote; up to and with the closing one, or to the end of the line. */
static struct span quoted(struct lexer *l, char quote)
{
	const char triple[] = { quote, quote, quote, '\0' };
	bool is_long = span_starts(span_to(l->p - 1, l->end), triple);
	struct span s;

	l->p += is_long ? 2 : 0;
	s.p = l->p;
	while (l->p < l->end && !(is_long ? span_starts(span_to(l->p, l->end), triple) : *l->p == quote || *l->p == '\n'))
		l->p += *l->p == '\\' && l->p + 1 < l->end ? 2 : 1;
	s.n = (size_t)(l->p - s.p);
	if (l->p < l->end && *l->p == quote)
		l->p += is_long ? 3 : 1;
	return s;
}

static struct token word(struct lexer *l)
{
	struct token t = { .kind = NAME, .text.p = l->p };

	while (l->p < l->end && (isalnum((unsigned char)*l->p) || *l->p == '_' || (unsigned char)*l->p >= 0x80))
		l->p++;
	t.text.n = (size_t)(l->p - t.text.p);
	/* r"", b"", f"" and so on. */
	if (t.text.n <= 2 && l->p < l->end && (*l->p == '"' || *l->p == '\'')) {
		t = (struct token){ STRING, t.text, memchr(t.text.p, 'f', t.text.n) || memchr(t.text.p, 'F', t.text.n) };
		l->p++;
		t.text = quoted(l, l->p[-1]);
	}
	return t;
}

static struct token next(struct lexer *l)
{
	while (l->p < l->end && (span_is_blank(*l->p) || *l->p == '#' || *l->p == '\\')) {
		l->line_begins |= *l->p == '\n';
		if (*l->p == '#')
			while (l->p < l->end && *l->p != '\n')
				l->p++;
		else
			l->p++;
	}
	if (l->p >= l->end)
		return (struct token){ .kind = END, .text = { l->end, 0 } };
	if (isalnum((unsigned char)*l->p) || *l->p == '_' || (unsigned char)*l->p >= 0x80)
		return word(l);
	l->p++;
	if (l->p[-1] == '"' || l->p[-1] == '\'')
		return (struct token){ .kind = STRING, .text = quoted(l, l->p[-1]) };
	return (struct token){ .kind = PUNCT, .text = { l->p - 1, 1 } };
}

static bool is(const struct token *t, char c)
{
	return t->kind == PUNCT && *t->text.p == c;
}

static int nesting(const struct token *t)
{
	return is(t, '(') || is(t, '[') || is(t, '{') ? 1 : is(t, ')') || is(t, ']') || is(t, '}') ? -1 : 0;
}

/* Decorators that name a path; with NULL its methods are in the argument `methods`. */
static const struct {
	const char *name, *method;
} decorators[] = {
	{ "route", NULL }, { "api_route", NULL }, { "get", "GET" }, { "post", "POST" }, { "put", "PUT" }, { "patch", "PATCH" },
	{ "delete", "DELETE" }, { "head", "HEAD" }, { "options", "OPTIONS" }, { "websocket", "WEBSOCKET" },
};

/* What is in the parentheses. */
struct arguments {
	struct span path, methods[METHODS_MAX];
	bool has_path;
	size_t count;
};

/* Behind '('. The path is the first argument, or called so. */
static struct arguments read_arguments(struct lexer *l)
{
	struct arguments a = { 0 };
	struct token t = next(l), last = { 0 };
	struct span key = { 0 };
	int depth = 1, position = 0;

	for (; t.kind != END && (depth += nesting(&t)) > 0; last = t, t = next(l)) {
		if (depth == 1 && is(&t, ',')) {
			position++;
			key = (struct span){ 0 };
		}
		if (depth == 1 && is(&t, '=') && last.kind == NAME)
			key = last.text;
		if (t.kind != STRING || t.is_formatted)
			continue;
		if (depth == 1 && ((!position && !key.n) || span_is(key, "path") || span_is(key, "rule"))) {
			a.path = t.text;
			a.has_path = true;
		} else if (depth == 2 && span_is(key, "methods") && a.count < METHODS_MAX) {
			a.methods[a.count++] = t.text;
		}
	}
	return a;
}

static int add(struct facts *f, const char *path, const struct arguments *a, const char *method)
{
	int r = 0;

	/* FastAPI has "" for where its router is mounted. */
	if (!a->has_path || (a->path.n && a->path.p[0] != '/'))
		return 0;
	if (method)
		return fact_add(f, FACT_ROUTE, path, a->path, span_of(method), span_of(""));
	for (size_t i = 0; i < a->count && !r; i++)
		r = fact_add(f, FACT_ROUTE, path, a->path, a->methods[i], span_of(""));
	return a->count ? r : fact_add(f, FACT_ROUTE, path, a->path, span_of("GET"), span_of(""));
}

/* Behind '@': a.b.name( */
static int read_decorator(struct facts *f, const char *path, struct lexer *l)
{
	struct token t = next(l), name = { 0 };
	struct arguments a;
	int parts = 0;

	for (; t.kind == NAME || is(&t, '.'); t = next(l)) {
		parts += t.kind == NAME;
		name = t;
		l->line_begins = false;
	}
	/* A name alone is a decorator of another kind. */
	if (!is(&t, '(') || parts < 2)
		return 0;
	a = read_arguments(l);
	for (size_t i = 0; i < ARRAY_LEN(decorators); i++)
		if (span_is(name.text, decorators[i].name))
			return add(f, path, &a, decorators[i].method);
	return 0;
}

int read_routes_py(struct facts *f, const char *path, struct span text)
{
	struct lexer l = { .p = text.p, .end = text.p + text.n, .line_begins = true };
	struct token t;
	int r = 0;

	while (!r && (t = next(&l)).kind != END) {
		bool is_decorator = is(&t, '@') && l.line_begins;

		l.line_begins = false;
		if (is_decorator)
			r = read_decorator(f, path, &l);
	}
	return r;
}
