/* Mounting a store: options, checks, and the process that serves it. */
#ifndef GENSTORE_FS_MOUNT_H
#define GENSTORE_FS_MOUNT_H

#include "store/base/buf.h"
#include "store/store.h"

enum { MOUNT_NAME_MAX = 1100 }; /* bytes: of a user, of an organization */

struct mount_hooks;

struct mount_options {
	const char *store;      /* an existing file */
	const char *mountpoint; /* an existing directory; NULL: mount_default() makes one */
	bool foreground, allow_other;
	bool noviews, views, nohydrate, hydrate; /* asked for in so many words */
	bool read_only, writable; /* asked for in so many words */
	bool executes, noexec;    /* likewise */
	bool nonempty;          /* whatever is in the folder already */
	int64_t uid, gid;       /* -1: the caller's */
	const struct mount_hooks *hooks; /* hooks.h; NULL: nothing can be sent */
	int64_t at;             /* the store as it was then, seconds since the epoch; 0: as it is */
	char owner[MOUNT_NAME_MAX], organization[MOUNT_NAME_MAX]; /* whose things alone are shown, as they were given; "": everybody's */
	struct access_subject subject; /* what the caller has made of these two */
};

/* "ro,uid=1000,noviews" and so on, added to o. -EINVAL; why names the part that is not understood, or does not go with another. */
int mount_parse(struct mount_options *o, const char *text, struct buf *why);

/* $XDG_RUNTIME_DIR/genstore, else ~/.local/share/genstore/mnt, made where it is missing. malloc'd. */
int mount_default(char **ret_path, struct buf *why);

/*
 * Mounts. In the background this returns when the mount is there; in the foreground when it has ended: by umount, or SIGTERM, SIGINT, SIGHUP.
 * A dead mount on the same place is taken away first. On failure why has one line.
 * -ENOENT etc. of the store, -EBUSY something is mounted there, -EINVAL a mountpoint that cannot be one (the store is in it, it is not empty),
 * -ENOTSUP no FUSE on this machine. A store that the caller cannot write to is mounted read only.
 */
int mount_run(const struct mount_options *o, struct buf *why);
/* What mount_parse() understands, for people. */
#define MOUNT_OPTIONS "ro, rw, uid=N, gid=N, allow_other, noviews, views, nohydrate, hydrate, at=TIME, nonempty, noexec, owner=USER, org=ORG"

/* What to do on a machine without FUSE, behind a ';'. */
#define MOUNT_INSTEAD "use 'genstore get', 'restore' or 'export' instead"

#endif
