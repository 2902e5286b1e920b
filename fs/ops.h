/* The mount as FUSE sees it: operations, each of which answers exactly once, over the functions of node.h. */
#ifndef GENSTORE_FS_OPS_H
#define GENSTORE_FS_OPS_H

#include "fs/sync.h"

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

struct fetcher;
struct scribe;

enum { READ_MAX = 1 << 20, REPORTED = 64 };

/* Hangs off the session as its userdata. */
struct server {
	struct view *view;
	struct scribe *scribe; /* NULL: read only */
	struct sender sender;
	struct fetcher *fetcher; /* NULL: what is in a bucket only is not fetched */
	struct fuse_session *session;
	pthread_key_t workers; /* a struct worker a thread */
	bool syslog;           /* where complaints go; else stderr */
	int ready;             /* a pipe that waits for one line, or -1 */
	bool no_open, no_opendir; /* the kernel can do without OPEN, or OPENDIR */
	_Atomic bool started;  /* the kernel has said INIT */
	_Atomic int working;   /* threads that serve */
	pthread_t main;        /* the one that watches */
	pthread_mutex_t reports;
	uint64_t reported[REPORTED]; /* inodes whose damage was told */
	size_t report;
};

int server_init(struct server *s, struct view *v);
void server_release(struct server *s);
/* A line to stderr, or to syslog from the background. */
void server_say(const struct server *s, const char *fmt, ...) PRINTF(2, 3);

extern const struct fuse_lowlevel_ops server_ops;

#endif
