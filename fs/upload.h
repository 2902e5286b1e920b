/*
 * The bytes of one file while it is written. An archive that comes in order goes straight into the store's pieces (store/foreign.h). What is
 * written in any other order, or is no archive, goes into a nameless file beside the store, and from there into the store when it is whole.
 * For one thread.
 */
#ifndef GENSTORE_FS_UPLOAD_H
#define GENSTORE_FS_UPLOAD_H

#include "store/foreign.h"

struct upload;

/* st is borrowed, and must outlive it. in_order: try to do without the nameless file. */
int upload_new(struct genstore *st, bool in_order, struct upload **ret_u);
void upload_free(struct upload *u);
bool upload_is_in_order(const struct upload *u);

/* -EFBIG beyond foreign_default_limits.size, -ENOSPC, -EIO: then there is only upload_free(). */
int upload_write(struct upload *u, int64_t offset, const void *data, size_t n);
int upload_truncate(struct upload *u, int64_t size);
ssize_t upload_read(struct upload *u, int64_t offset, size_t n, void *out);
/* On disk when it returns 0. */
int upload_sync(struct upload *u);

/*
 * Makes it the archive of a generation: see foreign_receive(). -EINVAL: it is not a tar.gz, or not a whole one; writing may go on then.
 * -EPERM: the generation has one.
 */
int upload_receive(struct upload *u, const char *request_id, struct generation *ret_g);
/* The same as a metadata.json: see foreign_metadata(). */
int upload_metadata(struct upload *u, const char *request_id);

#endif
