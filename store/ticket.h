/*
 * Tickets: what makes an address of the server work for whoever has it, until a time. HMAC-SHA256 with a key that the store makes once,
 * so that an address survives a restart of the server; whoever can read the file can make them, and has all it holds anyway.
 */
#ifndef GENSTORE_TICKET_H
#define GENSTORE_TICKET_H

#include "store/base/hash.h"
#include "store/store.h"

enum {
	TICKET_KEY = 32,
	TICKET_DEFAULT_S = 3600,
	TICKET_MAX_S = 7 * 86400, /* as for presigned URLs of S3 */
};

/* Made at the first call, which has to be with a handle that may write. */
int ticket_key(struct genstore *st, uint8_t ret_key[TICKET_KEY]);

/* For a path until a time (seconds since the epoch): lower-case hex of SHA256_SIZE bytes, and a NUL. -EIO. */
int ticket_sign(const uint8_t key[TICKET_KEY], const char *path, size_t n, int64_t until, char out[HEX_SHA256_SIZE]);
/* Whether it is the one. In the same time for every wrong one. */
bool ticket_is(const uint8_t key[TICKET_KEY], const char *path, size_t n, int64_t until, const char *ticket);

#endif
