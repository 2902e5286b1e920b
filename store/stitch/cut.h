/*
 * Where a large content is cut into pieces: FastCDC (Xia et al., 2016) with normalised chunking,
 * 16 KiB minimum, 64 KiB average, 256 KiB maximum. A content of at most CUT_WHOLE bytes is one piece: that is for the
 * caller to see to, who knows how long it is.
 * The gear table is derived from a fixed rule that FORMAT.md states, so that versions cut alike.
 */
#ifndef GENSTORE_CUT_H
#define GENSTORE_CUT_H

#include "store/base/base.h"

enum { CUT_MIN = 16 << 10, CUT_AVERAGE = 64 << 10, CUT_MAX = 256 << 10, CUT_WHOLE = 256 << 10 };

/*
 * The length of the first piece of data. n is what is at hand: CUT_MAX bytes, or fewer at the
 * end of the content. Never 0 for n > 0, never more than n or CUT_MAX.
 */
size_t cut_next(const uint8_t *data, size_t n);

#endif
