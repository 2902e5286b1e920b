/*
 * A tree as the schema's files_snapshot has it: one JSON object, path -> content. Text is a string; bytes that are not UTF-8 are
 * {"base64": "..."}, a symbolic link is {"link": "target"}; directories are not listed.
 */
#ifndef GENSTORE_FILES_JSON_H
#define GENSTORE_FILES_JSON_H

#include "src/cmd/cmd.h"
#include "store/manifest.h"

/* Writes it to stdout, piece by piece: 0, or an exit code with the error told. */
int files_json(struct cli *cli, const struct manifest *m);

#endif
