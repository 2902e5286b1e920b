/*
 * A growing byte buffer with a ceiling.
 *
 * Errors stick: after a failed append the buffer stays as it was and buf_error()
 * says why, so that a row of appends is checked once, at its end.
 * `data` is always followed by a NUL that `len` does not count, once anything
 * was appended; buf_str() is never NULL.
 */
#ifndef GENSTORE_BUF_H
#define GENSTORE_BUF_H

#include "store/base/base.h"

#include <stdarg.h>

struct buf {
	uint8_t *data;
	size_t len, cap;
	size_t max; /* 0: BUF_MAX */
	int error;  /* 0, -ENOMEM or -EFBIG */
};

#define BUF_MAX ((size_t)1 << 30)
#define BUF_INIT                                                               \
	{                                                                      \
		.data = NULL                                                   \
	}

void buf_release(struct buf *b);
/* Empties it and forgets its error; keeps the memory. */
void buf_reset(struct buf *b);

/* Makes room for n more bytes and returns where they go, or NULL (error set). */
void *buf_reserve(struct buf *b, size_t n);
/* Counts n reserved bytes as written. */
void buf_commit(struct buf *b, size_t n);

int buf_add(struct buf *b, const void *data, size_t n);
int buf_adds(struct buf *b, const char *s);
int buf_addc(struct buf *b, uint8_t c);
int buf_addf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
int buf_vaddf(struct buf *b, const char *fmt, va_list ap) PRINTF(2, 0);
int buf_fill(struct buf *b, uint8_t c, size_t n);
int buf_add_u16le(struct buf *b, uint16_t v);
int buf_add_u32le(struct buf *b, uint32_t v);
int buf_add_u64le(struct buf *b, uint64_t v);

/* Unsigned LEB128; the signed form is zigzag first. */
int buf_add_varint(struct buf *b, uint64_t v);
int buf_add_zigzag(struct buf *b, int64_t v);

static inline int buf_error(const struct buf *b) { return b->error; }
static inline const char *buf_str(const struct buf *b)
{
	return b->data ? (const char *)b->data : "";
}
/* Hands the NUL-terminated content over (malloc'd; "" when empty), or NULL on error. */
char *buf_steal(struct buf *b);

/* Reads what the writers above wrote; `error` sticks at -EBADMSG on any overrun. */
struct cursor {
	const uint8_t *p, *end;
	int error;
};

struct cursor cursor_of(const void *data, size_t n);
uint64_t cursor_varint(struct cursor *c);
int64_t cursor_zigzag(struct cursor *c);
/* n bytes, borrowed from the input, or NULL (error set). */
const uint8_t *cursor_bytes(struct cursor *c, size_t n);
static inline size_t cursor_left(const struct cursor *c) { return (size_t)(c->end - c->p); }

#endif
