/*
 * A stage, through which all contents come into the store: it holds what was read and compressed but not yet written.
 *
 * Compressing happens outside of any transaction; full stages (8 MiB) are written by themselves in a bounded transaction, into
 * rows that nobody refers to yet. Contents that the store has are recognised before they are compressed.
 *
 *	stage_new(st, &stage);
 *	stage_file(stage, fd, limit, &size, &slot[i]) ...
 *	TXN t = txn_begin(&st->db);
 *	stage_flush(stage);                        what is left, in the transaction that makes it visible
 *	stage_content(stage, slot[i], &id) ...
 *	txn_commit(&t);
 *
 * A collection (gc) in another process between stage_new() and the commit makes stage_flush() fail with -ESTALE: begin again.
 * After a flush that failed, or when the transaction that it was flushed in rolls back, a stage is good for
 * stage_free() only: its slots would stand for rows that are not there.
 *
 * Memory: the 8 MiB, 1 MiB to read with, and 8 bytes for each content once it is written.
 */
#ifndef GENSTORE_STAGE_H
#define GENSTORE_STAGE_H

#include "store/content.h"

struct stage;

int stage_new(struct genstore *st, struct stage **ret_stage);
void stage_free(struct stage *s);
void stage_freep(struct stage **s);

/*
 * Reads fd from its offset to its end, at most `limit` bytes (-EFBIG beyond). A slot stands for the content until it has an id.
 * A large file that grows or shrinks meanwhile is read a second time, then to the length it had; -ESTALE when it is
 * shorter still. -ESPIPE for more than 256 KiB of what cannot be read twice; errors of read().
 */
int stage_file(struct stage *s, int fd, int64_t limit, int64_t *ret_size, int64_t *ret_slot);
int stage_bytes(struct stage *s, const void *data, size_t n, int64_t *ret_slot);
/* `size` bytes that f gives, like read() with a negative errno and words. -ESTALE when there are fewer. */
typedef ssize_t stage_read(void *arg, void *out, size_t n);
int stage_stream(struct stage *s, int64_t size, stage_read *f, void *arg, int64_t *ret_slot);
/* Writes everything; its own transaction, or part of the caller's. */
int stage_flush(struct stage *s);
/* The content's id, once flushed; before that -EINVAL. */
int stage_content(const struct stage *s, int64_t slot, int64_t *ret_id);
/* Contents and stored bytes that were new to the store so far. */
void stage_stats(const struct stage *s, int64_t *ret_contents, int64_t *ret_stored);

#endif
