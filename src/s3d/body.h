/*
 * The body of a request on its way in: verified as it comes, and kept in memory or in a file without a name, so that nothing of it is seen by
 * anybody before all of it was found to be right.
 */
#ifndef GENSTORE_S3D_BODY_H
#define GENSTORE_S3D_BODY_H

#include "src/s3d/checksum.h"
#include "src/s3d/error.h"
#include "store/base/hash.h"

#include <openssl/evp.h>

enum { BODY_MD5 = 16 };

struct body {
	int fd;                   /* -1: in text */
	struct buf text;
	int64_t size, most;       /* bytes so far; EntityTooLarge beyond */
	struct sha256 sha256;
	EVP_MD_CTX *md5;
	uint8_t md5_sum[BODY_MD5], sha256_sum[SHA256_SIZE];
	/* What has to come out; "" : nothing is said. */
	char want_sha256[HEX_SHA256_SIZE];
	uint8_t want_md5[BODY_MD5];
	bool has_md5;
	struct checksum checksum;
	char want_checksum[CHECKSUM_TEXT], checksum_text[CHECKSUM_TEXT];
	const struct s3_error *error; /* the first thing that was wrong */
};

/* near: a path in whose folder the file is made; NULL: in memory. */
int body_open(struct body *b, const char *near, int64_t most);
void body_close(struct body *b);
/* Content-MD5. false: it is none. */
bool body_expect_md5(struct body *b, const char *base64);
/* 0 also where it is wrong: body_end() says so. Negative: it cannot be kept. */
int body_add(struct body *b, const void *data, size_t n);
/* All of it is there: NULL, or what is wrong with it. */
const struct s3_error *body_end(struct body *b);

#endif
