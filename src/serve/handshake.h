/* The opening of a WebSocket, the server's side (RFC 6455 section 4.2): what a request must have, and what is answered. */
#ifndef GENSTORE_SERVE_HANDSHAKE_H
#define GENSTORE_SERVE_HANDSHAKE_H

#include "store/base/base.h"

enum { HANDSHAKE_ACCEPT = 29 }; /* base64 of a SHA-1, and a NUL */

/* What the request said; NULL: nothing. */
struct handshake {
	const char *version, *upgrade, *connection, *ws_version, *key; /* HTTP version, and the header fields */
};

/* 0, or the status of a refusal with its words: 426 for what is no WebSocket of version 13, 400 for what is broken. */
int handshake_check(const struct handshake *h, const char **ret_why);
/* Sec-WebSocket-Accept of a key that handshake_check() let pass. */
int handshake_accept(const char *key, char out[HANDSHAKE_ACCEPT]);

/* Whether a list like "keep-alive, Upgrade" names a word, in any case. */
bool header_has_word(const char *list, const char *word);

#endif
