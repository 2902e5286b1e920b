/* The checksums that clients send along: CRC-32, CRC-32C, CRC-64/NVME, SHA-1, SHA-256, in base64 of their bytes, most significant first. */
#ifndef GENSTORE_S3D_CHECKSUM_H
#define GENSTORE_S3D_CHECKSUM_H

#include "store/base/hash.h"

enum checksum_kind { CHECKSUM_NONE, CHECKSUM_CRC32, CHECKSUM_CRC32C, CHECKSUM_CRC64NVME, CHECKSUM_SHA1, CHECKSUM_SHA256 };
enum { CHECKSUM_TEXT = 45 }; /* base64 of the longest, and a NUL */
#define CHECKSUM_PREFIX "x-amz-checksum-"

/* By the name of its header field, in any case, or that of its algorithm ("CRC32"). */
enum checksum_kind checksum_by_field(const char *name);
enum checksum_kind checksum_by_algorithm(const char *name);
const char *checksum_field(enum checksum_kind kind);

struct checksum {
	enum checksum_kind kind;
	uint64_t crc;
	struct sha1 sha1;
	struct sha256 sha256;
};
void checksum_init(struct checksum *s, enum checksum_kind kind);
void checksum_update(struct checksum *s, const uint8_t *data, size_t n);
void checksum_final(struct checksum *s, char out[CHECKSUM_TEXT]);

#endif
