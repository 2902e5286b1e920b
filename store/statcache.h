/*
 * The stat cache: what each file of a tree looked like when it was last read, so that it need not be read again.
 * A file beside the store, which nothing depends on: missing, damaged or of another store, it is empty.
 *
 * An entry is trusted only
 * - when size, mtime, ctime and inode are what they were, and
 * - when mtime and ctime are older than the start of the snapshot that recorded it, less two ticks of the clock that stamps files: a file that is
 *   written twice within one tick looks the same after both (git's racy-timestamp rule), and
 * - when the store has a content of that id, size and hash: it can have been restored from a backup, or collected.
 */
#ifndef GENSTORE_STATCACHE_H
#define GENSTORE_STATCACHE_H

#include "store/manifest.h"

#include <sys/stat.h>

struct stat_key {
	int64_t size; /* -1: of a file that kept changing, never kept */
	int64_t mtime, ctime; /* nanoseconds */
	uint64_t inode;
};

struct stat_key stat_key_of(const struct stat *sb);
bool stat_key_same(const struct stat_key *a, const struct stat_key *b);

/* The time in the clock that stamps files, nanoseconds: the start of a snapshot. */
int64_t statcache_now(void);

struct statcache;

/* Reads and checks the whole file; path NULL: empty. Fails only for want of memory, and when the store does. */
int statcache_load(struct genstore *st, const char *path, struct statcache **ret_c);
void statcache_free(struct statcache *c);
void statcache_freep(struct statcache **c);
/* The content id of a file that is as it was, else 0. To be asked in path order; a path behind an earlier one's is only missed. */
int64_t statcache_find(struct statcache *c, const char *path, const struct stat_key *key);

/* Replaces the file. One key for each file of the manifest, in its order; `start` is when their reading began. */
int statcache_save(struct genstore *st, const char *path, int64_t start, const struct manifest *m, const struct stat_key *keys);

#endif
