/* A piece of somebody else's text: neither owned nor ended by a NUL. */
#ifndef GENSTORE_FACTS_SPAN_H
#define GENSTORE_FACTS_SPAN_H

#include "store/base/base.h"

#include <strings.h>

struct span {
	const char *p;
	size_t n;
};

static inline struct span span_of(const char *text)
{
	return (struct span){ text, strlen(text) };
}

/* From p up to end. */
static inline struct span span_to(const char *p, const char *end)
{
	return (struct span){ p, (size_t)(end - p) };
}

static inline bool span_is(struct span s, const char *text)
{
	return strlen(text) == s.n && memcmp(s.p, text, s.n) == 0;
}

static inline bool span_is_nocase(struct span s, const char *text)
{
	return strlen(text) == s.n && strncasecmp(s.p, text, s.n) == 0;
}

static inline bool span_starts(struct span s, const char *text)
{
	return strlen(text) <= s.n && memcmp(s.p, text, strlen(text)) == 0;
}

static inline bool span_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f';
}

static inline struct span span_trim(struct span s)
{
	while (s.n && span_is_blank(s.p[0]))
		s = (struct span){ s.p + 1, s.n - 1 };
	while (s.n && span_is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* Takes what is before c, or all, off the front of *rest, and c with it. */
static inline struct span span_cut(struct span *rest, char c)
{
	const char *at = rest->n ? memchr(rest->p, c, rest->n) : NULL;
	struct span before = { rest->p, at ? (size_t)(at - rest->p) : rest->n };
	size_t used = before.n + (at != NULL);

	*rest = (struct span){ rest->n ? rest->p + used : rest->p, rest->n - used };
	return before;
}

#endif
