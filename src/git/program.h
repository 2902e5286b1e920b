/* Git itself, run for what it does best. */
#ifndef GENSTORE_GIT_PROGRAM_H
#define GENSTORE_GIT_PROGRAM_H

#include "store/base/buf.h"

/*
 * Runs git with these arguments (argv[0] is "git"; NULL at the end), in this environment (NULL: ours), with `in` (or NULL) on its stdin, and
 * takes up to `most` bytes of its stdout. What it says on stderr goes to ours where `said` is NULL, else there, the last KiBs of it.
 * 0, or: -ENOENT, it ended with an error; -ENOPKG, it is not here; -EFBIG; others of the system.
 */
int git_program(char *const *argv, char *const *env, const struct buf *in, size_t most, struct buf *out, struct buf *said);

#endif
