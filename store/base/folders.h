/* Folders on the way to a file. */
#ifndef GENSTORE_FOLDERS_H
#define GENSTORE_FOLDERS_H

#include "store/base/base.h"

#include <sys/stat.h>

/* Makes those above path that are not there, not path itself. 0 or what mkdir says. */
int folders_above(const char *path, mode_t mode);

#endif
