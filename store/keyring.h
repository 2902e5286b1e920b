/*
 * The store's key: random, made once, kept wrapped by what only its owner has: a passphrase (scrypt), or a key from a file or a command.
 */
#ifndef GENSTORE_KEYRING_H
#define GENSTORE_KEYRING_H

#include "store/envelope.h"
#include "store/store.h"

enum { KEYRING_KEY_MIN = 32, KEYRING_PASSPHRASE_MIN = 8 }; /* bytes of what wraps it */

/* What wraps it: a passphrase, or else a key. */
struct key_material {
	bool is_passphrase;
	struct secret_bytes bytes;
};
void key_material_release(struct key_material *m);

/* Whether there is one: its method, NULL for none, borrowed. */
int keyring_method(struct genstore *st, const char **ret_method);
/* -EEXIST: there is one. -EINVAL: too short. Words in the store's error. */
int keyring_init(struct genstore *st, const struct key_material *m);
/* The key of ENVELOPE_KEY bytes. -ENOKEY: there is none; -EKEYREJECTED: this is not what wraps it. */
int keyring_open(struct genstore *st, const struct key_material *m, struct secret_bytes *ret_key);
/*
 * A new key, wrapped by new material, and everything that is sealed under it: one transaction. *ret_count: how many values. -EBADMSG with
 * words where one of them does not open: nothing is changed then.
 */
int keyring_rotate(struct genstore *st, const struct key_material *old, const struct key_material *new, int64_t *ret_count);

#endif
