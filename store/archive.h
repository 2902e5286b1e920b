/*
 * app.tar.gz: the canonical tar of a manifest, stitched from fragments; and the seal that fixes its bytes.
 */
#ifndef GENSTORE_ARCHIVE_H
#define GENSTORE_ARCHIVE_H

#include "store/manifest.h"
#include "store/object.h"

struct seal {
	int64_t id, manifest_id, mtime;
	int encoder, excludes;
	int64_t size, tar_size;
	uint32_t crc32;
	uint8_t sha256[SHA256_SIZE];
	struct buf pieces; /* the encodings in order, as kept */
};

void seal_release(struct seal *s);

/*
 * Computes the seal of a stored manifest: chooses the encodings, stitches the archive once for its size and SHA-256. Compresses
 * nothing; every fragment is checked as it is read. Needs no transaction: what a committed snapshot names stays.
 * mtime is in seconds since the epoch.
 */
int seal_compute(struct genstore *st, struct manifest *m, int64_t mtime, struct seal *ret_seal);
/* Writes it (in the caller's transaction), or finds the equal one that is there; sets s->id. */
int seal_put(struct genstore *st, struct seal *s);
int seal_get(struct genstore *st, int64_t id, struct seal *ret_seal);

/* The archive as an object. -EBADMSG when manifest, pieces and seal do not agree, -EPROTO for an encoder that is not known. */
int archive_open(struct genstore *st, int64_t seal_id, struct object **ret_o);

#endif
