/*
 * JavaScript and TypeScript as tokens: enough to find calls in them without being misled by strings, templates, regular
 * expressions and comments. JSX text is taken for code, where an apostrophe can hide the rest of its line.
 */
#ifndef GENSTORE_FACTS_JS_LEX_H
#define GENSTORE_FACTS_JS_LEX_H

#include "src/facts/span.h"

enum js_kind { JS_END, JS_NAME, JS_NUMBER, JS_STRING, JS_PUNCT, JS_REGEX };

enum { JS_TEMPLATES_MAX = 32 }; /* templates within templates; deeper ones are read as one text */

struct js_token {
	enum js_kind kind;
	struct span text; /* of a string: what is between its quotes, escapes as they are; of a punctuation: one character, or "=>" */
	bool is_cut;      /* a template's text that goes on behind "${" */
};

struct js_lexer {
	const char *p, *end;
	const char *no_regex; /* up to here there is no end of a regular expression */
	bool value_before;    /* the last token ends a value: what follows is no regular expression */
	int templates;        /* open "${", each with the braces that are open in it */
	int braces[JS_TEMPLATES_MAX];
};

struct js_lexer js_lexer_of(struct span text);
/* JS_END for ever at the end. Time proportional to the text, whatever is in it. */
struct js_token js_next(struct js_lexer *l);

static inline bool js_is(const struct js_token *t, char c)
{
	return t->kind == JS_PUNCT && t->text.n == 1 && *t->text.p == c;
}

static inline bool js_is_name(const struct js_token *t, const char *name)
{
	return t->kind == JS_NAME && span_is(t->text, name);
}

/* +1 for an opening bracket of any kind, -1 for a closing one, else 0. */
int js_nesting(const struct js_token *t);

#endif
