#include "src/sync/sigv4.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <strings.h>
#include <time.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
enum { DAY = 8 };

static bool is_unreserved(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr("-._~", c);
}

static void encode(struct buf *out, const char *s, const char *keep)
{
	for (; *s; s++)
		if (is_unreserved(*s) || strchr(keep, *s))
			buf_addc(out, (uint8_t)*s);
		else
			buf_addf(out, "%%%02X", (unsigned)(uint8_t)*s);
}

int sigv4_path(struct buf *out, const char *path)
{
	encode(out, path, "/");
	return buf_error(out);
}

static int by_name_and_value(const void *a, const void *b)
{
	const struct sigv4_pair *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : strcmp(x->value, y->value);
}

/* Copies of pairs in one buffer, each text made by `make`, sorted. */
struct pairs {
	struct buf text;
	struct sigv4_pair list[SIGV4_PAIRS_MAX];
	size_t count;
};

static int pairs_of(const struct sigv4_pair *from, size_t count, void (*name)(struct buf *out, const char *s),
		    void (*value)(struct buf *out, const char *s), struct pairs *ret_p)
{
	struct pairs p = { .count = count };
	const char *at;

	if (count > SIGV4_PAIRS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		name(&p.text, from[i].name);
		buf_addc(&p.text, '\0');
		value(&p.text, from[i].value ? from[i].value : "");
		buf_addc(&p.text, '\0');
	}
	at = buf_str(&p.text);
	for (size_t i = 0; i < count && !buf_error(&p.text); i++) {
		p.list[i].name = at;
		p.list[i].value = at += strlen(at) + 1;
		at += strlen(at) + 1;
	}
	qsort(p.list, count, sizeof(*p.list), by_name_and_value);
	*ret_p = p;
	return buf_error(&p.text);
}

static void pairs_release(struct pairs *p)
{
	buf_release(&p->text);
}

static void encoded(struct buf *out, const char *s)
{
	encode(out, s, "");
}

int sigv4_query(struct buf *out, const struct sigv4_pair *query, size_t count)
{
	AUTO(pairs_release) struct pairs p = { 0 };
	int r = pairs_of(query, count, encoded, encoded, &p);

	for (size_t i = 0; i < count && !r; i++)
		buf_addf(out, "%s%s=%s", i ? "&" : "", p.list[i].name, p.list[i].value);
	return r ? r : buf_error(out);
}

static void lower(struct buf *out, const char *s)
{
	for (; *s; s++)
		buf_addc(out, (uint8_t)(*s >= 'A' && *s <= 'Z' ? *s | 0x20 : *s));
}

/* Without blanks around it, and one where there are several. */
static void trimmed(struct buf *out, const char *s)
{
	s += strspn(s, " \t");
	while (*s) {
		size_t word = strcspn(s, " \t"), blank = strspn(s + word, " \t");

		buf_add(out, s, word);
		s += word + blank;
		if (*s)
			buf_addc(out, ' ');
	}
}

/* A name that comes twice is one header, its values in the order that they were given in. */
static int header_order(const void *a, const void *b)
{
	const struct sigv4_pair *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : (x->value > y->value) - (x->value < y->value);
}

static int headers_of(const struct sigv4_request *r, struct pairs *ret_p)
{
	int e = pairs_of(r->headers, r->header_count, lower, trimmed, ret_p);

	if (!e)
		qsort(ret_p->list, ret_p->count, sizeof(*ret_p->list), header_order);
	return e;
}

static bool again(const struct pairs *p, size_t i)
{
	return i && strcmp(p->list[i - 1].name, p->list[i].name) == 0;
}

static void add_signed_names(struct buf *out, const struct pairs *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (!again(p, i))
			buf_addf(out, "%s%s", i ? ";" : "", p->list[i].name);
}

int sigv4_canonical(const struct sigv4_request *r, struct buf *out)
{
	AUTO(pairs_release) struct pairs p = { 0 };
	int e;

	buf_addf(out, "%s\n", r->method);
	sigv4_path(out, r->path);
	buf_addc(out, '\n');
	if ((e = sigv4_query(out, r->query, r->query_count)) || (e = headers_of(r, &p)))
		return e;
	for (size_t i = 0; i < p.count; i++)
		if (again(&p, i))
			buf_addf(out, ",%s", p.list[i].value);
		else
			buf_addf(out, "\n%s:%s", p.list[i].name, p.list[i].value);
	buf_adds(out, "\n\n");
	add_signed_names(out, &p);
	return buf_addf(out, "\n%s", r->payload);
}

void sigv4_time(int64_t now, char out[SIGV4_TIME_SIZE])
{
	time_t t = (time_t)now;
	struct tm tm = { 0 };

	gmtime_r(&t, &tm);
	strftime(out, SIGV4_TIME_SIZE, "%Y%m%dT%H%M%SZ", &tm);
}

static void add_scope(struct buf *out, const struct sigv4_request *r)
{
	char when[SIGV4_TIME_SIZE];

	sigv4_time(r->now, when);
	buf_addf(out, "%.*s/%s/%s/aws4_request", DAY, when, r->region, r->service);
}

int sigv4_string_to_sign(const struct sigv4_request *r, struct buf *out)
{
	AUTO(buf_release) struct buf canonical = BUF_INIT;
	uint8_t hash[SHA256_SIZE];
	char hex[HEX_SHA256_SIZE], when[SIGV4_TIME_SIZE];
	int e = sigv4_canonical(r, &canonical);

	if (e)
		return e;
	sha256_of(canonical.data, canonical.len, hash);
	hex_encode(hash, sizeof(hash), hex);
	sigv4_time(r->now, when);
	buf_addf(out, ALGORITHM "\n%s\n", when);
	add_scope(out, r);
	return buf_addf(out, "\n%s", hex);
}

