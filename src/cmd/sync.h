/* What `sync` and `generate --to` have in common. */
#ifndef GENSTORE_CMD_SYNC_H
#define GENSTORE_CMD_SYNC_H

#include "src/cmd/cmd.h"
#include "store/idlist.h"

/* A list of remotes, "s3,github": 0, or an exit code with the error told. */
int sync_check_remotes(struct cli *cli, const char *remotes);
/* Whether a remote is configured: 0, or negative with words. Sends nothing. */
int sync_can_send(struct genstore *st, const char *remote, struct buf *why);
/* The same of all in a list, as an exit code with the error told. */
int sync_check_settings(struct cli *cli, const char *remotes);
/* Sends these rows of the outbox (NULL: all), and tells how it went: an exit code. */
int sync_rows(struct cli *cli, const struct idlist *only, bool watch);
/* Sends the typed artifacts that wait, and nothing else. */
int sync_artifacts(struct cli *cli, bool watch);
/* The same program, in a session of its own and without a terminal, works off the outbox of a store: 0 or a negative errno. */
int sync_spawn(const char *store_path, pid_t *ret_pid);

#endif
