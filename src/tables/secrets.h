/* Every secret that a store has, for whoever has to see that it is nowhere else. */
#ifndef GENSTORE_TABLES_SECRETS_H
#define GENSTORE_TABLES_SECRETS_H

#include "src/tables/needles.h"
#include "store/envelope.h"
#include "store/store.h"

/* How many values are sealed: what cannot be searched for without the key. */
int secrets_sealed(struct genstore *st, int64_t *ret_count);
/*
 * Sealed values as they are and as they open under key (NULL: only as they are), hashes of tokens, wrapped keys, the key of addresses. -EBADMSG with words
 * for a value that does not open.
 */
int secrets_collect(struct genstore *st, const uint8_t *key, struct needles *n);

#endif
