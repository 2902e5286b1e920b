/*
 * What a mount shows: the nodes of the store (node.h), and the drafts that are laid over them. The same functions as there,
 * and the same without drafts.
 */
#ifndef GENSTORE_FS_SHOWN_H
#define GENSTORE_FS_SHOWN_H

#include "fs/drafts.h"
#include "fs/node.h"

int shown_lookup(struct view *v, struct genstore *st, uint64_t parent, const char *name, struct attr *ret_a, double *ret_keep);
int shown_attr(struct view *v, struct genstore *st, uint64_t ino, struct attr *ret_a);
int shown_list(struct view *v, struct genstore *st, uint64_t ino, int64_t offset, bool plus, dir_emit emit, void *arg);

int shown_xattr(struct view *v, struct genstore *st, uint64_t ino, const char *name, char ret_value[XATTR_VALUE_MAX]);
int shown_xattr_list(struct view *v, struct genstore *st, uint64_t ino, struct buf *out);

/* The inode that has the bytes and the attributes of this one: of a draft that was received that of the store. */
uint64_t shown_ino(struct view *v, uint64_t ino);
/* And back: the inode under which a generation is known to the kernel. */
uint64_t shown_as(struct view *v, uint64_t ino);

struct attr shown_draft(const struct draft_file *f);
/* The draft directory that files of this directory belong to. -EROFS: no directory of a generation; -ENOENT. */
int shown_draft_dir(struct view *v, struct genstore *st, uint64_t ino, int64_t *ret_number);

#endif
