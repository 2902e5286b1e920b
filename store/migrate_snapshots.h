/* The steps of migration 5 that SQL cannot do: files_snapshot from full JSON to manifests, and back. */
#ifndef GENSTORE_MIGRATE_SNAPSHOTS_H
#define GENSTORE_MIGRATE_SNAPSHOTS_H

#include "store/base/buf.h"
#include "store/migrate.h"

/*
 * Full JSON is an object of path -> content. Content is text; of what is no text, {"base64": "..."}, and of a symbolic link,
 * {"link": "target"}. Whatever else a legacy row holds (other values, paths that lead out of the tree, no JSON at all)
 * cannot become a tree and stays in the column as it is, byte for byte; only what would be mistaken for a manifest is
 * wrapped as {"legacy": "..."}, which the way back undoes.
 */

/* Says what the step will do: how many rows, which stay and why. Adds to out. */
int snapshots_up_words(struct genstore *st, struct buf *out);
int snapshots_down_words(struct genstore *st, struct buf *out);

/* In the caller's transaction. */
int snapshots_up(struct genstore *st);
int snapshots_down(struct genstore *st);

#endif
