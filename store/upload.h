/* Uploads in parts that are going on, so that they are taken up again after a kill, or given up when nobody wants them any more. */
#ifndef GENSTORE_UPLOAD_H
#define GENSTORE_UPLOAD_H

#include "store/base/hash.h"
#include "store/store.h"

enum { UPLOAD_MD5 = 16, UPLOAD_ETAG = 96 };

struct upload {
	int64_t id, outbox_id, part_size; /* outbox_id: negative, of an artifact: of artifact_remotes */
	char *bucket, *key, *upload_id;
	uint8_t sha256[SHA256_SIZE]; /* of the whole */
};
void upload_release(struct upload *u);

/* Writes it down and sets u->id. */
int upload_add(struct genstore *st, struct upload *u);
/* The one for these bytes at that key. -ENOENT. */
int upload_find(struct genstore *st, int64_t outbox_id, const char *bucket, const char *key, const uint8_t sha256[SHA256_SIZE],
		struct upload *ret_u);
int upload_drop(struct genstore *st, int64_t id);
/* The first behind after_id that nothing pending asks for. 1, 0: there is none. */
int upload_orphan(struct genstore *st, int64_t after_id, struct upload *ret_u);

struct upload_part {
	int64_t number;
	uint8_t sha256[SHA256_SIZE], md5[UPLOAD_MD5];
	char etag[UPLOAD_ETAG];
};
int upload_part_add(struct genstore *st, int64_t upload, const struct upload_part *part);
/* Calls each(arg, part) in order of their numbers. */
int upload_parts(struct genstore *st, int64_t upload, int (*each)(void *arg, const struct upload_part *part), void *arg);

#endif
