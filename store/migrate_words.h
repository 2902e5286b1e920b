/* What a migration is about to do, in words, with the numbers of this file. */
#ifndef GENSTORE_MIGRATE_WORDS_H
#define GENSTORE_MIGRATE_WORDS_H

#include "store/base/buf.h"
#include "store/migrate.h"

/* Adds one line to out; nothing when there is nothing to say. */
int migrate_words(struct genstore *st, int version, bool down, struct buf *out);

#endif
