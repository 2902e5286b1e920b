/*
 * A ZIP file of contents, stitched from the fragments that are in the store: nothing is compressed, its length is known before a byte of
 * it is read, and it can be read from anywhere. The same contents, names and times give the same bytes.
 *
 *	bundle_new(st, &b);
 *	bundle_add(b, &(struct bundle_file){ "terraform/main.tf", content, mtime, 0100644 }) ...
 *	bundle_close(b, &object);
 *
 * Contents that are no fragments (parts of archives that were handed in, files inside of these) are entries that are stored as they are.
 */
#ifndef GENSTORE_BUNDLE_H
#define GENSTORE_BUNDLE_H

#include "store/object.h"

enum { BUNDLE_ENTRIES_MAX = 200000 };

struct bundle;
struct bundle_file {
	const char *name; /* as it stands in the ZIP; copied */
	int64_t content, mtime;
	uint32_t mode;
};

int bundle_new(struct genstore *st, struct bundle **ret_b);
void bundle_free(struct bundle *b);
void bundle_freep(struct bundle **b);
/* Looks the content's pieces up. -EFBIG over BUNDLE_ENTRIES_MAX; -EBADMSG where the pieces do not make the content up. */
int bundle_add(struct bundle *b, const struct bundle_file *f);
/* Turns it into an object; b is empty then. */
int bundle_close(struct bundle *b, struct object **ret_o);

#endif
