/*
 * libcrypto's init/update/final functions are deprecated in favour of EVP, but EVP fetches
 * the algorithm and allocates for each digest: on the 3 KB files of a source tree
 * that costs more than the hashing. They are the same SHA-NI code.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "store/base/hash.h"

#include <assert.h>
#include <libdeflate.h>
#include <openssl/sha.h>
#include <zlib.h>

/* Where the library has code for the processor it finds itself on, that is four times as fast as what can be inlined. */
#ifdef __x86_64__
#include <xxh_x86dispatch.h>
#else
#define XXH_INLINE_ALL
#include <xxhash.h>
#endif

static_assert(sizeof(SHA256_CTX) <= sizeof(struct sha256), "struct sha256 is too small");
static_assert(sizeof(SHA_CTX) <= sizeof(struct git_blob), "struct git_blob is too small");
static_assert(sizeof(SHA_CTX) <= sizeof(struct sha1), "struct sha1 is too small");

void sha256_init(struct sha256 *h)
{
	SHA256_Init((SHA256_CTX *)h->opaque);
}

void sha256_update(struct sha256 *h, const void *data, size_t n)
{
	SHA256_Update((SHA256_CTX *)h->opaque, data, n);
}

void sha256_final(struct sha256 *h, uint8_t out[SHA256_SIZE])
{
	SHA256_Final(out, (SHA256_CTX *)h->opaque);
}

void sha256_of(const void *data, size_t n, uint8_t out[SHA256_SIZE])
{
	struct sha256 h;

	sha256_init(&h);
	sha256_update(&h, data, n);
	sha256_final(&h, out);
}

void git_blob_init(struct git_blob *h, int64_t size)
{
	char head[32];
	int n = snprintf(head, sizeof(head), "blob %lld", (long long)size);

	SHA1_Init((SHA_CTX *)h->opaque);
	SHA1_Update((SHA_CTX *)h->opaque, head, (size_t)n + 1);
}

void git_blob_update(struct git_blob *h, const void *data, size_t n)
{
	SHA1_Update((SHA_CTX *)h->opaque, data, n);
}

void git_blob_final(struct git_blob *h, uint8_t out[SHA1_SIZE])
{
	SHA1_Final(out, (SHA_CTX *)h->opaque);
}

void sha1_init(struct sha1 *h)
{
	SHA1_Init((SHA_CTX *)h->opaque);
}

void sha1_update(struct sha1 *h, const void *data, size_t n)
{
	SHA1_Update((SHA_CTX *)h->opaque, data, n);
}

void sha1_final(struct sha1 *h, uint8_t out[SHA1_SIZE])
{
	SHA1_Final(out, (SHA_CTX *)h->opaque);
}

void git_object_of(const char *type, const void *data, size_t n, uint8_t out[SHA1_SIZE])
{
	struct sha1 h;
	char head[40];
	int size = snprintf(head, sizeof(head), "%s %zu", type, n);

	sha1_init(&h);
	sha1_update(&h, head, (size_t)size + 1);
	sha1_update(&h, data, n);
	sha1_final(&h, out);
}

void xxh3_128(const void *data, size_t n, uint8_t out[XXH3_SIZE])
{
	XXH128_canonical_t c;

	XXH128_canonicalFromHash(&c, XXH3_128bits(data, n));
	memcpy(out, c.digest, XXH3_SIZE);
}

int64_t xxh3_64(const void *data, size_t n, uint64_t seed)
{
	return (int64_t)XXH3_64bits_withSeed(data, n, seed);
}

uint32_t crc32_update(uint32_t crc, const void *data, size_t n)
{
	return libdeflate_crc32(crc, data, n);
}

uint32_t adler32_update(uint32_t adler, const void *data, size_t n)
{
	return libdeflate_adler32(adler, data, n);
}

uint32_t crc32_join(uint32_t crc_a, uint32_t crc_b, int64_t len_b)
{
	return (uint32_t)crc32_combine(crc_a, crc_b, len_b);
}

uint32_t adler32_join(uint32_t adler_a, uint32_t adler_b, int64_t len_b)
{
	return (uint32_t)adler32_combine(adler_a, adler_b, len_b);
}

void hex_encode(const uint8_t *data, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*out++ = digits[data[i] >> 4];
		*out++ = digits[data[i] & 15];
	}
	*out = '\0';
}

int hex_decode(const char *text, size_t n, uint8_t *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < 2 * n; i++) {
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;

		if (!digit)
			return -EINVAL;
		out[i / 2] = (uint8_t)(i % 2 ? out[i / 2] | (digit - digits) : (digit - digits) << 4);
	}
	return 0;
}
