/*
 * The view as ordinary folders and files: the layout of the mount where there is none. Knows no FUSE.
 *
 * May be done again into the same folder, which then has what came since; nothing is written that is there. A file is taken to be there when
 * type, size and time are the same. Each file, link and tree (app/, iterations/n/) takes the place of the old one in one step, when its
 * bytes are on disk. What the store no longer has is left alone.
 */
#ifndef GENSTORE_FS_EXPORT_H
#define GENSTORE_FS_EXPORT_H

#include "fs/node.h"

struct export_options {
	/* Bytes so far. */
	void (*progress)(void *arg, int64_t bytes);
	/* What the store cannot give, below the folder; why is one line. It is left out, and the rest goes on. */
	void (*trouble)(void *arg, const char *path, const char *why);
	void *arg;
};

struct export_result {
	int64_t generations;
	int64_t written, unchanged; /* files and links */
	int64_t bytes;              /* written */
	int64_t failed;
};

/*
 * v is one without a watcher, after view_look(); st a handle of it. Never follows a symbolic link below dirfd. On failure why has one line:
 * -ENOTEMPTY: something else is in the folder; -EBUSY: another export writes there; what the file system says.
 * All of it is on disk when this returns 0.
 */
int export_files(struct view *v, struct genstore *st, int dirfd, const struct export_options *o, struct export_result *ret_result,
		 struct buf *why);

#endif
