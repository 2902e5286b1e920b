/* `Range` and conditions of requests: what is asked for of a representation that has a size and a strong ETag. Pure functions. */
#ifndef GENSTORE_SERVE_RANGE_H
#define GENSTORE_SERVE_RANGE_H

#include "store/base/base.h"

struct range { int64_t from, size; };

/*
 * A header of RFC 9110 section 14.2: 206 with the range, 200 with all of it (no header, other units, what is malformed, several ranges:
 * a server may answer these with the whole), 416 for a range behind the end. text may be NULL.
 */
int range_parse(const char *text, int64_t size, struct range *ret);

/* Whether a list of entity tags, or `*`, has this one; weak ones are equal to none (strong comparison) unless told. etag is without quotes. */
bool etag_listed(const char *list, const char *etag, bool weak);

#endif
