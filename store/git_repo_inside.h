/* What git_repo.c (which refs there are) and git_commit.c (which commits) share. */
#ifndef GENSTORE_GIT_REPO_INSIDE_H
#define GENSTORE_GIT_REPO_INSIDE_H

#include "store/git_repo.h"

/* A generation whose commits are all there. */
struct git_done {
	int64_t generation;
	size_t first; /* of its own */
	ssize_t last; /* of its history: a parent's where it has none itself */
};

struct git_maker {
	struct genstore *st;
	struct git_repo *repo;
	char *author;
	bool prompts;
	struct git_done *done;
	size_t done_count, done_cap;
};

int git_maker_init(struct git_maker *k, struct genstore *st);
void git_maker_release(struct git_maker *k);
/* The commits of a generation, and before them those of all that it came from. Borrowed until the next call. */
int git_make(struct git_maker *k, const struct generation *g, const struct git_done **ret_done);

#endif
