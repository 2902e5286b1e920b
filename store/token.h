/*
 * What shows that somebody is a user: bearer tokens, of which the store keeps hashes only, and access keys of the S3 endpoint, whose secrets it
 * keeps sealed, since signatures cannot be verified with less. Each can be limited to one organization, and can expire.
 */
#ifndef GENSTORE_TOKEN_H
#define GENSTORE_TOKEN_H

#include "store/envelope.h"
#include "store/store.h"

enum {
	TOKEN_TEXT = 4 + 43 + 1,   /* "gs1." and base64url of 32 random bytes */
	ACCESS_KEY_ID = 20 + 1,    /* "GSAK" and base 32 */
	ACCESS_KEY_SECRET = 43 + 1, /* base64url of 32 random bytes */
	TOKEN_DESCRIPTION_MAX = 255, /* characters */
	TOKEN_USED_SECONDS = 300,   /* a use is written down that long after the last one */
};

/* Whose it is to be. NULL: of all that are the user's; without words; for ever. */
struct token_request { const char *user_id, *organization_id, *description, *expires_at; };

/*
 * In a transaction of its own, with its audit row. -EINVAL with words: the description is too long or has control characters, it would be over already, or
 * the user is no member of the organization. -ENOENT where a limited handle makes one for somebody else.
 */
int token_make(struct genstore *st, const struct token_request *req, char ret_id[ID_UUID], char ret_text[TOKEN_TEXT]);
/* The same for a key pair, its secret sealed with the store's key. */
int access_key_make(struct genstore *st, const uint8_t key[ENVELOPE_KEY], const struct token_request *req, char ret_id[ACCESS_KEY_ID],
		    char ret_secret[ACCESS_KEY_SECRET]);

/*
 * Who signs with that key, and its secret. -EKEYREJECTED: it is unknown, was removed or is over; -EBADMSG with words: its secret does not open. For
 * a handle that is not limited yet.
 */
int access_key_find(struct genstore *st, const uint8_t key[ENVELOPE_KEY], const char *id, struct access_subject *ret_subject,
		    struct secret_bytes *ret_secret);
/* token_used() and token_use_is_old() of an access key. */
int access_key_used(struct genstore *st, const char *id);
bool access_key_use_is_old(struct genstore *st, const char *id);

/*
 * Who shows it, for access_limit(): -EKEYREJECTED, with the same words for one that is unknown, was removed, or is over. For a handle that is
 * not limited yet.
 */
int token_find(struct genstore *st, const char *text, struct access_subject *ret_subject);
/* Writes down that it was used, where that was not written in the last minutes: users are not made to wait for a commit each time. */
int token_used(struct genstore *st, const char *text);
/* Whether token_used() has something to write. */
bool token_use_is_old(struct genstore *st, const char *text);

/* Neither hash nor secret. Text is owned: token_release(); NULL where the column is. */
struct token {
	bool is_access_key;
	char *id, *user, *organization, *description, *created_at, *expires_at, *last_used_at;
};
void token_release(struct token *t);
/* In the order of when they were made, behind (created_at, id), "" at the start; user_id NULL: of all. 1, 0 at the end. */
int token_next(struct genstore *st, const char *user_id, const char *after_created_at, const char *after_id, struct token *ret_t);
bool token_is_expired(const struct genstore *st, const struct token *t);

/* All or none, with their audit rows; ids as token_next() says them. -ENOENT with words. */
int token_remove(struct genstore *st, char *const *ids, int count);

/* For keyring_rotate(): the secrets of access keys, in its transaction. Adds to *count. */
int access_key_rewrap_all(struct genstore *st, const uint8_t old[ENVELOPE_KEY], const uint8_t new[ENVELOPE_KEY], int64_t *count);

#endif
