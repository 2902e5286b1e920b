/*
 * Names that the store gives out: request ids and UUIDs.
 */
#ifndef GENSTORE_ID_H
#define GENSTORE_ID_H

#include "store/base/base.h"

enum {
	ID_REQUEST = 17, /* "req_" + 12 characters of lower-case base 32 + NUL */
	ID_UUID = 37,
	ID_REQUEST_MAX = 90, /* of ids that come from outside */
};

/* A source of random bits: the kernel's, or a seed's repeatable sequence (0: the kernel's). */
struct id_source { uint64_t seed; };

int id_random(struct id_source *s, void *out, size_t n);
int id_request(struct id_source *s, char out[ID_REQUEST]);
/* UUID version 4, lower case. */
int id_uuid4(struct id_source *s, char out[ID_UUID]);
/* UUID version 5 (RFC 4122 section 4.3) of a name in a namespace given as text. */
int id_uuid5(const char *ns, const char *name, char out[ID_UUID]);
bool id_is_uuid(const char *s);
/* [A-Za-z0-9._-]{1,90}, and not "." or "..". */
bool id_is_request(const char *s);

#endif
