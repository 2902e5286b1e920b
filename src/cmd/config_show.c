/* genstore config: list and describe. */
#include "src/cmd/config.h"
#include "src/cmd/out.h"

#include <strings.h>

bool config_seems_secret(const char *key)
{
	static const char *const words[] = { "secret", "token", "password", "passwd", "passphrase", "credential", "key", "private" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcasestr(key, words[i]))
			return true;
	return false;
}

/* --set has put it into the environment. */
static enum setting_source source_of(const struct cli *cli, const struct setting *s, const struct setting_value *v)
{
	size_t n = strlen(s->key);

	for (size_t i = 0; v->source == FROM_ENVIRONMENT && i < cli->set->count; i++)
		if (!strncmp(cli->set->items[i], s->key, n) && cli->set->items[i][n] == '=')
			return FROM_FLAG;
	return v->source;
}

/* What a table shows in the value's place; NULL: nothing is set. */
static const char *shown(const struct setting *s, const struct setting_value *v)
{
	if (s->type == SETTING_SECRET)
		return v->source == FROM_DEFAULT ? NULL : v->source == FROM_STORE && !v->sealed ? "(in the clear)" : "(secret)";
	return v->sealed ? "(sealed)" : v->text;
}

static void add_row(const struct cli *cli, struct table *t, const struct setting *s, const struct setting_value *v)
{
	enum setting_source source = source_of(cli, s, v);
	const char *value = shown(s, v);

	table_cell(t, s->key);
	table_cell(t, value ? value : "-");
	table_cellf(t, "%s%s%s%s", setting_source_name(source), source == FROM_ENVIRONMENT ? " " : "", source == FROM_ENVIRONMENT ? v->variable : "",
		    v->valid ? "" : ", wrong");
	table_cell(t, s->what);
}

static void print_object(const struct cli *cli, const struct setting *s, const struct setting_value *v)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	enum setting_source source = source_of(cli, s, v);
	struct jw j;

	out_object(&j, &line, "setting");
	jw_str(&j, "key", s->key);
	if (s->type != SETTING_SECRET)
		jw_str(&j, "value", v->text);
	jw_str(&j, "type", setting_type_name(s->type));
	jw_str(&j, "source", setting_source_name(source));
	if (source == FROM_ENVIRONMENT)
		jw_str(&j, "variable", v->variable);
	if (!v->valid)
		jw_bool(&j, "valid", false);
	if (s->type != SETTING_SECRET)
		jw_str(&j, "default", s->preset);
	jw_str(&j, "description", s->what);
	out_object_more(&j);
}

/* A row that another program, or another version, has left. */
static void show_unknown(const struct cli *cli, struct table *t, const struct config_row *row)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	const struct setting *near = setting_nearest(row->key);
	bool hidden = row->sealed || config_seems_secret(row->key);
	struct jw j;

	if (!cli->json) {
		table_cell(t, row->key);
		table_cell(t, row->sealed ? "(sealed)" : hidden ? "(hidden)" : row->value);
		table_cell(t, "store, unknown");
		table_cellf(t, "nothing reads it%s%s", near ? ": did you mean " : "", near ? near->key : "");
		return;
	}
	out_object(&j, &line, "setting");
	jw_str(&j, "key", row->key);
	if (!hidden)
		jw_str(&j, "value", row->value);
	jw_str(&j, "type", NULL);
	jw_str(&j, "source", setting_source_name(FROM_STORE));
	jw_bool(&j, "known", false);
	jw_str(&j, "description", row->description);
	out_object_more(&j);
}

static int show_known(const struct cli *cli, struct table *t, bool all)
{
	int r = 0;

	for (const struct setting *s = settings_known; s->key && !r; s++) {
		AUTO(setting_value_release) struct setting_value v = { 0 };

		if ((r = setting_look(cli->st, s, &v)) || (!all && v.source == FROM_DEFAULT))
			continue;
		if (cli->json)
			print_object(cli, s, &v);
		else
			add_row(cli, t, s, &v);
	}
	return r;
}

int config_show_all(struct cli *cli, bool all)
{
	static const char *const titles[] = { "SETTING", "VALUE", "FROM", "WHAT IT IS" };
	AUTO(config_row_release) struct config_row row = { 0 };
	struct table t;
	int r;

	table_begin(&t, titles, ARRAY_LEN(titles), "llll");
	r = show_known(cli, &t, all);
	while (!r && (r = config_next(cli->st, row.key ? row.key : "", &row)) > 0) {
		r = 0;
		if (!setting_find(row.key))
			show_unknown(cli, &t, &row);
	}
	table_end(&t);
	return r ? cli_fail(cli, r) : EXIT_DONE;
}

int config_show_object(struct cli *cli, const struct setting *s)
{
	AUTO(setting_value_release) struct setting_value v = { 0 };
	int r = setting_look(cli->st, s, &v);

	if (r)
		return cli_fail(cli, r);
	print_object(cli, s, &v);
	return EXIT_DONE;
}

static void describe_object(const struct setting *s, const char *takes)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	out_object(&j, &line, "setting");
	jw_str(&j, "key", s->key);
	jw_str(&j, "type", setting_type_name(s->type));
	jw_str(&j, "description", s->what);
	jw_str(&j, "takes", takes);
	jw_str(&j, "default", s->preset);
	jw_str(&j, "otherwise", s->otherwise);
	jw_array(&j, "choices");
	for (int i = 0; s->choices[i]; i++)
		jw_str(&j, NULL, s->choices[i]);
	jw_end(&j);
	jw_array(&j, "variables");
	for (int i = 0; s->variables[i]; i++)
		jw_str(&j, NULL, s->variables[i]);
	jw_end(&j);
	jw_str(&j, "flag", s->flag);
	out_object_end(&j);
}

int config_describe(struct cli *cli, const struct setting *s)
{
	AUTO(buf_release) struct buf takes = BUF_INIT;

	setting_takes(s, &takes);
	if (buf_error(&takes))
		return cli_error(cli, EXIT_FAILED, "no memory");
	if (cli->json) {
		describe_object(s, buf_str(&takes));
		return EXIT_DONE;
	}
	printf("%s: %s\n", s->key, s->what);
	printf("type:        %s\n", setting_type_name(s->type));
	printf("takes:       %s\n", buf_str(&takes));
	printf("default:     %s\n", s->preset ? s->preset : s->otherwise ? s->otherwise : "none");
	printf("environment: %s", s->variables[0] ? s->variables[0] : "none: it belongs to the store");
	for (int i = 1; s->variables[0] && s->variables[i]; i++)
		printf(", %s", s->variables[i]);
	printf("\nflag:        %s\n", s->flag ? s->flag : s->variables[0] ? "--set" : "none");
	return EXIT_DONE;
}
