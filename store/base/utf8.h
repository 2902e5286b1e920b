/* UTF-8 as RFC 3629 has it: no surrogates, no overlong forms, nothing above U+10FFFF. */
#ifndef GENSTORE_UTF8_H
#define GENSTORE_UTF8_H

#include "store/base/buf.h"

/* The length of the character at p (n bytes left), 0 when it is none. */
size_t utf8_char(const uint8_t *p, size_t n);
/* How much of a text to keep so that it has at most max bytes and no character is cut. */
size_t utf8_cut(const char *s, size_t n, size_t max);
bool utf8_valid(const void *data, size_t n);
/* Valid, and without control characters (C0, DEL, C1): fit for a name. */
bool utf8_plain(const void *data, size_t n);
/* Characters of a valid text. */
size_t utf8_length(const char *s);
/* Appends text fit for a terminal and for one line: control characters and bad bytes as \xNN. */
int utf8_printable(struct buf *out, const char *s, size_t n);

#endif
