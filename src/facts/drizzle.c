/*
 * Tables of Drizzle ORM: pgTable('name', { column: type('column')..., ... }) and its like for other databases, the creators' own
 * (const table = pgTableCreator(...)), and those of schemas (pgSchema('s').table). https://orm.drizzle.team/docs/sql-schema-declaration
 */
#include "src/facts/js_lex.h"
#include "src/facts/readers.h"
#include "store/base/buf.h"

enum { MAKERS_MAX = 16 };

/* The last tokens, newest first, and functions of this file that make tables. */
struct reader {
	struct facts *f;
	const char *path;
	struct js_lexer lexer;
	struct js_token now, last;
	struct span makers[MAKERS_MAX], parameter; /* parameter: of the function that returns the columns */
	size_t maker_count;
};

static void advance(struct reader *r)
{
	r->last = r->now;
	r->now = js_next(&r->lexer);
}

static bool is_one_of(const struct js_token *t, const char *const *names)
{
	for (; *names; names++)
		if (js_is_name(t, *names))
			return true;
	return false;
}

static const char *const makers[] = { "pgTable", "sqliteTable", "mysqlTable", "singlestoreTable", "gelTable", "cockroachTable", NULL };

static bool is_maker(const struct reader *r, const struct js_token *t)
{
	if (is_one_of(t, makers))
		return true;
	for (size_t i = 0; i < r->maker_count && t->kind == JS_NAME; i++)
		if (t->text.n == r->makers[i].n && memcmp(t->text.p, r->makers[i].p, t->text.n) == 0)
			return true;
	return false;
}

static const char *const creators[] = { "pgTableCreator", "sqliteTableCreator", "mysqlTableCreator", "singlestoreTableCreator",
					"pgSchema", "mysqlSchema", "singlestoreSchema", NULL };

static bool is_creator(const struct js_token *t)
{
	return is_one_of(t, creators);
}

static bool holds_any(struct span text, const char *const *names)
{
	for (; *names; names++)
		if (memmem(text.p, text.n, *names, strlen(*names)))
			return true;
	return false;
}

bool drizzle_may(struct span text)
{
	return holds_any(text, makers) || holds_any(text, creators);
}

/* One text whatever blanks, comments and trailing commas the file has. */
static void add_token(struct buf *out, const struct js_token *t, bool after_name)
{
	bool is_name = t->kind == JS_NAME || t->kind == JS_NUMBER;

	if (js_nesting(t) < 0 && out->len && out->data[out->len - 1] == ',')
		out->data[--out->len] = '\0';
	if (is_name && after_name)
		buf_addc(out, ' ');
	if (t->kind == JS_STRING)
		buf_addc(out, '\'');
	buf_add(out, t->text.p, t->text.n);
	if (t->kind == JS_STRING)
		buf_adds(out, t->is_cut ? "${" : "'");
}

/* `t.` of (t) => ({ id: t.serial() }): the same as serial(). */
static void skip_parameter(struct reader *r)
{
	struct js_lexer ahead = r->lexer;
	struct js_token dot = js_next(&ahead);

	if (r->now.kind != JS_NAME || !r->parameter.n || r->now.text.n != r->parameter.n ||
	    memcmp(r->now.text.p, r->parameter.p, r->parameter.n) != 0 || !js_is(&dot, '.'))
		return;
	advance(r);
	advance(r);
}

/*
 * An expression, up to the ',' or the bracket behind it. A string as the first argument of its first call is what the column is called
 * in the database: it goes to ret_name and is no part of the text, so that serial('id') and serial() are one for `id`.
 */
static void read_expression(struct reader *r, struct buf *out, struct span *ret_name)
{
	bool after_name = false, called = false;
	int depth = 0, nesting;

	skip_parameter(r);
	for (;; advance(r)) {
		nesting = js_nesting(&r->now);
		if (r->now.kind == JS_END || (depth == 0 && (nesting < 0 || js_is(&r->now, ','))))
			return;
		if (!called && r->now.kind == JS_STRING && !r->now.is_cut && js_is(&r->last, '(') && depth == 1) {
			called = true;
			*ret_name = r->now.text;
			advance(r);
			if (js_is(&r->now, ','))
				advance(r);
			nesting = js_nesting(&r->now);
		}
		called |= depth == 1 && js_is(&r->last, '(');
		add_token(out, &r->now, after_name);
		after_name = r->now.kind == JS_NAME || r->now.kind == JS_NUMBER;
		depth += nesting;
	}
}

