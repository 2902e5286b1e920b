#include "src/facts/toml_inside.h"

#include <ctype.h>

bool toml_next_is(const struct toml *t, const char *text)
{
	return span_starts(span_to(t->p, t->end), text);
}

bool toml_take(struct toml *t, const char *text)
{
	bool is_next = toml_next_is(t, text);

	t->p += is_next ? strlen(text) : 0;
	return is_next;
}

static void add_utf8(struct buf *out, unsigned long c)
{
	if (c < 0x80) {
		buf_addc(out, (uint8_t)c);
		return;
	}
	if (c >= 0x10000)
		buf_addc(out, (uint8_t)(0xf0 | c >> 18));
	if (c >= 0x800)
		buf_addc(out, (uint8_t)(c >= 0x10000 ? 0x80 | (c >> 12 & 63) : 0xe0 | c >> 12));
	buf_addc(out, (uint8_t)(c >= 0x800 ? 0x80 | (c >> 6 & 63) : 0xc0 | c >> 6));
	buf_addc(out, (uint8_t)(0x80 | (c & 63)));
}

static int add_code(struct toml *t, struct buf *out, size_t digits)
{
	char hex[9] = "", *end;
	unsigned long c;

	if ((size_t)(t->end - t->p) < digits)
		return -EBADMSG;
	memcpy(hex, t->p, digits);
	c = strtoul(hex, &end, 16);
	if (end != hex + digits || !isxdigit((unsigned char)hex[0]) || !c || c > 0x10ffff)
		return -EBADMSG;
	t->p += digits;
	add_utf8(out, c);
	return 0;
}

/* Behind a backslash. */
static int add_escape(struct toml *t, struct buf *out)
{
	static const char letters[] = "btnfre\"\\", meanings[] = "\b\t\n\f\r\033\"\\";
	char c = *t->p++;
	const char *at = c ? strchr(letters, c) : NULL;

	if (at)
		return buf_addc(out, (uint8_t)meanings[at - letters]);
	if (c == 'u' || c == 'U')
		return add_code(t, out, c == 'u' ? 4 : 8);
	/* A line that goes on: in strings of several lines only, but who would mind. */
	if (!span_is_blank(c))
		return -EBADMSG;
	while (t->p < t->end && span_is_blank(*t->p))
		t->p++;
	return 0;
}

/* Behind the opening quotes, up to and with the closing ones. */
static int read_quoted(struct toml *t, const char *quotes, struct buf *out)
{
	bool is_long = strlen(quotes) == 3, is_literal = *quotes == '\'';
	int r = 0;

	if (is_long && !toml_take(t, "\r\n"))
		toml_take(t, "\n");
	while (!r && t->p < t->end) {
		if (toml_take(t, quotes)) {
			/* Up to two quotes more can stand before the closing ones: they are the string's. */
			while (is_long && t->p < t->end && *t->p == *quotes)
				buf_addc(out, (uint8_t)*t->p++);
			return buf_error(out);
		}
		if (*t->p == '\0' || (*t->p == '\n' && !is_long))
			return -EBADMSG;
		if (*t->p != '\\' || is_literal)
			buf_addc(out, (uint8_t)*t->p++);
		else if (t->p++, t->p < t->end)
			r = add_escape(t, out);
	}
	return r ? r : -EBADMSG;
}

int toml_read_string(struct toml *t, struct buf *out)
{
	static const char *const quotes[] = { "\"\"\"", "'''", "\"", "'" };

	for (size_t i = 0; i < ARRAY_LEN(quotes); i++)
		if (toml_take(t, quotes[i])) {
			int r = read_quoted(t, quotes[i], out);

			return r ? r : 1;
		}
	return 0;
}
