/* How much is in a store. */
#ifndef GENSTORE_STATS_H
#define GENSTORE_STATS_H

#include "store/store.h"

struct store_stats {
	int64_t users, apps, generations, completed, iterations;
	int64_t archives, archive_bytes;   /* app.tar.gz, as read */
	int64_t foreign;                   /* of these, kept as they were handed in */
	int64_t evicted, evicted_bytes;    /* of these, in a bucket only */
	int64_t contents, content_bytes;   /* different files, as they are */
	int64_t pieces, stored_bytes;      /* as they are kept */
	int64_t logical_bytes;             /* of all files of all iterations: what copies would take */
	double ratio;                      /* logical to stored; 0 when nothing is stored */
	int64_t events;
	int64_t organizations, sessions, artifacts, artifact_bytes; /* typed artifacts, as they are */
	int64_t file_bytes, page_size, free_pages;
};

/* One state: all in one read transaction. */
int stats_read(struct genstore *st, struct store_stats *ret_stats);

#endif
