/*
 * What restore.c (which reads the store) and restore_make.c (which makes files) share: a parcel, bytes and what is to be made of them.
 */
#ifndef GENSTORE_RESTORE_INSIDE_H
#define GENSTORE_RESTORE_INSIDE_H

#include "store/manifest.h"
#include "store/snapshot.h"

#include <time.h>

enum { PARCEL_BYTES = 2 << 20, PARCEL_PARTS = 256 };

/* An entry, or of a file the next bytes; its first part makes it, its last one closes it. */
struct part {
	const struct entry *entry;
	size_t at, n; /* of the parcel's bytes */
	bool first, last;
};

struct parcel {
	uint8_t *bytes; /* PARCEL_BYTES */
	size_t used, count;
	struct part parts[PARCEL_PARTS];
};

/* An open directory: its mtime is set when nothing is added to it any more. */
struct level {
	int fd;
	size_t path_len;
};

/* A tree that is being made. Knows nothing of the store: it may be another thread's. */
struct maker {
	struct timespec times[2];
	const struct restore_options *options; /* or NULL */
	int64_t files, bytes;
	int fd; /* of the file that is being written */
	int depth;
	struct level levels[MANIFEST_DEPTH_MAX + 1];
	const struct entry *failed; /* what could not be made; NULL: a time could not be set */
};

void maker_init(struct maker *m, int dirfd, int64_t mtime, const struct restore_options *o);
/* -errno, and what failed. */
int maker_make(struct maker *m, const struct parcel *p);
/* After the last parcel. */
int maker_end(struct maker *m);
void maker_release(struct maker *m);

#endif
