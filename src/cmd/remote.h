/* What the commands that read from a bucket have in common. */
#ifndef GENSTORE_CMD_REMOTE_H
#define GENSTORE_CMD_REMOTE_H

#include "src/cmd/cmd.h"
#include "src/sync/settings.h"

struct remote {
	struct settings set;
	struct s3 *s3;
};
void remote_release(struct remote *r);

/* bucket and prefix NULL: as configured. 0, or an exit code with the error told. */
int remote_open(struct cli *cli, const char *bucket, const char *prefix, struct remote *ret_r);
/* What came of reading from it, as an exit code. */
int remote_code(int r);

#endif
