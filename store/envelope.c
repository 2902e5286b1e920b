#include "store/envelope.h"
#include "store/base/buf.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>

enum { NONCE = 12, TAG = 16, ARENA = 1 << 20, SMALLEST = 32 };

#define PREFIX "gs1:"

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Where it cannot be made, or locked, OpenSSL falls back to ordinary memory, which it wipes too. */
static void make_arena(void)
{
	CRYPTO_secure_malloc_init(ARENA, SMALLEST);
}

int secret_bytes_new(size_t n, struct secret_bytes *ret_b)
{
	pthread_once(&once, make_arena);
	ret_b->data = OPENSSL_secure_zalloc(n + 1);
	ret_b->len = ret_b->data ? n : 0;
	return ret_b->data ? 0 : -ENOMEM;
}

void secret_bytes_release(struct secret_bytes *b)
{
	OPENSSL_secure_clear_free(b->data, b->len + 1);
	*b = (struct secret_bytes){ 0 };
}

static void free_context(EVP_CIPHER_CTX **c)
{
	EVP_CIPHER_CTX_free(*c);
}

/* Each part with its NUL: no two lists of parts make the same bytes. */
static int add_parts(EVP_CIPHER_CTX *c, const char *const *parts)
{
	int n;

	for (; *parts; parts++)
		if (EVP_CipherUpdate(c, NULL, &n, (const uint8_t *)*parts, (int)strlen(*parts) + 1) != 1)
			return -EIO;
	return 0;
}

/* nonce, n bytes, tag. */
static int encrypt(const uint8_t key[ENVELOPE_KEY], const char *const *parts, const uint8_t *in, size_t n, uint8_t *out)
{
	AUTO(free_context) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int got = 0, end = 0;

	if (!c)
		return -ENOMEM;
	if (RAND_bytes(out, NONCE) != 1 || EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, out) != 1 || add_parts(c, parts) ||
	    EVP_EncryptUpdate(c, out + NONCE, &got, in, (int)n) != 1 || EVP_EncryptFinal_ex(c, out + NONCE + got, &end) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, out + NONCE + n) != 1)
		return -EIO;
	return 0;
}

static int decrypt(const uint8_t key[ENVELOPE_KEY], const char *const *parts, const uint8_t *in, size_t n, uint8_t *out)
{
	AUTO(free_context) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t tag[TAG];
	int got = 0, end = 0;

	if (!c)
		return -ENOMEM;
	memcpy(tag, in + NONCE + n, TAG);
	if (EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, in) != 1 || add_parts(c, parts) ||
	    EVP_DecryptUpdate(c, out, &got, in + NONCE, (int)n) != 1 || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, tag) != 1)
		return -EIO;
	if (EVP_DecryptFinal_ex(c, out + got, &end) == 1)
		return 0;
	OPENSSL_cleanse(out, n);
	return -EBADMSG;
}

int envelope_wrap(const uint8_t with[ENVELOPE_KEY], const char *const *parts, const uint8_t key[ENVELOPE_KEY], uint8_t out[ENVELOPE_WRAPPED])
{
	return encrypt(with, parts, key, ENVELOPE_KEY, out);
}

int envelope_unwrap(const uint8_t with[ENVELOPE_KEY], const char *const *parts, const uint8_t wrapped[ENVELOPE_WRAPPED], uint8_t out[ENVELOPE_KEY])
{
	return decrypt(with, parts, wrapped, ENVELOPE_KEY, out);
}

static int to_text(const uint8_t *bytes, size_t n, char **ret_text)
{
	size_t at = strlen(PREFIX);

	*ret_text = malloc(at + (n + 2) / 3 * 4 + 1);
	if (!*ret_text)
		return -ENOMEM;
	memcpy(*ret_text, PREFIX, at);
	EVP_EncodeBlock((uint8_t *)*ret_text + at, bytes, (int)n);
	return 0;
}

/* The bytes of a text, the caller's. */
static int from_text(const char *text, uint8_t **ret_bytes, size_t *ret_n)
{
	size_t n = strncmp(text, PREFIX, strlen(PREFIX)) == 0 ? strlen(text + strlen(PREFIX)) : 0, padding = 0;
	const char *code = text + strlen(PREFIX);
	uint8_t *bytes;

	if (!n || n % 4 || n > (ENVELOPE_VALUE_MAX + 4096) * 4 / 3)
		return -EBADMSG;
	while (padding < 2 && code[n - 1 - padding] == '=')
		padding++;
	if (!(bytes = malloc(n / 4 * 3)))
		return -ENOMEM;
	if (EVP_DecodeBlock(bytes, (const uint8_t *)code, (int)n) < 0 || n / 4 * 3 - padding < ENVELOPE_WRAPPED + NONCE + TAG) {
		free(bytes);
		return -EBADMSG;
	}
	*ret_bytes = bytes;
	*ret_n = n / 4 * 3 - padding;
	return 0;
}

int envelope_seal(const uint8_t key[ENVELOPE_KEY], const char *const *parts, const void *value, size_t n, char **ret_text)
{
	AUTO(secret_bytes_release) struct secret_bytes data_key = { 0 };
	AUTO(free_ptr) uint8_t *bytes = malloc(ENVELOPE_WRAPPED + NONCE + n + TAG);
	int r = bytes ? secret_bytes_new(ENVELOPE_KEY, &data_key) : -ENOMEM;

	if (r)
		return r;
	if (n > ENVELOPE_VALUE_MAX)
		return -EFBIG;
	if (RAND_priv_bytes(data_key.data, ENVELOPE_KEY) != 1)
		return -EIO;
	if ((r = envelope_wrap(key, parts, data_key.data, bytes)) || (r = encrypt(data_key.data, parts, value, n, bytes + ENVELOPE_WRAPPED)))
		return r;
	return to_text(bytes, ENVELOPE_WRAPPED + NONCE + n + TAG, ret_text);
}

int envelope_open(const uint8_t key[ENVELOPE_KEY], const char *const *parts, const char *text, struct secret_bytes *ret_value)
{
	AUTO(secret_bytes_release) struct secret_bytes data_key = { 0 }, value = { 0 };
	AUTO(free_ptr) uint8_t *bytes = NULL;
	size_t n;
	int r = from_text(text, &bytes, &n);

	if (r || (r = secret_bytes_new(ENVELOPE_KEY, &data_key)) || (r = secret_bytes_new(n - ENVELOPE_WRAPPED - NONCE - TAG, &value)) ||
	    (r = envelope_unwrap(key, parts, bytes, data_key.data)) ||
	    (r = decrypt(data_key.data, parts, bytes + ENVELOPE_WRAPPED, value.len, value.data)))
		return r;
	*ret_value = value;
	value = (struct secret_bytes){ 0 };
	return 0;
}

int envelope_rewrap(const uint8_t old[ENVELOPE_KEY], const uint8_t new[ENVELOPE_KEY], const char *const *parts, const char *text, char **ret_text)
{
	AUTO(secret_bytes_release) struct secret_bytes data_key = { 0 };
	AUTO(free_ptr) uint8_t *bytes = NULL;
	size_t n;
	int r = from_text(text, &bytes, &n);

	if (r || (r = secret_bytes_new(ENVELOPE_KEY, &data_key)) || (r = envelope_unwrap(old, parts, bytes, data_key.data)) ||
	    (r = envelope_wrap(new, parts, data_key.data, bytes)))
		return r;
	return to_text(bytes, n, ret_text);
}
