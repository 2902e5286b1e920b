/*
 * What every file of genstore may use: scope cleanup and a few macros.
 *
 *   AUTO(buf_release) struct buf b = BUF_INIT;   released on every way out
 *   *ret_path = MOVE(path);                      leaves the scope, and stays
 *
 * Error convention of the whole tree: `int r`, 0 or a negative errno;
 * iterators return 1 (an entry), 0 (end), negative. Fixed meanings:
 *
 *   ENOENT   none such             EEXIST  name taken
 *   EBADMSG  bytes do not match their checksum
 *   EUCLEAN  the file is damaged   EPROTO  written by a newer program
 *   ESTALE   the state moved       EFBIG   over a limit
 *   EBUSY    locked                EPERM   not yours
 *   EINVAL   wrong argument        ENOTSUP cannot be kept (a device, a name)
 *   EREMOTE  the bytes are in a bucket only
 */
#ifndef GENSTORE_BASE_H
#define GENSTORE_BASE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AUTO(f) __attribute__((cleanup(f)))
#define MOVE(p)                                                                \
	__extension__({                                                        \
		__auto_type moved_ = (p);                                      \
		(p) = NULL;                                                    \
		moved_;                                                        \
	})
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define UNUSED __attribute__((unused))

static inline uint32_t u32le(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline int64_t min_i64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t max_i64(int64_t a, int64_t b) { return a > b ? a : b; }

/* For AUTO on anything malloc'd: AUTO(free_ptr) char *s = NULL; */
static inline void free_ptr(void *p)
{
	free(*(void **)p);
}

/* For AUTO on a descriptor; -1 means none. Keeps errno. */
/* All of it, whatever write() thinks. A negative errno: how much of it is there is not known. */
static inline int fd_write(int fd, const void *data, size_t n)
{
	const char *from = data;

	while (n) {
		ssize_t done = write(fd, from, n);

		if (done < 0 && errno != EINTR)
			return -errno;
		from += done > 0 ? done : 0;
		n -= done > 0 ? (size_t)done : 0;
	}
	return 0;
}

static inline void close_fd(const int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

/* Takes a descriptor out of its scope. */
static inline int move_fd(int *fd)
{
	int moved = *fd;

	*fd = -1;
	return moved;
}

#endif
