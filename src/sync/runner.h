/*
 * Works off the outbox: several generations at a time, in whichever process has the lock; others watch it. Every step can be repeated:
 * killed anywhere and run again, it ends the same.
 */
#ifndef GENSTORE_SYNC_RUNNER_H
#define GENSTORE_SYNC_RUNNER_H

#include "src/sync/job.h"
#include "store/idlist.h"

enum {
	RUNNER_JOBS = S3_PARALLEL,
	RUNNER_BATCH = 32,        /* results written in one transaction */
	RUNNER_BATCH_MS = 200,    /* and after so long at the latest */
	RUNNER_LOOK_MS = 250,     /* between looks at what another process does */
	RUNNER_PAUSE_MS = 1000,   /* watch: before the first retry; then twice as long each time, full jitter */
	RUNNER_PAUSE_MAX_MS = 600 * 1000,
};

/* Told while it happens; all borrowed. */
struct sync_news {
	enum sync_kind { SYNC_MOVED, SYNC_SYNCED, SYNC_FAILED, SYNC_WAITS, SYNC_ELSEWHERE, SYNC_PAUSES } kind; /* SYNC_WAITS: it has no archive */
	const char *request_id, *remote, *url;
	const char *storage_path; /* of an artifact, which has no request_id */
	const struct remote_object *objects; /* SYNC_SYNCED to a bucket: JOB_OBJECTS of them */
	const char *commit;    /* SYNC_SYNCED to a git host */
	int r;                 /* SYNC_FAILED: as in struct s3_answer */
	const char *words;
	int64_t done, total;   /* SYNC_MOVED: bytes of all that was found so far; SYNC_PAUSES: done is so many seconds */
};

struct sync_options {
	const struct idlist *only; /* ids of rows of the outbox, in ascending order; NULL: all that is pending */
	bool artifacts;            /* typed artifacts too, where only says which rows; without it they are all in */
	bool watch;                /* keeps at it until a signal comes */
	int wake_fd;               /* a signalfd; -1: none */
	void (*tell)(void *arg, const struct sync_news *news);
	void *arg;
};

struct sync_result {
	int64_t synced, failed, left, bytes; /* left: in the outbox still, whatever the reason */
	bool interrupted;
	int r;            /* the first failure; 0: none */
	bool remote;      /* it was the network or the remote, not our own store */
};

/*
 * 0 when it ran, whatever came of it; negative with words in why where it could not (nothing is configured, no keys, the store). With one remote that
 * cannot be used and another that can, what is for that one is sent first.
 */
int sync_run(struct genstore *st, const struct sync_options *o, struct sync_result *ret_result, struct buf *why);

#endif
