/*
 * Who signed a request: AWS Signature Version 4, in the header or in the query of a presigned address.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
 */
#include "src/s3d/call.h"
#include "store/base/clock.h"
#include "store/token.h"

#include <openssl/crypto.h>
#include <strings.h>
#include <time.h>

enum { SKEW_S = 15 * 60, DAY = 8 };
#define ALGORITHM "AWS4-HMAC-SHA256"

/* What a request says of its signature. Texts are copies. */
struct claim {
	bool is_presigned;
	struct buf credential, names, signature;
	char *parts[5]; /* of the credential: access key, day, region, service, aws4_request */
	int64_t when, expires;
	const char *date;
};

static void claim_release(struct claim *a)
{
	buf_release(&a->credential);
	buf_release(&a->names);
	buf_release(&a->signature);
}

static int malformed(struct call *c, const struct claim *a)
{
	return call_fail(c, a->is_presigned ? S3_AuthorizationQueryParametersError : S3_AuthorizationHeaderMalformed, NULL);
}

/* "20130524T000000Z", and nothing that only looks like it. */
static int parse_date(const char *text, int64_t *ret_when)
{
	char again[SIGV4_TIME_SIZE];
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y%m%dT%H%M%SZ", &tm);

	if (!end || *end)
		return -EINVAL;
	*ret_when = timegm(&tm);
	sigv4_time(*ret_when, again);
	return strcmp(again, text) ? -EINVAL : 0;
}

static int split_credential(struct claim *a)
{
	char *at = (char *)a->credential.data;

	if (!at || buf_error(&a->credential))
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_LEN(a->parts); i++) {
		a->parts[i] = at;
		at = strchr(at, '/');
		if (!*a->parts[i] || (!at && i + 1 < ARRAY_LEN(a->parts)))
			return -EINVAL;
		if (at)
			*at++ = '\0';
	}
	return at ? -EINVAL : 0;
}

/* Authorization: AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=... */
static int take_header(struct claim *a, const char *text)
{
	const struct { const char *name; struct buf *into; } fields[] = {
		{ "Credential=", &a->credential }, { "SignedHeaders=", &a->names }, { "Signature=", &a->signature },
	};

	text += strlen(ALGORITHM);
	while (*(text += strspn(text, " ,"))) {
		size_t n = strcspn(text, ", "), i = 0;

		while (i < ARRAY_LEN(fields) && strncmp(text, fields[i].name, strlen(fields[i].name)) != 0)
			i++;
		if (i == ARRAY_LEN(fields) || fields[i].into->len)
			return -EINVAL;
		buf_add(fields[i].into, text + strlen(fields[i].name), n - strlen(fields[i].name));
		text += n;
	}
	return a->credential.len && a->names.len && a->signature.len ? 0 : -EINVAL;
}

static int take_query(const struct call *c, struct claim *a)
{
	const char *algorithm = call_query(c, "X-Amz-Algorithm"), *credential = call_query(c, "X-Amz-Credential"),
		   *names = call_query(c, "X-Amz-SignedHeaders"), *signature = call_query(c, "X-Amz-Signature"),
		   *expires = call_query(c, "X-Amz-Expires");
	char *end;

	if (!algorithm || strcmp(algorithm, ALGORITHM) != 0 || !credential || !names || !signature || !expires || !*expires)
		return -EINVAL;
	a->expires = strtoll(expires, &end, 10);
	if (*end || strspn(expires, "0123456789") != strlen(expires) || a->expires < 1 || a->expires > SIGV4_EXPIRES_MAX)
		return -EINVAL;
	buf_adds(&a->credential, credential);
	buf_adds(&a->names, names);
	return buf_adds(&a->signature, signature);
}

