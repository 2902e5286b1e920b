/* Times to the microsecond, as PostgreSQL has them, in the forms of the store, of its dumps and of its CSV. */
#ifndef GENSTORE_TABLES_STAMP_H
#define GENSTORE_TABLES_STAMP_H

#include "store/base/base.h"

enum { STAMP_TEXT = 32 };

struct stamp {
	int64_t seconds;
	int micros;
};

/*
 * YYYY-MM-DD, T or a space, HH:MM:SS, a fraction or none, a zone (Z, +HH, +HH:MM, +HH:MM:SS) or none, which is UTC: as a `timestamp` without one is.
 * -EINVAL: no such text, no such time, a leap second, or more digits than microseconds have.
 */
int stamp_read(const char *text, size_t n, struct stamp *ret_s);
/* "2025-12-11T20:30:00Z"; a fraction only where there is one, without zeros at its end. -ERANGE outside of the years 1 to 9999. */
int stamp_text(const struct stamp *s, char out[STAMP_TEXT]);

#endif
