/*
 * The files below ~/.aws: INI as the AWS command line reads it. A key that is followed by indented lines has keys inside:
 *
 *	[profile work]
 *	region = eu-west-1
 *	s3 =
 *	  addressing_style = path        -> section "profile work", key "s3.addressing_style"
 */
#ifndef GENSTORE_SYNC_INI_H
#define GENSTORE_SYNC_INI_H

#include "store/base/buf.h"

enum { INI_SIZE_MAX = 1 << 20 };

/*
 * Calls visit for each key in order; what it is given is borrowed. Names of sections have single blanks, keys are in lower case. Lines that
 * are neither are passed over. Stops with what visit returns when that is not 0. -EINVAL: over INI_SIZE_MAX.
 */
int ini_each(const char *text, size_t n, int (*visit)(void *arg, const char *section, const char *key, const char *value), void *arg);

#endif
