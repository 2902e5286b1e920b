/* Typed artifacts out of a bucket, each with its bytes. */
#ifndef GENSTORE_RECOVER_ARTIFACTS_H
#define GENSTORE_RECOVER_ARTIFACTS_H

#include "src/cmd/remote.h"

struct recovered { int64_t recovered, here, failed, bytes; int code; }; /* code: of the first that failed */

/* What is below organizations/ in it and not in the store. 0, or an exit code with the error told; single ones that fail are told and counted. */
int recover_artifacts(struct cli *cli, struct remote *remote, struct recovered *ret_counts);

#endif
