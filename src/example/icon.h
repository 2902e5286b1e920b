/* The app's icon: a tick on a rounded square in the app's colour. */
#ifndef GENSTORE_EXAMPLE_ICON_H
#define GENSTORE_EXAMPLE_ICON_H

#include "store/base/buf.h"

/* Appends a PNG of 64 by 64 pixels (ISO/IEC 15948). */
int icon_png(struct buf *out, unsigned hue);

#endif
