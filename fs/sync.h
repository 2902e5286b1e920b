/*
 * Syncing as a mount has it: attributes that tell where a generation is, and the one that is written to have it sent.
 *
 *	user.genstore.sync      local, queued, syncing, synced or failed: of all remotes that were asked for, what needs most attention
 *	user.genstore.s3        the state and what there is to say of it: "syncing 40 %", "failed: <the server's words>",
 *	                        "synced s3://bucket/generations/req_x/ etag=... sha256=... at=2026-01-01T00:00:00Z"
 *	user.genstore.github    the same of the other remote
 */
#ifndef GENSTORE_FS_SYNC_H
#define GENSTORE_FS_SYNC_H

#include "fs/node.h"

#define SYNC_ATTRIBUTE "user.genstore.sync"

int sync_state(struct view *v, struct genstore *st, int64_t generation, char ret_value[XATTR_VALUE_MAX]);
int sync_remote(struct view *v, struct genstore *st, int64_t generation, const char *remote, char ret_value[XATTR_VALUE_MAX]);

/* The generation that the attribute of this inode is of; -EROFS: it has none that could be written. */
int sync_generation(struct view *v, uint64_t ino, int64_t *ret_generation);
/*
 * Puts a generation into the outbox for each remote of such a list, all or none. *ret_send: something waits that can be sent now.
 * -ENODATA: it never will have an archive.
 */
int sync_queue(struct view *v, struct genstore *st, int64_t generation, const char *remotes, bool *ret_send);
/* Takes it out again, for all remotes. -ENODATA: nothing was waiting. */
int sync_cancel(struct genstore *st, int64_t generation);

/*
 * The process that sends, at most one of a mount at a time. Asked for by any thread; by the thread that watches started, and taken
 * note of when it ends. One that is running when the mount ends goes on.
 */
struct sender {
	_Atomic bool wanted;
	pid_t pid; /* 0: none */
};
/* say: a line about what went wrong. */
void sender_look(struct sender *s, const struct view *v, void (*say)(void *arg, const char *line), void *arg);

#endif
