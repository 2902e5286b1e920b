/* What each thread that serves requests has: a store handle and a buffer for replies. */
#ifndef GENSTORE_FS_WORKER_H
#define GENSTORE_FS_WORKER_H

#include "fs/ops.h"

struct worker {
	struct server *server;
	struct view *view;
	struct genstore *st;
	uint8_t *buf; /* READ_MAX bytes */
	bool again;
	bool renewed; /* it was tried once more because what was known was old */
	bool last;    /* what is in a bucket only was fetched just now: it is not asked for again */
};

/* The thread's own, with its store open: 0, or a negative errno. */
int worker_get(fuse_req_t req, struct worker **ret_w);
/* The same without a request. */
int worker_own(struct server *s, struct worker **ret_w);
/* Opens the thread's store ahead of its first request, which then need not wait for that. */
void worker_warm_up(struct server *s);
/*
 * Ends a piece of work that gave r. True when it is to be tried once more, on a fresh handle: another process died in a commit, and
 * its journal must be rolled back by a connection that may write. Damage and failures are told, once for each inode.
 */
bool worker_again(struct worker *w, fuse_ino_t ino, ssize_t r);

/*
 *	WORK(req, ino, r, node_attr(w->view, w->st, ino, &a));
 *
 * with struct worker *w at hand.
 */
#define WORK(req, ino, r, call)                                                                                        \
	do {                                                                                                           \
		w = NULL;                                                                                              \
		(r) = worker_get((req), &w);                                                                           \
		if (!(r))                                                                                              \
			(r) = (call);                                                                                  \
	} while (worker_again(w, (ino), (r)))

/* The store's last words, and what is behind them, into the log, once for each inode. */
void worker_tell(struct worker *w, fuse_ino_t ino, const char *more);

void worker_free(void *w);

#endif
