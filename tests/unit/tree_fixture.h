/*
 * A folder of its own for a test, to take snapshots of and to restore into; it goes when the variable does.
 *
 *	STORE st = store_fixture();
 *	TREE t = tree_fixture();
 *	CHECK(st && t.fd >= 0 && tree_put(&t, "x", "1"));
 *	CHECK_EQ(tree_take(st, &t, &m), 0);
 */
#ifndef GENSTORE_TREE_FIXTURE_H
#define GENSTORE_TREE_FIXTURE_H

#include "store/snapshot.h"
#include "tests/unit/store_fixture.h"

#define TREE AUTO(tree_fixture_free) struct tree

/* "tree" is the folder; beside it, in top, there is room for a stat cache. */
struct tree {
	char top[40], cache[60], tree[60];
	int fd; /* of the tree; -1 when it could not be made */
};

struct tree tree_fixture(void);
/* Closes it, and removes top and all that is in it. */
void tree_fixture_free(struct tree *t);

/* Writes a file; its folder must be there. */
bool tree_put(const struct tree *t, const char *path, const char *text);
bool tree_put_bytes(const struct tree *t, const char *path, const void *data, size_t n);
/* Until what is written from now on is more than two ticks of the clock newer than all that is there. */
void tree_rest(void);

/* A snapshot of it, put, committed and kept; 0 or a negative errno. */
int tree_take(struct genstore *st, const struct tree *t, struct manifest **ret_m);
int tree_take_with(struct genstore *st, const struct tree *t, const struct snapshot_options *o, struct manifest **ret_m,
		   struct snapshot **ret_s);

/* The text of a small file, as the store has it: out, or NULL when it cannot be read. */
const char *tree_text(struct genstore *st, const struct manifest *m, const char *path, char out[100]);
/* Proves which path was taken: a content that the cache vouches for is not read. */
bool tree_is_trusted(struct genstore *st, const struct tree *t, const char *path);

#endif
