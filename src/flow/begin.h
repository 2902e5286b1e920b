/* What begin.c has for others. */
#ifndef GENSTORE_FLOW_BEGIN_H
#define GENSTORE_FLOW_BEGIN_H

#include "src/flow/redact.h"

/* The values of variables that must be in no log; and no core files from here on. */
int begin_secrets(struct redact *secrets, const char *const *names, size_t count);

#endif
