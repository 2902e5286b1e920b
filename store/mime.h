/*
 * Content types by name: the table of the artifact management design first, then the shared MIME data of the system
 * (freedesktop.org's shared-mime-info 2.2, "globs2"). Never by what is in a file.
 */
#ifndef GENSTORE_MIME_H
#define GENSTORE_MIME_H

#include "store/base/buf.h"

enum { MIME_TYPE_MAX = 100 }; /* characters */

struct mime {
	struct buf globs; /* "weight:type:glob[:flags]" lines */
};

/* What the system knows; nothing, and no error, where it has no such data. -ENOMEM. */
int mime_load(struct mime *ret_m);
void mime_release(struct mime *m);

/* The type of a file called `name` (its last part counts) into out, emptied before; application/octet-stream when nobody knows. */
int mime_of(const struct mime *m, const char *name, struct buf *out);

#endif
