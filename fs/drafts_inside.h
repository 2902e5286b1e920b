/* What drafts.c and drafts_files.c share. */
#ifndef GENSTORE_FS_DRAFTS_INSIDE_H
#define GENSTORE_FS_DRAFTS_INSIDE_H

#include "fs/drafts.h"

#include <pthread.h>
#include <stdatomic.h>

struct drafts {
	pthread_mutex_t lock;
	int64_t next; /* of numbers, for both */
	struct draft_dir *dirs[DRAFT_DIRS_MAX];
	size_t dir_count;
	struct draft_file *files[DRAFT_FILES_MAX];
	size_t file_count;
	_Atomic bool any;
	_Atomic int64_t lowest; /* of the generations that drafts have become */
};

static inline void drafts_leave(struct drafts **d)
{
	pthread_mutex_unlock(&(*d)->lock);
}

/* Until the end of the scope. */
#define LOCKED(d)                                                                                                      \
	AUTO(drafts_leave) struct drafts *locked_ = (d);                                                               \
	pthread_mutex_lock(&locked_->lock)

/* With the lock held; NULL: there is none. */
struct draft_dir **drafts_dir_at(struct drafts *d, int64_t number);

#endif
