/*
 * What is in use: everything that can be reached from iterations, archives, artifacts and buckets.
 *
 *	iteration_snapshots, archive, received, artifact_content, bucket_object_parts, bucket_upload_parts -> manifest, seal, content -> foreign_index -> piece
 *
 * Their ids only grow, and rows never change but for those of archives whose bytes go and come back, which are all looked at each time: so marking
 * can go on where it stopped, and a second call of mark_more() sees what other processes added meanwhile.
 */
#ifndef GENSTORE_MARK_H
#define GENSTORE_MARK_H

#include "store/bitmap.h"
#include "store/store.h"

struct mark {
	struct bitmap seals, manifests, contents, pieces;
	int64_t last_snapshot, last_artifact, last_object_part, last_upload_part; /* seen up to here */
	/*
	 * Rows behind these are in use, whatever refers to them: another process is at work there. Set by the caller to where
	 * each table ends at the beginning; they move on.
	 */
	int64_t last_seal, last_manifest, last_content;
};

void mark_release(struct mark *m);

/*
 * Marks what is not marked yet. Inside a write transaction nothing can be added until it ends; outside of one the result is a state of the past.
 * -EBADMSG when something in use is damaged, so that what it refers to is not known.
 */
int mark_more(struct genstore *st, struct mark *m);

#endif
