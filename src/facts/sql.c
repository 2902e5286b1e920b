/*
 * What tables a row of SQL files leaves: CREATE, ALTER, DROP and RENAME TABLE in the dialects of PostgreSQL, SQLite, MySQL and, where they
 * agree with these, others. Views, indexes, triggers and what a function's body does are not looked at.
 *
 * The reader's object: { table: { "file": path, "columns": { column: definition } } }.
 */
#include "src/facts/readers.h"
#include "src/facts/sql_inside.h"

#include <fnmatch.h>

/* Files that undo what another one does. */
static const char *const down_files[] = { "*.down.sql", "down.sql", "*_down.sql", "*.undo.sql", "U[0-9]*__*.sql" };
/* Folders whose files are steps, in sub-folders too. */
static const char *const step_folders[] = { "migrations", "migration", "migrate", "drizzle", "versions" };

bool sql_wants(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	for (size_t i = 0; i < ARRAY_LEN(down_files); i++)
		if (fnmatch(down_files[i], name, 0) == 0)
			return false;
	return fnmatch("*.sql", name, 0) == 0;
}

struct span sql_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct span rest = span_of(path);

	while (memchr(rest.p, '/', rest.n)) {
		struct span part = span_cut(&rest, '/');

		for (size_t i = 0; i < ARRAY_LEN(step_folders); i++)
			if (span_is(part, step_folders[i]))
				return span_to(path, part.p + part.n);
	}
	return slash ? span_to(path, slash) : span_of("");
}

json_t *sql_columns_of(const struct sql_statement *s, const char *table)
{
	return json_object_get(json_object_get(s->tables, table), "columns");
}

/* A table or a column with n bytes of text costs that and its objects. */
static int pay(struct sql_statement *s, size_t n)
{
	enum { OBJECTS = 640 };

	if (n > *s->left || OBJECTS > *s->left - n)
		return -EFBIG;
	*s->left -= OBJECTS + n;
	return 0;
}

int sql_put_column(struct sql_statement *s, json_t *columns)
{
	AUTO(buf_release) struct buf name = BUF_INIT;
	size_t begin = s->t.at;
	json_t *definition;

	if (!sql_name(&s->t, &name)) {
		sql_skip_item(&s->t);
		return 0;
	}
	definition = sql_definition(&s->t);
	if (json_object_set_new_nocheck(columns, buf_str(&name), definition))
		return -ENOMEM;
	return pay(s, sql_text_since(&s->t, begin));
}

/* PRIMARY KEY (a, b), CONSTRAINT x ..., and MySQL's KEY x (a): no column, although `key varchar(20)` is one. */
bool sql_is_constraint(const struct sql_statement *s)
{
	static const char *const words[] = { "constraint", "primary", "foreign", "unique", "check", "exclude", "fulltext", "spatial", "like" };
	struct sql_token first = sql_peek(&s->t, 0), second = sql_peek(&s->t, 1), third = sql_peek(&s->t, 2), fourth = sql_peek(&s->t, 3);

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (sql_is_word(&first, words[i]))
			return true;
	if (!sql_is_word(&first, "key") && !sql_is_word(&first, "index"))
		return false;
	return second.kind == SQL_QUOTED || sql_is(&second, '(') || (sql_is(&third, '(') && fourth.kind != SQL_NUMBER);
}

/* "(a int, b text, primary key (a))" */
int sql_put_columns(struct sql_statement *s, json_t *columns)
{
	int r = 0;

	if (!sql_take(&s->t, '('))
		return 0;
	do {
		if (sql_is_constraint(s))
			sql_skip_item(&s->t);
		else
			r = sql_put_column(s, columns);
	} while (!r && sql_take(&s->t, ','));
	sql_take(&s->t, ')');
	return r;
}

bool sql_take_if(struct sql_statement *s, bool not)
{
	return sql_take_word(&s->t, "if") && (!not || sql_take_word(&s->t, "not")) && sql_take_word(&s->t, "exists");
}

static int create(struct sql_statement *s)
{
	static const char *const kinds[] = { "or", "replace", "unlogged", "virtual", "foreign", "external", "global", "local" };
	AUTO(buf_release) struct buf name = BUF_INIT;
	json_t *table;
	bool if_not;
	int r;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		sql_take_word(&s->t, kinds[i]);
	/* Temporary ones go with their session. */
	if (!sql_take_word(&s->t, "table"))
		return 0;
	if_not = sql_take_if(s, true);
	if (!sql_name(&s->t, &name) || (if_not && json_object_get(s->tables, buf_str(&name))))
		return 0;
	if ((r = pay(s, name.len + strlen(s->path))))
		return r;
	table = json_pack("{s:o, s:o}", "file", json_string_nocheck(s->path), "columns", json_object());
	if (json_object_set_new_nocheck(s->tables, buf_str(&name), table))
		return -ENOMEM;
	return sql_put_columns(s, json_object_get(table, "columns"));
}

