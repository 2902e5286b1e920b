#include "src/facts/js_lex.h"

#include <ctype.h>

struct js_lexer js_lexer_of(struct span text)
{
	return (struct js_lexer){ .p = text.p, .end = text.p + text.n, .no_regex = text.p };
}

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$' || c == '#' || (unsigned char)c >= 0x80;
}

static bool looks_at(const struct js_lexer *l, const char *text)
{
	return span_starts(span_to(l->p, l->end), text);
}

/* Up to c, or to the end. */
static void skip_to(struct js_lexer *l, const char *text)
{
	const char *at = memmem(l->p, (size_t)(l->end - l->p), text, strlen(text));

	l->p = at ? at : l->end;
}

static void skip_blanks(struct js_lexer *l)
{
	for (;;) {
		while (l->p < l->end && span_is_blank(*l->p))
			l->p++;
		if (looks_at(l, "//")) {
			skip_to(l, "\n");
		} else if (looks_at(l, "/*")) {
			l->p += 2;
			skip_to(l, "*/");
			l->p += l->p < l->end ? 2 : 0;
		} else {
			return;
		}
	}
}

/* Ends at its quote, or with its line: an apostrophe in a text of JSX is no string. */
static struct js_token quoted(struct js_lexer *l)
{
	char quote = *l->p++;
	const char *begin = l->p;
	struct js_token t;

	while (l->p < l->end && *l->p != quote && *l->p != '\n')
		l->p += *l->p == '\\' && l->p + 1 < l->end ? 2 : 1;
	t = (struct js_token){ JS_STRING, span_to(begin, l->p), false };
	l->p += l->p < l->end && *l->p == quote;
	return t;
}

/* Behind a template's "`", or behind the "}" that ends what was put into it. */
static struct js_token template_text(struct js_lexer *l)
{
	const char *begin = l->p;
	struct js_token t;
	bool can_nest = l->templates < JS_TEMPLATES_MAX;

	while (l->p < l->end && *l->p != '`' && !(can_nest && looks_at(l, "${")))
		l->p += *l->p == '\\' && l->p + 1 < l->end ? 2 : 1;
	t = (struct js_token){ JS_STRING, span_to(begin, l->p), l->p < l->end && *l->p == '$' };
	if (t.is_cut)
		l->braces[l->templates++] = 0;
	l->p += l->p == l->end ? 0 : t.is_cut ? 2 : 1;
	return t;
}

/* Behind a '/'. Where none ends before the line does, it was a division. */
static bool take_regex(struct js_lexer *l)
{
	const char *p = l->p + 1;
	bool in_class = false;

	if (l->p < l->no_regex)
		return false;
	while (p < l->end && *p != '\n' && (in_class || *p != '/')) {
		in_class = *p == '[' || (in_class && *p != ']');
		p += *p == '\\' && p + 1 < l->end && p[1] != '\n' ? 2 : 1;
	}
	if (p == l->end || *p != '/') {
		l->no_regex = p;
		return false;
	}
	for (p++; p < l->end && isalpha((unsigned char)*p);)
		p++;
	l->p = p;
	return true;
}

/* After these words a '/' begins a regular expression, after other names it divides. */
static bool is_operator_word(struct span name)
{
	static const char *const words[] = {
		"return", "typeof", "case", "in", "of", "delete", "void", "throw", "new", "await", "yield", "else", "do",
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (span_is(name, words[i]))
			return true;
	return false;
}

static struct js_token word(struct js_lexer *l)
{
	const char *begin = l->p;

	while (l->p < l->end && is_name_char(*l->p))
		l->p++;
	return (struct js_token){ isdigit((unsigned char)*begin) ? JS_NUMBER : JS_NAME, span_to(begin, l->p), false };
}

static struct js_token punctuation(struct js_lexer *l)
{
	struct js_token t = { JS_PUNCT, { l->p, looks_at(l, "=>") ? 2 : 1 }, false };
	int *braces = l->templates ? &l->braces[l->templates - 1] : NULL;

	l->p += t.text.n;
	if (!braces)
		return t;
	*braces += js_is(&t, '{');
	if (!js_is(&t, '}') || --*braces >= 0)
		return t;
	/* Back in the template. */
	l->templates--;
	return template_text(l);
}

static struct js_token next(struct js_lexer *l)
{
	const char *begin;

	skip_blanks(l);
	begin = l->p;
	if (l->p >= l->end)
		return (struct js_token){ JS_END, { l->end, 0 }, false };
	if (is_name_char(*l->p))
		return word(l);
	if (*l->p == '"' || *l->p == '\'')
		return quoted(l);
	if (*l->p == '`')
		return l->p++, template_text(l);
	if (*l->p == '/' && !l->value_before && take_regex(l))
		return (struct js_token){ JS_REGEX, span_to(begin, l->p), false };
	return punctuation(l);
}

struct js_token js_next(struct js_lexer *l)
{
	struct js_token t = next(l);

	l->value_before = t.kind == JS_NAME ? !is_operator_word(t.text) :
			  t.kind == JS_PUNCT ? js_is(&t, ')') || js_is(&t, ']') || js_is(&t, '}') : true;
	if (t.is_cut)
		l->value_before = false;
	return t;
}

int js_nesting(const struct js_token *t)
{
	if (t->kind != JS_PUNCT || t->text.n != 1)
		return 0;
	return strchr("([{", *t->text.p) && *t->text.p ? 1 : strchr(")]}", *t->text.p) && *t->text.p ? -1 : 0;
}
