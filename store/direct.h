/*
 * Rows of piece_data where they lie in the file, read without SQLite and without a lock.
 *
 * A read transaction of SQLite costs seven system calls for locking, and each page a look-up from the root: more than the bytes
 * themselves for a random read of 4 KiB. But a committed row never changes while it is there, and it carries a checksum that
 * is seeded with its id. So the pages are read as they are, at the places that the tree named when it was last looked at under the
 * lock; what does not match its sum (it moved, is gone, or is being written) is not served: the caller asks SQLite.
 * DESIGN.md says why this can be trusted. For handles that only read.
 */
#ifndef GENSTORE_DIRECT_H
#define GENSTORE_DIRECT_H

#include "store/store.h"

struct direct;

/*
 * The bytes of row id, which has n of them; borrowed until the next call with this handle. `more` says how many rows behind it
 * will be asked for next, which are then read along. NULL: not found where it should be, or this handle cannot; ask SQLite.
 */
const uint8_t *direct_row(struct genstore *st, int64_t id, size_t n, int64_t more);
void direct_free(struct direct *d);

#endif