static int take_claim(struct call *c, struct claim *a)
{
	const char *header = call_header(c, "Authorization");
	int r;

	a->is_presigned = !header && call_query(c, "X-Amz-Signature");
	if (!header && !a->is_presigned)
		return call_fail(c, S3_AccessDenied, "the request is not signed");
	if (header && call_query(c, "X-Amz-Signature"))
		return call_fail(c, S3_InvalidArgument, "one signature is enough");
	if (header && strncmp(header, ALGORITHM " ", strlen(ALGORITHM) + 1) != 0)
		return call_fail(c, S3_InvalidRequest, "the signature has to be of version 4, " ALGORITHM);
	r = header ? take_header(a, header) : take_query(c, a);
	a->date = a->is_presigned ? call_query(c, "X-Amz-Date") : call_header(c, "x-amz-date");
	if (r || split_credential(a))
		return malformed(c, a);
	if (!a->date || parse_date(a->date, &a->when))
		return call_fail(c, S3_AccessDenied, "a signed request needs a valid x-amz-date");
	if (strncmp(a->date, a->parts[1], DAY) != 0 || a->parts[1][DAY] || strcmp(a->parts[3], "s3") != 0 || strcmp(a->parts[4], "aws4_request") != 0)
		return malformed(c, a);
	return 0;
}

static int check_time(struct call *c, const struct claim *a)
{
	int64_t now = clock_now(&(struct clock){ 0 });

	if (!a->is_presigned)
		return a->when > now + SKEW_S || a->when < now - SKEW_S ? call_fail(c, S3_RequestTimeTooSkewed, NULL) : 0;
	if (a->when > now + SKEW_S)
		return call_fail(c, S3_AccessDenied, "Request is not yet valid");
	return now > a->when + a->expires ? call_fail(c, S3_AccessDenied, "Request has expired") : 0;
}

static bool is_listed(const char *names, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = names; at; at = strchr(at, ';'), at = at ? at + 1 : NULL)
		if (!strncasecmp(at, name, n) && (!at[n] || at[n] == ';'))
			return true;
	return false;
}

/* The fields that are signed, as they came. host has to be, and whatever changes what the request means. */
static int signed_headers(struct call *c, const struct claim *a, struct sigv4_pair out[SIGV4_PAIRS_MAX], size_t *ret_n)
{
	const char *names = buf_str(&a->names);
	size_t n = 0;

	if (!is_listed(names, "host"))
		return malformed(c, a);
	for (size_t i = 0; i < c->headers.count; i++) {
		const struct sigv4_pair *h = &c->headers.list[i];

		if (is_listed(names, h->name))
			out[n++] = *h;
		else if (!strncasecmp(h->name, "x-amz-", 6) && !(a->is_presigned && !strcasecmp(h->name, "x-amz-content-sha256")))
			return call_fail(c, S3_AccessDenied, "there were headers present in the request which were not signed: %s", h->name);
	}
	*ret_n = n;
	return 0;
}

