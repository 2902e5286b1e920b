#include "store/base/json.h"
#include "store/base/utf8.h"

#include <math.h>

void jw_begin(struct jw *j, struct buf *out, int indent)
{
	*j = (struct jw){ .out = out, .indent = indent, .first = true };
}

static void newline(struct jw *j)
{
	if (!j->indent)
		return;
	buf_addc(j->out, '\n');
	buf_fill(j->out, ' ', (size_t)(j->indent * j->depth));
}

static void quote(struct buf *out, const char *s, size_t n)
{
	buf_addc(out, '"');
	for (size_t i = 0; i < n;) {
		unsigned char c = (unsigned char)s[i];
		size_t len = utf8_char((const uint8_t *)s + i, n - i);

		if (!len)
			buf_adds(out, "\xef\xbf\xbd");
		else if (c == '"' || c == '\\')
			buf_addf(out, "\\%c", c);
		else if (c == '\n')
			buf_adds(out, "\\n");
		else if (c == '\t')
			buf_adds(out, "\\t");
		else if (c == '\r')
			buf_adds(out, "\\r");
		else if (c < 0x20 || c == 0x7f)
			buf_addf(out, "\\u%04x", c);
		else
			buf_add(out, s + i, len);
		i += len ? len : 1;
	}
	buf_addc(out, '"');
}

/* What stands before every value: comma, line, key. */
static void lead(struct jw *j, const char *key)
{
	if (j->depth) {
		if (!j->first)
			buf_addc(j->out, ',');
		newline(j);
	}
	j->first = false;
	if (key) {
		quote(j->out, key, strlen(key));
		buf_adds(j->out, j->indent ? ": " : ":");
	}
}

static void open_level(struct jw *j, const char *key, bool is_array)
{
	lead(j, key);
	buf_addc(j->out, is_array ? '[' : '{');
	j->depth++;
	if (is_array)
		j->is_array |= 1u << (j->depth & 31);
	else
		j->is_array &= ~(1u << (j->depth & 31));
	j->first = true;
}

void jw_object(struct jw *j, const char *key)
{
	open_level(j, key, false);
}

void jw_array(struct jw *j, const char *key)
{
	open_level(j, key, true);
}

void jw_end(struct jw *j)
{
	bool is_array = j->is_array >> (j->depth & 31) & 1;

	j->depth--;
	if (!j->first)
		newline(j);
	buf_addc(j->out, is_array ? ']' : '}');
	j->first = false;
}

void jw_strn(struct jw *j, const char *key, const char *s, size_t n)
{
	lead(j, key);
	quote(j->out, s, n);
}

void jw_str(struct jw *j, const char *key, const char *s)
{
	if (s)
		jw_strn(j, key, s, strlen(s));
	else
		jw_null(j, key);
}

void jw_int(struct jw *j, const char *key, int64_t v)
{
	lead(j, key);
	buf_addf(j->out, "%lld", (long long)v);
}

void jw_real(struct jw *j, const char *key, double v)
{
	if (!isfinite(v)) {
		jw_null(j, key);
		return;
	}
	lead(j, key);
	buf_addf(j->out, "%.15g", v);
}

void jw_bool(struct jw *j, const char *key, bool v)
{
	lead(j, key);
	buf_adds(j->out, v ? "true" : "false");
}

void jw_null(struct jw *j, const char *key)
{
	lead(j, key);
	buf_adds(j->out, "null");
}

void jw_raw(struct jw *j, const char *key, const char *text)
{
	lead(j, key);
	buf_adds(j->out, text);
}
