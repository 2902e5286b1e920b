/* .genstore/status.json: what the store holds, for scripts and status bars. */
#ifndef GENSTORE_FS_STATUS_H
#define GENSTORE_FS_STATUS_H

#include "store/store.h"

/* Padded with spaces to one size: a reader who knows the size never gets half of it. */
enum { STATUS_SIZE = 512 };

/* {"version", "generations", "queued", ..., "pending_syncs"}, exactly STATUS_SIZE bytes. */
int status_json(struct genstore *st, char ret_text[STATUS_SIZE]);

#endif
