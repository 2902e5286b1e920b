/*
 * Sealed values: envelope encryption. Each value has a data key of its own (AES-256-GCM), and that is wrapped by the store's key. What a
 * value belongs to goes in as associated data, so that a ciphertext which is moved to another row does not open there.
 *
 *	text = "gs1:" base64(wrapped data key, 60 bytes; nonce, 12; ciphertext; tag, 16)
 *
 * Everything in the clear is in OpenSSL's secure heap: locked, out of core dumps, wiped when it is freed.
 */
#ifndef GENSTORE_ENVELOPE_H
#define GENSTORE_ENVELOPE_H

#include "store/base/base.h"

enum {
	ENVELOPE_KEY = 32,
	ENVELOPE_WRAPPED = 12 + ENVELOPE_KEY + 16, /* nonce, ciphertext, tag */
	ENVELOPE_VALUE_MAX = 64 << 10,
};

/* Bytes that nobody else should see. A NUL follows them. */
struct secret_bytes {
	uint8_t *data;
	size_t len;
};
/* Zeros. -ENOMEM. */
int secret_bytes_new(size_t n, struct secret_bytes *ret_b);
/* Wipes and frees. */
void secret_bytes_release(struct secret_bytes *b);

/* The associated data are parts that are joined unambiguously; ended by NULL. */
int envelope_seal(const uint8_t key[ENVELOPE_KEY], const char *const *parts, const void *value, size_t n, char **ret_text);
/* -EBADMSG: another key, another row, or damaged. */
int envelope_open(const uint8_t key[ENVELOPE_KEY], const char *const *parts, const char *text, struct secret_bytes *ret_value);
/* Its data key under another store key: the value itself is not touched. */
int envelope_rewrap(const uint8_t old[ENVELOPE_KEY], const uint8_t new[ENVELOPE_KEY], const char *const *parts, const char *text, char **ret_text);

/* One key under another. -EBADMSG as above. */
int envelope_wrap(const uint8_t with[ENVELOPE_KEY], const char *const *parts, const uint8_t key[ENVELOPE_KEY], uint8_t out[ENVELOPE_WRAPPED]);
int envelope_unwrap(const uint8_t with[ENVELOPE_KEY], const char *const *parts, const uint8_t wrapped[ENVELOPE_WRAPPED], uint8_t out[ENVELOPE_KEY]);

#endif
