/* The workspace that a generation goes on in: its own, its parent's, or one that is restored from a snapshot. */
#ifndef GENSTORE_FLOW_PLACE_H
#define GENSTORE_FLOW_PLACE_H

#include "src/flow/state.h"

/*
 * f->g is in hand. Sets f->workspace and f->tree (what the next iteration is compared with), and says what a
 * restored tree lacks. -EIO, -ENXIO: no place can be made.
 */
int place_find(struct flow *f);

#endif
