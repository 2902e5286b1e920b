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

/* What the archive is in the store, and its tree; 0 for what it is not, or has not. */
struct put {
	int64_t seal, content;
	struct manifest *tree;
	bool bytes, windows; /* what was staged is made use of */
};
void put_release(struct put *p);

/* In a write transaction: a seal of ours, a content that is there, or the pieces that were staged. -ESTALE: those are gone. */
int foreign_put(struct foreign *f, struct put *p);
/* 1: the store has no such archive, and its bytes have to be written. Looked at once more in the transaction. */
int foreign_is_new(struct foreign *f);

#endif
