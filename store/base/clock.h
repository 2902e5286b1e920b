/*
 * Time, in the one form the store keeps: RFC 3339, UTC, whole seconds, `Z`.
 * A clock can stand still, for fixtures and repeatable archives.
 */
#ifndef GENSTORE_CLOCK_H
#define GENSTORE_CLOCK_H

#include "store/base/base.h"

enum { CLOCK_TEXT = 21 }; /* "2025-12-11T20:30:00Z" and a NUL */

struct clock {
	int64_t fixed; /* seconds since the epoch; 0: the machine's clock */
};

int64_t clock_now(const struct clock *c);
/* Monotonic milliseconds, for durations. */
int64_t clock_ms(void);
/* out takes CLOCK_TEXT bytes; seconds from 0000 to 9999, others are clamped. */
void clock_format(int64_t seconds, char out[CLOCK_TEXT]);
/* -EINVAL unless text is RFC 3339 (fractions are dropped, offsets obeyed; a space for T is fine). */
int clock_parse(const char *text, int64_t *ret_seconds);

#endif
