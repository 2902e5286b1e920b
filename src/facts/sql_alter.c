/* ALTER TABLE and its actions. */
#include "src/facts/sql_inside.h"

static int add(struct sql_statement *s, const char *table)
{
	json_t *columns = sql_columns_of(s, table);
	struct sql_token next;

	sql_take_word(&s->t, "column");
	sql_take_if(s, true);
	next = sql_peek(&s->t, 0);
	if (sql_is(&next, '('))
		return sql_put_columns(s, columns);
	return sql_is_constraint(s) ? 0 : sql_put_column(s, columns);
}

static int drop_column(struct sql_statement *s, const char *table)
{
	static const char *const others[] = { "constraint", "primary", "foreign", "index", "key", "check", "partition", "default" };
	AUTO(buf_release) struct buf name = BUF_INIT;
	bool is_column = sql_take_word(&s->t, "column");
	struct sql_token next = sql_peek(&s->t, 0);

	for (size_t i = 0; i < ARRAY_LEN(others) && !is_column; i++)
		if (sql_is_word(&next, others[i]))
			return 0;
	sql_take_if(s, false);
	if (sql_name(&s->t, &name))
		json_object_del(sql_columns_of(s, table), buf_str(&name));
	return 0;
}

/* TO new, [COLUMN] a TO b. Behind the first, the table has another name: the statement is at its end. */
static int rename_any(struct sql_statement *s, const char *table)
{
	AUTO(buf_release) struct buf from = BUF_INIT, to = BUF_INIT;

	if (sql_take_word(&s->t, "to") || sql_take_word(&s->t, "as"))
		return sql_name(&s->t, &to) ? sql_move(s->tables, table, buf_str(&to)) : 0;
	if (sql_take_word(&s->t, "constraint") || sql_take_word(&s->t, "index") || sql_take_word(&s->t, "key"))
		return 0;
	sql_take_word(&s->t, "column");
	if (!sql_name(&s->t, &from) || !sql_take_word(&s->t, "to") || !sql_name(&s->t, &to))
		return 0;
	return sql_move(sql_columns_of(s, table), buf_str(&from), buf_str(&to));
}

/* SET and DROP of NOT NULL and DEFAULT, TYPE; else the type alone, as SQL Server has it. */
static int alter_definition(struct sql_statement *s, json_t *definition)
{
	AUTO(json_unref) json_t *new = NULL;
	bool set = sql_take_word(&s->t, "set"), dropped = !set && sql_take_word(&s->t, "drop"), data = sql_take_word(&s->t, "data");
	struct sql_token next = sql_peek(&s->t, 0);

	if (dropped && sql_is_word(&next, "default"))
		json_object_del(definition, "default");
	if (dropped && sql_is_word(&next, "not"))
		json_object_del(definition, "not null");
	/* Statistics, storage, identities: not looked at. */
	if (dropped || sql_is_word(&next, "add") || sql_is_word(&next, "restart") ||
	    (set && !data && !sql_is_word(&next, "default") && !sql_is_word(&next, "not")))
		return 0;
	sql_take_word(&s->t, "type");
	new = sql_definition(&s->t);
	return json_object_update(definition, new) ? -ENOMEM : 0;
}

static int alter_column(struct sql_statement *s, const char *table)
{
	AUTO(buf_release) struct buf name = BUF_INIT;
	json_t *definition;

	sql_take_word(&s->t, "column");
	if (!sql_name(&s->t, &name))
		return 0;
	definition = json_object_get(sql_columns_of(s, table), buf_str(&name));
	return definition ? alter_definition(s, definition) : 0;
}

static int modify(struct sql_statement *s, const char *table)
{
	sql_take_word(&s->t, "column");
	return sql_put_column(s, sql_columns_of(s, table));
}

static int change(struct sql_statement *s, const char *table)
{
	AUTO(buf_release) struct buf old = BUF_INIT;

	sql_take_word(&s->t, "column");
	if (!sql_name(&s->t, &old))
		return 0;
	json_object_del(sql_columns_of(s, table), buf_str(&old));
	return sql_put_column(s, sql_columns_of(s, table));
}

static const struct {
	const char *word;
	int (*run)(struct sql_statement *s, const char *table);
} actions[] = {
	{ "add", add }, { "drop", drop_column }, { "rename", rename_any }, { "alter", alter_column }, { "modify", modify }, { "change", change },
};

int sql_alter(struct sql_statement *s)
{
	AUTO(buf_release) struct buf name = BUF_INIT;
	int r = 0;

	if (!sql_take_word(&s->t, "table"))
		return 0;
	sql_take_if(s, false);
	sql_take_word(&s->t, "only");
	if (!sql_name(&s->t, &name) || !sql_columns_of(s, buf_str(&name)))
		return 0;
	do {
		for (size_t i = 0; i < ARRAY_LEN(actions) && !r; i++)
			if (sql_take_word(&s->t, actions[i].word)) {
				r = actions[i].run(s, buf_str(&name));
				break;
			}
		sql_skip_item(&s->t);
	} while (!r && sql_take(&s->t, ',') && sql_columns_of(s, buf_str(&name)));
	return r;
}
