/*
 * The frame around deflate fragments that makes them objects of a git pack (git's gitformat-pack(5), version 2): zlib streams (RFC 1950)
 * behind a head with type and size.
 */
#ifndef GENSTORE_GITPACK_H
#define GENSTORE_GITPACK_H

#include "store/base/base.h"

enum git_type { GIT_COMMIT = 1, GIT_TREE = 2, GIT_BLOB = 3 };

enum { GITPACK_HEAD = 12, GITPACK_OBJECT_MAX = 10, ZLIB_HEAD = 2, ZLIB_TAIL = 6 };

void gitpack_head(uint32_t objects, uint8_t out[GITPACK_HEAD]);
/* Returns how many bytes it is; size is of the object's content. */
size_t gitpack_object(enum git_type type, int64_t size, uint8_t out[GITPACK_OBJECT_MAX]);

/* A window of 32 KiB, the default level. */
extern const uint8_t zlib_head[ZLIB_HEAD];
/* The final block, which is empty, and the Adler-32 of all content. */
void zlib_tail(uint32_t adler32, uint8_t out[ZLIB_TAIL]);

#endif
