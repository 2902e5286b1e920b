/* The parts of a request's address: what a name in a route's path stands for, and its query. Decoded (RFC 3986 section 2.1). */
#ifndef GENSTORE_SERVE_URL_H
#define GENSTORE_SERVE_URL_H

#include "store/base/buf.h"

/* Appends. -EINVAL for a % without two digits, or a NUL. plus: '+' is a blank, as forms write it. */
int url_decode(const char *text, size_t n, bool plus, struct buf *out);
/* The first value of that name in the query of a path: 1, 0 there is none, -EINVAL. */
int url_query(const char *path, const char *name, struct buf *out);
/* The same as a number of digits: 1, 0, -EINVAL for anything else. */
int url_query_int(const char *path, const char *name, int64_t *ret_n);
/* Appends what a path can have as it is, and the rest as %XX; '/' stays. */
void url_encode_path(struct buf *out, const char *path);

#endif
