/* What a git server says of a push: report-status, in side bands or bare. */
#ifndef GENSTORE_GIT_REPORT_H
#define GENSTORE_GIT_REPORT_H

#include "store/base/buf.h"

/* 0: it took all of so many refs. -EPERM: it did not; its own words, those of its hooks too, are appended to why in one line. -EPROTO: it did not say. */
int report_read(const struct buf *body, bool bands, int refs, struct buf *why);

#endif
