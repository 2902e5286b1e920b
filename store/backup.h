/* A copy of a store that is in use. */
#ifndef GENSTORE_BACKUP_H
#define GENSTORE_BACKUP_H

#include "store/store.h"

struct backup_options {
	/* Bytes written so far, of about how many. */
	void (*progress)(void *arg, int64_t done, int64_t total);
	void *arg;
};

/*
 * Writes one state of the store, of whatever version, to a new file: complete, checked, durable and readable by its owner only when it
 * gets its name, and not there before. The bytes of pieces, which never change, are copied first in short
 * steps; the rest last, in one read transaction, so that it ends however busy the store is and writers wait only for that.
 * The copy gets a uuid of its own: what is remembered about this store elsewhere is not true for long of the copy.
 * -EEXIST when there is such a file, -EBADMSG or -EUCLEAN when the store is damaged, -ENOSPC.
 */
int backup_store(struct genstore *st, const char *path, const struct backup_options *o);

#endif
