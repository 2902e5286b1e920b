#include "store/base/utf8.h"

size_t utf8_char(const uint8_t *p, size_t n)
{
	/* By lead byte: how many follow, and the range of the first that does. */
	static const struct { uint8_t from, to, more, low, high; } lead[] = {
		{ 0x00, 0x7f, 0, 0, 0 },       { 0xc2, 0xdf, 1, 0x80, 0xbf }, { 0xe0, 0xe0, 2, 0xa0, 0xbf },
		{ 0xe1, 0xec, 2, 0x80, 0xbf }, { 0xed, 0xed, 2, 0x80, 0x9f }, { 0xee, 0xef, 2, 0x80, 0xbf },
		{ 0xf0, 0xf0, 3, 0x90, 0xbf }, { 0xf1, 0xf3, 3, 0x80, 0xbf }, { 0xf4, 0xf4, 3, 0x80, 0x8f },
	};

	if (!n)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(lead); i++) {
		if (p[0] < lead[i].from || p[0] > lead[i].to)
			continue;
		if (!lead[i].more)
			return 1;
		if (n <= lead[i].more || p[1] < lead[i].low || p[1] > lead[i].high)
			return 0;
		for (size_t k = 2; k <= lead[i].more; k++)
			if ((p[k] & 0xc0) != 0x80)
				return 0;
		return lead[i].more + 1u;
	}
	return 0;
}

bool utf8_valid(const void *data, size_t n)
{
	const uint8_t *p = data;

	while (n) {
		size_t len = utf8_char(p, n);

		if (!len)
			return false;
		p += len;
		n -= len;
	}
	return true;
}

/* C0, DEL and the two-byte C1 controls, by a character's length. */
static bool is_control(const uint8_t *p, size_t len)
{
	return len == 1 ? *p < 0x20 || *p == 0x7f : len == 2 && *p == 0xc2 && p[1] < 0xa0;
}

bool utf8_plain(const void *data, size_t n)
{
	const uint8_t *p = data;

	while (n) {
		size_t len = utf8_char(p, n);

		if (!len || is_control(p, len))
			return false;
		p += len;
		n -= len;
	}
	return true;
}

size_t utf8_length(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((uint8_t)*s & 0xc0) != 0x80;
	return n;
}

size_t utf8_cut(const char *s, size_t n, size_t max)
{
	if (n <= max)
		return n;
	while (max && ((uint8_t)s[max] & 0xc0) == 0x80)
		max--;
	return max;
}

int utf8_printable(struct buf *out, const char *s, size_t n)
{
	const uint8_t *p = (const uint8_t *)s;

	for (size_t i = 0; i < n;) {
		size_t len = utf8_char(p + i, n - i);

		if (len && !is_control(p + i, len)) {
			buf_add(out, p + i, len);
			i += len;
		} else {
			buf_addf(out, "\\x%02x", p[i++]);
		}
	}
	return out->error;
}
