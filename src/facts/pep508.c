#include "src/facts/pep508.h"
#include "store/base/buf.h"

#include <ctype.h>

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.';
}

/* PEP 503: case does not count, and runs of - _ . are one dash. */
static void add_normal(struct buf *out, struct span name)
{
	for (size_t i = 0; i < name.n; i++) {
		bool is_dash = !isalnum((unsigned char)name.p[i]);

		if (!is_dash || !out->len || out->data[out->len - 1] != '-')
			buf_addc(out, is_dash ? '-' : (uint8_t)tolower((unsigned char)name.p[i]));
	}
}

/* Extras and versions mean the same without blanks. */
static void add_dense(struct buf *out, struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!span_is_blank(s.p[i]))
			buf_addc(out, (uint8_t)s.p[i]);
}

/* "(>=1.0)" is an older way to write it. */
static struct span without_parentheses(struct span s)
{
	return s.n > 1 && s.p[0] == '(' && s.p[s.n - 1] == ')' ? (struct span){ s.p + 1, s.n - 2 } : s;
}

/* Where the marker begins: in a URL a ';' needs a blank before it. */
static struct span cut_marker(struct span *rest, bool is_url)
{
	for (size_t i = 0; i < rest->n; i++)
		if (rest->p[i] == ';' && (!is_url || (i && span_is_blank(rest->p[i - 1])))) {
			struct span marker = { rest->p + i + 1, rest->n - i - 1 };

			rest->n = i;
			return span_trim(marker);
		}
	return span_of("");
}

int pep508_add(struct facts *f, const char *file, struct span requirement, struct span section)
{
	AUTO(buf_release) struct buf name = BUF_INIT, value = BUF_INIT;
	struct span rest = span_trim(requirement), marker;
	size_t n = 0;
	bool is_url;

	while (n < rest.n && is_name_char(rest.p[n]))
		n++;
	/* A path or a URL alone. */
	if (!n || (n < rest.n && strchr(":/\\+", rest.p[n])))
		return fact_add(f, FACT_DEPENDENCY, file, rest, section, span_of(""));
	add_normal(&name, (struct span){ rest.p, n });
	rest = span_trim((struct span){ rest.p + n, rest.n - n });
	is_url = memchr(rest.p, '@', rest.n) != NULL;
	marker = cut_marker(&rest, is_url);
	rest = without_parentheses(span_trim(rest));
	if (is_url)
		buf_add(&value, rest.p, rest.n);
	else
		add_dense(&value, rest);
	if (marker.n) {
		buf_adds(&value, "; ");
		buf_add(&value, marker.p, marker.n);
	}
	if (buf_error(&name) || buf_error(&value))
		return -ENOMEM;
	return fact_add(f, FACT_DEPENDENCY, file, span_of(buf_str(&name)), section, span_of(buf_str(&value)));
}
