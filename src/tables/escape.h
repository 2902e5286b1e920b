/* COPY's text format (PostgreSQL's documentation, "COPY", "Text Format"). */
#ifndef GENSTORE_TABLES_ESCAPE_H
#define GENSTORE_TABLES_ESCAPE_H

#include "store/base/buf.h"

/* Appends a value: backslashes and what ends columns and rows as \\, \n, \r, \t. Nothing that comes out can be `\N` or `\.`. */
void copy_escape(struct buf *out, const void *text, size_t n);

#endif
