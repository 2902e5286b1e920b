/*
 * Who may see and do what.
 *
 * A handle without a subject is its owner's: who can open the file has all that is in it. With a subject it shows what is that user's and
 * his organizations', to every statement alike: views in its temporary schema stand before the tables (access.c), so that what is not theirs
 * does not exist, whoever asks and however. Writing goes to the tables themselves (`main.`), by way of rows that were found through the
 * views; what an organization has is changed after access_check().
 *
 *	                        viewer   member   owner
 *	see                       x        x        x
 *	put, replace, remove               x        x      artifacts, sessions, conversations
 *	members and their roles                     x
 */
#ifndef GENSTORE_ACCESS_H
#define GENSTORE_ACCESS_H

#include "store/store.h"

/*
 * From here on the handle is the subject's: at once where it is open, and whenever it is opened. The actor of the trail, too. Again: another
 * subject's. -EINVAL for one that is nobody: what was limited is never the owner's again.
 */
int access_limit(struct genstore *st, const struct access_subject *subject);
/* Part of genstore_open(): the views of the subject that the handle has, if it has one. */
int access_apply(struct genstore *st);
bool access_is_limited(const struct genstore *st);

enum access_verb { ACCESS_READ, ACCESS_WRITE, ACCESS_ADMINISTER };

/*
 * Whether the subject may do that with what the organization (a uuid) has. -ENOENT in the words of organization_find() where he is none of its
 * members, -EPERM with words where his role is not enough.
 */
int access_check(struct genstore *st, const char *organization_id, enum access_verb verb);

/* Roles, by their words: "viewer", "member", "owner". */
bool access_is_role(const char *text);

#endif
