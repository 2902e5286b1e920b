/* What `export` writes besides folders: export_tables.c. */
#ifndef GENSTORE_CMD_EXPORT_H
#define GENSTORE_CMD_EXPORT_H

#include "src/cmd/cmd.h"

struct export_to {
	const char *file; /* "-": standard output */
	bool force, redact, without_files;
};

/* The rows of an open store. An exit code. */
int export_postgres(struct cli *cli, const struct export_to *to);
int export_json(struct cli *cli, const struct export_to *to);

#endif
