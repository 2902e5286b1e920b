/*
 * A walk through a folder that somebody else may be changing: nothing but what an open descriptor says is believed, and no symbolic link is followed.
 *
 *	while ((r = walk_next(w, &item)) > 0)
 *		if (item.is_dir) r = walk_enter(w) ...
 *
 * Names come in the order of a manifest: a directory sorts with its '/', and what is in it follows when it is entered.
 * At most MANIFEST_DEPTH_MAX + 1 descriptors are open.
 */
#ifndef GENSTORE_WALK_H
#define GENSTORE_WALK_H

#include "store/store.h"

struct walk;

struct walk_item {
	int dirfd;
	const char *name;
	const char *path; /* from the top, without a trailing '/' */
	bool is_dir;      /* so its directory said: it can be something else by now */
};

/* What to leave out; called once for each name, before it is looked at. */
typedef bool walk_filter(void *arg, const char *path, const char *name);

/* -ENOENT, -ENOTDIR (also a symbolic link), -EACCES. */
int walk_open(struct genstore *st, const char *dir, walk_filter *filter, void *arg, struct walk **ret_w);
void walk_close(struct walk *w);
void walk_closep(struct walk **w);
/* Strings are valid until the next walk_next(); the path has a '/' at its end once it was entered. -EFBIG: more names than a manifest has entries. */
int walk_next(struct walk *w, struct walk_item *ret_item);
/* Goes into the item that walk_next() returned: 1, or 0 when it is not a directory or not there any more. */
int walk_enter(struct walk *w);
/* Words for a path: r and "what 'path': why", the path fit for one line. */
int walk_fail(struct genstore *st, int r, const char *what, const char *path, const char *why);

#endif
