/* Users, and the organizations they are members of. Who may do it: access.h. */
#ifndef GENSTORE_MEMBER_H
#define GENSTORE_MEMBER_H

#include "store/store.h"

enum { USER_NAME_MAX = 100, USER_EMAIL_MAX = 254 }; /* characters; bytes (RFC 5321, 4.5.3.1) */

/* With their audit rows, in transactions of their own. id: a uuid, or NULL for a new one; email or NULL. -EINVAL, -EEXIST with words. */
int user_add(struct genstore *st, const char *name, const char *id, const char *email, char ret_id[ID_UUID]);
/* -ENOTEMPTY with words: it has apps, or an organization has no other owner. */
int user_remove(struct genstore *st, const char *user_id);

/* Whether there is one with this id. */
int user_is_known(struct genstore *st, const char *id, bool *ret_known);
/* One of whom nothing but the id is known, which somebody vouches for: it is called like it. Nothing where there is one. */
int user_meet(struct genstore *st, const char *id);

struct user { char *id, *name, *email, *created_at; int64_t apps, organizations; };
void user_release(struct user *u);
/* In the order of their names behind `after`, "" at the start. 1, 0 at the end. */
int user_next(struct genstore *st, const char *after, struct user *ret_u);

/* owner: a user's uuid, or NULL for none. */
int organization_add(struct genstore *st, const char *name, const char *id, const char *owner, char ret_id[ID_UUID]);
/* -ENOTEMPTY with words: it has artifacts. */
int organization_remove(struct genstore *st, const char *organization_id);

struct organization { char *id, *name, *created_at; int64_t members, sessions, artifacts, bytes; };
void organization_release(struct organization *o);
int organization_next(struct genstore *st, const char *after, struct organization *ret_o);

/* The role of a user in an organization from now on: "owner", "member", "viewer". -EBUSY with words: nobody would own it any more. */
int member_grant(struct genstore *st, const char *organization_id, const char *user_id, const char *role);
/* -ENOENT with words: none of its members. */
int member_revoke(struct genstore *st, const char *organization_id, const char *user_id);

struct member { char *user_id, *user, *role, *created_at; };
void member_release(struct member *m);
int member_next(struct genstore *st, const char *organization_id, const char *after, struct member *ret_m);

#endif