/* "key: expression", or "...expression", which stands for columns that are elsewhere. */
static int read_column(struct reader *r, struct span table)
{
	AUTO(buf_release) struct buf value = BUF_INIT;
	struct span name = r->now.text;

	if (r->now.kind == JS_NAME || r->now.kind == JS_STRING || r->now.kind == JS_NUMBER) {
		advance(r);
		if (js_is(&r->now, ':'))
			advance(r);
		read_expression(r, &value, &name);
	} else {
		struct span ignored = { 0 };

		read_expression(r, &value, &ignored);
		name = (struct span){ buf_str(&value), value.len };
	}
	if (buf_error(&value))
		return -ENOMEM;
	return name.n ? fact_add(r->f, FACT_TABLE, r->path, table, name, (struct span){ buf_str(&value), value.len }) : 0;
}

/* Behind the '{'. */
static int read_columns(struct reader *r, struct span table)
{
	int error = 0;

	while (!error && r->now.kind != JS_END && !js_is(&r->now, '}')) {
		const char *at = r->lexer.p;

		error = read_column(r, table);
		/* Whatever stands there that is no column: on. */
		if (js_is(&r->now, ',') || r->lexer.p == at)
			advance(r);
	}
	return error;
}

/* The columns can be what a function returns: (t) => ({ ... }). Stands at the '{' then. */
static void skip_parameters(struct reader *r)
{
	int depth = js_nesting(&r->now);

	if (js_is(&r->now, '{'))
		return;
	r->parameter = r->now.text;
	advance(r);
	if (depth > 0)
		r->parameter = r->now.text;
	for (; depth > 0 && r->now.kind != JS_END; advance(r))
		depth += js_nesting(&r->now);
	if (r->now.kind != JS_PUNCT || !span_is(r->now.text, "=>"))
		return;
	advance(r);
	if (js_is(&r->now, '('))
		advance(r);
}

/* Behind "maker(": 'name', { ... } or 'name', (t) => ({ ... }). */
static int read_table(struct reader *r)
{
	struct span name = r->now.text;
	int error;

	if (r->now.kind != JS_STRING || r->now.is_cut)
		return 0;
	advance(r);
	if (!js_is(&r->now, ','))
		return 0;
	advance(r);
	r->parameter = (struct span){ 0 };
	skip_parameters(r);
	if ((error = fact_add(r->f, FACT_TABLE, r->path, name, span_of(""), span_of(""))) || !js_is(&r->now, '{'))
		return error;
	advance(r);
	return read_columns(r, name);
}

/* "x = creator(": from here on x(...) makes a table, and x.table(...) does. */
static void note_maker(struct reader *r, const struct js_token *name)
{
	if (r->maker_count < MAKERS_MAX && name->kind == JS_NAME)
		r->makers[r->maker_count++] = name->text;
}

int read_drizzle(struct facts *f, const char *path, struct span text)
{
	struct reader r = { .f = f, .path = path, .lexer = js_lexer_of(text) };
	struct js_token assigned = { 0 }; /* what stands before the last '=' */
	bool through_maker = false;       /* "maker." was read */
	int error = 0;

	for (advance(&r); !error && r.now.kind != JS_END;) {
		bool makes = is_maker(&r, &r.now) || (through_maker && js_is_name(&r.now, "table"));

		if (js_is(&r.now, '='))
			assigned = r.last;
		if (is_creator(&r.now) && js_is(&r.last, '='))
			note_maker(&r, &assigned);
		through_maker = js_is(&r.now, '.') && is_maker(&r, &r.last);
		advance(&r);
		if (!makes || !js_is(&r.now, '('))
			continue;
		advance(&r);
		error = read_table(&r);
	}
	return error;
}
