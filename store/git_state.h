/*
 * What is known of a generation beside its tree, as a git repository that is nowhere: one commit on main, always the same, for the repository
 * that GitHub has beside the app's (artifacts_github_url).
 *
 *	leo-artifacts/leo-state.json    the generation: app, number, state, times, session, the hash of its archive
 *	leo-artifacts/log.txt           what its generator said, the first GIT_STATE_LOG_MAX bytes
 *	leo-artifacts/snapshots.json    its iterations and snapshots, with their metadata
 *
 * No prompt is in it, whatever git.prompts says, and no file of the app.
 */
#ifndef GENSTORE_GIT_STATE_H
#define GENSTORE_GIT_STATE_H

#include "store/git_repo.h"

enum { GIT_STATE_LOG_MAX = 64 << 20 }; /* GitHub takes files of 100 MB */

struct git_state;

/* Of one that is over. The store's log is read once for its name; -ENODATA: it said nothing, and there is nothing to keep. */
int git_state_open(struct genstore *st, const struct generation *g, struct git_state **ret_s);
void git_state_free(struct git_state *s);

/* Its one commit and one ref; the state's. */
const struct git_repo *git_state_repo(const struct git_state *s);
int64_t git_state_objects(const struct git_state *s);
/* The pack, which has all of it: like git_pack_read(). Memory: what is small, and a step of the log. */
ssize_t git_state_read(struct git_state *s, void *out, size_t n);

#endif
