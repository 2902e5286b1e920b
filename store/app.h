/* Apps and the users they belong to. */
#ifndef GENSTORE_APP_H
#define GENSTORE_APP_H

#include "store/store.h"

enum { APP_NAME_MAX = 200 };

/* 1 to APP_NAME_MAX bytes of UTF-8 without / : @ and control characters and without spaces at its ends, not "." "..", not beginning with "req_" or "-". */
bool app_name_valid(const char *name);

/*
 * The id of the user with that name or id for whom something is to be done; NULL is `local`. With a handle that is limited to a user NULL is
 * that one, and there is no other. -ENOENT.
 */
int user_find(struct genstore *st, const char *name, char ret_id[ID_UUID]);
/* The same for whoever the handle shows, to speak of and not for; by his id anybody, since ids are not guessed: who has it was told it. */
int user_find_anybody(struct genstore *st, const char *name, char ret_id[ID_UUID]);
/* What a user is called: a copy. -ENOENT. */
int user_name(struct genstore *st, const char *id, char **ret_name);
/* The app's id. -ENOENT. */
int app_find(struct genstore *st, const char *user_id, const char *name, char ret_id[ID_UUID]);
/* What it is called: a copy. Its generations can have another name, those that were here before apps were. -ENOENT. */
int app_name(struct genstore *st, const char *app_id, char **ret_name);
int app_create(struct genstore *st, const char *user_id, const char *name, char ret_id[ID_UUID]);
/*
 * The app with an id from elsewhere: the one that is here, else a new one, with " (2)" and so on behind its name where another app has it.
 * -ENOENT: the id is none, or another user's.
 */
int app_adopt(struct genstore *st, const char *user_id, const char *app_id, const char *name, char ret_id[ID_UUID]);

#endif
