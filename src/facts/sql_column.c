#include "src/facts/sql_column.h"

#include <ctype.h>

struct sql_token sql_peek(const struct sql_tokens *t, size_t ahead)
{
	const struct sql_token *list = (const struct sql_token *)t->list.data;
	size_t count = t->list.len / sizeof(*list);

	return t->at + ahead < count ? list[t->at + ahead] : (struct sql_token){ SQL_END, { "", 0 } };
}

bool sql_take_word(struct sql_tokens *t, const char *word)
{
	struct sql_token next = sql_peek(t, 0);
	bool is_next = sql_is_word(&next, word);

	t->at += is_next;
	return is_next;
}

bool sql_take(struct sql_tokens *t, char c)
{
	struct sql_token next = sql_peek(t, 0);
	bool is_next = sql_is(&next, c);

	t->at += is_next;
	return is_next;
}

/* Whether the item goes on with this token; *depth counts its parentheses. */
static bool goes_on(const struct sql_token *t, int *depth)
{
	if (t->kind == SQL_END || (*depth == 0 && (sql_is(t, ',') || sql_is(t, ')'))))
		return false;
	*depth += sql_is(t, '(') - sql_is(t, ')');
	return true;
}

void sql_skip_item(struct sql_tokens *t)
{
	int depth = 0;

	for (struct sql_token next = sql_peek(t, 0); goes_on(&next, &depth); next = sql_peek(t, 0))
		t->at++;
}

size_t sql_text_since(const struct sql_tokens *t, size_t begin)
{
	const struct sql_token *list = (const struct sql_token *)t->list.data;
	size_t n = 0;

	for (; begin < t->at; begin++)
		n += list[begin].text.n;
	return n;
}

static void add_lower(struct buf *out, struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		buf_addc(out, (uint8_t)tolower((unsigned char)s.p[i]));
}

static bool is_name(const struct sql_token *t)
{
	return t->kind == SQL_WORD || t->kind == SQL_QUOTED;
}

bool sql_name(struct sql_tokens *t, struct buf *out)
{
	static const char *const usual[] = { "public", "dbo", "main" };
	struct sql_token next = sql_peek(t, 0);

	if (!is_name(&next))
		return false;
	for (;;) {
		if (next.kind == SQL_QUOTED)
			buf_add(out, next.text.p, next.text.n);
		else
			add_lower(out, next.text);
		t->at++;
		next = sql_peek(t, 1);
		if (!is_name(&next) || !sql_take(t, '.'))
			return out->len > 0;
		for (size_t i = 0; i < ARRAY_LEN(usual); i++)
			if (strcmp(buf_str(out), usual[i]) == 0)
				buf_reset(out);
		if (out->len)
			buf_addc(out, '.');
	}
}

/* One text whatever blanks and case the file has. */
static void add_token(struct buf *out, const struct sql_token *t)
{
	char last = out->len ? (char)out->data[out->len - 1] : '(';
	bool is_tight = t->kind == SQL_PUNCT && strchr("(),[].:", *t->text.p) && *t->text.p;

	if (!is_tight && !strchr("([.:", last))
		buf_addc(out, ' ');
	if (t->kind == SQL_WORD)
		add_lower(out, t->text);
	else if (t->kind == SQL_QUOTED)
		buf_addf(out, "\"%.*s\"", (int)t->text.n, t->text.p);
	else
		buf_add(out, t->text.p, t->text.n);
}

enum part { TYPE, DEFAULT, REST, NOWHERE, PARTS };
static const char *const part_names[] = { [TYPE] = "type", [DEFAULT] = "default", [REST] = "rest" };

/* Words that end a type or a default, and where what follows belongs. */
static const struct {
	const char *word;
	enum part part;
} stops[] = {
	{ "default", DEFAULT }, { "constraint", REST }, { "primary", REST }, { "unique", REST }, { "references", REST }, { "check", REST },
	{ "collate", REST }, { "generated", REST }, { "as", REST }, { "auto_increment", REST }, { "autoincrement", REST }, { "identity", REST },
	{ "comment", REST }, { "on", REST }, { "key", REST }, { "not", REST }, { "null", REST },
	/* How to get from what was, and where MySQL puts it. */
	{ "using", NOWHERE }, { "after", NOWHERE }, { "first", NOWHERE },
};

static bool find_stop(const struct sql_token *t, enum part *ret_part)
{
	for (size_t i = 0; i < ARRAY_LEN(stops); i++)
		if (sql_is_word(t, stops[i].word)) {
			*ret_part = stops[i].part;
			return true;
		}
	return false;
}

/* NOT NULL or NULL, which are no part of a text: 2 or 1 tokens, else 0. */
static size_t nullness(const struct sql_tokens *t, bool *not_null)
{
	struct sql_token first = sql_peek(t, 0), second = sql_peek(t, 1);

	if (sql_is_word(&first, "null")) {
		*not_null = false;
		return 1;
	}
	if (!sql_is_word(&first, "not") || !sql_is_word(&second, "null"))
		return 0;
	*not_null = true;
	return 2;
}

static json_t *definition_of(const struct buf texts[], bool not_null)
{
	AUTO(json_unref) json_t *d = json_object();

	for (int i = TYPE; i <= REST && d; i++)
		if (buf_error(&texts[i]) ||
		    (texts[i].len && json_object_set_new_nocheck(d, part_names[i], json_stringn_nocheck(buf_str(&texts[i]), texts[i].len))))
			return NULL;
	if (not_null && d && json_object_set_new(d, "not null", json_true()))
		return NULL;
	return MOVE(d);
}

json_t *sql_definition(struct sql_tokens *t)
{
	struct buf texts[PARTS] = { BUF_INIT };
	enum part part = TYPE;
	bool not_null = false, may_stop = true; /* what follows DEFAULT is its value, be it NULL */
	int depth = 0;
	json_t *d;

	for (struct sql_token next = sql_peek(t, 0); goes_on(&next, &depth); next = sql_peek(t, 0)) {
		size_t used = depth == 0 && may_stop ? nullness(t, &not_null) : 0;

		t->at += used ? used : 1;
		if (used)
			continue;
		if (depth == 0 && may_stop && find_stop(&next, &part) && part == DEFAULT) {
			may_stop = false;
			continue;
		}
		/* SET NULL, SET DEFAULT: of another row. */
		may_stop = !sql_is_word(&next, "set");
		add_token(&texts[part], &next);
	}
	d = definition_of(texts, not_null);
	for (size_t i = 0; i < PARTS; i++)
		buf_release(&texts[i]);
	return d;
}

void sql_definition_text(const json_t *definition, struct buf *out)
{
	static const struct { const char *key, *before; } order[] = {
		{ "type", "" }, { "not null", "not null" }, { "default", "default " }, { "rest", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		const json_t *v = json_object_get(definition, order[i].key);
		struct span text = json_span(v);

		if (!v)
			continue;
		buf_addf(out, "%s%s", out->len ? " " : "", order[i].before);
		buf_add(out, text.p, text.n);
	}
}
