/*
 * Settings of a store: rows of deployment_config. What they are called, and what they may be, is the program's business. Secrets are sealed
 * with the key of keyring_open(). Each change writes its row of the trail, where a secret is "(sealed)".
 */
#ifndef GENSTORE_CONFIG_H
#define GENSTORE_CONFIG_H

#include "store/envelope.h"
#include "store/store.h"

struct config_row {
	char *key, *value, *description, *updated_at; /* the last two may be NULL */
	bool sealed;                                  /* value is what envelope_seal() made, or another program's */
};
void config_row_release(struct config_row *row);
/* 1, or 0: it is not set. */
int config_find(struct genstore *st, const char *key, struct config_row *ret_row);
/* The first one behind `after` in the order of keys, "" at the start: 1, 0 at the end. */
int config_next(struct genstore *st, const char *after, struct config_row *ret_row);

/* *ret_value is the caller's, NULL where it is not set. -EKEYREJECTED: the value is sealed with a key. */
int config_get(struct genstore *st, const char *key, char **ret_value);
/* description: for people who read the table; NULL, or where there is one, it stays. */
int config_set(struct genstore *st, const char *key, const char *value, const char *description);
/* is_secret: what it was is not written into the trail, although it lay in the clear. -ENOENT. */
int config_unset(struct genstore *st, const char *key, bool is_secret);

int config_seal(struct genstore *st, const uint8_t store_key[ENVELOPE_KEY], const char *key, const struct secret_bytes *value, const char *description);
/* -EBADMSG: its row was changed; -EKEYREJECTED: another program has sealed it. With words. */
int config_unseal(struct genstore *st, const uint8_t store_key[ENVELOPE_KEY], const struct config_row *row, struct secret_bytes *ret_value);
/* That somebody is shown it. */
int config_note_reveal(struct genstore *st, const char *key);

/* For keyring_rotate(): everything that is sealed, in its transaction; *count grows. What others have sealed stays. */
int config_rewrap_all(struct genstore *st, const uint8_t old[ENVELOPE_KEY], const uint8_t new[ENVELOPE_KEY], int64_t *count);

#endif
