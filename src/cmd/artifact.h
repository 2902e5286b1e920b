/* What the commands of typed artifacts share. All that return int: 0, or an exit code with the error told. */
#ifndef GENSTORE_CMD_ARTIFACT_H
#define GENSTORE_CMD_ARTIFACT_H

#include "src/cmd/cmd.h"
#include "store/artifact.h"

/* --session, which has to be given, and --org, which need not: the session, which has to be there. */
int artifact_session(struct cli *cli, const char *organization, const char *session, struct session *ret_s);
/* The fields of the design's list, into an open object. */
void artifact_fields(struct jw *j, const struct artifact *a);
/* "TYPE/NAME" as paths are, or with a '/' at the end all below it. */
bool artifact_is_folder(const char *path);

/* What is to be put: a file, a folder with all in it, or "-" for standard input. */
struct artifact_source {
	const char *path, *type;
	const char *name; /* NULL: the file's own; of a folder always that of each file within it */
};
/* What was left out, and whether something cannot be read again: a pipe. */
struct artifact_taken {
	int64_t links, ignored, secrets;
	bool once;
};
/* A nameless temporary file: a descriptor, or a negative errno. */
int artifact_spool(void);
/* Into the batch. *ret_r is the store's error where that is why; -ESTALE is not told: begin again. */
int artifact_take(struct cli *cli, struct artifact_batch *b, const struct artifact_source *s, struct artifact_taken *taken, int *ret_r);

extern const struct command command_artifact_put, command_artifact_get, command_artifact_list, command_artifact_rm, command_artifact_bundle,
	command_artifact_sync, command_artifact_url;

#endif
