#include "src/sync/ini.h"

struct reader {
	struct buf section, outer, key, value;
};

static void reader_release(struct reader *r)
{
	buf_release(&r->section);
	buf_release(&r->outer);
	buf_release(&r->key);
	buf_release(&r->value);
}

static void set(struct buf *b, const char *s, size_t n)
{
	while (n && strchr(" \t\r", *s)) {
		s++;
		n--;
	}
	while (n && strchr(" \t\r", s[n - 1]))
		n--;
	buf_reset(b);
	buf_add(b, s, n);
}

/* "[ profile   work ]" -> "profile work" */
static void set_section(struct buf *b, const char *line, size_t n)
{
	const char *end = memchr(line, ']', n);
	size_t from = 0, to = 0;

	set(b, line + 1, end ? (size_t)(end - line) - 1 : n - 1);
	for (; from < b->len; from++) {
		bool blank = b->data[from] == ' ' || b->data[from] == '\t';

		if (!blank || (to && b->data[to - 1] != ' '))
			b->data[to++] = blank ? ' ' : b->data[from];
	}
	b->len = to;
	if (b->data)
		b->data[to] = '\0';
}

static void lower(struct buf *b)
{
	for (size_t i = 0; i < b->len; i++)
		if (b->data[i] >= 'A' && b->data[i] <= 'Z')
			b->data[i] |= 0x20;
}

/* "key = value # comment": a comment in a line begins behind a blank. */
static size_t before_comment(const char *s, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if ((s[i] == '#' || s[i] == ';') && (s[i - 1] == ' ' || s[i - 1] == '\t'))
			return i;
	return n;
}

/* 1: there is a key with a value. */
static int take_pair(struct reader *r, const char *line, size_t n)
{
	const char *equals = memchr(line, '=', n);
	bool inner = *line == ' ' || *line == '\t';
	size_t left;

	if (!equals)
		return 0;
	left = n - (size_t)(equals + 1 - line);
	set(&r->key, line, (size_t)(equals - line));
	set(&r->value, equals + 1, before_comment(equals + 1, left));
	lower(&r->key);
	if (!inner) {
		buf_reset(&r->outer);
		if (!r->value.len)
			buf_adds(&r->outer, buf_str(&r->key));
	} else if (r->outer.len) {
		AUTO(buf_release) struct buf whole = BUF_INIT;

		buf_addf(&whole, "%s.%s", buf_str(&r->outer), buf_str(&r->key));
		set(&r->key, buf_str(&whole), whole.len);
	}
	return r->key.len && r->value.len;
}

int ini_each(const char *text, size_t n, int (*visit)(void *arg, const char *section, const char *key, const char *value), void *arg)
{
	AUTO(reader_release) struct reader r = { 0 };
	int e = 0;

	if (n > INI_SIZE_MAX)
		return -EINVAL;
	for (const char *line = text, *end = text + n; line < end && !e;) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		size_t size = newline ? (size_t)(newline - line) : (size_t)(end - line);

		if (size && *line == '[') {
			set_section(&r.section, line, size);
			buf_reset(&r.outer);
		} else if (size && *line != '#' && *line != ';' && take_pair(&r, line, size)) {
			e = visit(arg, buf_str(&r.section), buf_str(&r.key), buf_str(&r.value));
		}
		line += size + 1;
	}
	return e;
}
