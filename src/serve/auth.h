/*
 * Whose a request is. Without `Authorization` it is the file's owner's, who has the machine to himself, or nobody's where a token is asked for.
 * `Authorization: Bearer` takes a token of `genstore token add`, or a JSON Web Token signed with the secret that the server was given. Git says who it is by `Authorization: Basic`, whose password is such a token, whatever the user.
 */
#ifndef GENSTORE_SERVE_AUTH_H
#define GENSTORE_SERVE_AUTH_H

#include "src/serve/server.h"
#include "store/store.h"

/* 0 with the subject ("" both: the owner), 1: it was answered with 401, or negative. */
int auth_subject(struct request *q, struct access_subject *ret_subject);

#endif
