/*
 * Credentials that a generator reports (of a database it made, say), for its later runs. Where the store's key is at hand they are sealed, as the
 * app's: a secret (store/secret.h) of its user for the provider `app.<app_id>`, a JSON object of names and values. Without the key they are in a file of
 * the workspace, mode 0600, beside the app and so in no snapshot, and go when the workspace goes.
 */
#ifndef GENSTORE_FLOW_CREDENTIALS_H
#define GENSTORE_FLOW_CREDENTIALS_H

#include "src/flow/env.h"
#include "src/flow/redact.h"
#include "store/store.h"

enum { CREDENTIALS_MAX = 100, CREDENTIAL_VALUE_MAX = 32 << 10 }; /* more, and longer ones, are not kept */

struct credentials_place {
	struct genstore *st;
	const uint8_t *key;             /* ENVELOPE_KEY bytes, or NULL */
	const char *user_id, *app_id, *workspace;
};

/*
 * Adds a list [{key, value}] to those that are kept, newer values in the place of older ones; the values become secrets of the log. -EFBIG: more
 * than a secret can have; they are not kept. -EBUSY: again.
 */
int credentials_keep(const struct credentials_place *p, const json_t *list, struct redact *secrets);
/* Into the environment, where the name is not taken, and to the secrets. app: also those that are sealed. -EBADMSG: they do not open. */
int credentials_give(const struct credentials_place *p, bool app, struct env *e, struct redact *secrets);

#endif
