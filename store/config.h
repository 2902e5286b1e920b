/* Settings of a store: rows of deployment_config. What they are called, and what they may be, is the program's business. */
#ifndef GENSTORE_CONFIG_H
#define GENSTORE_CONFIG_H

#include "store/store.h"

/* *ret_value is the caller's, NULL where it is not set. -EKEYREJECTED: the value is sealed with a key. */
int config_get(struct genstore *st, const char *key, char **ret_value);
int config_set(struct genstore *st, const char *key, const char *value);
/* -ENOENT. */
int config_unset(struct genstore *st, const char *key);

#endif
