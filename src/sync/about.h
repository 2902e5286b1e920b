/*
 * What goes into a bucket beside the bytes of an artifact. Its metadata's simple values are user metadata under their own names, as the artifact
 * management design has it; x-amz-meta-genstore is JSON that all of the row can be made from again. S3 takes 2 KB of both together: what does
 * not fit is left out.
 */
#ifndef GENSTORE_SYNC_ABOUT_H
#define GENSTORE_SYNC_ABOUT_H

#include "src/sync/sigv4.h"
#include "store/artifact.h"

enum { ABOUT_PAIRS = 10, ABOUT_MAX = 1900 };

struct about {
	struct sigv4_pair pairs[ABOUT_PAIRS];
	size_t count;
	char *texts[2 * ABOUT_PAIRS]; /* what the pairs borrow */
};
void about_release(struct about *o);
int about_make(const struct artifact *a, const uint8_t sha256[SHA256_SIZE], struct about *ret_o);

#endif
