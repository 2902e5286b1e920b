/*
 * Repositories on GitHub, looked up and made through its REST API (https://docs.github.com/en/rest). One request after the other, a second between
 * those that make something; what GitHub asks to wait for is waited for, where it is not long.
 */
#ifndef GENSTORE_GIT_GITHUB_H
#define GENSTORE_GIT_GITHUB_H

#include "src/git/http.h"

#define GITHUB_API "https://api.github.com"
enum {
	GITHUB_WAIT_S = 60,       /* waited at once at most; beyond, it is for later */
	GITHUB_TRIES = 4,
	GITHUB_BETWEEN_MS = 1000, /* two writes */
};

struct github {
	/* What is asked. */
	char *api, *organization; /* the caller's */
	bool is_private;
	bool only_looks;          /* makes none: -ENOENT; and is content with what is public */
	const char *why_private;  /* "github.private is not 'no'", for who has a public one; or NULL */
	git_tick *tick;           /* as in http.h */
	void (*wait)(void *arg, int64_t seconds); /* told before a wait; or NULL */
	void *arg;

	/* Inside. */
	struct git_http http;
	int64_t written_ms;
	int64_t retry_at; /* when GitHub says that it may be tried again, where that is far; else 0 */
};
void github_close(struct github *g);

struct github_repo {
	char *clone_url, *url; /* url: for people */
	bool made;             /* just now */
};
void github_repo_release(struct github_repo *r);

/*
 * The repository of that name in the organization, made where there is none. -EACCES: the token is not taken, or may not; -ENXIO: there is no such
 * organization for it; -EEXIST: the name is taken by something else; -EAGAIN: later, see retry_at; -EREMOTEIO: GitHub refuses; -EPROTO: it speaks
 * otherwise; and the network's errors of http.h. Words, GitHub's own in them, go to why.
 */
int github_repository(struct github *g, const char *name, struct github_repo *ret_r, struct buf *why);

#endif
