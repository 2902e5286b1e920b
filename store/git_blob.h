/* One object of a pack as its bytes there: a head, fragments between the frame of zlib. */
#ifndef GENSTORE_GIT_BLOB_H
#define GENSTORE_GIT_BLOB_H

#include "store/content.h"
#include "store/object.h"
#include "store/stitch/gitpack.h"

/* Appends a whole object that is at hand: a commit, a tree, a link. */
int git_pack_bytes(struct genstore *st, enum git_type type, const void *data, size_t n, struct buf *out);

/* A content that becomes an object step by step. */
struct git_blob_reader {
	struct genstore *st;
	uint8_t id[SHA1_SIZE]; /* what it has to come to */
	struct content content;
	struct object *object; /* of a file inside of a foreign archive */
	size_t piece;
	int64_t at;
	uint32_t adler;
	struct git_blob hash;
	struct buf plain; /* memory for one piece */
};

/* Appends its head. size is what the tree says. */
int git_blob_begin(struct git_blob_reader *b, int64_t content, int64_t size, const uint8_t id[SHA1_SIZE], struct buf *out);
/* Appends the next piece; at last the tail, once all of it came to what it should: 1, more comes; 0, that was it; -EBADMSG. */
int git_blob_step(struct git_blob_reader *b, struct buf *out);
/* Closes what it was at. It can begin again. */
void git_blob_end(struct git_blob_reader *b);
void git_blob_release(struct git_blob_reader *b);

#endif
