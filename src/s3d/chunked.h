/*
 * A body that comes as aws-chunked: pieces with their sizes, each signed with the one before it, and fields behind the last.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
 */
#ifndef GENSTORE_S3D_CHUNKED_H
#define GENSTORE_S3D_CHUNKED_H

#include "src/s3d/body.h"

enum { CHUNKED_LINE_MAX = 4096, CHUNKED_SCOPE = 192 };

struct chunked {
	bool is_signed, has_trailer;
	uint8_t key[SHA256_SIZE];          /* that signs */
	char when[17], scope[CHUNKED_SCOPE]; /* what is signed with it */
	char last[HEX_SHA256_SIZE];        /* the signature before: at first that of the head */
	int64_t length;                    /* of all pieces, as the head says; -1: it does not */
	enum checksum_kind trailer;        /* that the head announces */

	enum { CHUNK_SIZE, CHUNK_DATA, CHUNK_END, CHUNK_TRAILER, CHUNK_DONE } state;
	struct buf line, trailers;
	int64_t left;
	char want[HEX_SHA256_SIZE];
	struct sha256 hash;
};

void chunked_release(struct chunked *k);
/* Some of it: what is in the pieces goes into the body, what is wrong with it to body.error. Negative: body_add()'s. */
int chunked_add(struct chunked *k, struct body *b, const char *data, size_t n);
/* All of it is there. */
void chunked_end(struct chunked *k, struct body *b);

#endif
