#include "src/tables/needles.h"
#include "src/tables/escape.h"
#include "store/base/hash.h"
#include "store/base/json.h"
#include "store/base/utf8.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

enum { PREFIX = 4, LINE_MIN = 16, ADDRESS_MAX = 512 };

static uint32_t bucket_of(const uint8_t *p)
{
	return (u32le(p) * 0x9e3779b1u) >> 16;
}

int needles_new(struct needles **ret_n)
{
	*ret_n = calloc(1, sizeof(**ret_n));
	return *ret_n ? 0 : -ENOMEM;
}

void needles_free(struct needles *n)
{
	for (size_t i = 0; n && i < NEEDLE_BUCKETS; i++) {
		for (struct needle *one = n->buckets[i], *next; one; one = next) {
			next = one->next;
			OPENSSL_cleanse(one->bytes, one->n);
			free(one);
		}
	}
	free(n);
}

void needles_freep(struct needles **n)
{
	needles_free(*n);
}

static int add(struct needles *n, const void *bytes, size_t size)
{
	struct needle *one, **at;

	if (size < NEEDLE_MIN)
		return 0;
	at = &n->buckets[bucket_of(bytes)];
	for (one = *at; one; one = one->next)
		if (one->n == size && !memcmp(one->bytes, bytes, size))
			return 0;
	if (!(one = malloc(sizeof(*one) + size)))
		return -ENOMEM;
	*one = (struct needle){ .next = *at, .value = n->values, .n = size };
	memcpy(one->bytes, bytes, size);
	*at = one;
	return 0;
}

static void wipe(struct buf *b)
{
	if (b->data)
		OPENSSL_cleanse(b->data, b->cap);
	buf_release(b);
}

/* As it stands in a JSON string, and in one within that. */
static int json_of(const void *value, size_t size, struct buf *out)
{
	struct jw j;

	jw_begin(&j, out, 0);
	jw_strn(&j, NULL, value, size);
	return buf_error(out);
}

static int add_escaped(struct needles *n, const void *value, size_t size, int levels)
{
	AUTO(wipe) struct buf copy = BUF_INIT, json = BUF_INIT;
	int r;

	copy_escape(&copy, value, size);
	if ((r = buf_error(&copy)) || (r = add(n, copy.data, copy.len)) || !levels || !utf8_valid(value, size))
		return r;
	if ((r = json_of(value, size, &json)) || (r = add(n, json.data + 1, json.len - 2)))
		return r;
	return add_escaped(n, json.data + 1, json.len - 2, levels - 1);
}

/* In base64 of something that it is a part of: what does not depend on its neighbours. */
static int add_base64(struct needles *n, const uint8_t *value, size_t size, size_t before)
{
	AUTO(wipe) struct buf plain = BUF_INIT, coded = BUF_INIT;
	size_t first = (before * 8 + 5) / 6, end = (before + size) * 8 / 6;
	uint8_t *to;
	int r;

	buf_fill(&plain, 0, before);
	buf_add(&plain, value, size);
	to = buf_reserve(&coded, plain.len / 3 * 4 + 8);
	if (buf_error(&plain) || !to)
		return -ENOMEM;
	buf_commit(&coded, (size_t)EVP_EncodeBlock(to, plain.data, (int)plain.len));
	if (end <= first || (r = add(n, coded.data + first, end - first)))
		return end <= first ? 0 : r;
	for (size_t i = 0; i < coded.len; i++)
		coded.data[i] = coded.data[i] == '+' ? '-' : coded.data[i] == '/' ? '_' : coded.data[i];
	return add(n, coded.data + first, end - first);
}

static int add_hex(struct needles *n, const uint8_t *value, size_t size)
{
	AUTO(wipe) struct buf hex = BUF_INIT;
	char *to = buf_reserve(&hex, 2 * size + 1);

	if (!to)
		return -ENOMEM;
	hex_encode(value, size, to);
	return add(n, to, 2 * size);
}

