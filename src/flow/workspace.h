/*
 * The folder a generator works in: leo-workspace-<request id>, with the app in app/ below it.
 */
#ifndef GENSTORE_FLOW_WORKSPACE_H
#define GENSTORE_FLOW_WORKSPACE_H

#include "store/base/base.h"

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

/*
 * Removes a folder and all that is in it: follows no link, crosses no mount (-EXDEV), needs a handful of descriptors
 * however deep it is. -ENOENT when it is not there.
 */
int remove_tree(const char *path);

#endif
