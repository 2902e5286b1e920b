/* What a mount asks of the program around it: fs knows no network, and starts no commands. */
#ifndef GENSTORE_FS_HOOKS_H
#define GENSTORE_FS_HOOKS_H

#include "store/store.h"

struct mount_hooks {
	/*
	 * Whether something can be sent to this remote. An error: not as things are, so that it waits in the outbox, with the words in why.
	 */
	int (*can_send)(struct genstore *st, const char *remote, struct buf *why);
	/* Starts a process, a child, that works off the outbox and ends. */
	int (*send)(const char *store, pid_t *ret_pid, struct buf *why);
	/* Whether any process is at it: what is 'syncing' is so only then. */
	int (*is_sending)(struct genstore *st, bool *ret_sending);
};

#endif
