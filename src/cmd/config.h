/* What the commands `config ...` have in common. */
#ifndef GENSTORE_CMD_CONFIG_H
#define GENSTORE_CMD_CONFIG_H

#include "src/cmd/setting.h"
#include "store/config.h"

/* What is set, or all. The store is open. An exit code. */
int config_show_all(struct cli *cli, bool all);
/* A setting with its value, as an object. */
int config_show_object(struct cli *cli, const struct setting *s);
/* What can be said about it without a store. */
int config_describe(struct cli *cli, const struct setting *s);

/* Whether a row that this program knows nothing of seems to hold what is not to be seen, by its name. */
bool config_seems_secret(const char *key);

#endif