static int drop(struct sql_statement *s)
{
	if (!sql_take_word(&s->t, "table"))
		return 0;
	sql_take_if(s, false);
	do {
		AUTO(buf_release) struct buf name = BUF_INIT;

		if (sql_name(&s->t, &name))
			json_object_del(s->tables, buf_str(&name));
	} while (sql_take(&s->t, ','));
	return 0;
}

int sql_move(json_t *object, const char *from, const char *to)
{
	json_t *v = json_object_get(object, from);
	int r;

	if (!v || strcmp(from, to) == 0)
		return 0;
	r = json_object_set_nocheck(object, to, v) ? -ENOMEM : 0;
	json_object_del(object, from);
	return r;
}

/* MySQL's own. */
static int rename_tables(struct sql_statement *s)
{
	int r = 0;

	if (!sql_take_word(&s->t, "table"))
		return 0;
	do {
		AUTO(buf_release) struct buf from = BUF_INIT, to = BUF_INIT;

		if (sql_name(&s->t, &from) && sql_take_word(&s->t, "to") && sql_name(&s->t, &to))
			r = sql_move(s->tables, buf_str(&from), buf_str(&to));
	} while (!r && sql_take(&s->t, ','));
	return r;
}

static const struct {
	const char *word;
	int (*run)(struct sql_statement *s);
} statements[] = { { "create", create }, { "alter", sql_alter }, { "drop", drop }, { "rename", rename_tables } };

/* Reads to the ';'. The tokens of what is not looked at are not kept: an INSERT can be all of the file. */
static struct sql_token collect(struct sql_lexer *l, struct sql_token t, struct sql_tokens *keep, bool *is_copy)
{
	for (; t.kind != SQL_END && !sql_is(&t, ';'); t = sql_next(l)) {
		*is_copy &= !sql_is_word(&t, "to");
		if (keep)
			buf_add(&keep->list, &t, sizeof(t));
	}
	return t;
}

/* s has no tokens yet. */
static int run_statement(struct sql_lexer *l, struct sql_token first, struct sql_statement s)
{
	bool is_copy = sql_is_word(&first, "copy"), is_ours = false;
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(statements); i++)
		is_ours |= sql_is_word(&first, statements[i].word);
	collect(l, first, is_ours ? &s.t : NULL, &is_copy);
	if (is_copy)
		sql_skip_copy(l);
	r = buf_error(&s.t.list) ? -ENOMEM : 0;
	for (size_t i = 0; i < ARRAY_LEN(statements) && !r && is_ours; i++)
		if (sql_take_word(&s.t, statements[i].word)) {
			r = statements[i].run(&s);
			break;
		}
	buf_release(&s.t.list);
	return r;
}

int sql_read(json_t *tables, const char *path, struct span text, size_t *left)
{
	const struct sql_statement s = { .tables = tables, .path = path, .left = left };
	struct sql_lexer l = sql_lexer_of(text);
	struct sql_token t;
	int r = 0;

	while (!r && (t = sql_next(&l)).kind != SQL_END)
		if (!sql_is(&t, ';'))
			r = run_statement(&l, t, s);
	return r;
}

static int add_facts(struct facts *f, const char *name, const json_t *table)
{
	const char *file = json_string_value(json_object_get(table, "file")), *column;
	json_t *definition;
	int r = fact_add(f, FACT_TABLE, file ? file : "", span_of(name), span_of(""), span_of(""));

	if (r)
		return r;
	json_object_foreach(json_object_get(table, "columns"), column, definition) {
		AUTO(buf_release) struct buf text = BUF_INIT;

		sql_definition_text(definition, &text);
		r = buf_error(&text) ? -ENOMEM :
				       fact_add(f, FACT_TABLE, file ? file : "", span_of(name), span_of(column),
						(struct span){ buf_str(&text), text.len });
		if (r)
			return r;
	}
	return 0;
}

int sql_facts(json_t *tables, struct facts *f)
{
	json_t *table;
	const char *name;
	int r = 0;

	json_object_foreach(tables, name, table)
		if ((r = add_facts(f, name, table)))
			break;
	return r;
}
