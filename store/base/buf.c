#include "store/base/buf.h"

void buf_release(struct buf *b)
{
	if (!b)
		return;
	free(b->data);
	*b = (struct buf)BUF_INIT;
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->error = 0;
	if (b->data)
		b->data[0] = '\0';
}

void *buf_reserve(struct buf *b, size_t n)
{
	size_t max = b->max ? b->max : BUF_MAX;
	size_t cap = b->cap ? b->cap : 64;
	uint8_t *data;

	if (b->error)
		return NULL;
	if (n > max - b->len) {
		b->error = -EFBIG;
		return NULL;
	}
	if (b->len + n + 1 > b->cap) {
		while (cap < b->len + n + 1)
			cap += cap / 2;
		data = realloc(b->data, cap);
		if (!data) {
			b->error = -ENOMEM;
			return NULL;
		}
		b->data = data;
		b->cap = cap;
	}
	return b->data + b->len;
}

void buf_commit(struct buf *b, size_t n)
{
	b->len += n;
	b->data[b->len] = '\0';
}

int buf_add(struct buf *b, const void *data, size_t n)
{
	void *to = buf_reserve(b, n);

	if (!to)
		return b->error;
	if (n)
		memcpy(to, data, n);
	buf_commit(b, n);
	return 0;
}

int buf_adds(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int buf_addc(struct buf *b, uint8_t c)
{
	return buf_add(b, &c, 1);
}

int buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	char *to;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return b->error = -EINVAL;
	to = buf_reserve(b, (size_t)n);
	if (!to)
		return b->error;
	vsnprintf(to, (size_t)n + 1, fmt, ap);
	buf_commit(b, (size_t)n);
	return 0;
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_vaddf(b, fmt, ap);
	va_end(ap);
	return r;
}

int buf_fill(struct buf *b, uint8_t c, size_t n)
{
	void *to = buf_reserve(b, n);

	if (!to)
		return b->error;
	memset(to, c, n);
	buf_commit(b, n);
	return 0;
}

static int add_le(struct buf *b, uint64_t v, size_t n)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(v >> (8 * i));
	return buf_add(b, bytes, n);
}

int buf_add_u16le(struct buf *b, uint16_t v)
{
	return add_le(b, v, 2);
}

int buf_add_u32le(struct buf *b, uint32_t v)
{
	return add_le(b, v, 4);
}

int buf_add_u64le(struct buf *b, uint64_t v)
{
	return add_le(b, v, 8);
}

int buf_add_varint(struct buf *b, uint64_t v)
{
	uint8_t bytes[10];
	size_t n = 0;

	while (v >= 0x80) {
		bytes[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	bytes[n++] = (uint8_t)v;
	return buf_add(b, bytes, n);
}

int buf_add_zigzag(struct buf *b, int64_t v)
{
	return buf_add_varint(b, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

char *buf_steal(struct buf *b)
{
	char *s;

	if (b->error || !buf_reserve(b, 0))
		return NULL;
	b->data[b->len] = '\0';
	s = (char *)b->data;
	*b = (struct buf)BUF_INIT;
	return s;
}

struct cursor cursor_of(const void *data, size_t n)
{
	const uint8_t *p = data;

	return (struct cursor){ .p = p, .end = p + n };
}

uint64_t cursor_varint(struct cursor *c)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (c->error || c->p == c->end)
			break;
		uint8_t byte = *c->p++;

		if (shift == 63 && byte > 1)
			break;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return v;
	}
	c->error = -EBADMSG;
	return 0;
}

int64_t cursor_zigzag(struct cursor *c)
{
	uint64_t v = cursor_varint(c);

	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

const uint8_t *cursor_bytes(struct cursor *c, size_t n)
{
	const uint8_t *p = c->p;

	if (c->error || cursor_left(c) < n) {
		c->error = -EBADMSG;
		return NULL;
	}
	c->p += n;
	return p;
}
