/* Programs by their names. */
#ifndef GENSTORE_PROGRAM_H
#define GENSTORE_PROGRAM_H

#include "store/base/base.h"

#include <limits.h>

/*
 * As execvp(3) finds it; a path is taken from here, because who is started may begin elsewhere. -ENOENT; -EACCES, -EISDIR: there is one that
 * cannot be run.
 */
int program_find(const char *name, char out[PATH_MAX]);

#endif
