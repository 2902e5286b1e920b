#ifndef GENSTORE_CMD_IMPORT_H
#define GENSTORE_CMD_IMPORT_H

#include "src/cmd/cmd.h"

/* A tar.gz that was made elsewhere, kept byte for byte; "-" is standard input. An exit code. */
int import_archive(struct cli *cli, const char *path, const char *app_name, const char *prompt);
/* The rows of a folder of CSV files. An exit code. */
int import_tables(struct cli *cli, const char *folder);

#endif
