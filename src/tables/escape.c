#include "src/tables/escape.h"

static char letter_of(uint8_t c)
{
	switch (c) {
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	case '\\':
		return '\\';
	default:
		return 0;
	}
}

void copy_escape(struct buf *out, const void *text, size_t n)
{
	const uint8_t *p = text, *plain = p, *end = p + n;

	for (; p < end; p++) {
		char letter = letter_of(*p);

		if (!letter)
			continue;
		buf_add(out, plain, (size_t)(p - plain));
		buf_addc(out, '\\');
		buf_addc(out, (uint8_t)letter);
		plain = p + 1;
	}
	buf_add(out, plain, (size_t)(end - plain));
}
