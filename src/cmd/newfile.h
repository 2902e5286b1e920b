/*
 * A file that appears whole or not at all: nameless while it is written (O_TMPFILE, or a temporary name where the file system has
 * none), on disk before it gets its name.
 */
#ifndef GENSTORE_NEWFILE_H
#define GENSTORE_NEWFILE_H

#include "store/base/base.h"

struct newfile {
	int fd;
	char *path;
	char *temporary; /* NULL: nameless, or a device or pipe that is written to directly */
	bool direct;
};

#define NEWFILE_INIT { .fd = -1 }

/* -EEXIST without replace; -EISDIR. A device or fifo is written to as it is. */
int newfile_open(const char *path, bool replace, struct newfile *ret_f);
int newfile_write(struct newfile *f, const void *data, size_t n);
/* To disk, and into its name. -EEXIST when somebody else took it meanwhile and replace is false. */
int newfile_finish(struct newfile *f, bool replace);
/* What was not finished is gone. */
void newfile_release(struct newfile *f);

#endif
