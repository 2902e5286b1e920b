#include "src/s3d/chunked.h"
#include "src/sync/sigv4.h"

#include <openssl/crypto.h>
#include <strings.h>

#define SIGNATURE "chunk-signature="
#define TRAILER_SIGNATURE "x-amz-trailer-signature:"

void chunked_release(struct chunked *k)
{
	buf_release(&k->line);
	buf_release(&k->trailers);
	OPENSSL_cleanse(k->key, sizeof(k->key));
}

static void fail(struct body *b, enum s3_code code)
{
	if (!b->error)
		b->error = s3_error(code);
}

/* Of what comes behind the last signature: hashes are in hexadecimal. */
static bool verify(struct chunked *k, const char *what, const char *first, const uint8_t sum[SHA256_SIZE], const char *given)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	char hex[HEX_SHA256_SIZE], real[HEX_SHA256_SIZE];

	hex_encode(sum, SHA256_SIZE, hex);
	buf_addf(&text, "AWS4-HMAC-SHA256-%s\n%s\n%s\n%s\n%s%s", what, k->when, k->scope, k->last, first, hex);
	if (buf_error(&text) || sigv4_sign(k->key, text.data, text.len, real))
		return false;
	memcpy(k->last, real, sizeof(real));
	return strlen(given) == sizeof(real) - 1 && CRYPTO_memcmp(real, given, sizeof(real) - 1) == 0;
}

static void end_piece(struct chunked *k, struct body *b)
{
	uint8_t sum[SHA256_SIZE], nothing[SHA256_SIZE];
	char empty[HEX_SHA256_SIZE + 1];

	if (!k->is_signed)
		return;
	sha256_of("", 0, nothing);
	hex_encode(nothing, sizeof(nothing), empty);
	strcpy(empty + HEX_SHA256_SIZE - 1, "\n");
	sha256_final(&k->hash, sum);
	if (!verify(k, "PAYLOAD", empty, sum, k->want))
		fail(b, S3_SignatureDoesNotMatch);
}

/* "<hex>[;chunk-signature=<hex>]" */
static void take_size(struct chunked *k, struct body *b)
{
	const char *line = buf_str(&k->line), *signature = strstr(line, ";" SIGNATURE);
	size_t n = strspn(line, "0123456789abcdefABCDEF");

	if (!n || n > 15 || (line[n] && line[n] != ';') || (k->is_signed && !signature)) {
		fail(b, S3_IncompleteBody);
		return;
	}
	k->left = strtoll(line, NULL, 16);
	snprintf(k->want, sizeof(k->want), "%.64s", signature ? signature + 1 + strlen(SIGNATURE) : "");
	sha256_init(&k->hash);
	if (k->left) {
		k->state = CHUNK_DATA;
		return;
	}
	end_piece(k, b);
	k->state = CHUNK_TRAILER;
}

static void take_trailer(struct chunked *k, struct body *b)
{
	const char *line = buf_str(&k->line), *colon = strchr(line, ':');
	uint8_t sum[SHA256_SIZE];

	if (!*line) {
		k->state = CHUNK_DONE;
		return;
	}
	if (!strncasecmp(line, TRAILER_SIGNATURE, strlen(TRAILER_SIGNATURE))) {
		sha256_of(buf_str(&k->trailers), k->trailers.len, sum);
		if (k->is_signed && !verify(k, "TRAILER", "", sum, line + strlen(TRAILER_SIGNATURE)))
			fail(b, S3_SignatureDoesNotMatch);
		k->is_signed = false;
		return;
	}
	if (!colon || !k->has_trailer || k->trailers.len > CHUNKED_LINE_MAX) {
		fail(b, S3_IncompleteBody);
		return;
	}
	buf_addf(&k->trailers, "%s\n", line);
	if (checksum_by_field(CHECKSUM_PREFIX "") == k->trailer || strncasecmp(line, checksum_field(k->trailer), (size_t)(colon - line)) != 0)
		return;
	snprintf(b->want_checksum, sizeof(b->want_checksum), "%s", colon + 1 + strspn(colon + 1, " "));
}

static void take_line(struct chunked *k, struct body *b)
{
	if (k->line.len && k->line.data[k->line.len - 1] == '\r')
		k->line.data[--k->line.len] = '\0';
	if (k->state == CHUNK_SIZE)
		take_size(k, b);
	else if (k->state == CHUNK_TRAILER)
		take_trailer(k, b);
	else if (k->line.len)
		fail(b, S3_IncompleteBody);
	else
		k->state = CHUNK_SIZE;
	buf_reset(&k->line);
}

/* Up to the end of a line; how many bytes were taken. */
static size_t add_line(struct chunked *k, struct body *b, const char *data, size_t n)
{
	const char *end = memchr(data, '\n', n);
	size_t taken = end ? (size_t)(end - data) + 1 : n;

	if (k->line.len + taken > CHUNKED_LINE_MAX || k->state == CHUNK_DONE || buf_add(&k->line, data, end ? taken - 1 : taken))
		fail(b, S3_IncompleteBody);
	else if (end)
		take_line(k, b);
	return taken;
}

int chunked_add(struct chunked *k, struct body *b, const char *data, size_t n)
{
	while (n && !b->error) {
		size_t taken;
		int r;

		if (k->state != CHUNK_DATA) {
			taken = add_line(k, b, data, n);
		} else {
			taken = (size_t)min_i64((int64_t)n, k->left);
			if (k->is_signed)
				sha256_update(&k->hash, data, taken);
			if ((r = body_add(b, data, taken)))
				return r;
			if (!(k->left -= (int64_t)taken)) {
				end_piece(k, b);
				k->state = CHUNK_END;
			}
		}
		data += taken;
		n -= taken;
	}
	return 0;
}

/* The empty line behind a last piece without fields is left out by some. */
void chunked_end(struct chunked *k, struct body *b)
{
	bool is_whole = k->state == CHUNK_DONE || (k->state == CHUNK_TRAILER && !k->line.len);

	if (!is_whole || (k->length >= 0 && k->length != b->size))
		fail(b, S3_IncompleteBody);
	/* A signature over the fields that never came. */
	if (k->has_trailer && k->is_signed)
		fail(b, S3_SignatureDoesNotMatch);
	if (k->trailer != CHECKSUM_NONE && !*b->want_checksum)
		fail(b, S3_InvalidRequest);
}
