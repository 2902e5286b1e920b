/* The mounts of genstore on this machine, as the kernel lists them, and how to end one. */
#ifndef GENSTORE_FS_MOUNTS_H
#define GENSTORE_FS_MOUNTS_H

#include "store/base/buf.h"

struct mount_entry {
	const char *source; /* path of the store */
	const char *target;
	unsigned major, minor;
	bool genstore; /* ours; else something else is mounted there */
};

/* Calls f for every mount, in the kernel's order; stops when it returns other than 0 and returns that. */
int mounts_each(int (*f)(void *arg, const struct mount_entry *m), void *arg);

/* What is mounted on top at exactly that path: 1 a genstore, 0 nothing or something else; ret_device is MAJOR:MINOR when not NULL. */
int mounts_find(const char *target, char ret_device[32]);

/* The path as the kernel has it, also where a dead mount answers nothing any more. malloc'd. */
int mounts_resolve(const char *path, char **ret_path);

/* lazy: at once, for whoever opens anew; what is in use lives on. -EBUSY, -EPERM, -EINVAL not mounted. */
int mounts_end(const char *target, bool lazy);

#endif
