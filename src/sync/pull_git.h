/*
 * A generation back from the repository that sync made of it on a git host: its commits become its iterations, with their times. What git does not have is
 * asked of the repository of its log and state beside it (store/git_state.h); where there is none, app and number are in the commits' words.
 */
#ifndef GENSTORE_SYNC_PULL_GIT_H
#define GENSTORE_SYNC_PULL_GIT_H

#include "src/sync/publish.h"

/*
 * Makes it a generation of the store that is synced with github. -ENODEV: no git host is configured; -EEXIST: it is here already; -ENOENT: there is no
 * such repository, or it is not shown to this token; -EBADMSG: its commits are not this generation's; -EINTR; else as in git_clone_open(), or of the
 * store. words: why, or what there is to say although it went well.
 */
int pull_git(struct genstore *st, const char *request_id, struct generation *ret_g, struct buf *words);

#endif
