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
	int64_t *pieces; /* owned: content_release(); none of a file inside of a foreign archive (foreign_index.h) */
	size_t piece_count;
};

void content_release(struct content *c);
/*
 * -ENOENT. One that trees may name: not an archive that was handed in as a whole, which is in raw pieces that no seal can be stitched from,
 * and has no name in git (git_blob is zeros). content_find_whole() takes these too.
 */
int content_find(struct genstore *st, const uint8_t sha256[SHA256_SIZE], int64_t *ret_id);
int content_find_whole(struct genstore *st, const uint8_t sha256[SHA256_SIZE], int64_t *ret_id);
bool content_has_git_name(const struct content *c);
/* An archive whose bytes are not in this store (evict.h): it has no pieces, crc32, adler32. content_find_whole() finds none of these. */
bool content_is_away(const struct content *c);
int content_insert_away(struct genstore *st, int64_t size, const uint8_t sha256[SHA256_SIZE], int64_t *ret_id);
/*
 * Of a file inside of a foreign archive: id, size and sha256; the rest is not known.
 * -ENOENT, -EBADMSG for a row that cannot be true. What is in ret_content before is not released.
 */
int content_get(struct genstore *st, int64_t id, struct content *ret_content);
/* Writes c (all but id) inside the caller's transaction. Does not look whether it is there: content_find() does. */
int content_insert(struct genstore *st, const struct content *c, int64_t *ret_id);

#endif
