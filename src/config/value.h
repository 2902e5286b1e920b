/* Values as people write them, on the command line, in the environment and in settings: sizes, times, answers. */
#ifndef GENSTORE_CONFIG_VALUE_H
#define GENSTORE_CONFIG_VALUE_H

#include "store/base/base.h"

#define VALUE_TIME_MAX ((int64_t)10 * 366 * 24 * 3600 * 1000) /* ms, ten years: sums of times stay numbers */

/* "64", "-1": a whole number and nothing else. Like the others: -EINVAL. */
int value_number(const char *text, int64_t *ret_n);
/* "500M", "16k": bytes, in powers of 1024. */
int value_size(const char *text, int64_t *ret_bytes);
/* "90s", "30m", "2h", "45" seconds: milliseconds, at most VALUE_TIME_MAX. */
int value_time(const char *text, int64_t *ret_ms);
/* yes, no, and what others say for these: true, false, on, off, 1, 0. */
int value_answer(const char *text, bool *ret_yes);

/* The shortest text that the two above read as n, into a buffer of the caller's. */
enum { VALUE_TEXT = 32 };
const char *value_size_text(int64_t bytes, char out[VALUE_TEXT]);
const char *value_time_text(int64_t ms, char out[VALUE_TEXT]);

#endif
