#include "src/facts/sql_lex.h"

#include <ctype.h>

enum { BRACKETS_MAX = 128 }; /* bytes of a [name] */

struct sql_lexer sql_lexer_of(struct span text)
{
	return (struct sql_lexer){ .p = text.p, .begin = text.p, .end = text.p + text.n,
				     .backslashes = text.n && memchr(text.p, '`', text.n) };
}

static bool looks_at(const struct sql_lexer *l, const char *text)
{
	return span_starts(span_to(l->p, l->end), text);
}

static bool is_word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$' || c == '@' || (unsigned char)c >= 0x80;
}

/* Past the next `text`, or to the end. */
static void skip_past(struct sql_lexer *l, const char *text, size_t n)
{
	const char *at = memmem(l->p, (size_t)(l->end - l->p), text, n);

	l->p = at ? at + n : l->end;
}

/* "-- +goose Down", "-- migrate:down", "-- +migrate Down". */
static bool is_mark_of_down(struct span comment)
{
	static const char *const marks[] = { "+goose down", "migrate:down", "+migrate down" };

	comment = span_trim(comment);
	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		if (comment.n >= strlen(marks[i]) && strncasecmp(comment.p, marks[i], strlen(marks[i])) == 0)
			return true;
	return false;
}

static void skip_line(struct sql_lexer *l)
{
	const char *begin = l->p;

	skip_past(l, "\n", 1);
	if (*begin == '-')
		l->is_down |= is_mark_of_down(span_to(begin + 2, l->p));
}

static bool begins_line(const struct sql_lexer *l)
{
	return l->p == l->begin || l->p[-1] == '\n';
}

static void skip_blanks(struct sql_lexer *l)
{
	while (l->p < l->end && !l->is_down) {
		if (span_is_blank(*l->p)) {
			l->p++;
		} else if (looks_at(l, "--") || (begins_line(l) && (*l->p == '#' || *l->p == '\\'))) {
			/* '#' is MySQL's comment, '\' a command of psql. */
			skip_line(l);
		} else if (looks_at(l, "/*")) {
			l->p += 2;
			skip_past(l, "*/", 2);
		} else {
			return;
		}
	}
}

/* Up to the closing quote, which stands twice for itself. At the opening one. */
static struct span quoted(struct sql_lexer *l, char quote, bool backslashes)
{
	const char *begin = ++l->p;
	struct span s;

	for (; l->p < l->end; l->p++) {
		if (*l->p == quote && !(l->p + 1 < l->end && l->p[1] == quote))
			break;
		if ((*l->p == quote || (backslashes && *l->p == '\\')) && l->p + 1 < l->end)
			l->p++;
	}
	s = span_to(begin, l->p);
	l->p += l->p < l->end;
	return s;
}

/* [name], but not an array's [] or [1]: those follow a word without a blank. */
static bool take_brackets(struct sql_lexer *l, struct span *ret_name)
{
	size_t left = (size_t)(l->end - l->p), n = left < BRACKETS_MAX ? left : BRACKETS_MAX;
	const char *close = memchr(l->p, ']', n);
	char before = l->p > l->begin ? l->p[-1] : ' ';

	if (is_word_char(before) || before == ']' || before == ')' || !close || close == l->p + 1 || isdigit((unsigned char)l->p[1]) ||
	    memchr(l->p, '\n', (size_t)(close - l->p)))
		return false;
	*ret_name = span_to(l->p + 1, close);
	l->p = close + 1;
	return true;
}

/* $$...$$ and $tag$...$tag$. */
static bool take_dollars(struct sql_lexer *l)
{
	const char *begin = l->p, *p = begin + 1;

	while (p < l->end && (isalpha((unsigned char)*p) || *p == '_' || (p > begin + 1 && isdigit((unsigned char)*p))))
		p++;
	if (p == l->end || *p != '$')
		return false;
	l->p = p + 1;
	skip_past(l, begin, (size_t)(p + 1 - begin));
	return true;
}

static struct sql_token word(struct sql_lexer *l)
{
	struct sql_token t = { isdigit((unsigned char)*l->p) ? SQL_NUMBER : SQL_WORD, { l->p, 0 } };

	while (l->p < l->end && (is_word_char(*l->p) || (t.kind == SQL_NUMBER && *l->p == '.')))
		l->p++;
	t.text.n = (size_t)(l->p - t.text.p);
	return t;
}

static struct sql_token literal(struct sql_lexer *l, const char *begin, bool backslashes)
{
	quoted(l, '\'', backslashes);
	return (struct sql_token){ SQL_STRING, span_to(begin, l->p) };
}

struct sql_token sql_next(struct sql_lexer *l)
{
	const char *begin;
	struct span name;

	skip_blanks(l);
	if (l->p >= l->end || l->is_down)
		return (struct sql_token){ SQL_END, { l->end, 0 } };
	begin = l->p;
	if (*l->p == '\'')
		return literal(l, begin, l->backslashes);
	if (looks_at(l, "E'") || looks_at(l, "e'"))
		return l->p++, literal(l, begin, true);
	if (*l->p == '"' || *l->p == '`')
		return (struct sql_token){ SQL_QUOTED, quoted(l, *l->p, false) };
	if (*l->p == '[' && take_brackets(l, &name))
		return (struct sql_token){ SQL_QUOTED, name };
	if (*l->p == '$' && take_dollars(l))
		return (struct sql_token){ SQL_STRING, span_to(begin, l->p) };
	if (is_word_char(*l->p))
		return word(l);
	l->p++;
	return (struct sql_token){ SQL_PUNCT, { begin, 1 } };
}

void sql_skip_copy(struct sql_lexer *l)
{
	skip_past(l, "\n\\.", 3);
}
