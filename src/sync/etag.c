#include "src/sync/etag.h"

#include <openssl/evp.h>
#include <strings.h>

enum { AT_ONCE = 1 << 20 };

int64_t etag_part_size(int64_t size)
{
	int64_t part = S3_PART;

	while ((size + part - 1) / part > S3_PARTS_MAX)
		part *= 2;
	return part;
}

static void free_context(EVP_MD_CTX **c)
{
	EVP_MD_CTX_free(*c);
}

/* The MD5 of n bytes from `at` on; chunk has room for AT_ONCE. */
static int md5_of_range(struct genstore *st, const struct object *o, int64_t at, int64_t n, uint8_t *chunk, uint8_t out[MD5_SIZE])
{
	AUTO(free_context) EVP_MD_CTX *c = EVP_MD_CTX_new();

	if (!c || !EVP_DigestInit_ex(c, EVP_md5(), NULL))
		return -ENOMEM;
	while (n > 0) {
		ssize_t got = object_read(st, o, at, (size_t)min_i64(n, AT_ONCE), chunk);

		if (got <= 0)
			return got < 0 ? (int)got : -EUCLEAN;
		EVP_DigestUpdate(c, chunk, (size_t)got);
		at += got;
		n -= got;
	}
	return EVP_DigestFinal_ex(c, out, NULL) ? 0 : -ENOMEM;
}

static int of_parts(struct genstore *st, const struct object *o, int64_t part_size, uint8_t *chunk, char out[S3_ETAG_SIZE])
{
	int64_t size = object_size(o);
	size_t count = (size_t)((size + part_size - 1) / part_size);
	AUTO(free_ptr) struct s3_part *parts = calloc(count ? count : 1, sizeof(*parts));
	int r = parts ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && !r; i++)
		r = md5_of_range(st, o, (int64_t)i * part_size, min_i64(part_size, size - (int64_t)i * part_size), chunk, parts[i].sums.md5);
	if (!r)
		s3_upload_etag(parts, count, out);
	return r;
}

int etag_of_object(struct genstore *st, const struct object *o, int64_t part_size, char out[S3_ETAG_SIZE])
{
	AUTO(free_ptr) uint8_t *chunk = malloc(AT_ONCE);
	uint8_t md5[MD5_SIZE];
	int r = chunk ? 0 : -ENOMEM;

	if (r)
		return r;
	if (part_size)
		return of_parts(st, o, part_size, chunk, out);
	if (!(r = md5_of_range(st, o, 0, object_size(o), chunk, md5)))
		hex_encode(md5, MD5_SIZE, out);
	return r;
}

/* The ETag of parts ends in how many they are: with the size that says whether they are cut as ours would be. */
int etag_compare(struct genstore *st, const struct object *o, int64_t size, const char *etag)
{
	const char *dash = strchr(etag, '-');
	int64_t part = dash ? etag_part_size(size) : 0;
	char ours[S3_ETAG_SIZE];
	int r;

	if (size != object_size(o))
		return 0;
	if (dash ? strtoll(dash + 1, NULL, 10) != (size + part - 1) / part : strlen(etag) != 2 * MD5_SIZE)
		return -EAGAIN;
	if ((r = etag_of_object(st, o, part, ours)))
		return r;
	/* Where keys are managed for us an ETag looks like an MD5 and is none. */
	return !strcasecmp(ours, etag) ? 1 : -EAGAIN;
}
