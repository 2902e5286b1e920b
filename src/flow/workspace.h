/*
 * The folder a generator works in: leo-workspace-<request id>, with the app in app/ below it.
 */
#ifndef GENSTORE_FLOW_WORKSPACE_H
#define GENSTORE_FLOW_WORKSPACE_H

#include "store/store.h"

struct workspace {
	char *path;  /* absolute */
	char *app;   /* path/app */
	char *cache; /* path/stat-cache: of the snapshots */
};

void workspace_release(struct workspace *w);

/*
 * Where workspaces are: $GENSTORE_WORKSPACES, else $XDG_STATE_HOME/genstore/workspaces, else ~/.local/state/genstore/workspaces:
 * the first that is an absolute path. Made by workspace_make(). -ENXIO: there is none; -EINVAL: GENSTORE_WORKSPACES is relative.
 */
int workspace_root(char **ret_path);

/* Removes the one of a request, if there is one. */
int workspace_remove(const char *request_id);

/* A fresh one, mode 0700. -EEXIST, or why it cannot be made. */
int workspace_make(const char *request_id, struct workspace *ret_w);

/* The one that a request has left. -ENOENT when there is none. */
int workspace_open(const char *request_id, struct workspace *ret_w);
/*
 * Processes of a genstore that was killed may be there still, for as long as their keeper lets them (SPAWN_GRACE_MS): waits until
 * they are gone. 1 when there were some, 0; -EBUSY when they are there after ms milliseconds.
 */
int workspace_wait(const struct workspace *w, int64_t ms);
/* Whether a request has one here. */
bool workspace_is_kept(const char *request_id);
/* The one of a request becomes another's, with all that is in it, at once or not at all. -ENOENT: there is none; -EEXIST: the other has one. */
int workspace_take(const char *from_request_id, const char *request_id, struct workspace *ret_w);
/* The store's words for a workspace that cannot be made; -EIO. */
int workspace_fail(struct genstore *st, int r);

/*
 * Removes a folder and all that is in it: follows no link, crosses no mount (-EXDEV), needs a handful of descriptors
 * however deep it is. -ENOENT when it is not there.
 */
int remove_tree(const char *path);

#endif
