/* An archive whose bytes have arrived: what foreign.c leaves for foreign_receive.c. */
#ifndef GENSTORE_FOREIGN_ARRIVED_H
#define GENSTORE_FOREIGN_ARRIVED_H

#include "store/foreign_sink.h"

struct foreign {
	struct genstore *st;
	struct foreign_limits limits;
	struct sink *sink;
	int64_t size, epoch;
	bool ended;
	struct sink_result result;
	struct foreign_archive archive;
	struct manifest *tree;      /* NULL: it cannot be browsed. Contents are numbers of the scan's entries, from 1, until it is stored */
	struct foreign_file *files; /* of the tree, in its order */
	bool kept_bytes, kept_windows; /* rows refer to these of the sink's pieces */
};

/* In a write transaction: whether a collection has taken none of what was staged. -ESTALE. */
int foreign_still_there(struct foreign *f);

#endif
