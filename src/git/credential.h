/*
 * Who pushes: a token of the environment, or what git's credential helpers know (git-credential(1)). It never is in a message, a log or on a
 * command line, and goes to the server that it is for only.
 *
 *   GENSTORE_GIT_TOKEN        for whatever server is pushed to
 *   GH_TOKEN, GITHUB_TOKEN    for github.com only
 */
#ifndef GENSTORE_GIT_CREDENTIAL_H
#define GENSTORE_GIT_CREDENTIAL_H

#include "src/git/url.h"

struct git_credential {
	char *user, *password; /* NULL: none */
	bool helper;           /* a helper of git's gave it, and is told what came of it */
};
/* Wiped, then freed. */
void git_credential_release(struct git_credential *c);

/* 0 also where there is none: user and password stay NULL. */
int git_credential_from_env(const struct git_url *u, struct git_credential *ret_c);
/* Asks git, whose helpers may ask somebody. -ENOENT: nobody knows; git is not here. */
int git_credential_ask(const struct git_url *u, struct git_credential *ret_c);
/* It was good, or not. */
void git_credential_tell(const struct git_url *u, const struct git_credential *c, bool good);

#endif
