/* The process that serves a mount, from its first thread to its last. */
#ifndef GENSTORE_FS_SERVE_H
#define GENSTORE_FS_SERVE_H

#include "fs/mount.h"

/*
 * Mounts and serves until the mount ends. Writes "+" to ready and closes it once the kernel has spoken to it (-1: nobody waits).
 * o's paths are resolved. On failure why has one line.
 */
int serve(const struct mount_options *o, int ready, struct buf *why);

#endif
