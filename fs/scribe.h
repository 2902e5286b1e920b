/*
 * The scribe: the one thread that writes. Workers hand it what is written to drafts, in order, and go on serving readers; it has the only
 * handle that may change the store, and only while something is being written. It knows no FUSE: answers go through `done`.
 *
 * Writing is behind: up to SCRIBE_BEHIND bytes are taken before they are dealt with. An error is then told by the next write, by sync, or by flush.
 */
#ifndef GENSTORE_FS_SCRIBE_H
#define GENSTORE_FS_SCRIBE_H

#include "fs/drafts.h"
#include "fs/view.h"

struct scribe;

enum {
	SCRIBE_BEHIND = 4 << 20,
	SCRIBE_IN_ORDER = 1, /* uploads that go straight into the store at a time; each needs FOREIGN_MEMORY. Others are spooled */
};

/* say: a line about what nobody else will hear of. */
struct scribe_sink {
	void (*say)(void *arg, const char *line);
	void (*send)(void *arg); /* something waits in the outbox that can be sent now */
	void *arg;
};

int scribe_new(struct view *v, const struct scribe_sink *sink, struct scribe **ret_s);
/* Deals with what it was given, drops what is not whole, and ends. */
void scribe_free(struct scribe *s);

/* r is a count, 0 or a negative errno; data is what was read, until it returns. Called by the scribe's thread, once. */
typedef void (*scribe_done)(void *arg, ssize_t r, const void *data);

/* 1: taken, done will not be called. 0: done will be called. Negative: it failed before, or may not be written to. */
int scribe_write(struct scribe *s, int64_t file, int64_t offset, const void *data, size_t n, scribe_done done, void *arg);

enum scribe_order {
	SCRIBE_READ,
	SCRIBE_TRUNCATE, /* to offset */
	SCRIBE_SYNC,
	SCRIBE_FLUSH,    /* a descriptor was closed; flags */
	SCRIBE_RELEASE,  /* the last handle was: whatever is whole and was not received yet is now */
	SCRIBE_RENAME,   /* to the final name: received now */
	SCRIBE_DROP,
	SCRIBE_QUEUE,    /* a generation, whose id is in file, into the outbox for the remotes that name lists; "": out of it */
};
enum {
	SCRIBE_LAST = 1,   /* nobody can write any more through what was closed */
	SCRIBE_KILLED = 2, /* by the death of its process */
};
struct scribe_request {
	enum scribe_order order;
	int64_t file, offset;
	size_t n;
	unsigned flags;
	const char *name; /* copied */
	scribe_done done; /* may be NULL */
	void *arg;
};
/* -ENOMEM: done will not be called. */
int scribe_ask(struct scribe *s, const struct scribe_request *request);

#endif
