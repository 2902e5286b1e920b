/* What the two kinds of token have in common. */
#ifndef GENSTORE_TOKEN_INSIDE_H
#define GENSTORE_TOKEN_INSIDE_H

#include "store/token.h"

/* What a request has to be. */
int token_check(struct genstore *st, const struct token_request *req);
/* Base64url without padding of 32 random bytes. */
int token_random(struct genstore *st, char out[ACCESS_KEY_SECRET]);
/* Its audit row. */
int token_audit(struct genstore *st, const char *action, const char *id, const struct token_request *req);

#endif
