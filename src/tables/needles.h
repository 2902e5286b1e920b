/*
 * What must not be in an export: values that are searched for in all the forms that they can have there, and what looks like a credential
 * whoever it belongs to (signed addresses, passwords in addresses, tokens of genstore).
 */
#ifndef GENSTORE_TABLES_NEEDLES_H
#define GENSTORE_TABLES_NEEDLES_H

#include "store/base/buf.h"

enum {
	NEEDLE_MIN = 8,           /* bytes: what is shorter cannot be told from other words */
	NEEDLE_OVERLAP = 1 << 20, /* no form of a value is longer */
	NEEDLE_BUCKETS = 1 << 16,
};

struct needle {
	struct needle *next; /* of the same bucket */
	int value;           /* the how-manieth that was added */
	size_t n;
	uint8_t bytes[];
};

struct needles {
	struct needle *buckets[NEEDLE_BUCKETS];
	int values, shorter; /* shorter than NEEDLE_MIN: not searched for */
};

int needles_new(struct needles **ret_n);
/* Wipes. NULL is fine. */
void needles_free(struct needles *n);
void needles_freep(struct needles **n);
/* A value as it is, its lines where there are several, in base64, in hex, and with the escapes of JSON and of COPY. -ENOMEM. */
int needles_add(struct needles *n, const void *value, size_t size);

/* The first place in data of what must not be there: its length, 0 for none. */
size_t needles_find(const struct needles *n, const uint8_t *data, size_t size, size_t *ret_at);
/* Appends data with *** for each. Returns how many there were, or a negative error. */
int64_t needles_replace(const struct needles *n, const void *data, size_t size, struct buf *out);

#endif
