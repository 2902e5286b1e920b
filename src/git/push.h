/*
 * A generation's history on its way to a git server: the client's half of git-receive-pack (gitprotocol-pack(5)) over HTTPS. What the server has already
 * is not sent; what it has otherwise is never replaced. Repeated, it does nothing; cut off, the server keeps nothing of it.
 */
#ifndef GENSTORE_GIT_PUSH_H
#define GENSTORE_GIT_PUSH_H

#include "store/base/hash.h"
#include "store/generation.h"

struct git_push {
	/* What is asked. state: not its history, but what git_state.h has of it; where there is some already, that is left. progress can be NULL; bytes of the pack so far. */
	void (*progress)(void *arg, int64_t bytes);
	int (*tick)(void *arg); /* as in src/git/http.h, or NULL */
	void *arg;
	bool state;

	/* What came of it. */
	char commit[2 * SHA1_SIZE + 1]; /* of refs/heads/main */
	char *url;           /* without a user, after redirects */
	int64_t objects, bytes;
	int64_t tags_kept;   /* the repository has tags of these names elsewhere: they were left */
	bool was_there;      /* nothing had to be sent */
	struct buf words;    /* why not: one line, the server's own words in it */
};
void git_push_release(struct git_push *p);

/*
 * refs/heads/main and the tags of a generation (store/git_repo.h) to the repository at an address, which is there already.
 * -EACCES, -ENOENT and others of src/git/http.h; -EEXIST: it has a history that does not lead here; -EPERM: the server does not take it; -ENODATA: no
 * iteration is finished; -EINVAL: no address to push to. Errors of the store too: p->words has the words of all.
 */
int git_push(struct genstore *st, const struct generation *g, const char *url, struct git_push *p);

/* The address by the setting git.remote_template; -ENODEV with words: it is not set. The caller's. */
int git_push_url(struct genstore *st, const struct generation *g, char **ret_url, struct buf *why);

#endif