static int add_lines(struct needles *n, const char *value, size_t size)
{
	const char *end = value + size;
	int r = 0;

	for (const char *line = value, *stop; line < end && !r; line = stop + 1) {
		stop = memchr(line, '\n', (size_t)(end - line));
		stop = stop ? stop : end;
		if (stop - line >= LINE_MIN)
			r = add(n, line, (size_t)(stop - line) - (stop[-1] == '\r'));
	}
	return r;
}

int needles_add(struct needles *n, const void *value, size_t size)
{
	int r;

	if (size < NEEDLE_MIN) {
		n->shorter++;
		return 0;
	}
	n->values++;
	if ((r = add(n, value, size)) || (r = add_lines(n, value, size)) || (r = add_escaped(n, value, size, 2)) || (r = add_hex(n, value, size)))
		return r;
	for (size_t before = 0; before < 3 && !r; before++)
		r = add_base64(n, value, size, before);
	return r;
}

static size_t value_at(const struct needles *n, const uint8_t *p, size_t size)
{
	size_t longest = 0;

	if (size < NEEDLE_MIN)
		return 0;
	for (const struct needle *one = n->buckets[bucket_of(p)]; one; one = one->next)
		if (one->n <= size && one->n > longest && !memcmp(p, one->bytes, one->n))
			longest = one->n;
	return longest;
}

#define BASE64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

/* What follows such a word is nobody else's business. */
static const struct {
	const char *word, *of;
	size_t min;
	bool with_word;
} signs[] = {
	{ "X-Amz-Signature=", BASE64URL, 16, false },
	{ "X-Amz-Security-Token=", BASE64URL "%+/=", 16, false },
	{ "X-Amz-Credential=", BASE64URL "%+/=", 16, false },
	{ "ticket=", "0123456789abcdef", 64, false },
	{ "gs1.", BASE64URL, 43, true },
	{ "gs1:", BASE64URL "+/=", 100, true },
};

static size_t run_of(const uint8_t *p, size_t size, const char *of)
{
	size_t i = 0;

	while (i < size && p[i] && strchr(of, p[i]))
		i++;
	return i;
}

/* user:password@ behind "://". */
static size_t password_at(const uint8_t *p, size_t size, size_t *ret_skip)
{
	size_t colon = 0, i;

	if (size < 3 || memcmp(p, "://", 3) != 0)
		return 0;
	for (i = 3; i < size && i < ADDRESS_MAX && p[i] > ' ' && !strchr("/@\"'\\<>`", p[i]); i++)
		colon = !colon && p[i] == ':' ? i : colon;
	if (!colon || i == size || p[i] != '@' || i == colon + 1 || !memcmp(p + colon, ":***@", 5))
		return 0;
	*ret_skip = colon + 1;
	return i - colon - 1;
}

static size_t sign_at(const uint8_t *p, size_t size, size_t *ret_skip)
{
	for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
		size_t word = strlen(signs[i].word), n;

		if (size <= word || memcmp(p, signs[i].word, word) != 0)
			continue;
		n = run_of(p + word, size - word, signs[i].of);
		if (n < signs[i].min)
			continue;
		*ret_skip = signs[i].with_word ? 0 : word;
		return n + (signs[i].with_word ? word : 0);
	}
	return *p == ':' ? password_at(p, size, ret_skip) : 0;
}

size_t needles_find(const struct needles *n, const uint8_t *data, size_t size, size_t *ret_at)
{
	for (size_t i = 0; i < size; i++) {
		size_t skip = 0, found = value_at(n, data + i, size - i);

		if (!found && (data[i] == 'X' || data[i] == 't' || data[i] == 'g' || data[i] == ':'))
			found = sign_at(data + i, size - i, &skip);
		if (!found)
			continue;
		*ret_at = i + skip;
		return found;
	}
	return 0;
}

int64_t needles_replace(const struct needles *n, const void *data, size_t size, struct buf *out)
{
	const uint8_t *p = data;
	size_t at, found;
	int64_t count = 0;

	for (; (found = needles_find(n, p, size, &at)); count++) {
		buf_add(out, p, at);
		buf_adds(out, "***");
		p += at + found;
		size -= at + found;
	}
	buf_add(out, p, size);
	return buf_error(out) ? buf_error(out) : count;
}
