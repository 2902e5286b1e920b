/* The files of store/schema by version. */
#ifndef GENSTORE_MIGRATE_FILE_H
#define GENSTORE_MIGRATE_FILE_H

#include "store/migrate.h"

/* NULL when there is none. */
const struct schema_file *migrate_file(int version, bool down);

#endif
