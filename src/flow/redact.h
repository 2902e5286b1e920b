/*
 * Values that were passed with --env and must not be stored or shown: wherever one appears in what a generator says,
 * three asterisks stand instead. Values under REDACT_MIN bytes ("1", "yes") are no secrets, and taking them out would only
 * garble the log. A value of several lines is looked for line by line too.
 */
#ifndef GENSTORE_FLOW_REDACT_H
#define GENSTORE_FLOW_REDACT_H

#include "store/base/buf.h"

#include <jansson.h>

enum { REDACT_MIN = 4 };

struct redact {
	char **values; /* longest first */
	size_t count;
};

void redact_release(struct redact *r);
int redact_add(struct redact *r, const char *value);
/* In place; the new length, which is never larger: the mark is shorter than REDACT_MIN. text[n] must be writable. */
size_t redact_text(const struct redact *r, char *text, size_t n);
/* All strings and keys of a value, decoded. -ENOMEM. */
int redact_json(const struct redact *r, json_t *v);

#endif
