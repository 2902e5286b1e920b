/*
 * The bytes of a foreign archive on their way in: a ring of pieces, filled by the caller, read by two threads, written by the
 * caller. For foreign.c.
 */
#ifndef GENSTORE_FOREIGN_SINK_H
#define GENSTORE_FOREIGN_SINK_H

#include "store/foreign_inside.h"
#include "store/idlist.h"

struct sink;

struct sink_result {
	int64_t size;
	uint8_t sha256[SHA256_SIZE];
	uint32_t crc32, adler32;
	int error; /* of the scan */
};

int sink_new(struct genstore *st, const struct foreign_limits *limits, struct sink **ret_k);
/* Ends the threads; rows that were written stay. */
void sink_free(struct sink *k);
int sink_room(struct sink *k, void **ret_bytes, size_t *ret_n);
int sink_fill(struct sink *k, size_t n);
/*
 * All bytes are there: waits until they are hashed and unpacked. What fits in memory is not written yet: an archive that turns out to be refused, or to
 * be in the store, has then never touched the file.
 */
int sink_end(struct sink *k, struct sink_result *ret_result);
/* Writes what is left, in bounded transactions. */
int sink_flush(struct sink *k);
bool sink_is_flushed(const struct sink *k);
/* Up to n of the bytes that are there so far, 0 at their end. */
ssize_t sink_read(struct sink *k, int64_t offset, size_t n, void *out);

/* Whether the scan has ended with an error already. */
bool sink_has_failed(struct sink *k);

/* Ids of what was written, in order: the archive, and the windows of spans. */
const struct idlist *sink_pieces(const struct sink *k);
const struct idlist *sink_windows(const struct sink *k);
/* What the archive holds, after sink_end(). */
struct scan *sink_scan(struct sink *k);

#endif
