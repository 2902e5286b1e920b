/* What changed in dependencies, tables and routes: for people and for programs. */
#include "src/cmd/diff_facts.h"
#include "src/cmd/out.h"
#include "store/base/utf8.h"

enum { SHOWN_MAX = 72, SKIPPED_SHOWN = 5 }; /* bytes of a value; lines about what was not looked into */

struct teller {
	struct cli *cli;
	struct diff_facts *d;
	struct table tables[FACT_ROUTE + 1];
	struct buf columns;             /* of a table that came or went: told in one line */
	const struct fact *whole_table; /* that one */
	char letter;
};

static const char *const dependency_titles[] = { " ", "DEPENDENCY", "VERSION", "SECTION", "FILE" };
static const char *const table_titles[] = { " ", "TABLE", "COLUMNS", "FILE" };
static const char *const route_titles[] = { " ", "ROUTE", "FILE" };

static char letter_of(const struct fact *a, const struct fact *b)
{
	return !a ? 'A' : !b ? 'D' : 'M';
}

/* A value, cut where it is long. */
static void add_value(struct buf *out, const char *value)
{
	size_t n = utf8_cut(value, strlen(value), SHOWN_MAX);

	buf_add(out, *value ? value : "-", *value ? n : 1);
	if (value[n])
		buf_adds(out, "...");
}

static void add_change(struct buf *out, const struct fact *a, const struct fact *b)
{
	if (a)
		add_value(out, a->value);
	if (a && b)
		buf_adds(out, " -> ");
	if (b)
		add_value(out, b->value);
}

/* Ends the line of a table that came or went. */
static void end_table(struct teller *t)
{
	AUTO(buf_release) struct buf shown = BUF_INIT;
	struct table *out = &t->tables[FACT_TABLE];

	if (!t->whole_table)
		return;
	table_cellf(out, "%c", t->letter);
	table_cell(out, t->whole_table->name);
	add_value(&shown, buf_str(&t->columns));
	table_cell(out, buf_str(&shown));
	table_cell(out, t->whole_table->file);
	t->whole_table = NULL;
	buf_reset(&t->columns);
}

static void show_dependency(struct teller *t, const struct fact *a, const struct fact *b)
{
	const struct fact *f = b ? b : a;
	AUTO(buf_release) struct buf change = BUF_INIT;
	struct table *out = &t->tables[FACT_DEPENDENCY];

	add_change(&change, a, b);
	table_cellf(out, "%c", letter_of(a, b));
	table_cell(out, f->name);
	table_cell(out, buf_str(&change));
	table_cell(out, f->part);
	table_cell(out, f->file);
}

static bool is_column_of(const struct fact *table, const struct fact *f)
{
	return table && *f->part && strcmp(table->name, f->name) == 0 && strcmp(table->file, f->file) == 0;
}

/* The table itself comes first, then its columns. */
static void show_table(struct teller *t, const struct fact *a, const struct fact *b)
{
	const struct fact *f = b ? b : a;
	AUTO(buf_release) struct buf change = BUF_INIT;
	struct table *out = &t->tables[FACT_TABLE];

	if (!is_column_of(t->whole_table, f))
		end_table(t);
	if (!*f->part) {
		t->whole_table = f;
		t->letter = letter_of(a, b);
		return;
	}
	if (t->whole_table) {
		buf_addf(&t->columns, "%s%s", t->columns.len ? ", " : "", f->part);
		return;
	}
	add_change(&change, a, b);
	table_cellf(out, "%c", letter_of(a, b));
	table_cellf(out, "%s.%s", f->name, f->part);
	table_cell(out, buf_str(&change));
	table_cell(out, f->file);
}

static void show_route(struct teller *t, const struct fact *a, const struct fact *b)
{
	const struct fact *f = b ? b : a;
	struct table *out = &t->tables[FACT_ROUTE];

	table_cellf(out, "%c", letter_of(a, b));
	table_cellf(out, "%s %s", f->part, *f->name ? f->name : "\"\"");
	table_cell(out, f->file);
}

/* Each kind of fact in its own words. A column is a fact of a table. */
static const struct {
	const char *message, *name, *part, *before, *after;
} words[] = {
	[FACT_DEPENDENCY] = { "dependency", "name", "section", "old_version", "new_version" },
	[FACT_TABLE] = { "table", "name", NULL, NULL, NULL },
	[FACT_ROUTE] = { "route", "path", "method", NULL, NULL },
	{ "column", "table", "name", "old_definition", "new_definition" },
};

/* f: b where there is one, else a. */
static void print_object(const struct fact *f, const struct fact *a, const struct fact *b)
{
	size_t i = f->kind == FACT_TABLE && *f->part ? ARRAY_LEN(words) - 1 : f->kind;
	const char status[2] = { letter_of(a, b), '\0' };
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	out_object(&j, &line, words[i].message);
	jw_str(&j, "status", status);
	jw_str(&j, words[i].name, f->name);
	if (words[i].part)
		jw_str(&j, words[i].part, f->part);
	if (words[i].before && a)
		jw_str(&j, words[i].before, a->value);
	if (words[i].after && b)
		jw_str(&j, words[i].after, b->value);
	jw_str(&j, "file", f->file);
	out_object_more(&j);
}

static int tell_one(void *arg, const struct fact *a, const struct fact *b)
{
	static void (*const show[])(struct teller *, const struct fact *, const struct fact *) = {
		[FACT_DEPENDENCY] = show_dependency, [FACT_TABLE] = show_table, [FACT_ROUTE] = show_route,
	};
	struct teller *t = arg;
	const struct fact *f = b ? b : a;

	t->d->counts[f->kind]++;
	if (t->cli->json)
		print_object(f, a, b);
	else
		show[f->kind](t, a, b);
	return ferror(stdout);
}

static void tell_skipped(const struct cli *cli, const struct diff_facts *d)
{
	json_t *why;
	const char *path;
	size_t told = 0;

	json_object_foreach(d->skipped, path, why) {
		AUTO(buf_release) struct buf line = BUF_INIT, shown = BUF_INIT;
		struct jw j;

		if (cli->json) {
			out_object(&j, &line, "skipped");
			jw_str(&j, "path", path);
			jw_str(&j, "reason", json_string_value(why));
			out_object_more(&j);
		} else if (told++ < SKIPPED_SHOWN) {
			utf8_printable(&shown, path, strlen(path));
			cli_note(cli, "not looked into: '%s': %s", buf_str(&shown), json_string_value(why));
		}
	}
	if (told > SKIPPED_SHOWN)
		cli_note(cli, "not looked into: %zu more files; --json names them", told - SKIPPED_SHOWN);
}

int diff_facts_tell(struct cli *cli, struct diff_facts *d)
{
	struct teller t = { .cli = cli, .d = d };
	int r;

	table_begin(&t.tables[FACT_DEPENDENCY], dependency_titles, ARRAY_LEN(dependency_titles), "lllll");
	table_begin(&t.tables[FACT_TABLE], table_titles, ARRAY_LEN(table_titles), "llll");
	table_begin(&t.tables[FACT_ROUTE], route_titles, ARRAY_LEN(route_titles), "lll");
	r = facts_compare(&d->old, &d->new, tell_one, &t);
	end_table(&t);
	for (size_t i = 0; i < ARRAY_LEN(t.tables); i++) {
		if (t.tables[i].cells.len && d->shown)
			putchar('\n');
		d->shown |= t.tables[i].cells.len > 0;
		table_end(&t.tables[i]);
	}
	buf_release(&t.columns);
	tell_skipped(cli, d);
	return r < 0 ? r : 0;
}
