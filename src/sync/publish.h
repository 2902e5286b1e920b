/*
 * Generations onto a git host, each as a repository of its own: made on GitHub where an organization is configured, else one that is there
 * already, where git.remote_template says. Every step can be repeated.
 */
#ifndef GENSTORE_SYNC_PUBLISH_H
#define GENSTORE_SYNC_PUBLISH_H

#include "src/git/github.h"
#include "src/git/push.h"
#include "src/sync/settings.h"

enum { PUBLISH_TRIES = 3, PUBLISH_PAUSE_MS = 1000 };

struct hosting {
	char *organization, *api; /* organization NULL: not GitHub */
	char *template;
	bool is_private;
};
void hosting_release(struct hosting *h);
/* -ENODEV: nothing is configured; -EINVAL: a setting cannot be. Words go to why. */
int hosting_load(struct genstore *st, struct hosting *ret_h, struct buf *why);
/* Where a generation will be, for people: "github.com/acme/req_x", the caller's; NULL: nothing is configured. */
int hosting_place(struct genstore *st, const char *request_id, char **ret_place);

struct publisher {
	struct genstore *st;
	struct hosting set;
	struct github github;
	/* Of who uses it: see github.h and git_push. */
	git_tick *tick;
	void (*progress)(void *arg, int64_t bytes);
	void (*wait)(void *arg, int64_t seconds);
	void *arg;
};
/* As hosting_load(). The callbacks are set before or after; it stays where it is. */
int publisher_open(struct publisher *p, struct genstore *st, struct buf *why);
void publisher_close(struct publisher *p);

struct published {
	char *url, *state_url; /* for people; state_url NULL: there is no repository of its log and state */
	char commit[2 * SHA1_SIZE + 1];
	int64_t bytes;
};
void published_release(struct published *p);

/*
 * On GitHub a second repository, request id-artifacts, gets what store/git_state.h has of one that has a log: it is private whatever
 * github.private says. Errors of github_repository() and git_push(). Words go to why.
 */
int publish(struct publisher *p, const struct generation *g, struct published *ret_p, struct buf *why);

#endif
