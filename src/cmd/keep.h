/* A tree that was not generated here becomes a generation: what import and fork have in common. */
#ifndef GENSTORE_KEEP_H
#define GENSTORE_KEEP_H

#include "src/cmd/cmd.h"

/*
 * In the caller's transaction: a completed generation of one iteration. It is all or nothing, so that a program that is killed leaves
 * nothing that runs for ever.
 */
int keep_tree(struct genstore *st, const struct generation_request *req, const struct manifest *m, const char *metadata,
	      struct generation *ret_g);

/* --app-name and --prompt, checked before there is any work: 0, or an exit code with the error told. */
int keep_check(struct cli *cli, const char *app_name, const char *prompt);

/* Opens for writing; generations whose program was killed are found and paused, and it is said. */
int cli_open_writer(struct cli *cli);

/* Makes the default store where there is none yet. Of several that come at once one does it, the others wait until it is whole. */
int cli_make_default(struct cli *cli);

/* stdout has the request id, or the generation as an object. */
void keep_tell(const struct cli *cli, const struct generation *g);

#endif
