/*
 * The watcher: finds out what other processes did to the store, and says which inodes and names of the view are no longer
 * what the kernel remembers. Knows no FUSE: what it finds goes to a sink.
 */
#ifndef GENSTORE_FS_WATCH_H
#define GENSTORE_FS_WATCH_H

#include "fs/node.h"

struct watch;

/* Called outside of any transaction and lock: what is behind them may wait for a reader who waits for the store. */
struct watch_sink {
	/* Attributes of the inode are old, and its bytes (or listing) from offset on. */
	void (*inode)(void *arg, uint64_t ino, int64_t offset);
	/* What stood under that name is gone, or another. */
	void (*entry)(void *arg, uint64_t parent, const char *name);
	void *arg;
};

/* Reads what there is: nothing that was there before is ever reported. Sets the counters of the view. */
int watch_new(struct view *v, struct watch **ret_w);
void watch_free(struct watch *w);

/*
 * One look. Everything found is told twice: at once, and again with the next look, because an answer that was on its way to the
 * kernel the first time can have put the old state back. Between the two the view's counters are set, so that the
 * kernel learns of a longer log only when it has dropped the page where it ended.
 * 0, or what went wrong (the words are watch_errmsg()); the next call tries again.
 */
int watch_look(struct watch *w, const struct watch_sink *sink);
const char *watch_errmsg(const struct watch *w);

#endif
