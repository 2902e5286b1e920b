/*
 * What is in a stage, for stage.c (what goes out to the store) and stage_take.c (what comes in).
 *
 * Ids of pieces and contents are either those of the store, or, for what is not written yet, staged(i): below zero.
 * stage_flush() turns the latter into the former.
 */
#ifndef GENSTORE_STAGE_INSIDE_H
#define GENSTORE_STAGE_INSIDE_H

#include "store/digests.h"
#include "store/idlist.h"
#include "store/stage.h"

enum {
	STAGE_FULL = 8 << 20,   /* bytes in memory that are written by themselves */
	STAGE_WINDOW = 1 << 20, /* to cut large files in; at least 2 * CUT_MAX */
};

/* Its own inverse. */
static inline int64_t staged(int64_t i) { return -1 - i; }

struct staged_piece {
	uint8_t sha256[SHA256_SIZE];
	int64_t id; /* once written */
	uint32_t crc32, adler32;
	uint32_t size, length; /* of the content, and of the fragment */
	size_t at;             /* in the stage's bytes */
};

struct staged_content {
	uint8_t sha256[SHA256_SIZE];
	int64_t id, size;
	uint32_t crc32, adler32;
	uint8_t git_blob[SHA1_SIZE];
	size_t first, count; /* of the stage's refs */
};

struct stage {
	struct genstore *st;
	int64_t epoch;
	int error;             /* of a flush: there is no second try */
	struct buf bytes;      /* fragments, one after the other */
	struct digests pieces, contents;
	struct idlist refs;    /* pieces of the contents, in order; from `open` on those of one that is still read */
	size_t open;
	struct idlist slots;
	size_t settled;        /* slots before this one are ids of the store */
	int64_t new_contents, new_stored;
	uint8_t *window;
	size_t filled;
};

#endif
