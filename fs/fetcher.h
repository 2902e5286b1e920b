/*
 * Requests that wait for bytes from a bucket, and the threads that fetch them. A worker puts such a request aside and takes the next one: who reads what
 * is here never waits for the network. When the bytes are here the same operation is done once more, by the thread that fetched.
 */
#ifndef GENSTORE_FS_FETCHER_H
#define GENSTORE_FS_FETCHER_H

#include "fs/worker.h"

enum { FETCHERS = 3 };

/* What is to be done again. */
struct later {
	void (*again)(fuse_req_t req, const struct later *l);
	fuse_ino_t ino;
	const char *name; /* copied */
	size_t size;
	off_t offset;
	struct fuse_file_info fi;
};

/*
 * For an operation that came to r. True: it is put aside, and answered some time. Else the caller answers, with what fetcher_errno() says of r: EIO
 * for what cannot be fetched, which is told in the log.
 */
bool fetcher_later(fuse_req_t req, ssize_t r, const struct later *l);
int fetcher_errno(ssize_t r);

struct fetcher;
/* hooks->fetch is there. */
int fetcher_new(struct server *s, struct fetcher **ret_f);
/* Gives up what is being fetched, and answers all that waits, before the session goes. */
void fetcher_free(struct fetcher *f);

#endif
