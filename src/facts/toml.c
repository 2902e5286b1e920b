#include "src/facts/toml_inside.h"

#include <ctype.h>

static int read_value(struct toml *t, json_t **ret_v);

static void skip_blanks(struct toml *t)
{
	while (t->p < t->end && (*t->p == ' ' || *t->p == '\t' || *t->p == '\r'))
		t->p++;
}

/* Blanks, comments and ends of lines. */
static void skip_lines(struct toml *t)
{
	for (;;) {
		skip_blanks(t);
		if (t->p < t->end && *t->p == '#')
			while (t->p < t->end && *t->p != '\n')
				t->p++;
		if (t->p == t->end || *t->p != '\n')
			return;
		t->p++;
	}
}

static bool is_bare(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static int read_key_part(struct toml *t, struct buf *out)
{
	int r = toml_read_string(t, out);
	const char *begin = t->p;

	if (r)
		return r < 0 ? r : 0;
	while (t->p < t->end && is_bare(*t->p))
		t->p++;
	return t->p == begin ? -EBADMSG : buf_add(out, begin, (size_t)(t->p - begin));
}

/* What v stands for as a place for keys: the last table of an array of tables. NULL: none. */
static json_t *table_of(json_t *v)
{
	if (json_is_array(v))
		v = json_array_get(v, json_array_size(v) - 1);
	return json_is_object(v) ? v : NULL;
}

/* v[name], made where it is not there. */
static json_t *enter(json_t *v, const char *name)
{
	if (!json_object_get(v, name) && json_object_set_new_nocheck(v, name, json_object()))
		return NULL;
	return table_of(json_object_get(v, name));
}

/* "a.b.c": *table is where the last part belongs, which is in `last`. */
static int read_key(struct toml *t, json_t **table, struct buf *last)
{
	int r;

	for (int depth = 0; depth < TOML_DEPTH_MAX; depth++) {
		buf_reset(last);
		skip_blanks(t);
		if ((r = read_key_part(t, last)))
			return r;
		skip_blanks(t);
		if (!toml_take(t, "."))
			return 0;
		if (!(*table = enter(*table, buf_str(last))))
			return -EBADMSG;
	}
	return -EBADMSG;
}

static int read_pair(struct toml *t, json_t *table)
{
	AUTO(buf_release) struct buf key = BUF_INIT;
	json_t *v = NULL;
	int r = read_key(t, &table, &key);

	if (r || !toml_take(t, "="))
		return r ? r : -EBADMSG;
	skip_blanks(t);
	if ((r = read_value(t, &v)))
		return r;
	return json_object_set_new_nocheck(table, buf_str(&key), v) ? -ENOMEM : 0;
}

static int read_array(struct toml *t, json_t *array)
{
	int r = 0;

	for (skip_lines(t); !r && !toml_take(t, "]"); skip_lines(t)) {
		json_t *v = NULL;

		if ((r = read_value(t, &v)))
			break;
		if (json_array_append_new(array, v))
			return -ENOMEM;
		skip_lines(t);
		if (!toml_take(t, ",") && !toml_next_is(t, "]"))
			r = -EBADMSG;
	}
	return r;
}

static int read_inline_table(struct toml *t, json_t *table)
{
	int r = 0;

	for (skip_lines(t); !r && !toml_take(t, "}"); skip_lines(t)) {
		if ((r = read_pair(t, table)))
			break;
		skip_lines(t);
		if (!toml_take(t, ",") && !toml_next_is(t, "}"))
			r = -EBADMSG;
	}
	return r;
}

/* true, false, or the text of a number or a date. */
static json_t *read_bare(struct toml *t)
{
	const char *begin = t->p;
	struct span s;

	while (t->p < t->end && *t->p && !strchr(",]}#\r\n", *t->p))
		t->p++;
	s = span_trim(span_to(begin, t->p));
	if (span_is(s, "true") || span_is(s, "false"))
		return json_boolean(*s.p == 't');
	return s.n ? json_stringn_nocheck(s.p, s.n) : NULL;
}

static int read_nested(struct toml *t, json_t *v, int (*read)(struct toml *t, json_t *v))
{
	int r;

	if (!v || t->depth == TOML_DEPTH_MAX)
		return -EBADMSG;
	t->depth++;
	r = read(t, v);
	t->depth--;
	return r;
}

static int read_value(struct toml *t, json_t **ret_v)
{
	AUTO(json_unref) json_t *v = NULL;
	AUTO(buf_release) struct buf text = BUF_INIT;
	int r = toml_read_string(t, &text);

	if (r < 0)
		return r;
	if (r > 0)
		v = json_stringn_nocheck(buf_str(&text), text.len);
	else if (toml_take(t, "["))
		r = read_nested(t, v = json_array(), read_array);
	else if (toml_take(t, "{"))
		r = read_nested(t, v = json_object(), read_inline_table);
	else
		v = read_bare(t);
	if (r < 0 || !v)
		return r < 0 ? r : -EBADMSG;
	*ret_v = MOVE(v);
	return 0;
}

/* "[a.b]" or "[[a.b]]", behind the first bracket. */
static int read_header(struct toml *t, json_t *root, json_t **ret_table)
{
	AUTO(buf_release) struct buf name = BUF_INIT;
	bool is_array = toml_take(t, "[");
	json_t *table = root, *list;
	int r = read_key(t, &table, &name);

	if (r || !toml_take(t, is_array ? "]]" : "]"))
		return r ? r : -EBADMSG;
	if (is_array) {
		list = json_object_get(table, buf_str(&name));
		if (!list && json_object_set_new_nocheck(table, buf_str(&name), json_array()))
			return -ENOMEM;
		list = json_object_get(table, buf_str(&name));
		if (!json_is_array(list) || json_array_append_new(list, json_object()))
			return -EBADMSG;
	}
	*ret_table = enter(table, buf_str(&name));
	return *ret_table ? 0 : -EBADMSG;
}

json_t *toml_load(struct span text)
{
	AUTO(json_unref) json_t *root = json_object();
	struct toml t = { .p = text.p, .end = text.p + text.n };
	json_t *table = root;
	int r = root ? 0 : -ENOMEM;

	for (skip_lines(&t); !r && t.p < t.end; skip_lines(&t)) {
		r = toml_take(&t, "[") ? read_header(&t, root, &table) : read_pair(&t, table);
		skip_blanks(&t);
		if (!r && t.p < t.end && *t.p != '\n' && *t.p != '#')
			r = -EBADMSG;
	}
	return r ? NULL : MOVE(root);
}
