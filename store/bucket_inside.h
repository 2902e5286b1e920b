#ifndef GENSTORE_BUCKET_INSIDE_H
#define GENSTORE_BUCKET_INSIDE_H

#include "store/access.h"
#include "store/bucket.h"

/* Whose it becomes, borrowed from st. -EPERM: nobody's who sees one organization's things only. */
int bucket_owner(struct genstore *st, const char **ret_user);

#endif
