/*
 * Contents: whole files by their SHA-256, whatever they are called. They come in through a stage (stage.h).
 */
#ifndef GENSTORE_CONTENT_H
#define GENSTORE_CONTENT_H

#include "store/piece.h"

struct content {
	int64_t id, size;
	uint32_t crc32, adler32;
	uint8_t sha256[SHA256_SIZE], git_blob[SHA1_SIZE];
	int64_t *pieces; /* owned: content_release() */
	size_t piece_count;
};

void content_release(struct content *c);
/* -ENOENT. */
int content_find(struct genstore *st, const uint8_t sha256[SHA256_SIZE], int64_t *ret_id);
/* -ENOENT, -EBADMSG for a row that cannot be true. What is in ret_content before is not released. */
int content_get(struct genstore *st, int64_t id, struct content *ret_content);
/* Writes c (all but id) inside the caller's transaction. Does not look whether it is there: content_find() does. */
int content_insert(struct genstore *st, const struct content *c, int64_t *ret_id);

#endif
