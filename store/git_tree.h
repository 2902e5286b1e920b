/*
 * What a manifest is in git: tree objects, and the names of blobs. The order of a manifest is git's own within every folder.
 *
 * Folders in which there is nothing are left out: git has no such thing. So are names that git does not let into a tree (.git, whatever
 * the case, and what some file system takes for it), with all that is below them; these are counted.
 */
#ifndef GENSTORE_GIT_TREE_H
#define GENSTORE_GIT_TREE_H

#include "store/manifest.h"

/* Contents' names in git that were looked up, or, for files of foreign archives, computed: it takes reading them. */
struct git_ids;
int git_ids_new(struct git_ids **ret_ids);
void git_ids_free(struct git_ids *ids);
/* size is what the tree says of it. -EBADMSG with words: the store does not have it so. */
int git_ids_blob(struct genstore *st, struct git_ids *ids, int64_t content, int64_t size, uint8_t out[SHA1_SIZE]);

/* Each object of a tree, a folder behind what is in it; what is there twice comes twice. Stops with what is not 0. */
struct git_visitor {
	int (*tree)(void *arg, const uint8_t id[SHA1_SIZE], const void *bytes, size_t n);
	int (*blob)(void *arg, const uint8_t id[SHA1_SIZE], const struct entry *e); /* a file, or a link: its target */
	void *arg;
};

/* visitor NULL: the name of the top is all that is wanted. *ret_left_out: names that git cannot have. */
int git_tree(struct genstore *st, struct git_ids *ids, const struct manifest *m, const struct git_visitor *visitor,
	     uint8_t ret_id[SHA1_SIZE], int64_t *ret_left_out);

/* One part of a path. */
bool git_can_name(const char *name);

#endif
