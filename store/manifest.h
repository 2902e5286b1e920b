/*
 * Manifests: one tree at one moment.
 *
 * Entries are in bytewise order of their paths as they stand in an archive, a directory with its trailing '/':
 * "a-b" < "a/" < "a/b". So one order serves the manifest, the tar and look-ups, and what is in a directory
 * follows right behind it. Paths are relative to the tree's top ("src/main.js"), valid UTF-8, without empty, "." or ".."
 * components; every directory is listed; the top itself is not.
 */
#ifndef GENSTORE_MANIFEST_H
#define GENSTORE_MANIFEST_H

#include "store/piece.h"
#include "store/stitch/tar.h"

enum {
	MANIFEST_ENTRIES_MAX = 200000,
	MANIFEST_PATH_MAX = 4095,
	MANIFEST_NAME_MAX = 255,
	MANIFEST_LINK_MAX = 4095,
	MANIFEST_DEPTH_MAX = 256, /* components of a path */
};

struct entry {
	const char *path;  /* NUL-terminated; a directory's ends in '/' */
	const char *link;  /* of a symlink, NUL-terminated, else NULL */
	int64_t size;      /* of a file */
	int64_t content;   /* of a file: content id, or a stage's slot while a tree is taken */
	uint32_t path_len;
	uint8_t type;      /* enum tar_type */
	bool executable;
};

/* Immutable once made, and shared by reference count between threads. */
struct manifest {
	int64_t id; /* 0: not in the store yet */
	size_t count;
	struct entry *entries;
	int64_t files, bytes;
};

/* Collects entries in any order. */
struct manifest_builder;
int manifest_builder_new(struct manifest_builder **ret_b);
void manifest_builder_free(struct manifest_builder *b);
void manifest_builder_freep(struct manifest_builder **b);
/* Copies path and link. For a directory with or without its '/'. -ENOTSUP for a path that cannot be kept, -EFBIG over a limit. */
int manifest_add(struct manifest_builder *b, const struct entry *e);
size_t manifest_builder_count(const struct manifest_builder *b);
/* Sorts, adds missing parents, refuses doubles (-EEXIST). The builder is empty afterwards. One reference. */
int manifest_build(struct manifest_builder *b, struct manifest **ret_m);

struct manifest *manifest_ref(struct manifest *m);
void manifest_unref(struct manifest *m);
void manifest_unrefp(struct manifest **m);

/* The encoded form of FORMAT.md; decode takes nothing for granted: -EBADMSG. */
int manifest_encode(const struct manifest *m, struct buf *out);
int manifest_decode(const void *data, size_t n, struct manifest **ret_m);

/*
 * Stores it (in the caller's transaction), as a delta against the key frame of `near` (a manifest id, or 0) where that is worth it, or finds
 * the equal one that is there. Sets m->id.
 */
int manifest_put(struct genstore *st, struct manifest *m, int64_t near);
int manifest_load(struct genstore *st, int64_t id, struct manifest **ret_m);

/* The entry of a path without trailing '/', -1 when there is none. "" is the top: count. */
ssize_t manifest_find(const struct manifest *m, const char *path);
/* First entry below the directory `dir` ("" the top), and the one behind the last. */
void manifest_range(const struct manifest *m, const char *dir, size_t *ret_first, size_t *ret_end);
/* Behind entry i and all that is below it: the next sibling when i is a child. */
size_t manifest_skip(const struct manifest *m, size_t i);

enum manifest_change { MANIFEST_ADDED = 'A', MANIFEST_REMOVED = 'D', MANIFEST_MODIFIED = 'M', MANIFEST_MODE = 'P', MANIFEST_TYPE = 'T' };
/* Calls f for each difference in path order; a is NULL when added, b when removed. Stops when f returns other than 0. */
int manifest_diff(const struct manifest *a, const struct manifest *b,
		  int (*f)(void *arg, enum manifest_change change, const struct entry *a, const struct entry *b), void *arg);

#endif
