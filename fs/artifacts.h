/*
 * organizations/: typed artifacts, as folders and files under their storage paths. Folders are what the paths have: one without a file is not
 * there. A file that is replaced is another inode, and so is bundle.zip with each change of its session: an inode's bytes never change.
 */
#ifndef GENSTORE_FS_ARTIFACTS_H
#define GENSTORE_FS_ARTIFACTS_H

#include "fs/node.h"

/* dir: organizations/ or a NODE_FOLDER. -ENOENT, -ENOTDIR. */
int artifacts_lookup(struct view *v, struct genstore *st, const struct node *dir, const char *name, struct attr *ret_a);
/* Of a NODE_FOLDER, NODE_ARTIFACT or NODE_BUNDLE. -ENOENT: it is not there any more, or has other bytes by now. */
int artifacts_attr(struct view *v, struct genstore *st, const struct node *n, struct attr *ret_a);
/* Of the last two; -EISDIR. -EIO with words where the bytes are not in this store. */
int artifacts_object(struct view *v, struct genstore *st, const struct node *n, struct object **ret_o);
/* In bytewise order, behind `after`, the `next` of an entry, or 0. Attributes are ino and type only. */
int artifacts_list(struct view *v, struct genstore *st, const struct node *dir, int64_t after, dir_emit emit, void *arg);
/* user.genstore.sha256 and .sync of a NODE_ARTIFACT; -ENODATA. */
int artifacts_xattr(struct view *v, struct genstore *st, const struct node *n, const char *name, char ret_value[XATTR_VALUE_MAX]);

#endif
