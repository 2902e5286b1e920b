#define OPENSSL_SUPPRESS_DEPRECATED
#include "store/base/id.h"

#include <ctype.h>
#include <openssl/sha.h>
#include <sys/random.h>

/* splitmix64: the usual generator for turning one seed into a sequence (Steele et al., 2014). */
static uint64_t next_of_seed(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

int id_random(struct id_source *s, void *out, size_t n)
{
	uint8_t *p = out;

	if (!s || !s->seed)
		return getrandom(out, n, 0) == (ssize_t)n ? 0 : -EIO;
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(next_of_seed(&s->seed) >> 32);
	return 0;
}

int id_request(struct id_source *s, char out[ID_REQUEST])
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint8_t bits[12];
	int r;

	if ((r = id_random(s, bits, sizeof(bits))) < 0)
		return r;
	memcpy(out, "req_", 4);
	for (size_t i = 0; i < sizeof(bits); i++)
		out[4 + i] = alphabet[bits[i] & 31];
	out[4 + sizeof(bits)] = '\0';
	return 0;
}

static void uuid_format(const uint8_t b[16], char out[ID_UUID])
{
	snprintf(out, ID_UUID, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
		 b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

static void uuid_stamp(uint8_t b[16], uint8_t version)
{
	b[6] = (uint8_t)((b[6] & 0x0f) | (version << 4));
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
}

int id_uuid4(struct id_source *s, char out[ID_UUID])
{
	uint8_t b[16];
	int r;

	if ((r = id_random(s, b, sizeof(b))) < 0)
		return r;
	uuid_stamp(b, 4);
	uuid_format(b, out);
	return 0;
}

int id_uuid5(const char *ns, const char *name, char out[ID_UUID])
{
	uint8_t b[20];
	SHA_CTX h;
	size_t n = 0;

	if (!id_is_uuid(ns))
		return -EINVAL;
	for (const char *p = ns; *p; p++) {
		unsigned byte;

		if (*p == '-')
			continue;
		if (sscanf(p++, "%2x", &byte) != 1)
			return -EINVAL;
		b[n++] = (uint8_t)byte;
	}
	SHA1_Init(&h);
	SHA1_Update(&h, b, n);
	SHA1_Update(&h, name, strlen(name));
	SHA1_Final(b, &h);
	uuid_stamp(b, 5);
	uuid_format(b, out);
	return 0;
}

bool id_is_uuid(const char *s)
{
	for (int i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s[i] != '-' : !isxdigit((unsigned char)s[i]) || isupper((unsigned char)s[i]))
			return false;
	}
	return !s[36];
}

bool id_is_request(const char *s)
{
	size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

	return n >= 1 && n <= ID_REQUEST_MAX && !s[n] && strcmp(s, ".") != 0 && strcmp(s, "..") != 0;
}
