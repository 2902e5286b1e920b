/*
 * The canonical tar: ustar (POSIX.1-1988) with a pax header (POSIX.1-2001) only where path, link or size do not fit.
 * Byte for byte what GNU tar 1.34 writes with
 *   --format=ustar --numeric-owner --owner=0 --group=0 --mtime=@T --mode=u+rw,go-w,go+r,a+X,a-st -b 1 --hard-dereference
 * up to the end padding; paths that ustar cannot hold are outside that oracle.
 *
 * A path over 100 bytes is cut at the last slash that leaves at most 155 bytes before it and 1 to 100 after it.
 * A pax header has the records path, linkpath, size (those needed, in this order) as raw bytes. Its own name is
 * "<top folder>/PaxHeaders/<last part of the path>" cut at 100 bytes, its mode 0644, its mtime the entry's: nothing of the process
 * or the moment. The header after it holds the first 100 bytes of path and link, and 0 for the size that does not fit.
 */
#ifndef GENSTORE_TAR_H
#define GENSTORE_TAR_H

#include "store/base/buf.h"

enum { TAR_BLOCK = 512, TAR_END = 1024 };

enum tar_type { TAR_FILE, TAR_DIR, TAR_SYMLINK };

struct tar_entry {
	const char *path; /* as it stands in the archive: "app/src/", a directory with its '/' */
	size_t path_len;
	const char *link; /* of a symlink, else NULL */
	size_t link_len;
	enum tar_type type;
	bool executable;  /* 0755 instead of 0644; directories and symlinks are 0755 */
	int64_t size;     /* of a file, else 0 */
	int64_t mtime;    /* seconds since the epoch, clamped to 0..2^33-1 */
};

/*
 * Appends the records before the content: one block, or a pax header, its padded records and the block.
 * Always a multiple of TAR_BLOCK. -EINVAL for an empty path or one with a NUL (a symlink's target likewise), a
 * negative size, a size or link where the type has none; -ENOMEM, -EFBIG. On error out is as it was.
 */
int tar_header(const struct tar_entry *e, struct buf *out);

/* Zero bytes between size bytes of content and the next block. */
static inline size_t tar_padding(int64_t size)
{
	return (size_t)(-size & (TAR_BLOCK - 1));
}

#endif
