/* What export.c (which walks) and export_put.c (which writes) share. */
#ifndef GENSTORE_FS_EXPORT_INSIDE_H
#define GENSTORE_FS_EXPORT_INSIDE_H

#include "fs/export.h"

#include <fcntl.h>

enum {
	EXPORT_READ = 1 << 20,
	EXPORT_PENDING = 64, /* synchronised together; each holds a descriptor */
};

/* What is complete under a name of its own and is yet to take its place; or a folder whose time is yet to be set. */
struct pending {
	int fd;
	char name[64];  /* "": the folder fd */
	int64_t mtime;
};

struct export {
	struct view *v;
	struct genstore *st;
	const struct export_options *o;
	struct export_result result;
	struct buf path, *why;
	int top;
	bool failed;    /* writing did; why says how */
	uint8_t *buf;
	struct pending pending[EXPORT_PENDING];
	size_t count;
	int64_t placed; /* how many ever were pending */
};

void export_release(struct export *x);
/* By errno, about x->path. */
int export_fail(struct export *x, const char *what);

int export_file(struct export *x, int fd, const char *name, const struct node *n, const struct attr *a);
int export_link(struct export *x, int fd, const char *name, const struct attr *a);
int export_tree(struct export *x, int fd, const char *name, const struct node *n, int64_t mtime);
/* Sets the time of a folder: after what is pending there, or at once. */
int export_time(struct export *x, int fd, int64_t mtime, bool later);
/* All that is pending takes its place. */
int export_place(struct export *x);

#endif
