/* Between the files of the runner: runner.c has the outbox and the bucket, runner_git.c the git host. */
#ifndef GENSTORE_SYNC_RUNNER_INSIDE_H
#define GENSTORE_SYNC_RUNNER_INSIDE_H

#include "src/sync/lock.h"
#include "src/sync/publish.h"
#include "src/sync/runner.h"
#include "store/artifact_remote.h"

#include <poll.h>

struct runner {
	struct genstore *st;
	const struct sync_options *o;
	struct settings set;
	struct s3 *s3;          /* NULL: no bucket can be reached with what is configured */
	struct s3 *s3_artifacts; /* NULL: there are none, or their bucket cannot be used */
	struct settings set_artifacts;
	struct send_memory memory;
	struct idlist claimed;  /* rows that are ours and not begun */
	size_t claimed_at;
	int64_t cursor;         /* the last row that was looked at in this round */
	bool round_over;
	struct job *active[RUNNER_JOBS];
	size_t active_count;
	struct job *over[RUNNER_BATCH];
	size_t over_count;
	int64_t over_since_ms, signed_ms, total;
	int stop;               /* a fault that the others would meet too; or -EINTR */
	struct sync_result *result;

	/* Of the git host, one generation at a time. */
	struct publisher publisher;
	bool can_publish;
	const struct outbox_row *pushed; /* the row that is in hand */
	int64_t pushed_bytes, pushed_size, noted_ms;
};

/* With these it makes no sense to try the next one. */
bool runner_stops_all(int r);
/* Whether a row of any remote is to be tried now. */
bool runner_wants(const struct runner *u, const struct outbox_row *row);
void runner_tell(const struct runner *u, const struct sync_news *news);
void runner_note_failure(struct runner *u, int r, bool remote);
/* When it is tried again by who keeps at it. */
void runner_retry_time(int64_t attempts, char out[CLOCK_TEXT]);
/* It is sent once there is an archive; where there never will be one, it is taken out. */
int runner_no_archive(struct runner *u, const struct outbox_row *row);
/* A sign of life, where it is time for one. */
int runner_sign(struct runner *u);

/* The network's moods: what was tried stays in the queue. */
bool runner_is_passing(int r);
bool runner_is_due(const char *retry_at);
/* Uploads to a bucket that nothing asks for any more. One that cannot be given up now stays for the next time. */
int runner_give_up_orphans(struct runner *u, struct s3 *s3, const char *bucket);

/* Their bucket: 0, or negative with words. */
int runner_open_artifacts(struct runner *u, struct buf *why);
bool runner_wants_artifact(const struct runner *u, const struct artifact_remote *row);
/* All typed artifacts that wait, once. */
int runner_send_artifacts(struct runner *u);

/* Who is told while a generation goes to the git host. */
void runner_prepare(struct runner *u);
/* All rows of the git host, once. */
int runner_publish(struct runner *u);

#endif
