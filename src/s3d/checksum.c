#include "src/s3d/checksum.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <strings.h>

static const struct { const char *algorithm, *field; } names[] = {
	[CHECKSUM_CRC32] = { "CRC32", CHECKSUM_PREFIX "crc32" },
	[CHECKSUM_CRC32C] = { "CRC32C", CHECKSUM_PREFIX "crc32c" },
	[CHECKSUM_CRC64NVME] = { "CRC64NVME", CHECKSUM_PREFIX "crc64nvme" },
	[CHECKSUM_SHA1] = { "SHA1", CHECKSUM_PREFIX "sha1" },
	[CHECKSUM_SHA256] = { "SHA256", CHECKSUM_PREFIX "sha256" },
};

enum checksum_kind checksum_by_field(const char *name)
{
	for (enum checksum_kind kind = CHECKSUM_CRC32; kind <= CHECKSUM_SHA256; kind++)
		if (!strcasecmp(names[kind].field, name))
			return kind;
	return CHECKSUM_NONE;
}

enum checksum_kind checksum_by_algorithm(const char *name)
{
	for (enum checksum_kind kind = CHECKSUM_CRC32; kind <= CHECKSUM_SHA256; kind++)
		if (!strcasecmp(names[kind].algorithm, name))
			return kind;
	return CHECKSUM_NONE;
}

const char *checksum_field(enum checksum_kind kind)
{
	return names[kind].field;
}

/* Reflected polynomials, eight bytes at a time. */
#define POLYNOMIAL_32C UINT64_C(0x82f63b78)
#define POLYNOMIAL_64 UINT64_C(0x9a6c9329ac4bc9b5)

struct tables { uint64_t crc32c[8][256], crc64[8][256]; };

static void fill(uint64_t table[8][256], uint64_t polynomial)
{
	for (unsigned i = 0; i < 256; i++) {
		uint64_t crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ polynomial : crc >> 1;
		table[0][i] = crc;
	}
	for (unsigned i = 0; i < 256; i++)
		for (int k = 1; k < 8; k++)
			table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 0xff];
}

static struct tables tables;

static void make_tables(void)
{
	fill(tables.crc32c, POLYNOMIAL_32C);
	fill(tables.crc64, POLYNOMIAL_64);
}

static uint64_t update(uint64_t table[8][256], uint64_t crc, const uint8_t *data, size_t n)
{
	for (; n >= 8; data += 8, n -= 8) {
		uint64_t next = crc ^ ((uint64_t)u32le(data) | (uint64_t)u32le(data + 4) << 32);

		crc = 0;
		for (int k = 0; k < 8; k++)
			crc ^= table[7 - k][next >> 8 * k & 0xff];
	}
	for (; n; data++, n--)
		crc = crc >> 8 ^ table[0][(crc ^ *data) & 0xff];
	return crc;
}

void checksum_init(struct checksum *s, enum checksum_kind kind)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_tables);
	s->kind = kind;
	s->crc = kind == CHECKSUM_CRC32C ? UINT32_MAX : kind == CHECKSUM_CRC64NVME ? UINT64_MAX : 0;
	sha1_init(&s->sha1);
	sha256_init(&s->sha256);
}

void checksum_update(struct checksum *s, const uint8_t *data, size_t n)
{
	if (s->kind == CHECKSUM_CRC32)
		s->crc = crc32_update((uint32_t)s->crc, data, n);
	else if (s->kind == CHECKSUM_CRC32C)
		s->crc = update(tables.crc32c, s->crc, data, n);
	else if (s->kind == CHECKSUM_CRC64NVME)
		s->crc = update(tables.crc64, s->crc, data, n);
	else if (s->kind == CHECKSUM_SHA1)
		sha1_update(&s->sha1, data, n);
	else if (s->kind == CHECKSUM_SHA256)
		sha256_update(&s->sha256, data, n);
}

void checksum_final(struct checksum *s, char out[CHECKSUM_TEXT])
{
	static const size_t sizes[] = { 0, 4, 4, 8, SHA1_SIZE, SHA256_SIZE };
	uint8_t bytes[SHA256_SIZE] = { 0 };
	size_t n = sizes[s->kind];

	if (s->kind == CHECKSUM_CRC32C || s->kind == CHECKSUM_CRC64NVME)
		s->crc = ~s->crc;
	for (size_t i = 0; i < n && n <= 8; i++)
		bytes[i] = (uint8_t)(s->crc >> 8 * (n - 1 - i));
	if (s->kind == CHECKSUM_SHA1)
		sha1_final(&s->sha1, bytes);
	else if (s->kind == CHECKSUM_SHA256)
		sha256_final(&s->sha256, bytes);
	EVP_EncodeBlock((uint8_t *)out, bytes, (int)n);
}
