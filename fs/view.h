/*
 * What all threads of a mount share: where the store is, how it is shown, and caches of things that never change.
 */
#ifndef GENSTORE_FS_VIEW_H
#define GENSTORE_FS_VIEW_H

#include "store/archive.h"
#include "store/generation.h"

#include <pthread.h>
#include <sys/stat.h>

struct cache;
struct drafts;
struct fetches;
struct intern;
struct mount_hooks;
struct roll;

/*
 * What is under generations/<request_id>/, or iterations/<n>/. Once `sealed` (and always for a snapshot) it never changes, but for its
 * bytes: they can go (store/evict.h), and come back as an archive from outside, the same to the byte.
 */
struct head {
	int64_t generation;
	bool sealed;
	int64_t seal, content;  /* the archive's; one of them is 0 */
	int64_t metadata;       /* content id */
	int64_t manifest;       /* of app/ or the iteration; 0: none */
	bool away;              /* the archive's bytes are in a bucket only */
	bool tree_away;         /* likewise the tree: there is one, and manifest is 0 */
	int64_t archive_size, metadata_size;
	int64_t created, changed; /* seconds */
};

struct view {
	char *path;
	struct stat file;    /* the store when it was mounted: device and inode tell whether it still is that one */
	uid_t uid;
	gid_t gid;
	bool noviews;
	int64_t at;          /* as it was then; 0: as it is */
	struct access_subject subject; /* whose things alone are shown */
	const struct mount_hooks *hooks; /* NULL: nothing can be sent or fetched */
	struct drafts *drafts; /* what is being written; NULL: this is read only */
	bool nohydrate;        /* what is in a bucket only is not fetched */
	struct fetches *fetches; /* what is being fetched; NULL: nothing ever is */
	struct cache *manifests, *objects;
	struct intern *users, *apps, *paths;
	struct roll *roll;   /* NULL until there is a watcher, who owns it */
	_Atomic uint64_t missed; /* see tree_content() */
	pthread_mutex_t heads_lock;
	struct head_slot { uint64_t ino; struct head head; } *heads;

	/* Set by the watcher (or once, by a view without one), read by everybody. */
	_Atomic int64_t events;      /* log.txt ends before the first event behind this id */
	_Atomic int64_t generations; /* how many there are */
	_Atomic int64_t changed;     /* when the list of them last changed, seconds */
	_Atomic bool replaced;       /* another file stands where the store was: everything is -ESTALE */
};

/* path is resolved. Opens nothing but looks at the file. */
int view_new(const char *path, struct view **ret_v);
void view_free(struct view *v);
/* Reads events, generations and changed from the store. */
int view_look(struct view *v, struct genstore *st);

/* A handle that is not open yet, limited as the view is. NULL: no memory. */
struct genstore *view_handle(const struct view *v);
/* A handle for a thread: read only, and on the file that was mounted. -ESTALE when that was replaced. */
int view_open(struct view *v, struct genstore **ret_st);
/* -ESTALE once the file was replaced. */
int view_check(struct view *v);

/* Through the caches; one reference each. */
int view_manifest(struct view *v, struct genstore *st, int64_t id, struct manifest **ret_m);
int view_content(struct view *v, struct genstore *st, int64_t content_id, struct object **ret_o);
/* The same when it is in the cache. */
bool view_has_content(struct view *v, int64_t content_id, struct object **ret_o);
int view_archive(struct view *v, struct genstore *st, const struct head *h, struct object **ret_o);

int view_generation(struct view *v, struct genstore *st, int64_t id, struct head *ret_h);
int view_snapshot(struct view *v, struct genstore *st, int64_t id, struct head *ret_h);
/* -EREMOTE, with words for the log. */
int view_away(struct genstore *st, int64_t generation);
/* Forgets a generation that was removed, or whose bytes went or came back. */
void view_forget(struct view *v, int64_t generation);

#endif
