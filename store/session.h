/*
 * Whose an artifact is: organisations, and the sessions and conversations in them.
 *
 * Each has a UUID. Each can also be given by a name: a session or conversation then has the UUID version 5 of its name in its
 * organisation, an organisation a random one; the name is kept beside it. Both are accepted wherever one is asked for (UUIDs in any case).
 */
#ifndef GENSTORE_SESSION_H
#define GENSTORE_SESSION_H

#include "store/store.h"

enum { SESSION_NAME_MAX = 255 }; /* characters */

struct session { char id[ID_UUID], organization_id[ID_UUID]; };

/* -ENOENT. */
int organization_find(struct genstore *st, const char *text, char ret_id[ID_UUID]);
/*
 * -ENOENT. organization_id NULL: of any; -ENOTUNIQ when several organisations have one of that name. For a session or conversation
 * of another organisation than the one given it is -ENOENT, too.
 */
int session_find(struct genstore *st, const char *organization_id, const char *text, struct session *ret_s);
int conversation_find(struct genstore *st, const char *organization_id, const char *text, char ret_id[ID_UUID]);

/*
 * The same, made where there is none, in the caller's transaction or their own. A limited handle (access.h) makes no organization but the one that
 * is called like its user: -ENOENT for others. -EINVAL for what is no name: empty, longer than SESSION_NAME_MAX,
 * not UTF-8, with control characters. -EPERM for a UUID that another organisation has.
 */
int organization_make(struct genstore *st, const char *text, char ret_id[ID_UUID]);
int session_make(struct genstore *st, const char *organization_id, const char *text, struct session *ret_s);
int conversation_make(struct genstore *st, const char *organization_id, const char *text, char ret_id[ID_UUID]);

#endif
