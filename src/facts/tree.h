/* Facts of whole trees, as the store has them: what there is to readers that take one file's bytes. */
#ifndef GENSTORE_FACTS_TREE_H
#define GENSTORE_FACTS_TREE_H

#include "src/facts/readers.h"
#include "store/generation.h"
#include "store/manifest.h"

/* The bytes of a file of a tree, and a NUL that they do not count. */
int tree_file(struct genstore *st, const struct entry *e, char **ret_text);

/*
 * What SQL files leave together, folder by folder. They are sorted here, in the order in which they are run: 2 before 10. Paths in `skipped`, a JSON object
 * or NULL, are left out. -EFBIG: too much.
 */
int tree_read_sql(struct genstore *st, const struct entry **list, size_t n, const json_t *skipped, struct facts *f);

enum {
	TREE_SCHEMA_READ = 64 << 20, /* bytes of a tree's files that are looked into */
	TREE_SCHEMA_MAX = 1 << 20,   /* bytes of what is said of them, about */
};

/*
 * What tables an app makes, as a JSON object for the column schema_snapshot: {"tables":[{"name":...,"file":...,"columns":[{"name":...,
 * "definition":...}]}]}, as its SQL migrations and Drizzle files have them, in the order they are found; "more": true where that is too much.
 * What cannot be read is left out: -ENOMEM is the only error.
 */
int tree_schema(struct genstore *st, const struct manifest *m, struct buf *out);
/* That of a generation's last tree; nothing where there is none. Reads; in no transaction, for it can take a while. -ENOMEM, -EBUSY. */
int tree_schema_of(struct genstore *st, int64_t generation, struct buf *out);
/* The same for one that was handed in, and so is complete: into its column, where that is empty. */
int tree_note_schema(struct genstore *st, int64_t generation);

#endif
