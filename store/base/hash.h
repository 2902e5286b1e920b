/*
 * Hashes and checksums. SHA-256 is identity, XXH3 the fast check (never identity: two
 * inputs with the same unkeyed XXH3 can be built by hand), CRC-32 and Adler-32
 * what gzip, zip and zlib streams want, SHA-1 what git wants.
 */
#ifndef GENSTORE_HASH_H
#define GENSTORE_HASH_H

#include "store/base/base.h"

enum { SHA256_SIZE = 32, SHA1_SIZE = 20, XXH3_SIZE = 16, HEX_SHA256_SIZE = 65 };

/* One pass, any number of updates; use is: init, update..., final. */
struct sha256 { uint64_t opaque[16]; };
void sha256_init(struct sha256 *h);
void sha256_update(struct sha256 *h, const void *data, size_t n);
void sha256_final(struct sha256 *h, uint8_t out[SHA256_SIZE]);
void sha256_of(const void *data, size_t n, uint8_t out[SHA256_SIZE]);

/* The name of a git blob: SHA-1 of "blob <size>\0" and the content, streamed. */
struct git_blob { uint64_t opaque[16]; };
void git_blob_init(struct git_blob *h, int64_t size);
void git_blob_update(struct git_blob *h, const void *data, size_t n);
void git_blob_final(struct git_blob *h, uint8_t out[SHA1_SIZE]);

/* SHA-1 of whatever git wants it of: one pass, any number of updates. */
struct sha1 { uint64_t opaque[16]; };
void sha1_init(struct sha1 *h);
void sha1_update(struct sha1 *h, const void *data, size_t n);
void sha1_final(struct sha1 *h, uint8_t out[SHA1_SIZE]);
/* The name of any git object ("commit", "tree", "blob") whose content is at hand. */
void git_object_of(const char *type, const void *data, size_t n, uint8_t out[SHA1_SIZE]);

/* XXH3-128, canonical (big-endian) form, as `xxhsum -H2` prints it. */
void xxh3_128(const void *data, size_t n, uint8_t out[XXH3_SIZE]);
/* XXH3-64 with a seed, as SQLite's signed integer. */
int64_t xxh3_64(const void *data, size_t n, uint64_t seed);

/* Start with crc 0, adler 1. */
uint32_t crc32_update(uint32_t crc, const void *data, size_t n);
uint32_t adler32_update(uint32_t adler, const void *data, size_t n);
/* The checksum of a and b one after the other; len_b is b's size in bytes. */
uint32_t crc32_join(uint32_t crc_a, uint32_t crc_b, int64_t len_b);
uint32_t adler32_join(uint32_t adler_a, uint32_t adler_b, int64_t len_b);

/* Lower-case hex and a NUL: out has room for 2n+1. */
void hex_encode(const uint8_t *data, size_t n, char *out);
/* 2n lower-case digits -> n bytes, whatever follows. -EINVAL: they are something else. */
int hex_decode(const char *text, size_t n, uint8_t *out);

#endif
