/*
 * Small numbers for texts, given out once and never again: 1, 2, 3 ... For any number of threads.
 */
#ifndef GENSTORE_FS_INTERN_H
#define GENSTORE_FS_INTERN_H

#include "store/base/base.h"

struct intern;

int intern_new(struct intern **ret_in);
void intern_free(struct intern *in);
/* The text's number, a new one where it has none yet. -ENOMEM. */
int intern_number(struct intern *in, const char *text, int64_t *ret_number);
/* NULL for a number that was not given out. Stays valid. */
const char *intern_text(struct intern *in, int64_t number);
int64_t intern_count(struct intern *in);

#endif
