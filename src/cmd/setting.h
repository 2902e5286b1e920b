/* What commands ask of the settings (src/config), with errors told. */
#ifndef GENSTORE_CMD_SETTING_H
#define GENSTORE_CMD_SETTING_H

#include "src/cmd/cmd.h"
#include "src/config/resolve.h"

/* These return 0, or an exit code with the error told; the store is open. */
int cli_setting(struct cli *cli, const char *key, char **ret_value);
int cli_setting_number(struct cli *cli, const char *key, int64_t *ret_n);
int cli_setting_answer(struct cli *cli, const char *key, bool *ret_yes);
/* Opened with the store's key, which may have to be asked for: EXIT_KEY where it is not at hand. Nothing in it: not set. */
int cli_setting_secret(struct cli *cli, const char *key, struct secret_bytes *ret_value);

/* Usage errors: "there is no setting 'X'; did you mean 'Y'?", and that it cannot be what it was given. */
int cli_no_setting(struct cli *cli, const char *key);
int cli_bad_setting(struct cli *cli, const struct setting *s, const char *text);

/* --set KEY=VALUE: into the environment of this process and of those it starts. */
int cli_set(struct cli *cli, const char *assignment);

#endif
