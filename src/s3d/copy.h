/* Where a copy comes from. */
#ifndef GENSTORE_S3D_COPY_H
#define GENSTORE_S3D_COPY_H

#include "src/s3d/keys.h"

/* What x-amz-copy-source names, under its conditions. 1: answered. */
int copy_source(struct call *c, struct genstore *st, struct found *ret_f);

#endif
