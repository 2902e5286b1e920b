/* What scribe.c and scribe_jobs.c share. */
#ifndef GENSTORE_FS_SCRIBE_INSIDE_H
#define GENSTORE_FS_SCRIBE_INSIDE_H

#include "fs/scribe.h"

struct job {
	struct scribe_request what;
	bool write;
	void *data;
	char name[DRAFT_NAME_MAX + 1];
	struct job *next;
};

struct scribe {
	struct view *view;
	struct drafts *drafts;
	struct scribe_sink sink;
	struct genstore *st; /* while there is something to write */
	uint8_t *reply;      /* READ_MAX bytes, made at the first read */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct job *first, **last;
	size_t behind;       /* bytes in the queue */
	bool ended;
};

/* By the scribe's thread: one job. f is NULL when the draft is gone. What was read is in s->reply. */
ssize_t scribe_run(struct scribe *s, struct draft_file *f, const struct job *job);
/* One about a generation. */
int scribe_queue(struct scribe *s, int64_t generation, const char *remotes);
void scribe_drop(struct scribe *s, struct draft_file *f);
/* Whether any draft has bytes, for which the store has to stay open. */
bool scribe_uploads(struct scribe *s);

#endif
