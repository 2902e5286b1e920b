/*
 * SQL for psql: types, tables, `COPY ... FROM stdin` with the rows, sequences, all in one transaction. What PostgreSQL would refuse, or would keep as
 * something else, is said instead.
 */
#include "src/tables/dump_inside.h"
#include "src/tables/escape.h"
#include "src/tables/stamp.h"
#include "store/base/json_read.h"
#include "store/base/utf8.h"

enum { INDEXED_MAX = 2600 };

static bool has(const struct relation *t)
{
	return t->ddl != NULL;
}

static int begin(struct dump *d)
{
	buf_adds(&d->out, "-- A genstore store, for PostgreSQL 13 or newer:  psql -v ON_ERROR_STOP=1 -f THIS_FILE\n"
			  "\\set ON_ERROR_STOP on\n"
			  "BEGIN;\n"
			  "SET LOCAL client_encoding = 'UTF8';\n"
			  "SET LOCAL standard_conforming_strings = on;\n"
			  "SET LOCAL client_min_messages = warning;\n\n");
	buf_adds(&d->out, relations_types);
	for (const struct relation *t = relations; t->name; t++)
		if (t->ddl)
			buf_addf(&d->out, "\n%s", t->ddl);
	return buf_addf(&d->out, "\n%s", relations_view);
}

static int table_begin(struct dump *d)
{
	buf_addf(&d->out, "\nCOPY %s (", d->table->name);
	for (int i = 0; d->table->columns[i].name; i++)
		buf_addf(&d->out, "%s\"%s\"", i ? ", " : "", d->table->columns[i].name);
	return buf_adds(&d->out, ") FROM stdin;\n");
}

static bool string_has_nul(json_t *v)
{
	const char *key;
	json_t *of;
	size_t i;

	if (json_is_string(v))
		return strlen(json_string_value(v)) != json_string_length(v);
	json_array_foreach(v, i, of)
		if (string_has_nul(of))
			return true;
	json_object_foreach(v, key, of)
		if (string_has_nul(of))
			return true;
	return false;
}

/* jsonb keeps one value for a name and no NUL; it takes what RFC 8259 allows, which is less than SQLite does. */
static const char *json_trouble(const struct cell *cell)
{
	static const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL;
	AUTO(json_unref) json_t *once = json_loadb(cell->text, cell->n, flags | JSON_REJECT_DUPLICATES, NULL);
	AUTO(json_unref) json_t *v = once ? json_incref(once) : json_loadb(cell->text, cell->n, flags, NULL);

	if (!v)
		return "jsonb cannot hold it: it is not JSON of RFC 8259 with numbers and characters of the usual range";
	if (!once)
		return "jsonb cannot hold it: an object has a name twice";
	return string_has_nul(v) ? "jsonb cannot hold it: a string has a NUL" : NULL;
}

static const char *text_trouble(const struct column *c, const struct cell *cell)
{
	if (memchr(cell->text, 0, cell->n))
		return "PostgreSQL cannot hold it: it has a NUL";
	if (!utf8_valid(cell->text, cell->n))
		return "PostgreSQL cannot hold it: it is not UTF-8";
	if ((c->flags & COLUMN_INDEXED) && cell->n > INDEXED_MAX)
		return "PostgreSQL cannot hold it: it is too long for an index";
	return c->type == COLUMN_JSON ? json_trouble(cell) : NULL;
}

static const char *put_text(struct dump *d, const struct column *c, const struct cell *cell)
{
	const char *why = text_trouble(c, cell);

	if (!why)
		copy_escape(&d->out, cell->text, cell->n);
	return why;
}

static const char *put_time(struct dump *d, const struct cell *cell)
{
	char text[STAMP_TEXT];
	struct stamp s;

	if (stamp_read(cell->text, cell->n, &s) || stamp_text(&s, text))
		return "timestamptz cannot hold it: it is no time between the years 1 and 9999, or finer than microseconds";
	buf_adds(&d->out, text);
	return NULL;
}

static const char *put_int(struct dump *d, const struct column *c, const struct cell *cell)
{
	if (c->type == COLUMN_INT && (cell->number > INT32_MAX || cell->number < INT32_MIN))
		return "int cannot hold it: it has more than 32 bits";
	if (c->type == COLUMN_BOOL)
		buf_addc(&d->out, cell->number ? 't' : 'f');
	else
		buf_addf(&d->out, "%lld", (long long)cell->number);
	return NULL;
}

/* Why not, or NULL. */
static const char *put(struct dump *d, const struct column *c, const struct cell *cell)
{
	char number[REAL_TEXT];

	switch (cell->kind) {
	case CELL_NULL:
		buf_adds(&d->out, "\\N");
		return NULL;
	case CELL_INT:
		return put_int(d, c, cell);
	case CELL_REAL:
		real_text(cell->real, number);
		buf_adds(&d->out, number);
		return NULL;
	case CELL_BYTES:
		buf_adds(&d->out, "\\\\x");
		for (size_t i = 0; i < cell->n; i++)
			buf_addf(&d->out, "%02x", (unsigned char)cell->text[i]);
		return NULL;
	case CELL_TEXT:
		break;
	}
	return c->type == COLUMN_TIME ? put_time(d, cell) : put_text(d, c, cell);
}

static int row(struct dump *d)
{
	for (int i = 0; d->table->columns[i].name; i++) {
		const char *why;

		if (i)
			buf_addc(&d->out, '\t');
		if ((why = put(d, &d->table->columns[i], &d->row[i])))
			dump_trouble(d, &d->table->columns[i], why);
	}
	buf_addc(&d->out, '\n');
	return buf_error(&d->out);
}

/* Ids that were given once are not given again, there neither. */
static int table_end(struct dump *d)
{
	int64_t highest = d->highest[d->table - relations];

	buf_adds(&d->out, "\\.\n");
	if (!d->table->sequence)
		return 0;
	return buf_addf(&d->out, "ALTER SEQUENCE %s_id_seq RESTART WITH %lld;\n", d->table->name, (long long)min_i64(highest + 1, INT32_MAX));
}

static int end(struct dump *d)
{
	/* What has gone to somebody's psql already is not to stay there without the values that were in the way. */
	return buf_adds(&d->out, d->result.troubles ? "\nROLLBACK;\n" : "\nCOMMIT;\n");
}

int dump_postgres(struct genstore *st, const struct dump_options *o, struct dump_result *ret_result)
{
	static const struct dump_format format = { has, begin, table_begin, row, table_end, end };

	return dump_run(st, o, &format, ret_result);
}
