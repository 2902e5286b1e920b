/* The difference of two files' contents as diff -u prints it. */
#ifndef GENSTORE_PATCH_H
#define GENSTORE_PATCH_H

#include "src/cmd/cmd.h"
#include "store/manifest.h"

/*
 * a NULL: added, b NULL: removed; entries are files or symbolic links. Writes to stdout: 0, or an exit code with the error told;
 * -EPIPE when its reader has left.
 */
int patch_print(struct cli *cli, const struct entry *a, const struct entry *b);

#endif
