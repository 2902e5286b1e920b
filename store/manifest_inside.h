/*
 * What the manifest*.c files share: where a manifest keeps its text, and what makes a list of entries canonical.
 */
#ifndef GENSTORE_MANIFEST_INSIDE_H
#define GENSTORE_MANIFEST_INSIDE_H

#include "store/manifest.h"

enum {
	MANIFEST_VERSION = 1,         /* of the encoded form */
	MANIFEST_TEXT_MAX = 64 << 20, /* all paths and link targets, each with its NUL */
	MANIFEST_ENCODED_MAX = PIECE_ZSTD_MAX,
};

/* Text that never moves, released as a whole. All zero: empty. */
struct text_chunk;
struct text {
	struct text_chunk *chunks;
	char *next;
	size_t room, chunk, total;
};

/* n bytes, or NULL: no memory. */
char *text_take(struct text *t, size_t n);
void text_release(struct text *t);

/* -ENOTSUP unless the n bytes are a path (a directory's with its '/') that a manifest keeps. */
int manifest_check_path(const char *path, size_t n);
int manifest_check_link(const char *link, size_t n);
/* The bytes that two paths share at their beginning. */
size_t manifest_shared(const struct entry *a, const struct entry *b);
/* The length of the path of the directory that holds e, with its '/'; 0: the top. */
size_t manifest_parent(const struct entry *e);

/*
 * Makes a manifest of entries whose paths are checked; takes over entries and text when it returns 0.
 * -EEXIST for a path that is there twice, -EINVAL for entries that are not in order or lack a parent, and for sizes that do not add up.
 */
int manifest_adopt(struct entry **entries, size_t count, struct text *text, struct manifest **ret_m);

#endif
