/* Generations whose bytes are in a bucket only, as commands meet them. All return 0, or an exit code with the error told. */
#ifndef GENSTORE_CMD_AWAY_H
#define GENSTORE_CMD_AWAY_H

#include "src/cmd/cmd.h"
#include "src/cmd/remote.h"
#include "src/sync/fetch.h"

/* Where it is, and a client for that bucket in *remote, which may be open already. */
int away_find(struct cli *cli, const struct generation *g, struct remote *remote, struct place *ret_place);
/* Its bytes, into a store that is open for writing. */
int away_fetch(struct cli *cli, struct genstore *st, struct remote *remote, const struct generation *g);
/* The same where cli->st is read only. What was read of it before is to be read again. */
int away_bring(struct cli *cli, const struct generation *g);

#endif
