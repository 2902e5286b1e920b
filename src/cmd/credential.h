/* Whose command it is: the user of a token, from --token-file or $GENSTORE_TOKEN, or the file's owner without one. */
#ifndef GENSTORE_CMD_CREDENTIAL_H
#define GENSTORE_CMD_CREDENTIAL_H

#include "src/cmd/cmd.h"

/* Whether there is a token. */
bool credential_given(const struct cli *cli);
/*
 * Part of cli_open(): limits the handle to the token's user. 0, or an exit code with the error told: EXIT_KEY for a token that is none,
 * EXIT_NONE for a command that is the owner's.
 */
int credential_apply(struct cli *cli);

#endif
