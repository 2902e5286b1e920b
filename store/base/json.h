/*
 * A JSON writer (RFC 8259) into a buffer; jw_ because json_ is the reader, jansson. Commas are its business; nesting is the caller's.
 * Text that is not UTF-8 is written with U+FFFD for each bad byte: what it writes is always valid.
 *
 *   jw_begin(&j, &out, 2);
 *   jw_object(&j, NULL);
 *   jw_str(&j, "request_id", id);
 *   jw_end(&j);
 */
#ifndef GENSTORE_JSON_H
#define GENSTORE_JSON_H

#include "store/base/buf.h"

struct jw {
	struct buf *out;
	int indent; /* spaces a level; 0: one line */
	int depth;
	uint32_t is_array; /* bit n: level n is an array */
	bool first;
};

void jw_begin(struct jw *j, struct buf *out, int indent);
/* key is NULL for an element of an array and at the top. At most 31 levels. */
void jw_object(struct jw *j, const char *key);
void jw_array(struct jw *j, const char *key);
void jw_end(struct jw *j);
/* s NULL writes null. */
void jw_str(struct jw *j, const char *key, const char *s);
void jw_strn(struct jw *j, const char *key, const char *s, size_t n);
void jw_int(struct jw *j, const char *key, int64_t v);
void jw_real(struct jw *j, const char *key, double v);
void jw_bool(struct jw *j, const char *key, bool v);
void jw_null(struct jw *j, const char *key);
/* text is JSON already. */
void jw_raw(struct jw *j, const char *key, const char *text);

#endif
