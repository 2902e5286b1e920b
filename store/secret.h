/* Tokens of users for other services (user_secrets), sealed. The key is that of keyring_open(). */
#ifndef GENSTORE_SECRET_H
#define GENSTORE_SECRET_H

#include "store/envelope.h"
#include "store/store.h"

enum { SECRET_PROVIDER_MAX = 100 };

struct secret {
	char *id, *user_id, *user, *provider, *expires_at, *created_at, *updated_at; /* expires_at NULL: never */
	char *sealed;
};
void secret_release(struct secret *s);

/* -EINVAL with words: a provider is 1 to SECRET_PROVIDER_MAX of a-z 0-9 . _ -. */
int secret_check_provider(struct genstore *st, const char *provider);
/* The one of a user (uuid) for a provider. -ENOENT with words. */
int secret_find(struct genstore *st, const char *user_id, const char *provider, struct secret *ret_s);
/* In the order of user's names and providers behind (user, provider), "" at the start; user_id NULL: of all. 1, 0 at the end. */
int secret_next(struct genstore *st, const char *user_id, const char *after_user, const char *after_provider, struct secret *ret_s);
bool secret_is_expired(const struct genstore *st, const struct secret *s);

/* Puts or replaces it, with its audit row. */
int secret_put(struct genstore *st, const uint8_t key[ENVELOPE_KEY], const char *user_id, const char *provider, const struct secret_bytes *value,
	       const char *expires_at);
/* Its value. -EBADMSG with words: the row was tampered with. Writes an audit row where the store can be written. */
int secret_open(struct genstore *st, const uint8_t key[ENVELOPE_KEY], const struct secret *s, struct secret_bytes *ret_value);
int secret_remove(struct genstore *st, const char *user_id, const char *provider);

/* For keyring_rotate(): everything that is sealed, in its transaction. */
int secret_rewrap_all(struct genstore *st, const uint8_t old[ENVELOPE_KEY], const uint8_t new[ENVELOPE_KEY], int64_t *ret_count);

#endif
