#include "src/serve/jwt.h"
#include "store/base/buf.h"

#include <ctype.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { SUM = 32 };

static void drop(json_t **o)
{
	json_decref(*o);
}

static int value_of(char c)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *at = c ? strchr(letters, c) : NULL;

	return at ? (int)(at - letters) : -1;
}

/* Base64url without padding, and in the one form that its bytes have: bits that are left over are 0. */
static int decode(const char *text, size_t n, struct buf *out)
{
	uint32_t bits = 0;
	int have = 0;

	if (n % 4 == 1)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		int v = value_of(text[i]);

		if (v < 0)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		buf_addc(out, (uint8_t)(bits >> have));
		bits &= (1U << have) - 1;
	}
	return bits ? -EINVAL : buf_error(out);
}

static json_t *part(const char *text, size_t n)
{
	AUTO(buf_release) struct buf bytes = BUF_INIT;

	return decode(text, n, &bytes) ? NULL : json_loadb((const char *)bytes.data, bytes.len, JSON_REJECT_DUPLICATES, NULL);
}

static bool is_signed(const char *text, size_t n, const char *sum, const uint8_t *secret, size_t secret_n)
{
	AUTO(buf_release) struct buf given = BUF_INIT;
	uint8_t right[SUM];

	if (decode(sum, strlen(sum), &given) || given.len != SUM)
		return false;
	return HMAC(EVP_sha256(), secret, (int)secret_n, (const uint8_t *)text, n, right, NULL) && !CRYPTO_memcmp(right, given.data, SUM);
}

static bool is_hs256(const json_t *head)
{
	const char *alg = json_string_value(json_object_get(head, "alg"));

	/* Extensions that have to be understood (RFC 7515, 4.1.11): there are none here. */
	return alg && !strcmp(alg, "HS256") && !json_object_get(head, "crit");
}

static bool is_good_at(const json_t *claims, int64_t now)
{
	const json_t *until = json_object_get(claims, "exp"), *from = json_object_get(claims, "nbf");

	if (!json_is_number(until) || json_number_value(until) <= (double)now)
		return false;
	return !from || (json_is_number(from) && json_number_value(from) <= (double)now);
}

static bool take_id(const json_t *claims, const char *name, bool needed, char out[ID_UUID])
{
	const char *text = json_string_value(json_object_get(claims, name));

	*out = '\0';
	if (!text)
		return !needed && (!json_object_get(claims, name) || json_is_null(json_object_get(claims, name)));
	if (strlen(text) != ID_UUID - 1)
		return false;
	for (size_t i = 0; i < ID_UUID; i++)
		out[i] = (char)tolower((unsigned char)text[i]);
	return id_is_uuid(out);
}

int jwt_verify(const char *text, const uint8_t *secret, size_t n, int64_t now, struct jwt_claims *ret_claims)
{
	const char *dot = strchr(text, '.'), *second = dot ? strchr(dot + 1, '.') : NULL;

	/* The signature before anything is parsed. */
	if (!second || strlen(text) > JWT_MAX || n < JWT_SECRET_MIN || !is_signed(text, (size_t)(second - text), second + 1, secret, n))
		return -EKEYREJECTED;

	AUTO(drop) json_t *head = part(text, (size_t)(dot - text));
	AUTO(drop) json_t *claims = part(dot + 1, (size_t)(second - dot - 1));
	struct jwt_claims c = { 0 };

	if (!is_hs256(head) || !is_good_at(claims, now) || !take_id(claims, "sub", true, c.user_id) ||
	    !take_id(claims, "org_id", false, c.organization_id))
		return -EKEYREJECTED;
	*ret_claims = c;
	return 0;
}
