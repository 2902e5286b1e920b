/*
 * A repository of a git host, fetched by git into a folder of its own below TMPDIR, and gone with it. What is in it is somebody else's: git
 * checks every object (transfer.fsckObjects), runs no hook, and filters and converts nothing on the way out.
 */
#ifndef GENSTORE_GIT_CLONE_H
#define GENSTORE_GIT_CLONE_H

#include "src/git/url.h"

#include <signal.h>

struct git_clone {
	char *top, *repo, *tree; /* tree: the folder of what was checked out */
	sigset_t signals;        /* as they were: SIGINT and SIGTERM wait until the folder is gone */
	bool blocks;
};
void git_clone_close(struct git_clone *c);

/*
 * Its main branch, without tags. The token is found as git_push() finds it. -ENOENT: git says no, with its words; -EINTR: it was interrupted;
 * -EINVAL: no address; -ENOPKG; others of the system. words go to why.
 */
int git_clone_open(const char *url, struct git_clone *c, struct buf *why);

/* A commit of main. */
struct git_logged {
	char *id, *subject, *body; /* the body without the trailer Genstore-Request */
	char *request;             /* of that trailer; NULL: it has none */
	int64_t at;                /* when it was committed, seconds since 1970 */
};
struct git_log { struct git_logged *commits; size_t count; };
void git_log_release(struct git_log *l);
/* The first first; merges are followed by their first parent. -EBADMSG: not what git writes. */
int git_clone_log(const struct git_clone *c, struct git_log *ret_l);

/* c->tree becomes the tree of that commit. */
int git_clone_checkout(const struct git_clone *c, const char *id, struct buf *why);
/* A file of main: up to `most` bytes. -ENOENT: there is none. */
int git_clone_file(const struct git_clone *c, const char *path, size_t most, struct buf *out);

#endif