/* In place: the key for the next step is the last one's result. */
static int hmac(uint8_t key[SHA256_SIZE], const void *data, size_t n)
{
	uint8_t result[SHA256_SIZE];
	bool done = HMAC(EVP_sha256(), key, SHA256_SIZE, data, n, result, NULL);

	memcpy(key, result, SHA256_SIZE);
	OPENSSL_cleanse(result, sizeof(result));
	return done ? 0 : -ENOMEM;
}

static int first_key(const struct sigv4_request *r, const char *secret, uint8_t key[SHA256_SIZE])
{
	AUTO(buf_release) struct buf seed = BUF_INIT;
	char when[SIGV4_TIME_SIZE];
	int e = -ENOMEM;

	sigv4_time(r->now, when);
	buf_addf(&seed, "AWS4%s", secret);
	if (!buf_error(&seed) && HMAC(EVP_sha256(), seed.data, (int)seed.len, (uint8_t *)when, DAY, key, NULL))
		e = 0;
	if (seed.data)
		OPENSSL_cleanse(seed.data, seed.len);
	return e;
}

int sigv4_signing_key(const struct sigv4_request *r, const char *secret_key, uint8_t ret_key[SHA256_SIZE])
{
	int e = first_key(r, secret_key, ret_key);

	if (!e && !(e = hmac(ret_key, r->region, strlen(r->region))) && !(e = hmac(ret_key, r->service, strlen(r->service))))
		e = hmac(ret_key, "aws4_request", strlen("aws4_request"));
	return e;
}

int sigv4_sign(const uint8_t key[SHA256_SIZE], const void *text, size_t n, char ret_hex[HEX_SHA256_SIZE])
{
	uint8_t result[SHA256_SIZE];
	int e;

	memcpy(result, key, sizeof(result));
	if (!(e = hmac(result, text, n)))
		hex_encode(result, sizeof(result), ret_hex);
	OPENSSL_cleanse(result, sizeof(result));
	return e;
}

int sigv4_signature(const struct sigv4_request *r, const char *secret_key, char ret_hex[HEX_SHA256_SIZE])
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	uint8_t key[SHA256_SIZE];
	int e = sigv4_string_to_sign(r, &text);

	if (!e && !(e = sigv4_signing_key(r, secret_key, key)))
		e = sigv4_sign(key, text.data, text.len, ret_hex);
	OPENSSL_cleanse(key, sizeof(key));
	return e;
}

int sigv4_authorize(const struct sigv4_request *r, const struct sigv4_key *key, struct buf *out)
{
	AUTO(pairs_release) struct pairs p = { 0 };
	char hex[HEX_SHA256_SIZE];
	int e = sigv4_signature(r, key->secret_key, hex);

	if (e || (e = headers_of(r, &p)))
		return e;
	buf_addf(out, ALGORITHM " Credential=%s/", key->access_key);
	add_scope(out, r);
	buf_adds(out, ", SignedHeaders=");
	add_signed_names(out, &p);
	return buf_addf(out, ", Signature=%s", hex);
}

/* The parameters that carry what are headers otherwise. */
static int add_credential(const struct sigv4_request *r, const struct sigv4_key *key, struct buf *out)
{
	buf_addf(out, "%s/", key->access_key);
	add_scope(out, r);
	return buf_error(out);
}

int sigv4_presign(const struct sigv4_request *r, const struct sigv4_key *key, int64_t expires, struct buf *out)
{
	AUTO(buf_release) struct buf credential = BUF_INIT, names = BUF_INIT;
	AUTO(pairs_release) struct pairs headers = { 0 };
	struct sigv4_pair query[SIGV4_PAIRS_MAX];
	struct sigv4_request with = *r;
	char when[SIGV4_TIME_SIZE], seconds[24], hex[HEX_SHA256_SIZE];
	size_t n = r->query_count;
	int e;

	if (expires < 1 || expires > SIGV4_EXPIRES_MAX)
		return -ERANGE;
	if (n + 6 > SIGV4_PAIRS_MAX)
		return -EINVAL;
	if ((e = add_credential(r, key, &credential)) || (e = headers_of(r, &headers)))
		return e;
	add_signed_names(&names, &headers);
	sigv4_time(r->now, when);
	snprintf(seconds, sizeof(seconds), "%lld", (long long)expires);
	if (n)
		memcpy(query, r->query, n * sizeof(*query));
	query[n++] = (struct sigv4_pair){ "X-Amz-Algorithm", ALGORITHM };
	query[n++] = (struct sigv4_pair){ "X-Amz-Credential", buf_str(&credential) };
	query[n++] = (struct sigv4_pair){ "X-Amz-Date", when };
	query[n++] = (struct sigv4_pair){ "X-Amz-Expires", seconds };
	query[n++] = (struct sigv4_pair){ "X-Amz-SignedHeaders", buf_str(&names) };
	if (key->session_token)
		query[n++] = (struct sigv4_pair){ "X-Amz-Security-Token", key->session_token };
	with.query = query;
	with.query_count = n;
	if ((e = buf_error(&names)) || (e = sigv4_signature(&with, key->secret_key, hex)) || (e = sigv4_query(out, query, n)))
		return e;
	return buf_addf(out, "&X-Amz-Signature=%s", hex);
}
