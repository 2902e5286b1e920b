/*
 * files_snapshot outside of a store: the JSON of all files (store/migrate_snapshots.h says its form), where the store has a manifest. What could not become
 * a tree is the same text on both sides.
 */
#ifndef GENSTORE_TABLES_TREES_H
#define GENSTORE_TABLES_TREES_H

#include "store/migrate_tree.h"

enum { TREE_TEXT_MAX = 256 << 20 }; /* bytes of a row's JSON */

/* What the JSON has no room for. */
struct tree_losses { int64_t executables, folders, away; };

/*
 * The text for a column of the store; adds to *losses. -EFBIG with words: more than TREE_TEXT_MAX. A tree whose bytes are in a bucket only stays
 * {"manifest": "archive", ...}.
 */
int tree_out(struct genstore *st, const char *column, size_t n, struct buf *out, struct tree_losses *losses);

/* Trees on their way in, in one transaction of the caller's. near: a manifest like the next one, or 0. */
struct trees {
	struct genstore *st;
	struct stage *stage;
	int64_t near, kept; /* kept: texts that could not become trees */
};
int trees_init(struct trees *t, struct genstore *st);
void trees_release(struct trees *t);
/* The column's text for one that came from outside. */
int tree_in(struct trees *t, const char *text, size_t n, struct buf *ret_column);

#endif