static bool take_streaming(struct call *c, const char *given)
{
	static const struct { const char *name; bool is_signed, has_trailer; } ways[] = {
		{ "STREAMING-" ALGORITHM "-PAYLOAD", true, false }, { "STREAMING-" ALGORITHM "-PAYLOAD-TRAILER", true, true },
		{ "STREAMING-UNSIGNED-PAYLOAD-TRAILER", false, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(ways); i++)
		if (!strcmp(ways[i].name, given)) {
			c->is_chunked = true;
			c->chunked.is_signed = ways[i].is_signed;
			c->chunked.has_trailer = ways[i].has_trailer;
		}
	return c->is_chunked;
}

/* What is signed of the body; and what of it is verified as it comes. */
static int payload_of(struct call *c, const struct claim *a, const char **ret_payload)
{
	const char *given = call_header(c, "x-amz-content-sha256");
	uint8_t bytes[SHA256_SIZE];

	if (!given && a->is_presigned)
		given = call_query(c, "X-Amz-Content-Sha256");
	if (!given && a->is_presigned)
		given = SIGV4_UNSIGNED;
	if (!given)
		return call_fail(c, S3_InvalidRequest, "Missing required header for this request: x-amz-content-sha256");
	if (!strncmp(given, "STREAMING-", 10)) {
		if (!take_streaming(c, given))
			return call_fail(c, S3_InvalidArgument, "x-amz-content-sha256 names a way of signing that is not known");
	} else if (strcmp(given, SIGV4_UNSIGNED) != 0) {
		if (strlen(given) != 2 * SHA256_SIZE || hex_decode(given, SHA256_SIZE, bytes))
			return call_fail(c, S3_InvalidArgument, "x-amz-content-sha256 must be UNSIGNED-PAYLOAD or a valid SHA-256");
		snprintf(c->body.want_sha256, sizeof(c->body.want_sha256), "%s", given);
	}
	*ret_payload = given;
	return 0;
}

static int find_secret(struct call *c, const char *id, struct secret_bytes *ret_secret)
{
	AUTO(loan_end) struct loan l = { .pool = c->s->pools[CALL_READ] };
	int r = loan_begin(&l, NULL);

	if (r)
		return call_fail(c, S3_ServiceUnavailable, NULL);
	if (!(r = access_key_find(l.st, c->s->o.key, id, &c->who, ret_secret))) {
		c->use_is_old = access_key_use_is_old(l.st, id);
		return 0;
	}
	return r == -EKEYREJECTED ? call_fail(c, S3_InvalidAccessKeyId, NULL) : call_fail_store(c, r, l.st);
}

static int verify(struct call *c, const struct claim *a, const struct sigv4_request *r)
{
	AUTO(secret_bytes_release) struct secret_bytes secret = { 0 };
	char hex[HEX_SHA256_SIZE];
	int e = find_secret(c, a->parts[0], &secret);

	if (e || (e = sigv4_signature(r, (const char *)secret.data, hex)))
		return e;
	if (a->signature.len != sizeof(hex) - 1 || CRYPTO_memcmp(hex, a->signature.data, sizeof(hex) - 1) != 0)
		return call_fail(c, S3_SignatureDoesNotMatch, NULL);
	if (!c->is_chunked || !c->chunked.is_signed)
		return 0;
	/* The first piece is signed behind the head. */
	memcpy(c->chunked.last, hex, sizeof(hex));
	snprintf(c->chunked.when, sizeof(c->chunked.when), "%s", a->date);
	if (snprintf(c->chunked.scope, CHUNKED_SCOPE, "%s/%s/%s/%s", a->parts[1], a->parts[2], a->parts[3], a->parts[4]) >= CHUNKED_SCOPE)
		return malformed(c, a);
	return sigv4_signing_key(r, (const char *)secret.data, c->chunked.key);
}

/* Nobody is told on the spot: where the store is locked just then it is written the next time. */
static void note_use(struct call *c, const char *id)
{
	AUTO(loan_end) struct loan l = { .pool = c->s->pools[CALL_WRITE] };

	if (!loan_begin(&l, NULL))
		access_key_used(l.st, id);
}

int call_authenticate(struct call *c)
{
	AUTO(claim_release) struct claim a = { 0 };
	struct sigv4_pair headers[SIGV4_PAIRS_MAX], query[SIGV4_PAIRS_MAX];
	struct sigv4_request r = { .method = c->q->method, .path = buf_str(&c->path), .query = query, .headers = headers };
	int e = take_claim(c, &a);

	if (e || (e = check_time(c, &a)) || (e = signed_headers(c, &a, headers, &r.header_count)) || (e = payload_of(c, &a, &r.payload)))
		return e;
	for (size_t i = 0; i < c->query.count; i++)
		if (!a.is_presigned || strcmp(c->query.list[i].name, "X-Amz-Signature") != 0)
			query[r.query_count++] = c->query.list[i];
	r.region = a.parts[2];
	r.service = a.parts[3];
	r.now = a.when;
	if ((e = verify(c, &a, &r)))
		c->who = (struct access_subject){ 0 };
	else if (c->use_is_old)
		note_use(c, a.parts[0]);
	return e;
}
