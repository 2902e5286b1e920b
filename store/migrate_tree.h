/* A tree as the one JSON object that files_snapshot held before manifests; migrate_snapshots.h says its form. */
#ifndef GENSTORE_MIGRATE_TREE_H
#define GENSTORE_MIGRATE_TREE_H

#include "store/base/buf.h"
#include "store/manifest.h"
#include "store/stage.h"

enum tree_kind {
	TREE_FULL,     /* whatever it is, it is not one of the following */
	TREE_MANIFEST, /* {"manifest": id, "files": n, "bytes": n} */
	TREE_AWAY,     /* {"manifest": "archive", "files": n, "bytes": n}: that of the generation's archive, which is not here */
	TREE_WRAPPED,  /* {"legacy": "..."} */
};

/* *ret_manifest is set for TREE_MANIFEST. */
enum tree_kind tree_kind(const char *text, size_t n, int64_t *ret_manifest);

/* Wraps and unwraps a text that looks like a manifest's and is none. */
int tree_wrap(const char *text, size_t n, struct buf *out);
int tree_unwrap(const char *text, size_t n, struct buf *out);

/*
 * Puts the contents on the stage and makes a manifest whose entries' contents are slots. With stage NULL only looks whether it could.
 * -EINVAL, with the reason added to why, for what cannot become a tree.
 */
int tree_parse(const char *text, size_t n, struct stage *stage, struct buf *why, struct manifest **ret_m);

/* -EFBIG when a tree is too large for a column. */
int tree_print(struct genstore *st, const struct manifest *m, struct buf *out);

#endif
