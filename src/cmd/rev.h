/* What people name on the command line, found in the store. All return 0, or an exit code with the error told. */
#ifndef GENSTORE_REV_H
#define GENSTORE_REV_H

#include "src/cmd/cmd.h"
#include "store/revision.h"

/* A REV, an iteration included. */
int cli_revision(struct cli *cli, const char *text, struct revision *ret_rev);
/* A REQ: a whole generation, so without @n. */
int cli_generation(struct cli *cli, const char *text, struct revision *ret_rev);
/* The same, with its bytes: where they are in the bucket only they are fetched. */
int cli_here(struct cli *cli, const char *text, struct revision *ret_rev);
/* A REV that has a tree, and the tree: one reference. Fetched where it has to be, as the next. */
int cli_tree(struct cli *cli, const char *text, struct revision *ret_rev, struct manifest **ret_m);
/* "REV:PATH" -> the entry of the path, count for the top; without ":PATH" the top. */
int cli_path(struct cli *cli, const char *text, struct revision *ret_rev, struct manifest **ret_m, size_t *ret_entry);

#endif
