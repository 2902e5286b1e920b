/*
 * Credentials that a generator reports (of a database it made, say), for its later runs: a file in the workspace, mode 0600, beside
 * the app and so in no snapshot. They are never in the store, and go when the workspace goes.
 */
#ifndef GENSTORE_FLOW_CREDENTIALS_H
#define GENSTORE_FLOW_CREDENTIALS_H

#include "src/flow/env.h"
#include "src/flow/redact.h"

enum { CREDENTIALS_MAX = 100, CREDENTIAL_VALUE_MAX = 32 << 10 }; /* more, and longer ones, are not kept */

/* Adds a list [{key, value}] to the file, newer values in the place of older ones; the values become secrets of the log. */
int credentials_keep(const char *workspace, const json_t *list, struct redact *secrets);
/* Into the environment, where the name is not taken, and to the secrets. */
int credentials_give(const char *workspace, struct env *e, struct redact *secrets);

#endif
