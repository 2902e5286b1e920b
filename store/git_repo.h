/*
 * A generation, or all generations of an app, as a git repository that is nowhere: commits and refs are computed from the store, always the same.
 *
 * One commit for each iteration (the newest snapshot of its number), dated when that was taken, and one more where the sealed tree is another one. The
 * first commit of a generation that came from another one, resumed, promoted or forked, has the last commit of that as its parent.
 * Author and committer are the setting git.author, `Name <address>`, else GIT_AUTHOR: never a user. The prompt is in the message only
 * where the setting git.prompts is `yes`. So ids change with these two settings, and when a generation before is removed.
 *
 *	a generation:   HEAD -> refs/heads/main, refs/tags/iteration-<n> for its own iterations
 *	an app:         HEAD -> refs/heads/main, the newest generation that has a commit; refs/heads/generation-<n>,
 *	                refs/tags/generation-<n>/iteration-<n>
 */
#ifndef GENSTORE_GIT_REPO_H
#define GENSTORE_GIT_REPO_H

#include "store/generation.h"
#include "store/git_tree.h"

#define GIT_AUTHOR "genstore <genstore@localhost>"
enum {
	GIT_COMMITS_MAX = 1 << 20, /* of a repository */
	GIT_NO_COMMIT = -1,
};

struct git_commit {
	uint8_t id[SHA1_SIZE];
	int64_t generation, iteration; /* a row's id; 0: what was sealed */
	int64_t manifest;
	int64_t left_out; /* names that git cannot have */
	ssize_t parent; /* a commit before it, or GIT_NO_COMMIT */
	struct buf text; /* the object's content */
};

struct git_ref {
	char *name; /* "refs/heads/main" */
	size_t commit;
};

struct git_repo {
	struct git_commit *commits; /* parents first */
	size_t count, cap;
	struct git_ref *refs; /* in order of their names */
	size_t ref_count, ref_cap;
	ssize_t head; /* the commit of refs/heads/main, or GIT_NO_COMMIT: nothing is finished yet */
	struct git_ids *ids;
};

/*
 * text names what is wanted: an app, or a generation as in revision.h; without `@`. Errors of revision_find(); -EINVAL for an
 * iteration; -EBADMSG for rows that do not fit their sums.
 */
int git_repo_open(struct genstore *st, const char *text, struct git_repo **ret_repo);
int git_repo_of(struct genstore *st, const struct generation *g, struct git_repo **ret_repo);
void git_repo_free(struct git_repo *repo);
void git_repo_freep(struct git_repo **repo);

/* The commit of that id, or GIT_NO_COMMIT. */
ssize_t git_repo_find(const struct git_repo *repo, const uint8_t id[SHA1_SIZE]);

/* Whether a text can be git.author: a name, and an address in angle brackets, without what git does not allow there. */
bool git_author_valid(const char *text);
/* The setting, or GIT_AUTHOR: the caller's. -EINVAL with words. */
int git_author(struct genstore *st, char **ret_author);

#endif
