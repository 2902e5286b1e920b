/*
 * The trail: who did what to what, one row of audit_log for each change, in the change's own transaction. Rows are linked by hashes
 * (FORMAT.md, "Trail"): whoever changes, removes or adds one by other means is found by audit_verify(). Who makes all links anew is not, unless
 * somebody noted where the chain ended before: audit_head_get() says it, audit_verify() takes it.
 */
#ifndef GENSTORE_AUDIT_H
#define GENSTORE_AUDIT_H

#include "store/base/hash.h"
#include "store/store.h"

/*
 * Appends a row. In a transaction of the caller's, with the change itself: -EINVAL without one. action is "noun.verb", subject the id or the
 * key of what changed, details a JSON object or NULL: what it is like now, names ending in `_before` what it was like, never a secret. The actor is st->actor,
 * or the local user.
 */
int audit_write(struct genstore *st, const char *action, const char *subject, const char *details);

/*
 * The same with what `name` is now and was before: {"status":...,"status_before":...}, null where there was nothing or is nothing. Nothing is
 * written where they are the same.
 */
int audit_change(struct genstore *st, const char *action, const char *subject, const char *name, const char *before, const char *after);

/*
 * Links the rows that plain SQL has inserted behind row `after`, in the caller's transaction: for migrations and imports. Rows
 * below the chain's end stay without a link.
 */
int audit_link(struct genstore *st, int64_t after);
/* The id of the newest row, 0 for none: what audit_link() takes afterwards. */
int audit_last(struct genstore *st, int64_t *ret_id);

/* A row. Text is owned: audit_row_release(). user_id and user are NULL for what the store did by itself, user where he is no more; details may be NULL. */
struct audit_row {
	int64_t id;
	char *created_at, *user_id, *user, *action, *subject, *details;
};
void audit_row_release(struct audit_row *row);

/* NULL: any. */
struct audit_filter {
	const char *action;        /* "artifact.put", or "artifact" for all of artifacts */
	const char *subject;
	const char *user_id;
	const char *since, *until; /* in the form of the tables: then or later; before that */
};
/* The newest one before id that fits (start with INT64_MAX): 1, 0 at the end. */
int audit_before(struct genstore *st, const struct audit_filter *f, int64_t id, struct audit_row *ret_row);

/* Where the chain ends. */
struct audit_head {
	int64_t links, last_id;
	uint8_t hash[SHA256_SIZE];
};
/* -EUCLEAN where it is gone. */
int audit_head_get(struct genstore *st, struct audit_head *ret_head);

/*
 * Reads the whole trail, in short transactions. Calls bad(arg, id, words) for each row that was changed, removed, or inserted by other means, and goes
 * on while that returns 0. id 0: the trail as a whole. `noted` is where the chain once ended, or NULL; that it is not on the way there any more is such
 * a thing, too. *ret_rows: how many were read.
 */
int audit_verify(struct genstore *st, const struct audit_head *noted, int (*bad)(void *arg, int64_t id, const char *words), void *arg,
		 int64_t *ret_rows);

#endif
