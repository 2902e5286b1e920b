/*
 * Taking a folder into the store, and giving it back.
 */
#ifndef GENSTORE_SNAPSHOT_H
#define GENSTORE_SNAPSHOT_H

#include "store/base/json.h"
#include "store/manifest.h"
#include "store/stage.h"

/* What is left out of every snapshot; the version is kept in the seal. Matches a single name, not a path. */
enum { EXCLUDE_VERSION = 1 };
enum exclude { EXCLUDE_NO, EXCLUDE_IGNORED, EXCLUDE_SECRET };
enum exclude exclude_match(int version, const char *name);

/* What was left out, told to the user and kept in the snapshot's metadata. */
struct left_out {
	int64_t ignored, secrets; /* names that matched, each counted once (a directory counts as one) */
	struct buf names;         /* up to 20 of them, as a JSON array's elements */
	int64_t listed;
	int64_t changing;         /* files that changed while they were read, kept as read */
};
void left_out_release(struct left_out *l);
/* As the member "left_out" of an open object: of a snapshot's metadata, and wherever it is told. */
void left_out_json(struct jw *j, const struct left_out *l);

struct snapshot_options {
	const char *cache;     /* file of the stat cache, NULL: none. Missing, damaged or of another store: made anew */
	int64_t near;          /* manifest id that the new one will be like, or 0 */
	int64_t max_bytes;     /* of all files, 0: no limit */
	void (*progress)(void *arg, int64_t files, int64_t bytes);
	void *arg;
};

/*
 * Reads the tree below a directory. O(changes) where the stat cache is at hand; the racy-timestamp rule of git applies (an entry is trusted only when
 * its mtime and ctime are older than the start of the snapshot that recorded it, less two clock ticks, and two seconds where the file
 * system stamps whole ones). Symbolic links are never
 * followed, hard links become files, files that change while they are read are read again, then kept as read and counted.
 * -ENOTSUP for a device, fifo, socket or a name that is not UTF-8, with its path; -EFBIG over a limit.
 * Entries' contents are slots of the stage; the stat cache is written by snapshot_keep().
 */
struct snapshot;
int snapshot_scan(struct genstore *st, const char *dir, const struct snapshot_options *o, struct snapshot **ret_s);
/* In the caller's transaction: flushes the stage, puts the manifest. -ESTALE: a collection came between, scan again. */
int snapshot_put(struct genstore *st, struct snapshot *s, struct manifest **ret_m);
/* After the commit: writes the stat cache. Failing is not an error. */
void snapshot_keep(struct genstore *st, struct snapshot *s);
const struct left_out *snapshot_left_out(const struct snapshot *s);
void snapshot_free(struct snapshot *s);
void snapshot_freep(struct snapshot **s);

struct restore_options {
	/* After each file; a large tree is made by a thread of its own, which calls this. */
	void (*progress)(void *arg, int64_t files, int64_t bytes);
	void *arg;
};

/*
 * Writes the tree into the directory dirfd, which must be empty (-EEXIST). Never follows a symbolic link, never leaves dirfd. Each file's bytes are
 * checked before they are written. Modes 0644 and 0755 whatever the umask... less the umask, as tar does; mtime is mtime.
 */
int restore_tree(struct genstore *st, const struct manifest *m, int dirfd, int64_t mtime, const struct restore_options *o);

#endif
