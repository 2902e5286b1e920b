#include "src/config/resolve.h"
#include "store/config.h"

const char *setting_source_name(enum setting_source source)
{
	static const char *const names[SETTING_SOURCES] = { "default", "store", "environment", "flag" };

	return names[source];
}

void setting_value_release(struct setting_value *v)
{
	free(MOVE(v->text));
}

const char *setting_variable(const struct setting *s, const char **ret_text)
{
	for (int i = 0; s->variables[i]; i++) {
		const char *text = getenv(s->variables[i]);

		if (text && *text) {
			*ret_text = text;
			return s->variables[i];
		}
	}
	return NULL;
}

/* What lies in the store was brought into its one form when it was set: another form was written by somebody else, and store/ does not know it. */
static bool is_canonical(const struct setting *s, const char *text)
{
	AUTO(free_ptr) char *parsed = NULL;

	return !setting_parse(s, text, &parsed) && !strcmp(parsed, text);
}

/* 1 when there is a row. */
static int look_into_store(struct genstore *st, const struct setting *s, struct setting_value *v)
{
	AUTO(config_row_release) struct config_row row = { 0 };
	int r = config_find(st, s->key, &row);

	if (r <= 0)
		return r;
	v->source = FROM_STORE;
	v->sealed = row.sealed;
	v->valid = s->type == SETTING_SECRET ? row.sealed : !row.sealed && is_canonical(s, row.value);
	if (s->type != SETTING_SECRET && !row.sealed)
		v->text = MOVE(row.value);
	return 1;
}

int setting_look(struct genstore *st, const struct setting *s, struct setting_value *ret_v)
{
	struct setting_value v = { .valid = true };
	const char *text = s->preset;
	int r = 0;

	v.variable = setting_variable(s, &text);
	if (v.variable) {
		v.source = FROM_ENVIRONMENT;
		v.valid = setting_valid(s, text);
	} else if ((r = look_into_store(st, s, &v)) < 0) {
		return r;
	}
	if (!r && text && s->type != SETTING_SECRET && !(v.text = strdup(text)))
		return -ENOMEM;
	*ret_v = v;
	return 0;
}

static int refuse(const struct setting *s, const struct setting_value *v, struct buf *why)
{
	if (!v->sealed)
		return setting_refuse(s, v->variable ? v->variable : s->key, v->text ? v->text : "?", why);
	buf_addf(why, "the setting '%s' is sealed, which nothing but a secret is; 'genstore config set' writes it anew", s->key);
	return -EKEYREJECTED;
}

/* A value that can be used, with the key's row of the table. */
static int take(struct genstore *st, const char *key, const struct setting **ret_s, struct setting_value *ret_v, struct buf *why)
{
	int r = setting_look(st, *ret_s = setting_find(key), ret_v);

	if (r)
		return buf_adds(why, r == -ENOMEM ? "no memory" : genstore_errmsg(st)), r;
	return ret_v->valid ? 0 : refuse(*ret_s, ret_v, why);
}

int setting_get(struct genstore *st, const char *key, char **ret_value, struct buf *why)
{
	AUTO(setting_value_release) struct setting_value v = { 0 };
	const struct setting *s;
	int r = take(st, key, &s, &v, why);

	if (r)
		return r;
	*ret_value = NULL;
	return v.text ? setting_parse(s, v.text, ret_value) : 0;
}

int setting_get_number(struct genstore *st, const char *key, int64_t *ret_n, enum setting_source *ret_source, struct buf *why)
{
	AUTO(setting_value_release) struct setting_value v = { 0 };
	const struct setting *s;
	int r = take(st, key, &s, &v, why);

	if (r)
		return r;
	*ret_n = setting_number(s, v.text);
	if (ret_source)
		*ret_source = v.source;
	return 0;
}

int setting_get_secret(struct genstore *st, const char *key, struct secret_bytes *ret_value, struct buf *why)
{
	const struct setting *s = setting_find(key);
	AUTO(setting_value_release) struct setting_value v = { 0 };
	const char *text = NULL;
	int r = setting_look(st, s, &v);

	if (r)
		return buf_adds(why, r == -ENOMEM ? "no memory" : genstore_errmsg(st)), r;
	if (v.source == FROM_DEFAULT)
		return SECRET_NONE;
	if (!v.valid && v.variable)
		return setting_refuse(s, v.variable, "?", why);
	if (!v.valid) {
		buf_addf(why, "the secret '%s' lies in the store in the clear, written by another program; 'genstore config set %s' seals it", key, key);
		return -EINVAL;
	}
	if (!setting_variable(s, &text))
		return SECRET_SEALED;
	if ((r = secret_bytes_new(strlen(text), ret_value)))
		return buf_adds(why, "no memory"), r;
	memcpy(ret_value->data, text, ret_value->len);
	return SECRET_GIVEN;
}

int limits_load(struct genstore *st, struct limits *ret_l, struct buf *why)
{
	struct limits l = { 0 };
	enum setting_source decision = FROM_DEFAULT;
	AUTO(free_ptr) char *to = NULL;
	const struct { const char *key; int64_t *into; enum setting_source *source; } all[] = {
		{ "generate.max_iterations", &l.iterations, NULL },
		{ "generate.timeout", &l.silence_ms, NULL },
		{ "generate.decision_timeout", &l.decision_ms, &decision },
		{ "generate.max_size", &l.max_bytes, NULL },
		{ "generate.max_log", &l.max_log, NULL },
	};
	int r;

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if ((r = setting_get_number(st, all[i].key, all[i].into, all[i].source, why)))
			return r;
	if ((r = setting_get(st, "generate.to", &to, why)))
		return r;
	l.to = strcmp(to, SETTING_NOWHERE) ? setting_choice(setting_find("generate.to"), to) : NULL;
	l.decision_is_set = decision != FROM_DEFAULT;
	*ret_l = l;
	return 0;
}
